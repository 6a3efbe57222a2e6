"""The official SDK against a running worker, through the wire."""

from typing import Any

import numpy as np
import pytest

tinker = pytest.importorskip("tinker", reason="the official SDK is not installed: pip install tinker")
types: Any = tinker.types


@pytest.fixture
def service(worker: str) -> Any:
    return tinker.ServiceClient(base_url=worker, api_key="tml-test")


def datum(*tokens: int) -> Any:
    inputs = {"target_tokens": list(tokens[1:]), "weights": [1.0] * (len(tokens) - 1)}
    return types.Datum(model_input=types.ModelInput.from_ints(list(tokens[:-1])), loss_fn_inputs=inputs)


def test_train_save_load_and_sample(service: Any, llama: Any) -> None:
    training = service.create_lora_training_client(base_model=str(llama), rank=4, seed=1).result()
    assert training.get_info().lora_rank == 4
    rows = [datum(1, 2, 3, 4, 5), datum(9, 8, 7)]
    losses = []
    for _ in range(4):
        passed = training.forward_backward(rows, "cross_entropy")
        step = training.optim_step(types.AdamParams(learning_rate=1e-2))
        losses.append(passed.result().metrics["loss:sum"])
        assert step.result().metrics["applied"] == 1.0
    assert losses[-1] < losses[0] - 1
    saved = training.save_state("four").result().path
    forward = training.forward(rows, "cross_entropy").result()
    resumed = service.create_training_client_from_state_with_optimizer(saved).result()
    again = resumed.forward(rows, "cross_entropy").result()
    for a, b in zip(forward.loss_fn_outputs, again.loss_fn_outputs, strict=True):
        np.testing.assert_array_equal(a["logprobs"].to_numpy(), b["logprobs"].to_numpy())
    training.optim_step(types.AdamParams(learning_rate=1e-2, weight_decay=0.1)).result()
    training.load_state(saved).result()
    reloaded = training.forward(rows, "cross_entropy").result()
    assert reloaded.loss_fn_outputs[0]["logprobs"].tolist() == forward.loss_fn_outputs[0]["logprobs"].tolist()

    sampler = training.save_weights_and_get_sampling_client().result()
    prompt = types.ModelInput.from_ints([1, 2, 3, 4, 5])
    own = sampler.compute_logprobs(prompt).result()
    assert own[0] is None
    np.testing.assert_allclose(own[1:], forward.loss_fn_outputs[0]["logprobs"].to_numpy(), rtol=1e-4, atol=1e-5)
    params = types.SamplingParams(max_tokens=6, seed=5, temperature=0.8)
    ids = np.full((4, 1), -1, dtype=np.int64)
    ids[3] = 5
    targets = types.TensorData.from_numpy(ids)
    answer = sampler.sample(prompt, 3, params, topk_prompt_logprobs=2, target_prompt_logprobs=targets).result()
    assert len({tuple(s.tokens) for s in answer.sequences}) == 3
    assert len({s.sequence_id for s in answer.sequences}) == 3
    assert answer.target_prompt_logprobs.to_numpy()[3, 0] == pytest.approx(own[4], abs=1e-5)
    assert answer.topk_prompt_logprobs[0] is None
    named = training.save_weights_for_sampler("sampled").result().path
    again = service.create_sampling_client(model_path=named).result().sample(prompt, 3, params).result()
    assert [s.tokens for s in again.sequences] == [s.tokens for s in answer.sequences]


def test_losses_of_the_client(service: Any, llama: Any) -> None:
    """forward_backward_custom sends weights of 0 forward and the loss's gradient backward, with any sign."""
    training = service.create_lora_training_client(base_model=str(llama), rank=4, seed=2).result()
    seen: list[float] = []

    def loss(_data: Any, logprobs: Any) -> Any:
        margin = logprobs[0].sum() - logprobs[1].sum()
        seen.append(float(margin.detach()))
        return -margin, {"margin:mean": seen[-1]}

    for _ in range(3):
        training.forward_backward_custom([datum(1, 2, 3, 4), datum(1, 2, 9, 9)], loss).result()
        training.optim_step(types.AdamParams(learning_rate=1e-2)).result()
    assert seen[0] < seen[1] < seen[2]


def test_mistakes_reach_the_caller(service: Any, llama: Any) -> None:
    training = service.create_lora_training_client(base_model=str(llama), rank=4).result()
    with pytest.raises(tinker.RequestFailedError, match="outside 0 to 259"):
        training.forward_backward([datum(1, 999)], "cross_entropy").result()
