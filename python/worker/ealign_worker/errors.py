"""What a caller did wrong, and progress that a person reads."""

import sys


class UserError(Exception):
    """The caller's mistake. The message is one sentence or two: where, what, what to do."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status where it is answered at once."""


def tell(message: str) -> None:
    """One line on stderr, for things that a person should know while the worker runs."""
    print(f"ealign_worker: {message}", file=sys.stderr, flush=True)
