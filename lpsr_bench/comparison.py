"""What changed from one result to another, and whether chance would explain it.

Rates of plates are compared by Fisher's exact test, which needs the counts alone. Speeds are compared by the rounds in
which they were measured: beyond chance is what lies outside of all rounds of the other result by a margin, since the
rounds of one run share their moment and a shared machine's mood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import fisher_exact

from lpsr_bench.results import Document
from lpsr_core.errors import UsageError

LEVEL = 0.05
MARGIN = 0.05
"""Share by which the slowest round of the faster run must beat the fastest round of the slower one."""


@dataclass(frozen=True)
class Change:
    """One figure in two results.

    Attributes:
        what: it is.
        before, after: its values.
        verdict: `yes` and `no` with what it rests on, or `not tested`.
        points: whether the values are percentages already, whose change is told in points.
    """

    what: str
    before: float
    after: float
    verdict: str
    points: bool = False

    @property
    def change(self) -> str:
        """By how much, for a table."""
        return f"{self.after - self.before:+.1f} points" if self.points else f"{self.percent:+.1f} %"

    @property
    def percent(self) -> float:
        """Of the earlier value."""
        return 100 * (self.after / self.before - 1) if self.before else float("inf") if self.after else 0.0


def compare_results(before: Document, after: Document) -> list[Change]:
    """Every figure that both results have.

    Raises:
        UsageError: they have none in common.
    """
    changes = [
        *(
            Change(what, old["crops_per_second"], new["crops_per_second"], _speed_verdict(old, new))
            for what, old, new in _common(_speeds, before, after)
        ),
        *(Change(what, old, new, "not tested") for what, old, new in _common(_single_figures, before, after)),
        *(
            Change(what, old["percent"], new["percent"], _rate_verdict(old, new), points=True)
            for what, old, new in _common(_rates, before, after)
        ),
    ]
    if not changes:
        raise UsageError("the two results have no figure in common; measure the same suites")
    return changes


def unlike(before: Document, after: Document) -> list[str]:
    """What two results were not measured alike on, as notes: what changed may come of that."""
    notes = []
    for what, find in _CONDITIONS.items():
        pairs = [(name, old, new) for (name, old), (_, new) in zip(find(before), find(after), strict=True)]
        if told := [f"{name} {_word(old)} and {_word(new)}" for name, old, new in pairs if old != new]:
            notes.append(f"{what} are not of the same conditions: {', '.join(told)}")
    return notes


def _plates(document: Document) -> list[tuple[str, Any]]:
    data, config = document["data"], document["config"]
    shared = [(key, config.get(key)) for key in ("degradation", "layouts", "seed")]
    return [("data", data.get("name")), ("number of plates", data.get("plates")), *shared]


def _machine(document: Document) -> list[tuple[str, Any]]:
    return [("hardware", document["hardware"]), ("threads", document["config"].get("threads"))]


_CONDITIONS: dict[str, Callable[[Document], list[tuple[str, Any]]]] = {"rates": _plates, "speeds": _machine}


def _word(value: Any) -> str:
    return (
        ",".join(map(str, value)) if isinstance(value, list) else repr(value) if isinstance(value, str) else str(value)
    )


def rounds_apart(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether every round of one measurement is faster, by a margin, than every round of the other."""
    return min(second) > max(first) * (1 + MARGIN) or min(first) > max(second) * (1 + MARGIN)


def rates_differ(first: dict[str, Any], second: dict[str, Any]) -> tuple[float, bool]:
    """Fisher's exact test of two entries of recognition rates: p, and whether it is beyond chance."""
    table = [[each["hits"], each["total"] - each["hits"]] for each in (first, second)]
    p = float(fisher_exact(table).pvalue)
    return p, p < LEVEL


def _speed_verdict(old: dict[str, Any], new: dict[str, Any]) -> str:
    # Rounds of several streams are the streams' own; only their sum is a speed.
    if old["streams"] > 1:
        return "not tested"
    rounds = (each["crops_per_second_by_round"] for each in (old, new))
    return "yes, no rounds overlap" if rounds_apart(*rounds) else "no, rounds overlap or lie close"


def _rate_verdict(old: dict[str, Any], new: dict[str, Any]) -> str:
    p, differ = rates_differ(old, new)
    return f"{'yes' if differ else 'no'}, p = {p:.2g}"


def _common(
    find: Callable[[dict[str, Any]], Iterator[tuple[str, Any]]], before: Document, after: Document
) -> Iterator[tuple[str, Any, Any]]:
    """What both results describe alike."""
    later = dict(find(after["suites"]))
    for what, old in find(before["suites"]):
        if what in later:
            yield what, old, later[what]


def _speeds(suites: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of `throughput`, which know their rounds."""
    for row in suites.get("throughput", ()):
        yield f"crops/s, batch {row['batch']}, {row['streams']} streams, {row['way']}", row


def _single_figures(suites: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Figures that were measured once, so that nothing tells of chance."""
    for row in suites.get("reference", ()):
        yield f"seconds for 4,000 plates, {row['way']}", row["seconds_for_4000"]
    for row in suites.get("latency", ()):
        share = row["share_of_capacity"]
        load = f"{row['crops_per_second_arriving']:g} crops/s" if share is None else f"{100 * share:.0f} % of capacity"
        yield f"ms for 99 % of crops, {load} arriving", row["milliseconds"]["p99"]
    for row in suites.get("stages", ()):
        if row["kind"] == "run":
            yield f"ms a frame, {row['stage']}", row["milliseconds_per_frame"]
        else:
            yield f"ms, {row['stage']}, batch {row['batch']}", row["milliseconds"]["p50"]
    for row in suites.get("precision", ()):
        for batch, speed in row["crops_per_second"].items():
            yield f"crops/s, {row['precision']}, batch {batch}", speed
    for row in suites.get("kernel", ()):
        yield f"ms, {row['name']}, {row['runtime']}", row["milliseconds"]
    for row in suites.get("energy", ()):
        yield f"J a crop, {row['meter']}", row["joules_per_crop"]
    for row in suites.get("scaling", ()):
        yield f"crops/s, {row['value']} {row['axis']}", row["crops_per_second"]
    for row in suites.get("peers", ()):
        yield f"crops/s, {row['name']}", row["crops_per_second"]


def _rates(suites: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Recognition rates, all seven characters."""
    for row in suites.get("accuracy", ()):
        where = "" if row["ssim_below"] is None else f" < {row['ssim_below']:g}"
        for form, rates in row["rates"].items():
            yield f"% all seven, {form}, {row['degradation']}{where}, {row['layout']}", rates["all"]
    for suite, name in (("precision", "precision"), ("peers", "name")):
        for row in suites.get(suite, ()):
            if row["rates"] is not None:
                yield f"% all seven, {row[name]}", row["rates"]["all"]
