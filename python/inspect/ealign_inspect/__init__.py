"""Emergent misalignment as a task of Inspect, judged as `ealign eval` judges it (Betley et al., arXiv:2502.17424)."""

from ealign_inspect.scorers import aligned, coherent, misaligned
from ealign_inspect.tasks import emergent_misalignment, rate_sheet

__all__ = ["aligned", "coherent", "emergent_misalignment", "misaligned", "rate_sheet"]
