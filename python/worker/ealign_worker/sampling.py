"""Sampling and scoring of prompts: one prefill gives the prompt's log-probabilities and the first token.

A prompt is read once for all its samples; rows that have ended leave the batch. Random numbers come from the
request's seed, the row and the step, so that what a row draws does not depend on the rows beside it.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from .batching import micro_batches, pad
from .errors import UserError, tell
from .losses import CHUNK_LOGITS
from .network import Network
from .values import Array, Sampled, SampleRequest, SampleResult

Agree = Callable[[Tensor], Tensor]
"""Makes all ranks take rank 0's tokens."""


@dataclass
class Live:
    """A row that is being sampled."""

    request: SampleRequest
    row: int
    """Which of the request's samples."""
    sampled: Sampled = field(default_factory=Sampled)


def uniform(seed: int, row: int, step: int) -> float:
    """A number in [0, 1) that depends on its arguments alone."""
    digest = hashlib.blake2b(struct.pack("<QQQ", seed & (2**64 - 1), row, step), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


@torch.no_grad()
def sample(
    network: Network, tokenizer: Any, requests: Sequence[SampleRequest], token_budget: int, agree: Agree = lambda t: t
) -> list[SampleResult]:
    """Answers requests, in their order."""
    sizes = [(len(r.prompt) + r.max_tokens) * (r.num_samples if r.max_tokens > 1 else 1) for r in requests]
    results: dict[int, SampleResult] = {}
    queue = micro_batches(sizes, token_budget)
    while queue:
        batch = queue.pop(0)
        try:
            answers = _batch(network, tokenizer, [requests[i] for i in batch], agree)
        except torch.cuda.OutOfMemoryError as error:
            if len(batch) == 1 or network.sharded:
                raise UserError(
                    f"asample: memory does not hold {sizes[batch[0]]} tokens; ask for fewer samples or fewer tokens"
                ) from error
            torch.cuda.empty_cache()
            tell(f"out of memory with {len(batch)} prompts at once: half of them at a time")
            queue[:0] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            continue
        results.update(zip(batch, answers, strict=True))
    return [results[i] for i in range(len(requests))]


def _batch(network: Network, tokenizer: Any, requests: Sequence[SampleRequest], agree: Agree) -> list[SampleResult]:
    ids, mask = pad([r.prompt for r in requests], network.device, left=True)
    positions = (mask.cumsum(-1) - 1).clamp_min(0)
    steps = max(r.max_tokens for r in requests)
    cache = DynamicCache(config=network.config) if steps > 1 else None
    hidden = network.run(ids, mask, cache, positions)
    lines = [[Live(r, row) for row in range(r.num_samples)] for r in requests]
    results = [
        score(network, hidden[b, hidden.shape[1] - len(r.prompt) :], r, [live.sampled for live in lines[b]])
        for b, r in enumerate(requests)
    ]
    if steps > 0:
        owners = torch.tensor([b for b, rows in enumerate(lines) for _ in rows], device=network.device)
        _generate(network, tokenizer, [x for rows in lines for x in rows], owners, hidden[:, -1], mask, cache, agree)
    return results


def _generate(
    network: Network, tokenizer: Any, lives: list[Live], owners: Tensor, last: Tensor, mask: Tensor, cache: Any,
    agree: Agree,
) -> None:  # fmt: skip
    """Extends rows until each has ended. @param owners which prompt a row follows; @param last [prompts, D]"""
    keep = [i for i, live in enumerate(lives) if live.request.max_tokens > 0]
    lives, owners = [lives[i] for i in keep], owners[keep]
    last, mask = last[owners], mask[owners]
    if cache is not None and len(owners):
        cache.batch_select_indices(owners)
    step = 0
    while lives:
        logits = network.logits(last)
        tokens = agree(choose(logits, [live.request for live in lives], [live.row for live in lives], step))
        logps = logits.gather(-1, tokens[:, None])[:, 0] - logits.logsumexp(-1)
        wide = max(live.request.topk_sample for live in lives)
        top = (logits - logits.logsumexp(-1, keepdim=True)).topk(wide) if wide else None
        chosen, chosen_logps = tokens.tolist(), logps.tolist()
        going = []
        for i, live in enumerate(lives):
            live.sampled.tokens.append(chosen[i])
            live.sampled.logprobs.append(chosen_logps[i])
            if top is not None and (k := live.request.topk_sample):
                live.sampled.topk.append((top.indices[i, :k].cpu().numpy(), top.values[i, :k].cpu().numpy()))
            if not ended(live, tokenizer):
                going.append(i)
        step += 1
        if not going:
            return
        if len(going) < len(lives):
            rest = torch.tensor(going, device=network.device)
            lives, tokens, mask = [lives[i] for i in going], tokens[rest], mask[rest]
            cache.batch_select_indices(rest)
        positions = mask.sum(-1, keepdim=True)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)
        last = network.run(tokens[:, None], mask, cache, positions)[:, -1]


