"""Tiny random models, made here, with a tokenizer of bytes; and workers that serve them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from ealign_worker.base import Base
from ealign_worker.loading import Source

VOCABULARY = 260
torch.set_num_threads(1)  # of tiny models the threads cost more than the work


def save(model: Any, folder: Path) -> Path:
    model.generation_config.eos_token_id = 257
    model.save_pretrained(folder)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {letter: i for i, letter in enumerate(letters)} | {"<pad>": 256, "<eos>": 257, "<a>": 258, "<b>": 259}
    tokenizer = Tokenizer(models.BPE(vocab=tokens, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        eos_token_id=257,
        bos_token_id=None,
        initializer_range=0.3,
    )
    return save(LlamaForCausalLM(config), tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def neox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        eos_token_id=257,
        bos_token_id=None,
        hidden_dropout=0.1,
        initializer_range=0.2,
    )
    return save(GPTNeoXForCausalLM(config), tmp_path_factory.mktemp("neox"))


@pytest.fixture(params=["llama", "neox"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def source(folder: Path, dtype: torch.dtype = torch.float32) -> Source:
    return Source(str(folder), "cpu", dtype)


@pytest.fixture
def base(folder: Path) -> Base:
    return Base(source(folder))


def start(
    *arguments: str, launcher: tuple[str, ...] = (sys.executable,), **more: Any
) -> tuple[subprocess.Popen[str], str]:
    """A worker in a process of its own, and its address."""
    command = [*launcher, "-m", "ealign_worker", "--threads", "1", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            return process, json.loads(line)["url"]
    raise AssertionError(f"the worker ended with {process.wait()}")


@pytest.fixture(scope="session")
def worker(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("checkpoints")
    process, url = start("--model", str(llama), "--checkpoints", str(folder))
    yield url
    process.terminate()
    assert process.wait(20) == 0
