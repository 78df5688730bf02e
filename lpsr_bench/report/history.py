"""Results of one folder over time: a page with a section for each machine and precision."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpsr_bench.comparison import rounds_apart
from lpsr_bench.report.captions import chance
from lpsr_bench.report.drawing import Plot, draw_rates, legend_above, series, tidy_numbers
from lpsr_bench.report.files import write_text
from lpsr_bench.report.findings import WHOLE, Row, by_batch, degraded, whole_way
from lpsr_bench.report.page import render
from lpsr_bench.report.tables import Table, duration, number, rate
from lpsr_bench.report.words import capital, notes
from lpsr_bench.results import Document, check_writable, load_results
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.paper import PAPER_PLATES
from lpsr_core.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BATCHES = (1, 32)
_ALONE = timedelta(days=1)
"""Each side of a single result."""


@dataclass(frozen=True)
class Result:
    """One file of the folder.

    Attributes:
        name: of the file.
        document: its JSON.
    """

    name: str
    document: Document

    @property
    def when(self) -> datetime:
        """The start; in UTC where the file does not say."""
        when = datetime.fromisoformat(self.document["date"])
        return when if when.tzinfo else when.replace(tzinfo=timezone.utc)

    @property
    def group(self) -> tuple[str, str]:
        """What results must share to be compared: hardware and precision."""
        return self.document["hardware"], self.document["config"]["precision"]

    @property
    def reference(self) -> Row | None:
        """The paper's measure."""
        rows = self.document["suites"].get("reference")
        return whole_way(rows) if rows else None

    def throughput(self, batch: int) -> Row | None:
        """From crop to text at this batch size."""
        rows = by_batch(self.document["suites"].get("throughput") or (), WHOLE)
        return next((row for row in rows if row["batch"] == batch), None)

    @property
    def accuracy(self) -> Row | None:
        """All plates, as they were degraded."""
        rows = self.document["suites"].get("accuracy")
        return rows[0] if rows else None

    @property
    def plates(self) -> str:
        """What the recognition rate is of."""
        return f"{self.document['data']['name']}, {degraded(self.accuracy)}" if self.accuracy else ""


def write_history(folder: Path, out: Path) -> int:
    """Writes a page of all results in a folder; other files are left out, each with a line on standard error.

    Returns:
        How many results are on the page.

    Raises:
        UsageError: there is no such folder, or no result in it.
        MissingExtraError: there is no Jinja or matplotlib.
        LpsrError: the page cannot be written.
    """
    results = sorted(_load(folder), key=lambda result: (result.group, result.when, result.name))
    if not results:
        raise UsageError(f"{folder}: no results of lpsr-bench in it")
    check_writable(out)
    groups = [(key, list(found)) for key, found in groupby(results, key=lambda result: result.group)]
    page = render(
        "history.html.j2",
        title="LPSR benchmarks over time",
        heading="Results over time",
        summary=_summary(results, len(groups)),
        count=len(results),
        noted=[(result.name, "; ".join(said)) for result in results if (said := notes(result.document))],
        groups=[{"name": f"{key[0]}, {key[1].upper()}", "plots": list(_plots(found))} for key, found in groups],
        results=_table(results),
    )
    write_text(out, page)
    return len(results)


def _load(folder: Path) -> Iterator[Result]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    for path in sorted(folder.glob("*.json")):
        try:
            yield _checked(Result(path.name, load_results(path)))
        except LpsrError as error:
            print(f"left out: {error}", file=sys.stderr)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            print(f"left out: {path}: a benchmark's JSON that is not whole", file=sys.stderr)


def _checked(result: Result) -> Result:
    """The result, once all that the page takes of it was found in it, also of two results beside each other.

    Raises:
        ArithmeticError, AttributeError, LookupError, TypeError, ValueError: it is not whole.
    """
    "".join((*_line(result), *notes(result.document)))
    list(_plots([result, result]))
    if not all(map(math.isfinite, _figures(result))):
        raise ValueError("a figure that cannot be drawn")
    return result


def _figures(result: Result) -> Iterator[float]:
    """Those that are drawn."""
    if result.reference:
        yield result.reference["seconds_for_4000"]
    yield from (row["crops_per_second"] for row in map(result.throughput, BATCHES) if row)
    if result.accuracy:
        right = result.accuracy["rates"]["sr"]["all"]
        yield from (right["percent"], *right["interval"])


def _summary(results: Sequence[Result], groups: int) -> str:
    first, last = (choose(result.when for result in results) for choose in (min, max))
    span = f"on {first:%Y-%m-%d}" if first.date() == last.date() else f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{counted(len(results), 'result')} {span}, {counted(groups, 'combination')} of machine and precision."


