"""What the training commands share on the terminal: the bar, and what they need."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import typer
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


def note_repeated(texts: Sequence[str]) -> None:
    """Says on stderr that plates are trained on and tested with, where there are any.

    Args:
        texts: of these plates.
    """
    if not texts:
        return
    few = ", ".join(texts[:3]) + (", …" if len(texts) > 3 else "")
    what = "1 plate is" if len(texts) == 1 else f"{len(texts)} plates are"
    typer.echo(
        f"note: {what} in the training split and in another one, too ({few}): "
        "figures on that one are better than on plates that were not trained on",
        err=True,
    )


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
