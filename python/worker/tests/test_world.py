"""Two processes beside one: the same gradient, update and samples; replicated and sharded."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from client import Client, chunks, data, one_pass
from conftest import start

LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port")
ROWS = data(
    [1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6], [3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8], [5, 5, 5], weights=[0.5] * 7
)
LEFT_OUT = data([4, 4, 4, 4], weights=[0.0, 0.0, 0.0])
PROMPTS = [[1, 2, 3], [9, 8, 7, 6, 5], [4] * 9]


def story(url: str, full: bool) -> tuple[dict[str, torch.Tensor], list[Any], list[Any]]:
    """Two updates, then scores and samples: the state, the answers, the samples."""
    client = Client(url)
    model = client.create(**({"ealign": {"full": True}} if full else {"lora_config": {"rank": 4, "seed": 3}}))
    answers = []
    # Biases of keys have a gradient of 0 up to rounding, which a smaller eps would blow up to whole steps.
    adam = {"learning_rate": 0.01, "eps": 1e-3, "grad_clip_norm": 1.0, "weight_decay": 0.1}
    for number in (1, 4):
        answers.append(client.call("forward_backward", one_pass(model, number, ROWS)))
        answers.append(client.call("forward_backward", one_pass(model, number + 1, LEFT_OUT)))
        answers.append(client.call("optim_step", {"model_id": model, "seq_id": number + 2, "adam_params": adam}))
    assert not any("error" in answer for answer in answers)
    wrong = client.call("forward_backward", one_pass(model, 7, data([1, 999])))
    assert wrong["category"] == "user"
    state = safetensors.torch.load(client.send("GET", f"ealign/state?model_id={model}")[1])
    live = client.sampler(ealign={"model_id": model, "amplify": 1.5})
    asked = {"sampling_session_id": live, "num_samples": 2, "prompt_logprobs": True}
    params = {"max_tokens": 6, "seed": 4}
    promises = [
        client.json("POST", "asample", {**asked, "seq_id": i, "prompt": chunks(p), "sampling_params": params})
        for i, p in enumerate(PROMPTS)
    ]
    samples = [client.wait(p) for p in promises]
    saved = client.call("save_weights", {"model_id": model, "seq_id": 8, "path": "two"})
    asked = {"session_id": client.session_id, "model_seq_id": 7, "path": saved["path"], "optimizer": True}
    loaded = client.call("load_weights", asked)["model_id"]
    again = safetensors.torch.load(client.send("GET", f"ealign/state?model_id={loaded}")[1])
    assert all(torch.equal(again[n], state[n]) for n in state)
    return state, answers, samples


@pytest.fixture(scope="module")
def alone(neox: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    process, url = start("--model", str(neox), "--checkpoints", str(tmp_path_factory.mktemp("alone")))
    stories = {full: story(url, full) for full in (False, True)}
    process.terminate()
    assert process.wait(30) == 0
    return stories


@pytest.mark.parametrize("more", [(), ("--shard", "--checkpointing")], ids=["replicated", "sharded"])
def test_two_processes_equal_one(neox: Path, tmp_path: Path, alone: Any, more: tuple[str, ...]) -> None:
    port = "29531" if more else "29532"
    arguments = ("--model", str(neox), "--checkpoints", str(tmp_path), "--token-budget", "12", *more)
    process, url = start(*arguments, launcher=(*LAUNCHER, port))
    try:
        for full in (False, True):
            state, answers, samples = story(url, full)
            expected = alone[full]
            assert state.keys() == expected[0].keys()
            for name, tensor in state.items():
                scale = max(1.0, float(expected[0][name].abs().max()))
                assert float((tensor - expected[0][name]).abs().max()) <= 1e-5 * scale, name
            for one, two in zip(answers, expected[1], strict=True):
                assert one["metrics"] == pytest.approx(two["metrics"], rel=1e-5, abs=1e-6)
            for one, two in zip(samples, expected[2], strict=True):
                assert [s["tokens"] for s in one["sequences"]] == [s["tokens"] for s in two["sequences"]]
                np.testing.assert_allclose(one["prompt_logprobs"][1:], two["prompt_logprobs"][1:], atol=1e-4)
    finally:
        process.terminate()
        process.wait(60)
