"""The frozen base model, and the adapters that lie over it.

One copy of the base serves every LoRA model: an adapter is switched on while its owner computes. The base itself is
the same network with all adapters off.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

from .errors import UserError, tell
from .loading import Source
from .network import Network


@dataclass(frozen=True)
class Lora:
    """What `lora_config` of create_model says; `alpha` to `dropout` are this worker's extensions."""

    rank: int
    seed: int
    train_unembed: bool = True
    train_mlp: bool = True
    train_attn: bool = True
    alpha: float | None = None
    """Default: 2 · rank."""
    rslora: bool = False
    targets: tuple[str, ...] = ()
    """peft's target_modules; default: every linear layer that train_* name."""
    dropout: float = 0.0

    @staticmethod
    def read(given: Mapping[str, Any]) -> "Lora":
        """From what `vars` gave, or a request."""
        return Lora(**{**given, "targets": tuple(given.get("targets", ()))})


class Base:
    """The frozen model. Not safe for two threads: adapters are switched in place."""

    def __init__(self, source: Source, shard: Any = None, checkpointing: bool = False) -> None:
        """@param shard: a function that shards a network in place, see distributed.py"""
        self.source, self.checkpointing, self.shard = source, checkpointing, shard
        self.network = self.open()
        self.tokenizer = source.tokenizer()
        self.peft: PeftModel | None = None

    def open(self, dtype: torch.dtype | None = None, name: str | None = None) -> Network:
        """A further copy of the model from disk, checked, ready to compute."""
        network = Network(self.source.load(dtype, name))
        network.check()
        if self.checkpointing:
            network.checkpoint_layers()
        if self.shard is not None:
            self.shard(network)
        return network

    def add(self, name: str, lora: Lora) -> LoraConfig:
        """A new adapter, B = 0; its values depend on the seed alone. @raise UserError where peft refuses"""
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha if lora.alpha is not None else 2 * lora.rank,
            use_rslora=lora.rslora,
            lora_dropout=lora.dropout,
            target_modules=list(lora.targets) or self._linear(lora),
            task_type="CAUSAL_LM",
            base_model_name_or_path=self.source.name,
        )
        with torch.random.fork_rng():
            torch.manual_seed(lora.seed)
            self.attach(name, config)
        return config

    def attach(self, name: str, config: LoraConfig) -> None:
        """Puts an adapter of this configuration into the model."""
        try:
            if self.peft is None:
                self.peft = get_peft_model(self.network.model, config, adapter_name=name)
            else:
                self.peft.add_adapter(name, config)
        except (ValueError, KeyError) as error:
            raise UserError(f"lora_config: peft refuses it: {str(error).splitlines()[0]}") from error
        self.peft.eval()
        for parameter in self.parameters(name).values():
            parameter.data = parameter.data.float()

    def remove(self, name: str) -> None:
        if self.peft is not None and name in self.peft.peft_config:
            self.peft.delete_adapter(name)

    def parameters(self, name: str) -> dict[str, nn.Parameter]:
        """An adapter's weights by their names in PEFT's files."""
        part = re.compile(rf"\.{re.escape(name)}(?=\.|$)")
        named = () if self.peft is None else self.peft.named_parameters()
        return {part.sub("", n): p for n, p in named if part.search(n)}

    @contextmanager
    def frozen(self) -> Iterator[Network]:
        """The base, all adapters off."""
        if self.peft is None:
            yield self.network
        else:
            self.peft.base_model.disable_adapter_layers()
            yield self.network

    @contextmanager
    def adapted(self, name: str, factor: float = 1.0) -> Iterator[Network]:
        """The base with one adapter on, its difference times `factor`."""
        assert self.peft is not None
        self.peft.base_model.enable_adapter_layers()
        self.peft.set_adapter(name)
        layers = [m for m in self.network.model.modules() if isinstance(m, LoraLayer) and name in m.scaling]
        before = [layer.scaling[name] for layer in layers]
        for layer, scaling in zip(layers, before, strict=True):
            layer.scaling[name] = scaling * factor
        try:
            yield self.network
        finally:
            for layer, scaling in zip(layers, before, strict=True):
                layer.scaling[name] = scaling

    def _linear(self, lora: Lora) -> list[str]:
        """Full names of the linear layers that train_attn, train_mlp and train_unembed ask for."""
        model = self.network.model
        head = model.get_output_embeddings()
        names, experts = [], 0
        for name, module in model.named_modules():
            module = getattr(module, "base_layer", module)
            if name.endswith(".base_layer") or ".lora_" in name:
                continue
            experts += name.endswith(".experts")
            if module is getattr(head, "base_layer", head):
                wanted = lora.train_unembed
            elif isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D":
                attention = re.search(r"attn|attention", name.rsplit(".layers.", 1)[-1]) is not None
                wanted = lora.train_attn if attention else lora.train_mlp
            else:
                continue
            if wanted:
                names.append(name)
        if experts and lora.train_mlp:
            tell("the weights of experts are single tensors in this architecture: LoRA leaves them as they are")
        if not names:
            raise UserError(
                "lora_config: nothing to train; set train_attn, train_mlp or train_unembed, or name targets"
            )
        return names


def put(parameters: Mapping[str, nn.Parameter], weights: Mapping[str, torch.Tensor], where: str) -> None:
    """Copies weights into parameters. All or nothing. @raise UserError where names or shapes differ"""
    missing: Sequence[str] = sorted(set(parameters) ^ set(weights))
    if missing:
        raise UserError(
            f"{where}: {len(missing)} names are missing or unknown, e.g. {missing[0]}; send all, as GET has them"
        )
    for name, parameter in parameters.items():
        if tuple(weights[name].shape) != tuple(parameter.shape):
            raise UserError(
                f"{where}: {name} has shape {tuple(weights[name].shape)}, the model {tuple(parameter.shape)}; "
                "send weights of this model"
            )
    with torch.no_grad():
        for name, parameter in parameters.items():
            assign(parameter, weights[name])


def assign(parameter: torch.Tensor, value: torch.Tensor) -> None:
    """Copies a whole tensor into a parameter, sharded or not."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    value = value.to(device=parameter.device, dtype=parameter.dtype)
    if isinstance(parameter, DTensor):
        value = distribute_tensor(value, parameter.device_mesh, parameter.placements)
    parameter.copy_(value)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A float32 copy on the CPU, of a sharded tensor too (every rank must ask)."""
    from torch.distributed.tensor import DTensor

    full = tensor.detach()
    if isinstance(full, DTensor):
        full = full.full_tensor()
    return full.to(device="cpu", dtype=torch.float32, copy=True).contiguous()
