"""What the training commands share on the terminal: the bar, and what they need."""

from __future__ import annotations

import importlib.util

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lpsr_core.errors import MissingExtraError


def need_torch(plots: bool = True) -> None:
    """Makes sure of what training and evaluation import.

    Args:
        plots: the command draws curves, too.

    Raises:
        MissingExtraError: it is not installed.
    """
    for module, name in (("torch", "PyTorch"), ("matplotlib", "matplotlib"))[: 2 if plots else 1]:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(name, "train")


def progress_bar() -> Progress:
    """A bar with counts, times and a note; every task needs the field `note`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
