"""What flows through the worker: plain values, as numpy arrays, that can be sent to other ranks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """A dense array, or one in compressed sparse rows: `values` of the listed cells, row pointers, columns."""

    values: Array
    shape: tuple[int, ...]
    crow: Array | None = None
    col: Array | None = None

    def dense(self, pad: float = 0) -> Array:
        """The whole array; cells that a sparse one does not list hold `pad`."""
        if self.crow is None or self.col is None:
            return self.values.reshape(self.shape)
        whole = np.full(self.shape, pad, dtype=self.values.dtype)
        whole[np.repeat(np.arange(self.shape[0]), np.diff(self.crow)), self.col] = self.values
        return whole

    def like(self, whole: Array) -> "Tensor":
        """`whole` in this one's layout: a sparse one keeps its listed cells."""
        if self.crow is None or self.col is None:
            return Tensor(whole.reshape(-1), self.shape)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.crow))
        return Tensor(whole[rows, self.col], self.shape, self.crow, self.col)


@dataclass(frozen=True)
class Datum:
    """One row of training: position t has read `tokens[:t+1]` and predicts `inputs["target_tokens"][t]`."""

    tokens: Array
    """int64 [T]"""
    inputs: dict[str, Array]
    """`target_tokens` int64 and the loss function's further arrays float32, [T] or [T, K]."""


@dataclass(frozen=True)
class SampleRequest:
    """One prompt with what is to be sampled after it, and what is to be scored in it."""

    prompt: Array
    """int64 [P]"""
    num_samples: int
    max_tokens: int
    seed: int
    temperature: float = 1.0
    top_k: int = -1
    top_p: float = 1.0
    stop_tokens: frozenset[int] = frozenset()
    stop_strings: tuple[str, ...] = ()
    prompt_logprobs: bool = False
    last_n: int | None = None
    """Score the last n prompt tokens only."""
    topk_prompt: int = 0
    topk_sample: int = 0
    targets: Tensor | None = None
    """int64 [P − 1, K]: cell (i, j) is scored as token i + 1; −1 is not."""


@dataclass
class Sampled:
    """What was sampled, the stop token included, with log-probabilities at temperature 1 of the whole vocabulary."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    stop_reason: str = "length"
    topk: list[tuple[Array, Array]] = field(default_factory=list)


@dataclass
class SampleResult:
    """The answer to a `SampleRequest`. Log-probabilities in nats, float32."""

    sequences: Sequence[Sampled]
    prompt_logprobs: Array | None = None
    """[P], NaN where none was computed."""
    topk_ids: Array | None = None
    """int32 [P, k]; rows that were not computed hold 0 and −99999."""
    topk_logprobs: Array | None = None
    target_logprobs: Tensor | None = None


@dataclass
class LossResult:
    """Per datum arrays by name, shaped like its targets; sums over the whole request."""

    outputs: list[dict[str, Array]]
    metrics: dict[str, float]
