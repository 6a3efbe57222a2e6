"""Everything that the worker does with models, one method a command. All ranks run the same commands in the same order.

Arguments and answers are plain values (numpy, bytes, dictionaries), since rank 0 sends them to the others.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig
from safetensors.torch import load, load_file, save, save_file

from .base import Base, Lora, put
from .batching import micro_batches, pad
from .checkpoints import Checkpoints
from .errors import UserError
from .network import Network, Steering
from .policy import Adam, FullPolicy, LoraPolicy, Policy, When
from .sampling import sample
from .training import Pass, Trainer, collected
from .values import Array, Datum, LossResult, SampleRequest, SampleResult
from .world import World

SNAPSHOTS = 4
"""Saved sampler weights that are held in memory at a time."""


@dataclass(frozen=True)
class Target:
    """What is sampled from: the base, a policy as it is now (`model_id`), or saved weights (`path`)."""

    model_id: str | None = None
    path: str | None = None
    factor: float = 1.0
    """Of a policy's difference to the base."""


class Engine:
    """The models of one worker. Not thread-safe; one thread runs its commands."""

    def __init__(self, base: Base, checkpoints: Checkpoints, world: World, token_budget: int) -> None:
        self.base, self.checkpoints, self.world = base, checkpoints, world
        self.trainer = Trainer(token_budget)
        self.policies: dict[str, Policy] = {}
        self.snapshots: dict[str, str | Network] = {}
        self._names = 0

    def policy(self, model_id: str) -> Policy:
        if model_id not in self.policies:
            raise UserError(f"model_id {model_id!r}: no such model on this worker; create it with create_model", 404)
        return self.policies[model_id]

    def create_model(self, model_id: str, lora: Lora | None) -> dict[str, Any]:
        """@param lora absent: all weights are trained"""
        self.policies[model_id] = (
            FullPolicy(model_id, self.base) if lora is None else LoraPolicy(model_id, self.base, self._name(), lora)
        )
        return {"model_id": model_id, "type": "create_model"}

    def unload_model(self, model_id: str) -> dict[str, Any]:
        self.policy(model_id).close()
        del self.policies[model_id]
        return {"model_id": model_id, "type": "unload_model"}

    def forward_backward(self, model_id: str, data: Sequence[Datum], what: Pass) -> LossResult:
        policy = self.policy(model_id)
        share, together = (self.world.rank, self.world.size), self.world.sharded
        try:
            parts = self.world.gather(lambda: self.trainer.run(policy, data, what, share, together))
        except Exception:
            policy.spoiled = policy.spoiled or what.backward
            raise
        return collected(parts, len(data))

    def optim_step(self, model_id: str, adam: Adam) -> dict[str, Any]:
        return {"metrics": self.policy(model_id).update(adam, self.world.add), "type": "optim_step"}

    def sample(self, target: Target, requests: Sequence[SampleRequest]) -> list[SampleResult]:
        """Requests of one target, shared out over the ranks unless the weights are sharded."""
        mine = requests if self.world.sharded else requests[self.world.rank :: self.world.size]
        budget = self.trainer.token_budget * 4  # no activations are kept

        def answer() -> list[SampleResult]:
            with self.network(target) as network:
                return sample(network, self.base.tokenizer, mine, budget, self.world.agree)

        parts = self.world.gather(answer)
        if self.world.sharded:
            return parts[0]
        results: list[SampleResult | None] = [None] * len(requests)
        for rank, part in enumerate(parts):
            results[rank :: self.world.size] = part
        return [r for r in results if r is not None]

    def network(self, target: Target) -> AbstractContextManager[Network]:
        """The weights of a target, switched on while the context is open."""
        if target.model_id is not None:
            return self.policy(target.model_id).active("answering", target.factor)
        if target.path is None:
            return self.base.frozen()
        return self._snapshot(target.path)

    def _snapshot(self, path: str) -> AbstractContextManager[Network]:
        found = self.snapshots.pop(path, None)
        if found is None:
            folder = self.checkpoints.folder(path, "sampler_weights")
            while len(self.snapshots) >= SNAPSHOTS:
                self._drop(next(iter(self.snapshots)))
            if self.checkpoints.about(folder)["lora"] is None:
                for other in [p for p, held in self.snapshots.items() if isinstance(held, Network)]:
                    self._drop(other)  # one whole model at a time
                found = self.base.open(name=str(folder))
            else:
                found = self._name()
                config = LoraConfig.from_pretrained(folder)
                config.inference_mode = True
                self.base.attach(found, config)
                put(self.base.parameters(found), load_file(folder / "adapter_model.safetensors"), path)
        self.snapshots[path] = found
        return self.base.adapted(found) if isinstance(found, str) else _as_is(found)

    def _drop(self, path: str) -> None:
        held = self.snapshots.pop(path, None)
        if isinstance(held, str):
            self.base.remove(held)

    def save_weights(self, model_id: str, name: str, overwrite: bool) -> dict[str, Any]:
        policy = self.policy(model_id)
        tensors, updates = policy.state()
        uri = self.checkpoints.uri(model_id, "weights", name)

        def fill(folder: Path) -> None:
            save_file(tensors, folder / "state.safetensors", {"updates": str(updates)})

        self.world.on_first(lambda: self.checkpoints.write(uri, self.about(policy), fill, overwrite))
        return {"path": uri, "type": "save_weights"}

    def save_weights_for_sampler(self, model_id: str, name: str) -> dict[str, Any]:
        """An adapter in PEFT's format or a model in Hugging Face's, to be loaded by path."""
        policy = self.policy(model_id)
        weights = policy.weights()
        uri = self.checkpoints.uri(model_id, "sampler_weights", name)

        def fill(folder: Path) -> None:
            if isinstance(policy, LoraPolicy):
                save_file(weights, folder / "adapter_model.safetensors", {"format": "pt"})
                policy.config.save_pretrained(folder)
            elif isinstance(policy, FullPolicy):
                halved = {n: t.to(self.base.source.dtype) for n, t in weights.items()}
                policy.network.model.save_pretrained(folder, state_dict=halved)
                if self.base.tokenizer is not None:
                    self.base.tokenizer.save_pretrained(folder)

        self.world.on_first(lambda: self.checkpoints.write(uri, self.about(policy), fill, True))
        self._drop(uri)
        return {"path": uri, "type": "save_weights_for_sampler"}

    def load_weights(self, model_id: str, path: str, optimizer: bool) -> dict[str, Any]:
        """Restores a checkpoint; a model that does not exist is created as the checkpoint says."""
        folder = self.checkpoints.folder(path, "weights")
        lora = self.checkpoints.about(folder)["lora"]
        if model_id not in self.policies:
            self.create_model(model_id, None if lora is None else Lora.read(lora))
        policy = self.policy(model_id)
        file = folder / "state.safetensors"
        policy.restore(load_file(file), int(_metadata(file.read_bytes())["updates"]), optimizer)
        return {"path": path, "model_id": model_id, "type": "load_weights"}

    def about(self, policy: Policy) -> dict[str, Any]:
        return {
            "model_id": policy.model_id,
            "base_model": self.base.source.name,
            "lora": None if policy.lora is None else vars(policy.lora),
        }

    def get_weights(self, model_id: str) -> bytes:
        body: bytes = save(self.policy(model_id).weights(), {"format": "pt"})
        return body

    def put_weights(self, model_id: str, body: bytes) -> dict[str, Any]:
        self.policy(model_id).replace(read_state(body)[0])
        return {"type": "put_weights"}

    def get_state(self, model_id: str) -> bytes:
        tensors, updates = self.policy(model_id).state()
        body: bytes = save(tensors, {"format": "pt", "updates": str(updates)})
        return body

    def put_state(self, model_id: str, body: bytes) -> dict[str, Any]:
        tensors, metadata = read_state(body)
        if not metadata.get("updates", "").isdigit():
            raise UserError("ealign/state: the metadata has no `updates`; send what GET ealign/state gave")
        self.policy(model_id).restore(tensors, int(metadata["updates"]))
        return {"type": "put_state"}

    def steer(self, model_id: str, when: When, steering: Sequence[Steering]) -> dict[str, Any]:
        policy, config = self.policy(model_id), self.base.network.config
        for s in steering:
            if s.kind not in ("add", "remove") or not 0 <= s.layer < config.num_hidden_layers:
                raise UserError(
                    f"steer: kind {s.kind!r}, layer {s.layer}; use add or remove, 0 to {config.num_hidden_layers - 1}"
                )
            if len(s.vector) != config.hidden_size:
                raise UserError(
                    f"steer: a vector of {len(s.vector)} numbers; the model's width is {config.hidden_size}"
                )
        policy.steering[when] = tuple(steering)
        return {"type": "steer"}

    @torch.no_grad()
    def mean_hidden(self, target: Target, layer: int, rows: Sequence[tuple[Array, Array]]) -> list[Any]:
        """Mean residual stream after a layer at the places that predict each row's targets; zeros without targets.

        @param rows tokens int64 [T], targets bool [T]; target t is predicted at t − 1
        """
        count = self.base.network.config.num_hidden_layers
        if not 0 <= layer < count:
            raise UserError(f"mean_hidden: layer {layer} of a model of {count}; use 0 to {count - 1}")
        means: dict[int, Any] = {}
        with self.network(target) as network, network.listening(layer) as heard:
            for batch in micro_batches([len(tokens) for tokens, _ in rows], self.trainer.token_budget):
                ids, mask = pad([rows[i][0] for i in batch], network.device)
                network.run(ids, mask)
                states = heard.pop()
                for b, i in enumerate(batch):
                    at = np.flatnonzero(rows[i][1][1:])
                    chosen = states[b, torch.from_numpy(at).to(states.device)].float()
                    means[i] = (chosen.sum(0) / max(1, len(at))).cpu().tolist()
        return [means[i] for i in range(len(rows))]

    def _name(self) -> str:
        self._names += 1
        return f"ealign{self._names}"


class _as_is(AbstractContextManager[Network]):
    def __init__(self, network: Network) -> None:
        self.network = network

    def __enter__(self) -> Network:
        return self.network

    def __exit__(self, *error: object) -> None:
        pass


def read_state(body: bytes) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file. @raise UserError where it is none"""
    try:
        return load(body), _metadata(body)
    except Exception as error:
        raise UserError(f"body: is no safetensors file ({error}); send application/octet-stream of one") from error


def _metadata(body: bytes) -> dict[str, str]:
    import json

    size = int.from_bytes(body[:8], "little")
    found: dict[str, str] = json.loads(body[8 : 8 + size]).get("__metadata__", {})
    return found
