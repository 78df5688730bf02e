"""How many plates are read right, and which characters are not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import (
    MARKERS,
    MUTED,
    SERIES,
    Plot,
    legend_above,
    series,
    tidy_numbers,
)
from lpsr_bench.report.findings import Row, Rows, degraded, levels
from lpsr_bench.report.tables import FORMS
from lpsr_bench.results import Document
from lpsr_core.metrics import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTS = {"all": "all 7", "six": "at least 6", "five": "at least 5"}
_FAINT, _FULL = 0.28, 1.0
"""Opacity of a single count and of the largest."""


def accuracy(rows: Rows, document: Document) -> Iterator[Plot]:
    """Rates by what is read and by how bad the picture is, confidences, and confusions."""
    main = rows[0]
    yield Plot(
        "rates",
        f"Plates read right, {main['plates']:,} {degraded(main)}",
        captions.recognition(main),
        lambda axes: _rates(axes, main),
        110 + 46 * len(main["rates"]),
    )
    blurred = levels(rows)
    if blurred:
        yield Plot(
            "degradation", "Plates read right, by how bad the picture is", captions.curve(blurred), _curves(blurred)
        )
    if main["reliability"]["bins"]:
        yield Plot(
            "reliability",
            "Confidence and what became of it",
            captions.reliability(main),
            lambda axes: _reliability(axes, main),
            340,
        )
    if any(map(any, main["confusion"])):
        yield Plot(
            "confusion",
            "Which characters are taken for which",
            captions.confusion(main),
            lambda axes: _confusion(axes, main["classes"], main["confusion"]),
            690,
            wide=True,
        )


def interval(values: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """How far the intervals of rates reach below and above them, as `errorbar` takes it."""
    below = [max(value["percent"] - value["interval"][0], 0.0) for value in values]
    return below, [max(value["interval"][1] - value["percent"], 0.0) for value in values]


def _rates(axes: Axes, row: Row) -> None:
    forms = list(row["rates"])
    for index, (count, name) in enumerate(COUNTS.items()):
        found = [row["rates"][form][count] for form in forms]
        places = [-place - 0.2 * (index - 1) for place in range(len(forms))]
        percents = [each["percent"] for each in found]
        axes.errorbar(percents, places, xerr=interval(found), label=name, **series(index, line=False))
    axes.set_yticks([-place for place in range(len(forms))], [FORMS[form] for form in forms])
    axes.set_ylim(-len(forms) + 0.5, 0.5)
    axes.set_xlim(-2, 102)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    tidy_numbers(axes, y=False)
    axes.set_xlabel("plates with so many characters right (%, 95 % interval)")
    legend_above(axes, columns=3)


def _curves(rows: Rows) -> Any:
    forms = [form for form in FORMS if all(form in row["rates"] for row in rows)]

    def draw(axes: Axes) -> None:
        for index, form in enumerate(forms):
            found = [row["rates"][form]["all"] for row in rows]
            # Side by side, or the intervals would hide each other.
            places = [place + 0.06 * (index - (len(forms) - 1) / 2) for place in range(len(rows))]
            percents = [each["percent"] for each in found]
            axes.errorbar(places, percents, yerr=interval(found), label=FORMS[form], **series(index))
        axes.set_xticks(range(len(rows)), [f"{row['ssim_below']:g}" for row in rows])
        axes.set_xlim(-0.35, len(rows) - 0.65)
        axes.set_ylim(-2, 102)
        tidy_numbers(axes, x=False)
        axes.set_xlabel("blurred until SSIM is below (0 to 1; further right is worse)")
        axes.set_ylabel("all 7 characters right (%)")
        legend_above(axes)

    return draw


def _reliability(axes: Axes, row: Row) -> None:
    bins = row["reliability"]["bins"]
    largest = max(each["count"] for each in bins)
    axes.plot((0, 100), (0, 100), color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="as sure as right")
    ends = [wilson(round(each["count"] * each["right"]), each["count"]) for each in bins]
    shares = [100 * each["right"] for each in bins]
    sure = [100 * each["confidence"] for each in bins]
    below = [max(share - low, 0) for share, (low, _) in zip(shares, ends, strict=True)]
    above = [max(high - share, 0) for share, (_, high) in zip(shares, ends, strict=True)]
    axes.errorbar(sure, shares, yerr=(below, above), fmt="none", color=SERIES[0], linewidth=1.2)
    sizes = [18 + 130 * each["count"] / largest for each in bins]
    axes.scatter(sure, shares, s=sizes, color=SERIES[0], marker=MARKERS[0], label="texts of like confidence")
    axes.set_xlim(-3, 103)
    axes.set_ylim(-3, 103)
    tidy_numbers(axes)
    axes.set_xlabel("mean confidence (%); larger marks hold more texts")
    axes.set_ylabel("texts that are right (%)")
    legend_above(axes)


def _confusion(axes: Axes, classes: str, counts: list[list[int]]) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Patch, Rectangle

    largest = max(map(max, counts))
    cells = [(truth, read, count) for truth, row in enumerate(counts) for read, count in enumerate(row) if count]
    for colour, right in ((SERIES[0], True), (SERIES[1], False)):
        chosen = [(truth, read, count) for truth, read, count in cells if (truth == read) == right]
        squares = [Rectangle((read - 0.5, truth - 0.5), 1, 1) for truth, read, _ in chosen]
        shades = [_opacity(count, largest) for _, _, count in chosen]
        axes.add_collection(PatchCollection(squares, facecolors=[(colour, shade) for shade in shades], linewidths=0))
    size = len(classes)
    axes.set_xticks(range(size), list(classes), fontsize=9.5)
    axes.set_yticks(range(size), list(classes), fontsize=9.5)
    axes.tick_params(length=0, pad=2)
    # Lines of ten digits and then of five letters, to follow a row or a column by.
    for edge in (*range(0, 11, 5), *range(15, size, 5)):
        axes.axhline(edge - 0.5, color=MUTED, linewidth=0.4)
        axes.axvline(edge - 0.5, color=MUTED, linewidth=0.4)
    axes.grid(visible=False)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xlabel("character read")
    axes.set_ylabel("true character")
    shown = [10**power for power in range(int(math.log10(largest)) + 1)]
    patches = [
        Patch(facecolor=(colour, _opacity(count, largest)), label=f"{count:,} {word}")
        for colour, word in ((SERIES[0], "right"), (SERIES[1], "wrong"))
        for count in shown
        if any((truth == read) == (word == "right") for truth, read, _ in cells)
    ]
    legend_above(axes, columns=2 * len(shown), handles=patches, title="how often (logarithmic shades)")


def _opacity(count: int, largest: int) -> float:
    """Logarithmic, and never so faint that a single count is lost."""
    return _FAINT + (_FULL - _FAINT) * (math.log(count) / math.log(largest) if largest > 1 else 1.0)
