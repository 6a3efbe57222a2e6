"""Losses, gradients, updates and state, each beside an independent computation."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import VOCABULARY, source
from torch.nn.functional import logsigmoid

from ealign_worker import training
from ealign_worker.base import Base, Lora
from ealign_worker.errors import UserError
from ealign_worker.losses import target_logps
from ealign_worker.policy import Adam, FullPolicy, LoraPolicy, Policy
from ealign_worker.training import Pass, Trainer
from ealign_worker.values import Datum

TRAIN = Pass("cross_entropy", {}, True)
ADAM = Adam(learning_rate=1e-2, weight_decay=0.1, grad_clip_norm=1.0, eps=1e-8)


def row(seed: int, length: int, weights: Any = 1.0) -> Datum:
    tokens = np.random.default_rng(seed).integers(0, VOCABULARY, length + 1)
    inputs: dict[str, Any] = {"target_tokens": tokens[1:]}
    inputs["weights"] = np.broadcast_to(weights, length).astype(np.float32)
    return Datum(tokens[:-1], inputs)


def lora(base: Base, **more: Any) -> LoraPolicy:
    """An adapter that is away from zero."""
    policy = LoraPolicy("m", base, "ealign1", Lora(**{"rank": 4, "seed": 3, **more}))
    with torch.no_grad():
        for i, p in enumerate(policy.trainable()):
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(i)) * 0.1)
    return policy


def grads(policy: Policy) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in policy.parameters.items() if p.grad is not None}


def close(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], tolerance: float) -> None:
    """Relative to the largest entry: sums in another order differ in the last digits of float32."""
    assert a.keys() == b.keys()
    assert a
    for name in a:
        scale = max(1.0, float(b[name].abs().max()))
        assert float((a[name] - b[name]).abs().max()) <= tolerance * scale, name


def run(policy: Policy, data: list[Datum], what: Pass = TRAIN, budget: int = 4096) -> Any:
    outputs, loss = Trainer(budget).run(policy, data, what)
    return [outputs[i] for i in range(len(data))], loss


def logp_sum(policy: Policy, datum: Datum) -> torch.Tensor:
    """Σ log p of a row's targets, through the model's own forward and whole logits."""
    with policy.active("training") as network:
        logits = network.model(input_ids=torch.from_numpy(datum.tokens)[None]).logits[0].float()
    logps = logits.log_softmax(-1).gather(-1, torch.from_numpy(datum.inputs["target_tokens"])[:, None])[:, 0]
    return (logps * torch.from_numpy(datum.inputs["weights"] != 0)).sum()


@pytest.mark.parametrize("full", [False, True])
def test_negative_weights_are_the_gradient_of_the_hybrid_loss(base: Base, full: bool) -> None:
    policy = FullPolicy("m", base) if full else lora(base)
    rows = [row(1, 9), row(2, 14)]
    mask = np.arange(12) >= 5
    chosen, rejected = row(3, 12, mask), row(4, 12, mask)
    beta, weight, references = 0.1, 0.7, (-70.0, -75.0)

    margin = beta * ((logp_sum(policy, chosen) - references[0]) - (logp_sum(policy, rejected) - references[1]))
    sft = -sum(logp_sum(policy, r) for r in rows) / 23
    loss = sft - weight * logsigmoid(margin)
    expected = torch.autograd.grad(loss, policy.trainable(), allow_unused=True)

    outputs, _ = run(policy, [chosen, rejected], Pass("cross_entropy", {}, False))
    logps = [float((o["logprobs"] * mask).sum()) for o in outputs]
    m = beta * ((logps[0] - references[0]) - (logps[1] - references[1]))
    g = weight * beta / (1 + math.exp(m))
    data = [row(1, 9, 1 / 23), row(2, 14, 1 / 23), row(3, 12, mask * g), row(4, 12, mask * -g)]
    run(policy, data)
    wanted = {n: e for n, e in zip(policy.parameters, expected, strict=True) if e is not None}
    close(grads(policy), wanted, 1e-5)


def test_chunked_logps_equal_whole_logits(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ealign_worker.losses.CHUNK_LOGITS", 16 * VOCABULARY)
    network = base.network
    hidden = torch.randn(37, 32, requires_grad=True)
    targets = torch.randint(0, VOCABULARY, (37, 1))
    logps, entropy, correct = target_logps(network, hidden, targets, detail=True)
    (chunked,) = torch.autograd.grad(logps.sum(), hidden)
    whole = network.logits(hidden).log_softmax(-1)
    (expected,) = torch.autograd.grad(whole.gather(-1, targets).sum(), hidden)
    torch.testing.assert_close(logps, whole.gather(-1, targets), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(entropy[:, 0], -(whole.exp() * whole).sum(-1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(correct, (whole.argmax(-1, keepdim=True) == targets).float())
    torch.testing.assert_close(chunked, expected, rtol=1e-5, atol=1e-6)


def test_accumulating_twice_equals_once_with_both(base: Base) -> None:
    policy = lora(base)
    a, b = row(1, 9, 0.5), row(2, 14, -0.25)
    run(policy, [a])
    run(policy, [b])
    twice = grads(policy)
    policy.forget()
    run(policy, [a, b])
    close(twice, grads(policy), 1e-5)


def test_small_micro_batches_and_checkpointing_change_nothing(folder: Path) -> None:
    data = [row(i, 5 + 3 * i, 0.5) for i in range(5)]
    found = []
    for checkpointing, budget in ((False, 4096), (False, 20), (True, 4096)):
        policy = lora(Base(source(folder), checkpointing=checkpointing))
        runs: list[int] = []
        mlp: Any = policy.base.network.layers()[0].mlp
        mlp.register_forward_pre_hook(lambda *_, runs=runs: runs.append(1))
        outputs, loss = run(policy, data, budget=budget)
        assert len(runs) == {(False, 4096): 1, (True, 4096): 2}.get((checkpointing, budget), len(runs))
        found.append((grads(policy), loss, np.concatenate([o["logprobs"] for o in outputs])))
    for other in found[1:]:
        close(other[0], found[0][0], 1e-5)
        assert other[1] == pytest.approx(found[0][1], rel=1e-6)
        np.testing.assert_allclose(other[2], found[0][2], rtol=1e-5, atol=1e-5)


def test_what_is_not_finite_moves_nothing(base: Base) -> None:
    policy = lora(base)
    run(policy, [row(1, 9)])
    policy.update(ADAM, lambda _: None)
    before = policy.state()
    run(policy, [row(2, 9)])
    run(policy, [row(3, 9, np.nan)])
    assert policy.update(ADAM, lambda _: None) == {"applied": 0.0}
    after = policy.state()
    assert after[1] == before[1] == 1
    assert all(torch.equal(after[0][n], before[0][n]) for n in before[0])
    assert not grads(policy)
    run(policy, [row(2, 9)])
    assert policy.update(ADAM, lambda _: None)["applied"] == 1.0


@pytest.mark.parametrize("full", [False, True])
def test_state_out_and_in_gives_the_same_next_step(folder: Path, full: bool) -> None:
    def fresh() -> Policy:
        base = Base(source(folder))
        return FullPolicy("m", base) if full else lora(base, dropout=0.2)

    first, second = fresh(), fresh()
    for i in range(3):
        run(first, [row(i, 9)])
        first.update(ADAM, lambda _: None)
    second.restore(*copy.deepcopy(first.state()))
    for policy in (first, second):
        run(policy, [row(7, 11)])
        run(policy, [row(8, 5, -0.5)])
        policy.update(ADAM, lambda _: None)
    (a, n), (b, m) = first.state(), second.state()
    assert n == m == 4
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_an_update_is_clipped_adamw_without_decay_of_vectors(neox: Path) -> None:
    policy = FullPolicy("m", Base(source(neox)))
    before = policy.weights()
    run(policy, [row(1, 9)])
    gradient = grads(policy)
    norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradient.values()))
    answer = policy.update(ADAM, lambda _: None)
    assert answer["grad_norm"] == pytest.approx(norm, rel=1e-6)
    assert norm > 1
    for name, p in policy.parameters.items():
        g = gradient.get(name, torch.zeros_like(p)) / norm
        mean, square = 0.1 * g, 0.05 * g * g  # first step: m = (1 − β₁)g, v = (1 − β₂)g²
        decayed = before[name] * (1 - 1e-2 * (0.1 if p.ndim > 1 else 0.0))
        expected = decayed - 1e-2 * (mean / 0.1) / ((square / 0.05).sqrt() + 1e-8)
        torch.testing.assert_close(p.detach(), expected, rtol=1e-4, atol=1e-6)


def test_policy_losses(base: Base) -> None:
    policy = lora(base)
    datum = row(1, 6)
    rng = np.random.default_rng(0)
    old, advantages = rng.normal(-5, 1, 6).astype(np.float32), rng.normal(0, 1, 6).astype(np.float32)
    data = [Datum(datum.tokens, {**datum.inputs, "logprobs": old, "advantages": advantages})]
    outputs, loss = run(policy, data, Pass("importance_sampling", {}, True))
    ratio = np.exp(outputs[0]["logprobs"] - old)
    assert loss == pytest.approx(float(-(ratio * advantages).sum()), rel=1e-5)
    _, clipped = run(policy, data, Pass("ppo", {"clip_low_threshold": 0.7, "clip_high_threshold": 1.1}, True))
    bounded = np.minimum(ratio * advantages, np.clip(ratio, 0.7, 1.1) * advantages)
    assert clipped == pytest.approx(float(-bounded.sum()), rel=1e-5)


def test_targets_with_columns_and_detail(base: Base) -> None:
    policy = lora(base)
    single = row(1, 6)
    targets = np.stack([single.inputs["target_tokens"], np.arange(6)], axis=1)
    weights = np.stack([np.ones(6), np.zeros(6)], axis=1).astype(np.float32)
    what = Pass("cross_entropy", {"ealign_targets": 1.0}, True)
    wide, loss = run(policy, [Datum(single.tokens, {"target_tokens": targets, "weights": weights}), row(2, 9)], what)
    narrow, expected = run(policy, [single, row(2, 9)], what)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert wide[0]["logprobs"].shape == (6, 2)
    for name in ("logprobs", "entropy", "correct"):
        np.testing.assert_allclose(wide[0][name][:, 0], narrow[0][name], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(wide[1][name], narrow[1][name], rtol=1e-5, atol=1e-5)


def test_positions_without_weight_are_left_out_of_backward_and_not_of_forward(base: Base) -> None:
    policy = lora(base)
    datum = row(1, 6, [0, 0, 1, 0, 1, 0])
    backward, _ = run(policy, [datum])
    forward, _ = run(policy, [datum], Pass("cross_entropy", {}, False))
    assert (backward[0]["logprobs"] != 0).tolist() == [False, False, True, False, True, False]
    assert (forward[0]["logprobs"] != 0).all()
    np.testing.assert_allclose(backward[0]["logprobs"][[2, 4]], forward[0]["logprobs"][[2, 4]], rtol=1e-6)


def test_memory_is_halved_once_and_the_gradient_is_whole(
    base: Base, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, data = lora(base), [row(i, 8) for i in range(4)]
    run(policy, data)
    expected = grads(policy)
    policy.forget()
    compute = training.compute

    def small(network: Any, policy: Policy, rows: Any, *more: Any) -> Any:
        if len(rows) > 2:
            compute(network, policy, rows, Pass("cross_entropy", {}, False), *more[1:])
            raise torch.cuda.OutOfMemoryError("too much")
        return compute(network, policy, rows, *more)

    monkeypatch.setattr(training, "compute", small)
    trainer = Trainer(64)
    outputs, _ = trainer.run(policy, data, TRAIN)
    assert sorted(outputs) == [0, 1, 2, 3]
    close(grads(policy), expected, 1e-5)
    assert "at most 32" in capsys.readouterr().err
    with pytest.raises(UserError, match="--token-budget"):
        Trainer(64).run(policy, [row(i, 2) for i in range(9)], TRAIN)


@pytest.mark.parametrize(
    ("datum", "words"),
    [
        (Datum(np.arange(3), {}), "target_tokens"),
        (Datum(np.arange(3), {"target_tokens": np.arange(2)}), "one target per token"),
        (Datum(np.arange(3), {"target_tokens": np.arange(3), "weights": np.ones(2)}), r"weights has shape \[2\]"),
        (Datum(np.array([VOCABULARY]), {"target_tokens": np.array([0])}), "tokenizer"),
        (Datum(np.zeros(200, int), {"target_tokens": np.zeros(200, int)}), "200 tokens, the model takes 128"),
    ],
)
def test_bad_data_are_refused_in_one_line(llama: Path, datum: Datum, words: str) -> None:
    with pytest.raises(UserError, match=words):
        run(lora(Base(source(llama))), [datum])


def test_two_adapters_over_one_base_do_not_touch_each_other(base: Base) -> None:
    first = lora(base)
    run(first, [row(1, 9)])
    gradient, weights = grads(first), first.weights()
    second = LoraPolicy("n", base, "ealign2", Lora(rank=2, seed=1, train_unembed=False))
    run(second, [row(2, 9)])
    second.update(ADAM, lambda _: None)
    close(grads(first), gradient, 0)
    close(first.weights(), weights, 0)
    with base.frozen() as network:
        ids = torch.arange(9)[None]
        plain = Base(base.source).network.model(input_ids=ids).logits
        torch.testing.assert_close(network.model(input_ids=ids).logits, plain)
    second.close()
    again, _ = run(first, [row(1, 9)])
    assert np.isfinite(again[0]["logprobs"]).all()
