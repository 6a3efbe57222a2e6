"""The processes of one worker. Rank 0 serves; the others repeat its commands. Alone, everything here is a no-op."""

import os
import pickle
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import UserError
from .network import Network

T = TypeVar("T")
FOREVER = timedelta(days=365)
"""How long a rank waits for the next command."""


class World:
    """Ranks of a torchrun, or one process."""

    def __init__(self, sharded: bool = False) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        self.sharded = sharded
        if sharded and self.size == 1:
            raise UserError("--shard: needs several processes; start with torchrun --nproc-per-node N -m ealign_worker")
        if self.size > 1:
            if torch.cuda.is_available():
                torch.cuda.set_device(self.local_rank)
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
            self.control = dist.new_group(backend="gloo", timeout=FOREVER)

    def send(self, command: Any) -> None:
        """Rank 0: has the other ranks run a command."""
        if self.size > 1:
            dist.broadcast_object_list([command], src=0, group=self.control)

    def receive(self) -> Any:
        """Other ranks: waits for the next command."""
        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    def gather(self, compute: Callable[[], T]) -> list[T]:
        """Every rank's answer. An error of one rank is raised on all, so that none waits for it."""
        if self.size == 1:
            return [compute()]
        mine: Any
        try:
            mine = (True, compute())
        except Exception as error:
            mine = (False, _sendable(error))
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, mine, group=self.control)
        for ok, value in parts:
            if not ok:
                raise value
        return [value for _, value in parts]

    def on_first(self, act: Callable[[], None]) -> None:
        """Has rank 0 do something, and the others wait for it."""
        self.gather(lambda: act() if self.rank == 0 else None)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Sums over the ranks, in place. Sharded tensors are sums already."""
        if self.size == 1:
            return
        for tensor in tensors:
            if not hasattr(tensor, "device_mesh"):
                dist.all_reduce(tensor)

    def shard(self, network: Network) -> None:
        """FSDP2 over the decoder layers, in place. Embeddings, head, final norm and adapters stay whole everywhere."""
        from torch.distributed.fsdp import FSDPModule, fully_shard

        network.sharded = True
        layers = network.layers()
        inside = {id(p) for layer in layers for p in layer.parameters()}
        outside = {p for p in network.body.parameters() if id(p) not in inside}
        for layer in layers:
            fully_shard(layer)
        fully_shard(network.body, ignored_params=outside)
        for module in network.body.modules():
            if isinstance(module, FSDPModule):
                module.set_gradient_divide_factor(1.0)
                module.set_force_sum_reduction_for_comms(True)
        if torch.cuda.is_available():
            network.model.to(f"cuda:{self.local_rank}")

    def agree(self, tokens: Tensor) -> Tensor:
        """Rank 0's tokens on all ranks, where all sample the same rows."""
        if self.sharded:
            dist.broadcast(tokens, src=0)
        return tokens


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