def choose(logits: Tensor, requests: Sequence[SampleRequest], rows: Sequence[int], step: int) -> Tensor:
    """The next token of each row, int64 [B]: greedy at temperature 0, else from the truncated distribution.

    The inverse of the distribution function, in the vocabulary's order: rounding that differs between batches changes
    a token only where the random number lies at its border.
    """
    tokens = logits.argmax(-1)
    drawn = [i for i, r in enumerate(requests) if r.temperature > 0]
    if not drawn:
        return tokens
    heat = logits.new_tensor([requests[i].temperature for i in drawn])[:, None]
    probabilities = (logits[drawn] / heat).softmax(-1)
    cut = [j for j, i in enumerate(drawn) if 0 < requests[i].top_k < logits.shape[-1] or requests[i].top_p < 1]
    if cut:
        limits = [(requests[drawn[j]].top_k, requests[drawn[j]].top_p) for j in cut]
        probabilities[cut] = truncate(probabilities[cut], *zip(*limits, strict=True))
    cumulative = probabilities.double().cumsum(-1)
    u = [uniform(requests[i].seed, rows[i], step) for i in drawn]
    at = cumulative[:, -1:] * torch.tensor(u, dtype=torch.float64, device=logits.device)[:, None]
    tokens[drawn] = torch.searchsorted(cumulative, at, right=True)[:, 0].clamp_max(logits.shape[-1] - 1)
    return tokens


def truncate(probabilities: Tensor, top_k: Sequence[int], top_p: Sequence[float]) -> Tensor:
    """Keeps each row's k likeliest tokens, then the smallest set of those with the share p; zeros elsewhere, [B, V].

    @param top_k per row; 0 or less: all
    """
    order = probabilities.sort(descending=True, stable=True)
    places = torch.arange(probabilities.shape[-1], device=probabilities.device)
    keep = places < torch.tensor([k if k > 0 else len(places) for k in top_k], device=places.device)[:, None]
    kept = order.values * keep
    kept = kept / kept.sum(-1, keepdim=True)
    keep &= kept.cumsum(-1) - kept < kept.new_tensor(top_p)[:, None]
    keep[:, 0] = True
    return torch.zeros_like(probabilities).scatter(-1, order.indices, order.values * keep)


def ended(live: Live, tokenizer: Any) -> bool:
    """Whether a row is complete; notes why."""
    request, sampled = live.request, live.sampled
    if sampled.tokens[-1] in request.stop_tokens:
        sampled.stop_reason = "stop"
        return True
    if request.stop_strings:
        longest = max(len(s.encode()) for s in request.stop_strings)
        text = tokenizer.decode(sampled.tokens[-longest - 4 :], skip_special_tokens=False)
        if any(s in text for s in request.stop_strings):
            sampled.stop_reason = "stop"
            return True
    return len(sampled.tokens) >= request.max_tokens


def score(network: Network, hidden: Tensor, request: SampleRequest, sequences: Sequence[Sampled]) -> SampleResult:
    """What a request wants to know of its prompt. @param hidden [P, D]; position i predicts token i + 1"""
    result = SampleResult(sequences)
    length, k = len(request.prompt), request.topk_prompt
    first = 0 if request.last_n is None else max(0, length - 1 - request.last_n)
    if request.prompt_logprobs:
        result.prompt_logprobs = np.full(length, np.nan, dtype=np.float32)
    if k:
        result.topk_ids = np.zeros((length, k), dtype=np.int32)
        result.topk_logprobs = np.full((length, k), -99999.0, dtype=np.float32)
    wanted = None if request.targets is None else request.targets.dense(-1)
    targets = None if wanted is None else np.zeros(wanted.shape, dtype=np.float32)
    places = _places(length, first, request, wanted)
    for at in np.array_split(places, -(-len(places) * network.vocabulary // CHUNK_LOGITS)) if len(places) else ():
        logps = network.logits(hidden[torch.from_numpy(at).to(hidden.device)]).log_softmax(-1)
        if result.prompt_logprobs is not None:
            own = torch.from_numpy(request.prompt[at + 1]).to(logps.device)
            result.prompt_logprobs[at + 1] = logps.gather(-1, own[:, None])[:, 0].cpu().numpy()
        if k and result.topk_ids is not None and result.topk_logprobs is not None:
            top = logps.topk(k)
            result.topk_ids[at + 1] = top.indices.cpu().numpy()
            result.topk_logprobs[at + 1] = top.values.cpu().numpy()
        if wanted is not None and targets is not None:
            cells = torch.from_numpy(wanted[at]).to(logps.device)
            found = logps.gather(-1, cells.clamp_min(0))
            targets[at] = torch.where(cells >= 0, found, 0.0).cpu().numpy()
    for scores in (result.prompt_logprobs, result.topk_logprobs):
        if scores is not None:
            scores[1 : first + 1] = np.nan if scores.ndim == 1 else -99999.0
    if result.topk_ids is not None:
        result.topk_ids[: first + 1] = 0
    if targets is not None and request.targets is not None:
        result.target_logprobs = request.targets.like(targets)
    return result


def _places(length: int, first: int, request: SampleRequest, wanted: Array | None) -> Array:
    """Positions whose predictions are wanted."""
    needed = np.zeros(max(length - 1, 0), dtype=bool)
    if request.prompt_logprobs or request.topk_prompt:
        needed[first:] = True
    if wanted is not None:
        needed |= (wanted >= 0).any(axis=1)
    return np.flatnonzero(needed)