def _plots(results: Sequence[Result]) -> Iterator[Plot]:
    seconds = [(result.when, result.reference["seconds_for_4000"]) for result in results if result.reference]
    if seconds:
        said = _changed("It", [(when, duration(value), value) for when, value in seconds])
        unit = f"time for {PAPER_PLATES:,} plates (s)"
        yield Plot(
            f"Time for {PAPER_PLATES:,} plates, one by one",
            said,
            lambda axes: _draw_over_time(axes, {"": seconds}, unit),
        )
    speeds: dict[str, list[tuple[datetime, Row]]] = {}
    rates: dict[str, list[tuple[datetime, Row]]] = {}
    for result in results:
        for batch in BATCHES:
            if row := result.throughput(batch):
                speeds.setdefault(f"batch {batch}", []).append((result.when, row))
        if result.accuracy:
            rates.setdefault(result.plates, []).append((result.when, result.accuracy["rates"]["sr"]["all"]))
    if speeds:
        said = " ".join(_speed_changed(name, found) for name, found in speeds.items())
        lines = {name: [(when, row["crops_per_second"]) for when, row in found] for name, found in speeds.items()}
        yield Plot("Throughput, from crop to text", said, lambda axes: _draw_over_time(axes, lines, "crops/s"))
    if rates:
        said = " ".join(_rate_changed(name, found) for name, found in rates.items())
        yield Plot("Plates read right, super-resolved", said, lambda axes: _draw_rates_over_time(axes, rates))


def _changed(what: str, values: Sequence[tuple[datetime, str, float]]) -> str:
    """From the first value to the last, each with its form in words."""
    (first, before, start), (last, after, end) = values[0], values[-1]
    if len(values) == 1:
        return f"{what} is {after}, of a single result."
    percent = f", {100 * (end / start - 1):+.1f} %" if start else ""
    return f"{what} went from {before} ({first:%Y-%m-%d}) to {after} ({last:%Y-%m-%d}){percent}."


def _speed_changed(name: str, found: Sequence[tuple[datetime, Row]]) -> str:
    values = [(when, f"{number(row['crops_per_second'])} crops/s", row["crops_per_second"]) for when, row in found]
    said = _changed(capital(name), values)
    if len(found) == 1:
        return said
    apart = rounds_apart(*(row["crops_per_second_by_round"] for _, row in (found[0], found[-1])))
    return f"{said} {'No rounds of the two overlap.' if apart else 'Their rounds overlap or nearly do.'}"


def _rate_changed(name: str, found: Sequence[tuple[datetime, Row]]) -> str:
    said = _changed(capital(name), [(when, f"{rate(row)} %", row["percent"]) for when, row in found])
    return said if len(found) == 1 else f"{said} They differ {chance(found[0][1], found[-1][1])}."


def _draw_over_time(axes: Axes, lines: dict[str, list[tuple[datetime, float]]], unit: str) -> None:
    for index, (name, points) in enumerate(lines.items()):
        dates, values = zip(*points, strict=True)
        axes.plot(dates, values, label=name, **series(index))
    axes.set_ylim(0, 1.15 * max(value for points in lines.values() for _, value in points))
    axes.set_ylabel(unit)
    _date_axis(axes, lines)


def _draw_rates_over_time(axes: Axes, lines: dict[str, list[tuple[datetime, Row]]]) -> None:
    for index, (name, points) in enumerate(lines.items()):
        dates, rates = zip(*points, strict=True)
        draw_rates(axes, dates, rates, name, index)
    _date_axis(axes, lines)


def _date_axis(axes: Axes, lines: Mapping[str, Sequence[tuple[datetime, Any]]]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    dates = [when for points in lines.values() for when, _ in points]
    tidy_numbers(axes, x=False)
    locator = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    if min(dates) == max(dates):
        axes.set_xlim(dates[0] - _ALONE, dates[0] + _ALONE)  # type: ignore[arg-type]
    axes.set_xlabel("date (UTC)")
    if "" not in lines:  # a lone line is named by its axis
        legend_above(axes, columns=1)


def _table(results: Sequence[Result]) -> Table:
    head = (
        "file",
        "date",
        "hardware",
        "precision",
        "version",
        f"{PAPER_PLATES:,} plates",
        *(f"crops/s, batch {batch}" for batch in BATCHES),
        "all 7, LR + SR, % [95 %]",
        "of",
    )
    return Table("history", "all results", head, tuple(map(_line, results)))


def _line(result: Result) -> tuple[str, ...]:
    speeds = (result.throughput(batch) for batch in BATCHES)
    hardware, precision = result.group
    return (
        result.name,
        f"{result.when:%Y-%m-%d %H:%M}",
        hardware,
        precision,
        result.document["version"],
        duration(result.reference["seconds_for_4000"]) if result.reference else "",
        *(number(row["crops_per_second"]) if row else "" for row in speeds),
        rate(result.accuracy["rates"]["sr"]["all"]) if result.accuracy else "",
        result.plates,
    )
