"""Lines on standard error, which may be full, closed, or read by nobody: that ends no run."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from rich.console import Console


class Messages:
    """Prints lines on a console of standard error; once one cannot be written, no more are."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, line: str) -> None:
        """Print a line."""
        try:
            self._console.print(line)
        except OSError:
            # What is left in the buffer would fail again when Python leaves.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
