"""Rows into micro-batches: rows of about one length together, padded, up to a budget of tokens."""

from collections.abc import Sequence

import numpy as np
import torch

from .values import Array


def micro_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices of rows, longest first, so that rows × longest ≤ budget. A longer row is alone.

    The longest batch comes first: what does not fit into memory fails at once, and not after an hour.
    """
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def pad(rows: Sequence[Array], device: torch.device, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Token rows as ids and mask, int64 [B, T], padded at one side."""
    longest = max(len(row) for row in rows)
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        span = slice(longest - len(row), None) if left else slice(len(row))
        ids[i, span], mask[i, span] = row, 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
