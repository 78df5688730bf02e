"""How many plates are read right, which characters are not, and where reading falls off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import (
    MARKERS,
    MUTED,
    SERIES,
    Plot,
    beside,
    draw_rates,
    interval,
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

_COUNTS = {"all": "all 7", "six": "at least 6", "five": "at least 5"}
_FAINT = 0.28
"""Opacity of a single count; that of the largest is 1."""


def accuracy(rows: Rows, document: Document) -> Iterator[Plot]:
    """Rates by what is read and by how bad the picture is, confidences, and confusions."""
    main = rows[0]
    yield Plot(
        f"Plates read right, {main['plates']:,} {degraded(main)}",
        captions.recognition(main),
        lambda axes: _rates(axes, main),
        110 + 46 * len(main["rates"]),
    )
    blurred = levels(rows)
    if blurred:
        title = "Plates read right, by how bad the picture is"
        yield Plot(title, captions.curve(blurred), lambda axes: _curves(axes, blurred))
    if main["reliability"]["bins"]:
        title = "Confidence and what became of it"
        yield Plot(title, captions.reliability(main), lambda axes: _reliability(axes, main), 340)
    if any(map(any, main["confusion"])):
        title = "Which characters are taken for which"
        yield Plot(title, captions.confusion(main), lambda axes: _confusion(axes, main), 660, wide=True)


def cameras(rows: Rows, document: Document) -> Iterator[Plot]:
    """Rates by width, for each way of reading."""
    plain = [row for row in rows if row["codec"] == "none"]
    if not plain:
        return
    widths = list(dict.fromkeys(row["width"] for row in plain))
    ways = list(dict.fromkeys(row["super_resolve"] for row in plain))

    def draw(axes: Axes) -> None:
        for index, way in enumerate(ways):
            found = [row["rate"]["all"] for row in plain if row["super_resolve"] == way]
            draw_rates(axes, beside(len(found), index, len(ways)), found, way, index)
        axes.set_xticks(range(len(widths)), ["as is" if width is None else str(width) for width in widths])
        tidy_numbers(axes, x=False)
        axes.set_xlabel("width of the crop, at most (number of pixels)")
        legend_above(axes)

    yield Plot("Plates read right, by width of the crop", captions.falloff(plain), draw)


def _rates(axes: Axes, row: Row) -> None:
    forms = list(row["rates"])
    for index, (count, name) in enumerate(_COUNTS.items()):
        found = [row["rates"][form][count] for form in forms]
        places = [-place - 0.2 * (index - 1) for place in range(len(forms))]
        percents = [each["percent"] for each in found]
        axes.errorbar(percents, places, xerr=interval(found), label=name, **series(index, line=False))
    axes.set_yticks([-place for place in range(len(forms))], [FORMS[form] for form in forms])
    axes.set_xlim(-2, 102)
    axes.grid(axis="y", visible=False)
    tidy_numbers(axes, y=False)
    axes.set_xlabel("plates with so many characters right (%, 95 % interval)")
    legend_above(axes, columns=3)


def _curves(axes: Axes, rows: Rows) -> None:
    forms = [form for form in FORMS if all(form in row["rates"] for row in rows)]
    for index, form in enumerate(forms):
        found = [row["rates"][form]["all"] for row in rows]
        draw_rates(axes, beside(len(rows), index, len(forms)), found, FORMS[form], index)
    axes.set_xticks(range(len(rows)), [f"{row['ssim_below']:g}" for row in rows])
    tidy_numbers(axes, x=False)
    axes.set_xlabel("blurred until SSIM is below (0 to 1; further right is worse)")
    legend_above(axes)


def _reliability(axes: Axes, row: Row) -> None:
    bins = row["reliability"]["bins"]
    largest = max(each["count"] for each in bins)
    axes.plot((0, 100), (0, 100), color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="as sure as right")
    sure, shares = ([100 * each[name] for each in bins] for name in ("confidence", "right"))
    ends = [wilson(round(each["count"] * each["right"]), each["count"]) for each in bins]
    spans = [{"percent": share, "interval": end} for share, end in zip(shares, ends, strict=True)]
    axes.errorbar(sure, shares, yerr=interval(spans), fmt="none", color=SERIES[0], linewidth=1.2)
    sizes = [18 + 130 * each["count"] / largest for each in bins]
    axes.scatter(sure, shares, s=sizes, color=SERIES[0], marker=MARKERS[0], label="texts of like confidence")
    tidy_numbers(axes)
    axes.set_xlabel("mean confidence (%); larger marks hold more texts")
    axes.set_ylabel("texts that are right (%)")
    legend_above(axes)


def _confusion(axes: Axes, row: Row) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    counts, classes = row["confusion"], row["classes"]
    scale = math.log(max(map(max, counts))) or 1.0
    for colour, right in ((SERIES[0], True), (SERIES[1], False)):
        cells = [
            (read, truth, count)
            for truth, line in enumerate(counts)
            for read, count in enumerate(line)
            if count and (truth == read) == right
        ]
        squares = [Rectangle((read - 0.5, truth - 0.5), 1, 1) for read, truth, _ in cells]
        shades = [(colour, _FAINT + (1 - _FAINT) * math.log(count) / scale) for _, _, count in cells]
        axes.add_collection(PatchCollection(squares, facecolors=shades, linewidths=0))
    size = len(classes)
    axes.set_xticks(range(size), list(classes), fontsize=9.5)
    axes.set_yticks(range(size), list(classes), fontsize=9.5)
    axes.grid(visible=False)
    # Lines of ten digits and then of five letters, to follow a row or a column by.
    for edge in (*range(0, 11, 5), *range(15, size, 5)):
        axes.axhline(edge - 0.5, color=MUTED, linewidth=0.4)
        axes.axvline(edge - 0.5, color=MUTED, linewidth=0.4)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xlabel("character read")
    axes.set_ylabel("true character")
