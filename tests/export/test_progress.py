"""Progress of a build, on a terminal and in a log."""

from __future__ import annotations

import io

from rich.console import Console

from lpsr_export import progress
from lpsr_export.progress import parts, shown


def test_stages_are_parts_of_the_whole() -> None:
    told: list[tuple[str, float | None]] = []

    def report(what: str, done: float | None = None, /) -> None:
        told.append((what, done))

    first, second = parts(report, 2, begin=0.5)
    first("a", 0.5)
    second("b")
    parts(second, 2)[1]("c", 2.0)
    assert told == [("a", 0.625), ("b", 0.75), ("c", 1.0)]


def test_a_log_has_percent_and_remaining_time(monkeypatch) -> None:
    written = io.StringIO()
    times = iter([0.0, 0.0, 1.0, 30.0, 60.0])
    told = progress._lines(Console(file=written), lambda: next(times))
    told("preparing crops")
    told("too soon", 0.1)
    told("int8 generator, measuring layer 3 of 61", 0.25)
    told("int8 reader")
    assert written.getvalue().splitlines() == [
        "  0 %, 0 s: preparing crops",
        " 25 %, 30 s, about 90 s left: int8 generator, measuring layer 3 of 61",
        " 25 %, 60 s, about 180 s left: int8 reader",
    ]


def test_a_terminal_has_a_bar() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    with shown(console) as report:
        report("int8 generator, measuring layer 3 of 61", 0.4)
    assert "int8 generator, measuring layer 3 of 61" in written.getvalue()
    assert "40%" in written.getvalue()
