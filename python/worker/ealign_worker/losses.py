"""Log-probabilities of chosen targets in chunks, and the loss functions of them.

Logits exist for one chunk of positions at a time; the backward pass computes them again.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .errors import UserError
from .network import Network

CHUNK_LOGITS = 1 << 25
"""Logits of a chunk: 128 MiB in float32."""


def target_logps(
    network: Network, hidden: Tensor, targets: Tensor, detail: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability, and where `detail` is asked for entropy and correctness, at chosen positions.

    @param hidden [N, D]; receives the gradient; @param targets int64 [N, K]
    @return logps float32 [N, K], nats; without gradient: entropy of the prediction [N, 1], nats; 1 where the target
            was the likeliest token [N, K]
    """
    size = max(16, CHUNK_LOGITS // network.vocabulary)
    parts = []
    for h, t in zip(hidden.split(size), targets.split(size), strict=True):
        if torch.is_grad_enabled():
            parts.append(checkpoint(_chunk, network, h, t, detail, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(_chunk(network, h, t, detail))
    logps, entropy, correct = zip(*parts, strict=True)
    return torch.cat(logps), torch.cat(entropy), torch.cat(correct)


def _chunk(network: Network, hidden: Tensor, targets: Tensor, detail: bool) -> tuple[Tensor, Tensor, Tensor]:
    logits = network.logits(hidden)
    normaliser = logits.logsumexp(-1, keepdim=True)
    logps = logits.gather(-1, targets) - normaliser
    if not detail:
        return logps, logps.new_zeros(len(logps), 1), torch.zeros_like(logps)
    with torch.no_grad():
        expected = torch.einsum("nv,nv->n", (logits - normaliser).exp(), logits)  # H = log Z − Σ p·z
        entropy = normaliser - expected[:, None]
        correct = (targets == logits.argmax(-1, keepdim=True)).float()
    return logps, entropy, correct


Inputs = Mapping[str, Tensor]
Config = Mapping[str, float | str]


def cross_entropy(logps: Tensor, inputs: Inputs, _config: Config) -> Tensor:
    """Σ w·(−log p), a plain sum: a negative weight pushes its target away."""
    return -(inputs["weights"] * logps).sum()


def importance_sampling(logps: Tensor, inputs: Inputs, _config: Config) -> Tensor:
    """−Σ (p/q)·A; q is the sampler's probability (`logprobs`), A the advantage."""
    return -((logps - inputs["logprobs"]).exp() * inputs["advantages"]).sum()


def ppo(logps: Tensor, inputs: Inputs, config: Config) -> Tensor:
    """−Σ min(r·A, clip(r)·A), r = p/q. Schulman et al. 2017, arXiv:1707.06347, Eq. 7."""
    ratio = (logps - inputs["logprobs"]).exp()
    low, high = float(config.get("clip_low_threshold", 0.8)), float(config.get("clip_high_threshold", 1.2))
    advantages = inputs["advantages"]
    return -torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages).sum()


LossFn = Callable[[Tensor, Inputs, Config], Tensor]
LOSSES: dict[str, tuple[LossFn, tuple[str, ...]]] = {
    "cross_entropy": (cross_entropy, ("weights",)),
    "importance_sampling": (importance_sampling, ("logprobs", "advantages")),
    "ppo": (ppo, ("logprobs", "advantages")),
}
"""By name: the function, and the arrays that it needs beside `target_tokens`."""


def loss_named(name: str) -> tuple[LossFn, tuple[str, ...]]:
    """@raise UserError for a loss that this worker does not have"""
    if name not in LOSSES:
        raise UserError(f"loss_fn {name!r}: this worker has {', '.join(LOSSES)}; use one of them")
    return LOSSES[name]
