"""Progress of a build: a bar on a terminal, lines with percent and remaining time elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_SECONDS = 5.0
"""Least time between two lines of a log."""


class Report(Protocol):
    """Takes what is being done, and how much of the whole is done."""

    def __call__(self, what: str, done: float | None = None, /) -> None:
        """Report a step.

        Args:
            what: the step, in a few words.
            done: fraction of the whole, 0..1; None leaves it as it was.
        """
        ...


def silent(what: str, done: float | None = None, /) -> None:
    """Report nothing."""


def parts(report: Report, count: int, begin: float = 0.0) -> list[Report]:
    """Reports of as many stages of equal length as there are, from `begin` on."""

    def stage(index: int) -> Report:
        def told(what: str, done: float | None = None, /) -> None:
            report(what, begin + (1 - begin) * (index + min(max(done or 0.0, 0.0), 1.0)) / count)

        return told

    return [stage(index) for index in range(count)]


@contextlib.contextmanager
def shown(console: Console) -> Iterator[Report]:
    """Show progress on a console while the block runs.

    Args:
        console: on standard error; a bar when it is a terminal, lines otherwise.
    """
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as bar:
        task = bar.add_task("loading", total=1.0)

        def told(what: str, done: float | None = None, /) -> None:
            bar.update(task, description=what, completed=done)

        yield told


def _lines(console: Console, clock: Callable[[], float] = time.monotonic) -> Report:
    began = clock()
    last, reached = began - _SECONDS, 0.0

    def told(what: str, done: float | None = None, /) -> None:
        nonlocal last, reached
        reached = max(reached, done or 0.0)
        now = clock()
        if now - last < _SECONDS:
            return
        last, spent = now, now - began
        left = f", about {spent / reached - spent:.0f} s left" if 0.02 < reached < 1 else ""
        console.print(f"{100 * reached:3.0f} %, {spent:.0f} s{left}: {what}", highlight=False, soft_wrap=True)

    return told
