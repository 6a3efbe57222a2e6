"""Reads a model and its tokenizer from a folder or by name, in the dtype and on the device asked for."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from .errors import UserError, tell

logging.disable_progress_bar()
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Source:
    """Where the weights come from and how they are to be held."""

    name: str
    device: str
    """`cpu`, `cuda` or `cuda:N`"""
    dtype: torch.dtype
    quantize: bool = False
    """4 bits (nf4), by bitsandbytes"""
    on_host: bool = False
    """Left in the host's memory, for whoever shards it."""

    def load(self, dtype: torch.dtype | None = None, name: str | None = None) -> Any:
        """The model in evaluation mode, nothing trainable. @raise UserError in one line where it cannot be read"""
        where: dict[str, Any] = {} if self.device == "cpu" or self.on_host else {"device_map": {"": self.device}}
        if self.quantize:
            where["quantization_config"] = _four_bits()
        try:
            model = AutoModelForCausalLM.from_pretrained(name or self.name, dtype=dtype or self.dtype, **where)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"--model {name or self.name}: cannot be loaded: {reason}") from error
        model.requires_grad_(False)
        return model.eval()

    def tokenizer(self) -> Any:
        """The tokenizer, or None where there is none; only stop strings need it."""
        try:
            return AutoTokenizer.from_pretrained(self.name)
        except (OSError, ValueError, KeyError, ImportError) as error:
            tell(f"no tokenizer ({str(error).strip().splitlines()[0]}): stop strings will be refused")
            return None


def source_for(name: str, device: str, dtype: str, quantize: str | None, on_host: bool, local_rank: int) -> Source:
    """Settles `auto`. @raise UserError where device or quantisation is not to be had"""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise UserError("--device cuda: this machine or this build of torch has no CUDA; use --device cpu")
        device = f"cuda:{local_rank}"
    if quantize is not None:
        _four_bits()
        if device == "cpu":
            raise UserError("--quantize 4bit: needs a GPU; leave it out on the CPU")
    if dtype == "auto":
        try:
            stored = getattr(AutoConfig.from_pretrained(name).get_text_config(), "dtype", None)
        except (OSError, ValueError) as error:
            raise UserError(f"--model {name}: cannot be read: {str(error).strip().splitlines()[0]}") from error
        dtype = "float32" if device == "cpu" or stored == torch.float32 else "bfloat16"
    return Source(name, device, DTYPES[dtype], quantize is not None, on_host)


def _four_bits() -> Any:
    try:
        import bitsandbytes  # noqa: F401
        from transformers import BitsAndBytesConfig
    except Exception as error:
        raise UserError(
            f"--quantize 4bit: bitsandbytes cannot be used here ({str(error).splitlines()[0]}); install it, or leave "
            "--quantize out"
        ) from error
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )
