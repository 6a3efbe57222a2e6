"""What is trained: an adapter over the base, or a copy of all weights; each with its own AdamW."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from peft import LoraConfig
from torch import nn

from .base import Base, Lora, assign, put, whole
from .errors import UserError
from .network import Network, Steering

When = Literal["training", "answering"]
Reduce = Callable[[Sequence[torch.Tensor]], None]
"""Adds up tensors over all ranks, in place."""


@dataclass(frozen=True)
class Adam:
    """Tinker's adam_params. Decay is decoupled, and spares vectors (norms, biases)."""

    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-12
    weight_decay: float = 0.0
    grad_clip_norm: float = 0.0
    """Largest L2 norm of the whole gradient; 0: not clipped."""


class Policy(ABC):
    """One trained model: weights, gradient so far, moments, and directions that are written into it."""

    lora: Lora | None = None

    def __init__(self, model_id: str, parameters: Mapping[str, nn.Parameter]) -> None:
        self.model_id = model_id
        self.parameters = dict(parameters)
        self.sharded = any(hasattr(p, "device_mesh") for p in self.parameters.values())
        self.updates = 0
        self.passes = 0
        """Passes since the last update; with `updates` the seed of dropout."""
        self.spoiled = False
        """Whether a pass since the last update has failed, so that the gradient lacks a part."""
        self.steering: dict[When, tuple[Steering, ...]] = {"training": (), "answering": ()}
        self._renew()

    @abstractmethod
    def on(self, factor: float = 1.0) -> AbstractContextManager[Network]:
        """The network with these weights; `factor` times their difference to the base."""

    @contextmanager
    def active(self, when: When, factor: float = 1.0) -> Iterator[Network]:
        """The network with these weights and the directions of `when`."""
        with ExitStack() as stack:
            network = stack.enter_context(self.on(factor))
            stack.enter_context(network.steered(self.steering[when]))
            yield network

    def trainable(self) -> list[nn.Parameter]:
        return list(self.parameters.values())

    def _renew(self) -> None:
        """New moments, no gradient."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}  # sharded and whole ones cannot be stepped together
        for p in self.parameters.values():
            groups.setdefault((p.ndim > 1, hasattr(p, "device_mesh")), []).append(p)
        options = [{"params": group, "decays": decays} for (decays, _), group in groups.items()]
        self.optimiser = torch.optim.AdamW(options, lr=0.0, weight_decay=0.0)
        self.updates = 0
        self.forget()

    def forget(self) -> None:
        """Drops the gradient so far."""
        self.passes, self.spoiled = 0, False
        for parameter in self.parameters.values():
            parameter.grad = None

    @torch.no_grad()
    def update(self, adam: Adam, reduce: Reduce) -> dict[str, float]:
        """Clips the gradient so far, makes one step with it, and forgets it. A norm that is not finite moves nothing.

        Parameters without a gradient count as zero.
        @raise UserError where a pass since the last update has failed; the gradient is forgotten
        @return grad_norm before clipping, L2 (absent where it is not finite), and applied (1 or 0)
        """
        if self.spoiled:
            self.forget()
            raise UserError(
                "optim_step: a pass since the last update failed; its gradient is dropped: repeat the passes"
            )
        parameters = self.trainable()
        for p in parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        grads = [p.grad for p in parameters if p.grad is not None]
        reduce(grads)
        norm = gradient_norm(grads)
        if not math.isfinite(norm):
            self.forget()
            return {"applied": 0.0}
        if 0 < adam.grad_clip_norm < norm:
            for grad in grads:
                grad.mul_(adam.grad_clip_norm / norm)
        for group in self.optimiser.param_groups:
            decay = adam.weight_decay if group["decays"] else 0.0
            group.update(lr=adam.learning_rate, betas=(adam.beta1, adam.beta2), eps=adam.eps, weight_decay=decay)
        self.optimiser.step()
        self.updates += 1
        self.forget()
        return {"grad_norm": norm, "applied": 1.0}

    def weights(self) -> dict[str, torch.Tensor]:
        """Copies, float32, on the CPU."""
        return {name: whole(p) for name, p in self.parameters.items()}

    def replace(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Other weights of the same shapes: new moments, no gradient."""
        put(self.parameters, weights, "ealign/weights")
        self._renew()

    def state(self) -> tuple[dict[str, torch.Tensor], int]:
        """Weights, moments `mean.NAME` and `square.NAME`, and the number of updates. The gradient so far is no part."""
        tensors = self.weights()
        for name, p in self.parameters.items():
            moments = self.optimiser.state.get(p, {})
            for key, moment in (("mean", "exp_avg"), ("square", "exp_avg_sq")):
                tensors[f"{key}.{name}"] = whole(moments[moment] if moments else torch.zeros_like(p))
        return tensors, self.updates

    def restore(self, tensors: Mapping[str, torch.Tensor], updates: int, moments: bool = True) -> None:
        """What `state` gave: the next step is the one that would have followed. @param moments False: weights only"""
        prefixes = ("mean.", "square.")
        put(self.parameters, {n: t for n, t in tensors.items() if not n.startswith(prefixes)}, "state")
        self._renew()
        if not moments:
            return
        absent = [n for n in self.parameters if any(prefix + n not in tensors for prefix in prefixes)]
        if absent:
            raise UserError(f"state: the moments of {absent[0]} are missing; send all that GET ealign/state gives")
        self.updates = updates
        for name, p in self.parameters.items():
            mean, square = torch.zeros_like(p), torch.zeros_like(p)
            with torch.no_grad():
                assign(mean, tensors["mean." + name])
                assign(square, tensors["square." + name])
            step = torch.tensor(float(updates))
            if updates:
                self.optimiser.state[p] = {"step": step, "exp_avg": mean, "exp_avg_sq": square}

    @abstractmethod
    def close(self) -> None:
        """Frees the weights."""


class LoraPolicy(Policy):
    """An adapter over the shared base."""

    def __init__(self, model_id: str, base: Base, name: str, lora: Lora) -> None:
        self.base, self.name, self.lora = base, name, lora
        self.config: LoraConfig = base.add(name, lora)
        super().__init__(model_id, base.parameters(name))

    @contextmanager
    def on(self, factor: float = 1.0) -> Iterator[Network]:
        with self.base.adapted(self.name, factor) as network:
            yield network

    def close(self) -> None:
        self.forget()
        self.optimiser.state.clear()
        self.base.remove(self.name)


class FullPolicy(Policy):
    """A float32 copy of all weights. Where the base is in bfloat16 it computes in bfloat16, by autocast."""

    def __init__(self, model_id: str, base: Base) -> None:
        if base.source.quantize:
            raise UserError("create_model: all weights cannot be trained on a quantised base; start without --quantize")
        self.base = base
        self.network = base.open(torch.float32)
        self.network.model.requires_grad_(True)
        super().__init__(model_id, dict(self.network.model.named_parameters()))

    @contextmanager
    def on(self, factor: float = 1.0) -> Iterator[Network]:
        half = self.base.source.dtype != torch.float32
        trained = [] if factor == 1.0 else [p.detach().clone() for p in self.trainable()]
        try:
            if trained:
                self._amplify(factor)
            with torch.autocast(self.network.device.type, self.base.source.dtype, enabled=half):
                yield self.network
        finally:
            with torch.no_grad():
                for p, before in zip(self.trainable() if trained else (), trained, strict=True):
                    p.copy_(before)

    @torch.no_grad()
    def _amplify(self, factor: float) -> None:
        base = dict(self.base_weights())
        for name, p in self.parameters.items():
            p.copy_(torch.lerp(base[name].to(p.dtype), p, factor))

    def base_weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """The frozen weights by the policy's names, whatever adapters lie over them."""
        for name, p in self.base.network.model.named_parameters():
            if ".lora_" not in name:
                yield name.replace(".base_layer.", "."), p.data

    def close(self) -> None:
        self.forget()
        self.optimiser.state.clear()
        self.parameters.clear()
        del self.network


def gradient_norm(grads: Sequence[torch.Tensor]) -> float:
    """L2 norm over all of them."""
    from torch.distributed.tensor import DTensor

    squares = []
    for grad in grads:
        square = grad.float().square().sum()
        squares.append(square.full_tensor() if isinstance(square, DTensor) else square)
    return float(torch.stack([s.double() for s in squares]).sum().sqrt())
