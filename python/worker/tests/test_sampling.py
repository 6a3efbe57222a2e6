"""Sampling and scoring beside transformers' own generate and forward."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import VOCABULARY, source
from test_training import lora

from ealign_worker import sampling
from ealign_worker.base import Base
from ealign_worker.network import Network, Steering
from ealign_worker.policy import FullPolicy
from ealign_worker.sampling import sample, truncate, uniform
from ealign_worker.values import SampleRequest, SampleResult, Tensor


def ask(seed: int, length: int, **more: Any) -> SampleRequest:
    prompt = np.random.default_rng(seed).integers(0, 256, length)
    return SampleRequest(prompt, **{"num_samples": 1, "max_tokens": 8, "seed": seed, **more})


def answer(base: Base, *requests: SampleRequest, budget: int = 4096) -> list[SampleResult]:
    with base.frozen() as network:
        return sample(network, base.tokenizer, requests, budget)


def plain_logps(network: Network, prompt: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return network.model(input_ids=torch.from_numpy(prompt)[None]).logits[0].float().log_softmax(-1)


def test_greedy_equals_generate(base: Base) -> None:
    # The longest prompt is the first of its batch, and ends first.
    requests = [ask(i, 3 + 4 * i, temperature=0, max_tokens=18 - 3 * i, stop_tokens=frozenset([257])) for i in range(4)]
    for request, result in zip(requests, answer(base, *requests), strict=True):
        ids = torch.from_numpy(request.prompt)[None]
        out = base.network.model.generate(ids, do_sample=False, max_new_tokens=request.max_tokens, pad_token_id=256)
        assert result.sequences[0].tokens == out[0, ids.shape[1] :].tolist()


def test_sampling_depends_on_seed_and_row_alone(base: Base) -> None:
    request = ask(5, 7, num_samples=3, max_tokens=12, temperature=0.9, top_p=0.95, top_k=50)
    alone = [s.tokens for s in answer(base, request)[0].sequences]
    others = [ask(i, 3 * i + 1, num_samples=2, max_tokens=20) for i in range(4)]
    beside = answer(base, *others[:2], request, *others[2:])[2]
    assert [s.tokens for s in beside.sequences] == alone
    assert len({tuple(t) for t in alone}) == 3
    fewer = SampleRequest(request.prompt, 1, 12, 5, 0.9, 50, 0.95)
    assert answer(base, fewer)[0].sequences[0].tokens == alone[0]
    other = SampleRequest(request.prompt, 3, 12, 6, 0.9, 50, 0.95)
    assert [s.tokens for s in answer(base, other)[0].sequences] != alone


def test_samples_follow_the_distribution(base: Base) -> None:
    request = ask(1, 5, num_samples=4000, max_tokens=1, temperature=0.7)
    counts = Counter(s.tokens[0] for s in answer(base, request)[0].sequences)
    expected = (plain_logps(base.network, request.prompt)[-1] / 0.7).softmax(-1).numpy()
    observed = np.array([counts[i] for i in range(VOCABULARY)]) / 4000
    # Five standard deviations of a share, at the largest; the seed is fixed.
    assert np.abs(observed - expected).max() < 5 * np.sqrt(expected.max() / 4000)


def test_truncation_keeps_the_likeliest() -> None:
    p = torch.tensor([0.1, 0.4, 0.2, 0.3])
    limits = [(2, 1.0), (-1, 0.65), (-1, 0.75), (-1, 0.0), (0, 1.0)]
    kept = truncate(p.expand(5, 4), *zip(*limits, strict=True))
    expected = [[0, 0.4, 0, 0.3], [0, 0.4, 0, 0.3], [0, 0.4, 0.2, 0.3], [0, 0.4, 0, 0], [0.1, 0.4, 0.2, 0.3]]
    torch.testing.assert_close(kept, torch.tensor(expected))
    draws = [uniform(3, row, step) for row in range(50) for step in range(50)]
    assert abs(sum(draws) / len(draws) - 0.5) < 0.03
    assert len(set(draws)) == len(draws)


def test_logprobs_are_those_of_a_plain_forward(base: Base) -> None:
    request = ask(2, 6, num_samples=2, max_tokens=5, temperature=1.3, topk_sample=3)
    for sampled in answer(base, request)[0].sequences:
        full = np.concatenate([request.prompt, sampled.tokens])
        logps = plain_logps(base.network, full)[5:-1]
        expected = logps.gather(-1, torch.tensor(sampled.tokens)[:, None])[:, 0]
        np.testing.assert_allclose(sampled.logprobs, expected.numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(sampled.topk[0][0], logps[0].topk(3).indices.numpy())


@pytest.mark.parametrize("max_tokens", [0, 1, 4])
def test_prompt_scores_equal_a_plain_forward(base: Base, max_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ealign_worker.sampling.CHUNK_LOGITS", 3 * VOCABULARY)
    cells = np.array([[1, -1], [-1, -1], [5, 7], [255, 0], [3, 3], [-1, 9]])
    targets = Tensor(cells.reshape(-1), cells.shape)
    crow, col = np.array([0, 1, 1, 3, 5, 7, 8]), np.array([0, 0, 1, 0, 1, 0, 1, 1])
    sparse = Tensor(cells[cells >= 0], cells.shape, crow, col)
    scored = {"prompt_logprobs": True, "topk_prompt": 4, "max_tokens": max_tokens}
    requests = [ask(3, 7, targets=targets, **scored), ask(3, 7, targets=sparse), ask(4, 20, last_n=3, **scored)]
    dense, listed, last = answer(base, *requests)
    assert len(dense.sequences[0].tokens) == max_tokens
    logps = plain_logps(base.network, requests[0].prompt)
    expected = logps[:-1].gather(-1, torch.from_numpy(cells).clamp_min(0)).numpy() * (cells >= 0)
    assert dense.target_logprobs is not None
    assert listed.target_logprobs is not None
    np.testing.assert_allclose(dense.target_logprobs.dense(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(listed.target_logprobs.values, expected[cells >= 0], rtol=1e-5, atol=1e-5)
    own = logps[:-1].gather(-1, torch.from_numpy(requests[0].prompt[1:])[:, None])[:, 0].numpy()
    assert dense.prompt_logprobs is not None
    assert np.isnan(dense.prompt_logprobs[0])
    np.testing.assert_allclose(dense.prompt_logprobs[1:], own, rtol=1e-5, atol=1e-5)
    assert dense.topk_logprobs is not None
    np.testing.assert_allclose(dense.topk_logprobs[1:], logps[:-1].topk(4).values.numpy(), rtol=1e-5, atol=1e-5)
    assert last.prompt_logprobs is not None
    assert last.topk_logprobs is not None
    assert np.isfinite(last.prompt_logprobs).tolist() == [False] * 17 + [True] * 3
    assert (last.topk_logprobs[:, 0] > -99999).tolist() == [False] * 17 + [True] * 3


def test_stops(llama: Path) -> None:
    base = Base(source(llama))
    request = ask(9, 6, max_tokens=20, temperature=0)
    free = answer(base, request)[0].sequences[0]
    assert (len(free.tokens), free.stop_reason) == (20, "length")
    token = free.tokens[4]
    stopped = answer(base, ask(9, 6, max_tokens=20, temperature=0, stop_tokens=frozenset([token])))[0].sequences[0]
    assert stopped.tokens == free.tokens[: free.tokens.index(token) + 1]
    assert stopped.stop_reason == "stop"
    word = base.tokenizer.decode([259])
    base.network.model.get_output_embeddings().weight.data[259] *= 30
    marked = ask(9, 6, max_tokens=40, temperature=1.0, stop_strings=(word,))
    ended = answer(base, marked)[0].sequences[0]
    assert ended.tokens[-1] == 259
    assert ended.stop_reason == "stop"


def test_a_model_that_recomputes_its_layers_samples_alike(folder: Path) -> None:
    request = ask(3, 6, num_samples=2, max_tokens=6)
    plain, recomputing = (Base(source(folder), checkpointing=c) for c in (False, True))
    one, two = (answer(base, request)[0].sequences for base in (plain, recomputing))
    assert [s.tokens for s in one] == [s.tokens for s in two]


def test_memory_that_is_exhausted_halves_the_batch(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [ask(i, 5, max_tokens=3) for i in range(5)]
    expected = [r.sequences[0].tokens for r in answer(base, *requests)]
    batch = sampling._batch

    def small(network: Any, tokenizer: Any, requests: Any, agree: Any) -> Any:
        if len(requests) > 2:
            raise torch.cuda.OutOfMemoryError("too much")
        return batch(network, tokenizer, requests, agree)

    monkeypatch.setattr(sampling, "_batch", small)
    assert [r.sequences[0].tokens for r in answer(base, *requests)] == expected


def test_small_budgets_change_nothing(base: Base) -> None:
    requests = [ask(i, 3 + i, num_samples=2, max_tokens=6) for i in range(5)]
    together, apart = answer(base, *requests), answer(base, *requests, budget=1)
    for a, b in zip(together, apart, strict=True):
        assert [s.tokens for s in a.sequences] == [s.tokens for s in b.sequences]


@pytest.mark.parametrize("full", [False, True])
def test_amplified_is_the_difference_times_the_factor(base: Base, full: bool) -> None:
    policy = FullPolicy("m", base) if full else lora(base)
    if full:
        lora(base)  # adapters over the base do not count as its weights
        with torch.no_grad():
            for p in policy.trainable():
                p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    ids = torch.arange(9)[None]
    weights = policy.weights()

    def states(factor: float) -> torch.Tensor:
        with torch.no_grad(), policy.on(factor) as network:
            return network.run(ids, torch.ones_like(ids))

    amplified, plain, none = states(2.5), states(1.0), states(0.0)
    with base.frozen() as network, torch.no_grad():
        torch.testing.assert_close(none, network.run(ids, torch.ones_like(ids)), rtol=1e-4, atol=1e-4)
        frozen = dict(Base(base.source).network.model.named_parameters())
    for name, p in policy.parameters.items():
        if full:
            p.data = frozen[name].data + 2.5 * (weights[name] - frozen[name].data)
        elif "lora_B" in name:
            p.data = 2.5 * weights[name]
    torch.testing.assert_close(states(1.0), amplified, rtol=1e-4, atol=1e-4)
    for name, p in policy.parameters.items():
        p.data = weights[name]
    assert torch.equal(states(1.0), plain)


def test_steering_adds_and_removes_directions(base: Base) -> None:
    policy = lora(base)
    ids, mask = torch.arange(9)[None], torch.ones(1, 9, dtype=torch.int64)
    direction = tuple(float(x) for x in torch.randn(32, generator=torch.Generator().manual_seed(0)))

    def heard(*steering: Steering) -> torch.Tensor:
        policy.steering["answering"] = steering
        with torch.no_grad(), policy.active("answering") as network, network.listening(0) as states:
            network.run(ids, mask)
            return states[0]

    plain, d = heard(), torch.tensor(direction)
    torch.testing.assert_close(heard(Steering(0, "add", direction)), plain + d)
    u = d / d.norm()
    removed = heard(Steering(0, "remove", direction))
    torch.testing.assert_close(removed, plain - (plain @ u)[..., None] * u, rtol=1e-4, atol=1e-5)
    assert torch.equal(heard(), plain)
