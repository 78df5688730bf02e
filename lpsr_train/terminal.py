"""What the training commands share on the terminal: the bar, and what they need."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lpsr_core.errors import need
from lpsr_core.wording import counted


def need_torch(plots: bool = True) -> None:
    """Make sure of what training and evaluation import; `plots` says that the command draws curves, too.

    Raises:
        MissingExtraError: it is not installed.
    """
    need("torch", "PyTorch", "train")
    if plots:
        need("matplotlib", "matplotlib", "train")


def note_repeated(texts: Sequence[str]) -> None:
    """Say on stderr which plates are trained on and tested with, where there are any."""
    if not texts:
        return
    few = ", ".join(texts[:3]) + (", …" if len(texts) > 3 else "")
    what = f"{counted(len(texts), 'plate')} {'is' if len(texts) == 1 else 'are'}"
    typer.echo(
        f"note: {what} in the training split and in another one, too ({few}): "
        "figures on that one are better than on plates that were not trained on",
        err=True,
    )


def note_left_out(problems: Sequence[str], noun: str = "pair") -> None:
    """Say on stderr how many pairs or pictures were left out, where any were, and why the first one was."""
    if problems:
        what = f"{counted(len(problems), noun)} {'is' if len(problems) == 1 else 'are'}"
        typer.echo(f"note: {what} left out: {problems[0]}" + (", …" if len(problems) > 1 else ""), err=True)


def progress_bar() -> Progress:
    """A bar with counts, times and a note; every task needs the field `note`.

    Where there is no terminal, it is written once, when it ends; see `log`.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )


def log(bar: Progress, line: str) -> None:
    """Write a line of progress where there is no terminal to show the bar, which leaves no trace in a log."""
    if not bar.console.is_terminal:
        bar.console.print(line, soft_wrap=True)
