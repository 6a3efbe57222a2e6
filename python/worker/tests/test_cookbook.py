"""Recipes of tinker-cookbook, unchanged and by their own command lines, against a running worker.

A tiny random model and a few rows lie in folders that are named as the recipes' models and data sets are on the hub, so
that nothing is fetched. What is tested is that a recipe runs to its end and that its losses are what they should be.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import save, start
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

pytest.importorskip("tinker", reason="the official SDK is not installed: pip install tinker")
pytest.importorskip("tinker_cookbook", reason="tinker-cookbook is not installed: pip install tinker-cookbook")

MODEL = "Qwen/Qwen3-8B"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]
QUESTIONS = ["How many legs has a spider?", "What is two and two?", "Name a number.", "How old is the moon?"]


def model(folder: Path) -> None:
    """A Qwen 3 of 60 thousand weights that reads bytes and Qwen's special tokens."""
    torch.manual_seed(3)
    config = Qwen3Config(
        vocab_size=260 + len(SPECIAL),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=2048,
        eos_token_id=257,
        bos_token_id=None,
        initializer_range=0.2,
    )
    save(Qwen3ForCausalLM(config), folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    tokenizer.save_pretrained(folder)


def rows(folder: Path, train: list[Any], test: list[Any]) -> None:
    folder.mkdir(parents=True)
    files = []
    for split, given in (("train", train), ("test", test)):
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in given))
        files.append(f"  - split: {split}\n    path: {split}.jsonl\n")
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: main\n  data_files:\n{''.join(files)}---\n")


def conversation(question: str) -> Any:
    answer = {"role": "assistant", "content": "It is four."}
    return {"messages": [{"role": "user", "content": question}, answer]}


def comparison(question: str) -> Any:
    asked = f"\n\nHuman: {question}\n\nAssistant: "
    return {"chosen": f"{asked}It is four.", "rejected": f"{asked}I will not say."}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which worker and recipes run."""
    place = tmp_path_factory.mktemp("cookbook")
    (place / MODEL).mkdir(parents=True)
    model(place / MODEL)
    rows(place / "HuggingFaceH4/no_robots", [conversation(q) for q in QUESTIONS * 32], [conversation(QUESTIONS[0])])
    rows(place / "Anthropic/hh-rlhf", [comparison(q) for q in QUESTIONS * 2], [comparison(QUESTIONS[0])] * 4)
    problems = [{"question": q, "answer": "Counted.\n#### 4"} for q in QUESTIONS]
    rows(place / "openai/gsm8k", problems, problems[:1])
    return place


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    # the module's folder is not on the path of a process that runs elsewhere
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    process, url = start("--model", MODEL, "--checkpoints", "saved", cwd=place, env={**os.environ, "PYTHONPATH": path})
    yield url
    process.terminate()
    assert process.wait(20) == 0


def run(place: Path, url: str, recipe: str, **options: Any) -> list[dict[str, float]]:
    """Runs a recipe, and gives its metrics, step by step."""
    log = place / "logs" / recipe
    given = [f"{name}={value}" for name, value in {"model_name": MODEL, "log_path": log, **options}.items()]
    done = subprocess.run(
        [sys.executable, "-m", f"tinker_cookbook.recipes.{recipe}", *given],
        cwd=place,
        env={**os.environ, "TINKER_BASE_URL": url, "TINKER_API_KEY": "tml-test", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in (log / "metrics.jsonl").read_text().splitlines()]


def of(steps: list[dict[str, float]], name: str) -> list[float]:
    return [step[name] for step in steps if name in step]


def test_supervised(place: Path, url: str) -> None:
    steps = run(place, url, "sl_basic", learning_rate=0.02, num_epochs=3)
    losses = of(steps, "train_mean_nll")
    assert len(losses) == 3  # a batch of the recipe is 128 rows
    assert losses[0] == pytest.approx(math.log(264), abs=2.5)
    assert losses[-1] < losses[0] - 0.5


def test_preferences(place: Path, url: str) -> None:
    steps = run(place, url, "preference.dpo.train", learning_rate=0.01, batch_size=4, dpo_beta=0.5)
    losses = of(steps, "dpo_loss")
    assert losses[0] == pytest.approx(math.log(2), abs=1e-3)  # policy and reference are the same
    assert losses[-1] < losses[0]
    assert of(steps, "margin")[-1] > 0


def test_reinforcement(place: Path, url: str) -> None:
    """The reward is for shorter answers: some of a group win, so that advantages are not all 0."""
    steps = run(
        place, url, "preference.shorter.train", renderer_name="qwen3", batch_size=2, group_size=4, max_tokens=12,
        max_steps=2, eval_every=0,
    )  # fmt: skip
    assert len(steps) >= 2
    # the sampler's log-probabilities are the trainer's
    assert all(abs(kl) < 1e-3 for kl in of(steps, "optim/kl_sample_train_v1"))
