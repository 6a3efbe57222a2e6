"""What Inspect finds by the package's name: `ealign_inspect/emergent_misalignment` and the scorers."""

from ealign_inspect.scorers import aligned, coherent, misaligned
from ealign_inspect.tasks import emergent_misalignment, rate_sheet

__all__ = ["aligned", "coherent", "emergent_misalignment", "misaligned", "rate_sheet"]
