"""Forward and backward passes over data: micro-batches, chosen positions, gradients added up until the update."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from peft.tuners.lora import LoraLayer

from .batching import micro_batches, pad
from .errors import UserError, tell
from .losses import LossFn, loss_named, target_logps
from .network import Network
from .policy import Policy
from .values import Array, Datum, LossResult


@dataclass(frozen=True)
class Pass:
    """What one call asks for."""

    loss_fn: str
    config: Mapping[str, float | str]
    backward: bool

    @property
    def detail(self) -> bool:
        """Entropy and correctness per target as well."""
        return bool(self.config.get("ealign_targets"))

    @property
    def weighted_only(self) -> bool:
        """Positions whose weight is 0 are left out, and answered with 0.

        In a backward pass of the cross-entropy they do not matter. `forward` computes them: SDKs ask with weights of
        0 for log-probabilities that their own loss weighs later.
        """
        return self.loss_fn == "cross_entropy" and (self.backward or bool(self.config.get("ealign_weighted")))


class Trainer:
    """Runs passes within a budget of tokens; halves it once when a GPU's memory is exhausted."""

    def __init__(self, token_budget: int) -> None:
        self.token_budget = token_budget
        self.halved = False

    def run(
        self, policy: Policy, data: Sequence[Datum], what: Pass, share: tuple[int, int] = (0, 1), together: bool = False
    ) -> tuple[dict[int, dict[str, Array]], float]:
        """One rank's part of a pass. Gradients are added to the policy's.

        @param share this rank and the number of ranks: every size-th micro-batch is computed here
        @param together every rank runs equally many micro-batches, the last ones without effect (where weights are
               sharded, ranks wait for each other in every layer)
        @return outputs of the data that were computed here, by index; their summed loss
        @raise UserError where a datum or the loss does not fit
        """
        loss_fn, needs = loss_named(what.loss_fn)
        rows = [prepare(datum, i, needs) for i, datum in enumerate(data)]
        outputs: dict[int, dict[str, Array]] = {}
        total = 0.0
        answering = what.config.get("ealign_answering")
        with policy.active("answering" if answering and not what.backward else "training") as network:
            check_ids(data, network)
            with _dropout(policy, network, what.backward), network.recomputing() if what.backward else nullcontext():
                for batch, counts in self._batches(data, share, together):
                    done = self._micro_batch(network, policy, rows, batch, what, loss_fn, 1.0 if counts else 0.0)
                    if counts:
                        outputs.update(done[0])
                        total += done[1]
        if what.backward:
            policy.passes += 1
        return outputs, total

    def _batches(self, data: Sequence[Datum], share: tuple[int, int], together: bool) -> list[tuple[list[int], bool]]:
        rank, size = share
        batches = micro_batches([len(d.tokens) for d in data], self.token_budget)
        mine = [(batch, True) for batch in batches[rank::size]]
        if together and batches:
            mine += [(batches[-1], False)] * (-(-len(batches) // size) - len(mine))
        return mine

    def _micro_batch(
        self, network: Network, policy: Policy, rows: Sequence["Row"], batch: Sequence[int], what: Pass,
        loss_fn: LossFn, factor: float,
    ) -> tuple[dict[int, dict[str, Array]], float]:  # fmt: skip
        try:
            return compute(network, policy, {i: rows[i] for i in batch}, what, loss_fn, factor)
        except torch.cuda.OutOfMemoryError as error:
            tokens = max(len(rows[i].tokens) for i in batch) * len(batch)
            if self.halved or len(batch) == 1 or network.sharded:
                raise UserError(
                    f"forward_backward: the GPU's memory does not hold a micro-batch of {len(batch)} rows ({tokens} "
                    f"tokens); start with --checkpointing, or --token-budget below {self.token_budget}"
                ) from error
        torch.cuda.empty_cache()
        self.halved, self.token_budget = True, max(1, self.token_budget // 2)
        tell(f"out of memory with {tokens} tokens at once: from now on at most {self.token_budget}")
        outputs, total = {}, 0.0
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            done = self._micro_batch(network, policy, rows, half, what, loss_fn, factor)
            outputs.update(done[0])
            total += done[1]
        return outputs, total


@dataclass(frozen=True)
class Row:
    """A datum, checked, its arrays [T, K]."""

    tokens: Array
    targets: Array
    inputs: dict[str, Array]
    shape: tuple[int, ...]
    """Of its targets as they were sent."""


def prepare(datum: Datum, i: int, needs: Sequence[str]) -> Row:
    """@raise UserError where arrays are missing or their lengths differ"""
    if "target_tokens" not in datum.inputs:
        raise UserError(f"data[{i}]: loss_fn_inputs has no target_tokens; send one target per token of model_input")
    targets = datum.inputs["target_tokens"]
    if len(datum.tokens) == 0 or targets.ndim not in (1, 2) or len(targets) != len(datum.tokens):
        raise UserError(
            f"data[{i}]: target_tokens has shape {list(targets.shape)} for {len(datum.tokens)} tokens of model_input; "
            "send one target per token"
        )
    inputs = {}
    for name in needs:
        array = datum.inputs.get(name)
        if array is None and name == "weights":
            array = np.ones(targets.shape, dtype=np.float32)
        if array is None or array.shape != targets.shape:
            has = (
                "is missing" if array is None else f"has shape {list(array.shape)}, target_tokens {list(targets.shape)}"
            )
            raise UserError(f"data[{i}]: {name} {has}; send one number per target")
        inputs[name] = array.reshape(len(targets), -1).astype(np.float32)
    return Row(datum.tokens, targets.reshape(len(targets), -1).astype(np.int64), inputs, targets.shape)


def check_ids(data: Sequence[Datum], network: Network) -> None:
    """@raise UserError where a token is outside the vocabulary or a row is too long"""
    longest = getattr(network.config, "max_position_embeddings", None)
    for i, datum in enumerate(data):
        if longest is not None and len(datum.tokens) > longest:
            raise UserError(f"data[{i}]: {len(datum.tokens)} tokens, the model takes {longest}; send shorter rows")
        for name, ids in (("model_input", datum.tokens), ("target_tokens", datum.inputs["target_tokens"])):
            if ids.size and (ids.min() < 0 or ids.max() >= network.vocabulary):
                raise UserError(
                    f"data[{i}]: {name} has a token outside 0 to {network.vocabulary - 1}; use this model's tokenizer"
                )


def compute(
    network: Network, policy: Policy, rows: Mapping[int, Row], what: Pass, loss_fn: LossFn, factor: float
) -> tuple[dict[int, dict[str, Array]], float]:
    """One micro-batch, forward and, where asked for, backward; the loss times `factor`."""
    device = network.device
    ids, mask = pad([row.tokens for row in rows.values()], device)
    wide = max(row.targets.shape[1] for row in rows.values())
    chosen = {i: _chosen(row, what) for i, row in rows.items()}
    where = [(b, t) for b, places in enumerate(chosen.values()) for t in places]
    if not where:
        if not network.sharded:
            return {i: _output(row, chosen[i], {}) for i, row in rows.items()}, 0.0
        where = [(0, 0)]
        chosen[next(iter(rows))] = np.zeros(1, dtype=np.int64)
        factor = 0.0

    def gathered(arrays: Sequence[Array]) -> torch.Tensor:
        parts = [np.pad(a[p], ((0, 0), (0, wide - a.shape[1]))) for a, p in zip(arrays, chosen.values(), strict=True)]
        return torch.from_numpy(np.concatenate(parts)).to(device)

    targets = gathered([row.targets for row in rows.values()])
    names = next(iter(rows.values())).inputs
    inputs = {name: gathered([row.inputs[name] for row in rows.values()]) for name in names}
    at = torch.tensor(where, device=device)
    with torch.set_grad_enabled(what.backward):
        hidden = network.run(ids, mask)[at[:, 0], at[:, 1]]
        logps, entropy, correct = target_logps(network, hidden, targets, what.detail)
        loss = loss_fn(logps, inputs, what.config) * factor
    if what.backward:
        _accumulate(policy, loss)
    arrays = {"logprobs": logps}
    if what.detail:
        arrays |= {"entropy": entropy.expand_as(correct), "correct": correct}
    host = {name: array.detach().float().cpu().numpy() for name, array in arrays.items()}
    outputs, start = {}, 0
    for i, row in rows.items():
        stop = start + len(chosen[i])
        outputs[i] = _output(row, chosen[i], {name: array[start:stop] for name, array in host.items()})
        start = stop
    return outputs, float(loss.detach())


def _chosen(row: Row, what: Pass) -> Array:
    if what.weighted_only:
        return np.flatnonzero((row.inputs["weights"] != 0).any(axis=1))
    return np.arange(len(row.targets))


def _output(row: Row, places: Array, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Values at the chosen places, 0 elsewhere, in the shape of the targets."""
    outputs = {}
    for name in arrays or ("logprobs",):
        full = np.zeros(row.targets.shape, dtype=np.float32)
        if name in arrays:
            full[places] = arrays[name][:, : row.targets.shape[1]]
        outputs[name] = full.reshape(row.shape)
    return outputs


def _accumulate(policy: Policy, loss: torch.Tensor) -> None:
    """Adds the gradient of `loss`. What fails half-way leaves the gradient as it was, where weights are not sharded."""
    if policy.sharded:
        loss.backward()
        return
    parameters = policy.trainable()
    grads = torch.autograd.grad(loss, parameters, allow_unused=True)
    for p, grad in zip(parameters, grads, strict=True):
        if grad is not None:
            p.grad = grad if p.grad is None else p.grad.add_(grad)


@contextmanager
def _dropout(policy: Policy, network: Network, training: bool) -> Iterator[None]:
    """LoRA's dropout on in a backward pass, drawn from the model's seed and the number of the pass."""
    lora = policy.lora
    if lora is None or lora.dropout == 0 or not training:
        yield
        return
    drops = [d for m in network.model.modules() if isinstance(m, LoraLayer) for d in m.lora_dropout.values()]
    with torch.random.fork_rng():
        torch.manual_seed(hash((lora.seed, policy.updates, policy.passes)) & (2**63 - 1))
        for drop in drops:
            drop.train()
        try:
            yield
        finally:
            for drop in drops:
                drop.eval()


def collected(parts: Sequence[tuple[Mapping[int, dict[str, Array]], float]], count: int) -> LossResult:
    """The ranks' parts as one answer."""
    outputs: dict[int, dict[str, Array]] = {}
    for part, _ in parts:
        outputs.update(part)
    return LossResult([outputs[i] for i in range(count)], {"loss:sum": float(sum(total for _, total in parts))})
