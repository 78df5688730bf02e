"""How far a bulk run is: a bar on a terminal, a line every few seconds elsewhere; both with rate and time left."""

from __future__ import annotations

from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_LINE_SECONDS = 10.0


class BulkProgress:
    """Shows how many inputs have their result.

    Args:
        console: on standard error.
        total: inputs of the run.
        before: how many of them had their result at the start.
        quiet: shows nothing.
    """

    def __init__(self, console: Console, total: int, before: int, quiet: bool) -> None:
        self._console, self._total = console, total
        self._quiet = quiet
        self._done, self._failed = before, 0
        self._start: float | None = None
        self._counted_from = before
        self._next_line = monotonic() + _LINE_SECONDS
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task(self.line, total=total, completed=before)

    def __enter__(self) -> BulkProgress:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    @property
    def line(self) -> str:
        """One line: done, total, rate, time left, failures."""
        percent = 100 * self._done / self._total if self._total else 100.0
        parts = [f"{self._done:,} of {self._total:,} ({percent:.0f} %)"]
        if self._start is None:
            parts.append("workers are starting")
        elif self._done > self._counted_from:
            rate = (self._done - self._counted_from) / max(monotonic() - self._start, 1e-3)
            parts += [f"{rate:.1f}/s", f"{_span((self._total - self._done) / rate)} left"]
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        return ", ".join(parts)

    def advance(self, results: int, failed: int) -> None:
        """Count results."""
        self._done += results
        self._failed += failed
        if self._start is None and results:  # workers start before that, which says nothing of the rate
            self._start, self._counted_from = monotonic(), self._done
        self.tick()

    def tick(self) -> None:
        """Show where the run is, if it is time to."""
        self._bar.update(self._task, completed=self._done, description=self.line)
        if not self._quiet and not self._console.is_terminal and monotonic() >= self._next_line:
            self._next_line = monotonic() + _LINE_SECONDS
            self._console.print(self.line)


def _span(seconds: float) -> str:
    """A span of time, as `1:02:03` or `2:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
