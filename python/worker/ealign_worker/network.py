"""A causal language model in two parts: the body, up to the last hidden state, and the head, which makes logits.

Whole logits of a batch are the largest array of training. With the parts apart, the head runs on chosen positions
only. That body and head make the model's own logits is checked once, when the model is loaded.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .errors import UserError


@dataclass(frozen=True)
class Steering:
    """A direction in the residual stream after a layer. Zou et al. 2023, arXiv:2310.01405."""

    layer: int
    kind: str
    """`add`: h + d; `remove`: h − (h·u)u, u = d/‖d‖."""
    vector: tuple[float, ...]

    def apply(self, h: Tensor) -> Tensor:
        d = torch.tensor(self.vector, dtype=h.dtype, device=h.device)
        if self.kind == "add":
            return h + d
        u = d / d.norm().clamp_min(torch.finfo(d.dtype).tiny)
        return h - (h * u).sum(-1, keepdim=True) * u


class Network:
    """Body and head of a model from transformers. Adapters inside it are switched on and off by its owner."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = model.config.get_text_config()
        self.body: nn.Module = model.base_model
        self.sharded = False
        """Whether ranks share the layers, and so must all compute at once."""
        self._takes = inspect.signature(self.body.forward).parameters

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def vocabulary(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[0])

    def run(self, ids: Tensor, mask: Tensor, cache: Any = None, positions: Tensor | None = None) -> Tensor:
        """Last hidden states, after the final norm.

        @param ids int64 [B, T]; @param mask int64 [B, T so far], 0 where padded
        @return [B, T, D], in the dtype of the body
        """
        more: dict[str, Any] = {"use_cache": cache is not None}
        if cache is not None:
            more["cache" if "cache" in self._takes else "past_key_values"] = cache
        if positions is not None and "position_ids" in self._takes:
            more["position_ids"] = positions
        hidden: Tensor = self.body(input_ids=ids, attention_mask=mask, **more).last_hidden_state
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """float32 [..., V] of hidden states [..., D], scaled and capped as the architecture has it."""
        z: Tensor = self.model.get_output_embeddings()(hidden).float()
        if (scale := getattr(self.config, "logit_scale", None)) is not None:  # Cohere
            z = z * scale
        if (scaling := getattr(self.config, "logits_scaling", None)) is not None:  # Granite
            z = z / scaling
        if (cap := getattr(self.config, "final_logit_softcapping", None)) is not None:  # Gemma 2
            z = torch.tanh(z / cap) * cap
        return z

    @torch.no_grad()
    def check(self) -> None:
        """@raise UserError where head(body(x)) is not what the model itself computes"""
        ids = torch.arange(8, device=self.device)[None] % self.vocabulary
        mine = self.logits(self.run(ids, torch.ones_like(ids)))
        own = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits.float()
        if not torch.allclose(mine, own, atol=1e-3 * float(own.abs().max()) + 1e-5, rtol=1e-2):
            worst = float((mine - own).abs().max())
            raise UserError(
                f"model: {type(self.model).__name__} does something between its last hidden state and its logits that "
                f"this worker does not know (difference {worst:.3g}); use a model of another architecture"
            )

    def layers(self) -> nn.ModuleList:
        """The decoder layers. @raise UserError where they cannot be found"""
        count = self.config.num_hidden_layers
        for module in self.body.modules():
            if isinstance(module, nn.ModuleList) and len(module) == count:
                return module
        raise UserError(f"model: {type(self.model).__name__} has no list of {count} layers; use another architecture")

    def checkpoint_layers(self) -> None:
        """Prepares `recomputing`."""
        # transformers renamed it in 5.2x; the old name warns
        enable = getattr(self.model, "activation_checkpointing_enable", self.model.gradient_checkpointing_enable)
        enable({"use_reentrant": False})

    @contextmanager
    def recomputing(self) -> Iterator[None]:
        """While open, layers that are prepared for it recompute their activations in the backward pass.

        Their flag alone is set: dropout inside them stays off. Elsewhere it must not be set, since such layers have
        no cache.
        """
        layers = [m for m in self.model.modules() if getattr(m, "gradient_checkpointing", False)]
        for layer in layers:
            layer.training = True
        try:
            yield
        finally:
            for layer in layers:
                layer.training = False

    @contextmanager
    def steered(self, steering: Sequence[Steering]) -> Iterator[None]:
        """Writes directions into the residual stream while it is open."""
        layers = self.layers() if steering else nn.ModuleList()
        handles = [layers[s.layer].register_forward_hook(_edit(s)) for s in steering]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def listening(self, layer: int) -> Iterator[list[Tensor]]:
        """Collects the residual stream after a layer, one [B, T, D] a pass."""
        heard: list[Tensor] = []
        handle = self.layers()[layer].register_forward_hook(lambda _m, _i, out: heard.append(_first(out).detach()))
        try:
            yield heard
        finally:
            handle.remove()


def _first(out: Any) -> Tensor:
    first: Tensor = out[0] if isinstance(out, tuple) else out
    return first


def _edit(steering: Steering) -> Any:
    def hook(_module: nn.Module, _inputs: Any, out: Any) -> Any:
        h = steering.apply(_first(out))
        return (h, *out[1:]) if isinstance(out, tuple) else h

    return hook
