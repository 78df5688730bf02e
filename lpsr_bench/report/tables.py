"""The tables of a result, as plain words and numbers: one place decides what stands in them, for every form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lpsr_bench.report.findings import Rows, levels
from lpsr_bench.results import Document
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS, TABLES

MIB = 1 << 20
FORMS = {"hr": "HR", "bicubic": "LR, bicubic", "sr": "LR + SR", "lr direct": "LR, own reader"}
"""What is read, as the paper's Table I calls it."""
_PAPER_ROWS = ("HR", "LR", "PLNET", "SR3", "SR")


@dataclass(frozen=True)
class Table:
    """A table of one suite.

    Attributes:
        suite: that it belongs to.
        title: with units.
        head: of each column.
        rows: as many cells each.
        lines: what has to be said below it.
    """

    suite: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...] = ()

    def numeric(self, index: int) -> bool:
        """Whether a column holds numbers, here and there a word or nothing."""
        filled = [row[index] for row in self.rows if row[index]]
        return 2 * sum(cell[0].isdigit() for cell in filled) >= len(filled)


def tables(document: Document) -> Iterator[Table]:
    """Of every suite that measured something, in its order."""
    for suite, make in _MAKERS.items():
        rows = document["suites"].get(suite)
        if rows:
            yield from make(rows, document)


def number(value: float | None, digits: int = 3) -> str:
    """So many significant figures, with an exponent only below 1e-4; empty for None and for what is no number."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def counted(count: int, noun: str) -> str:
    """`1 plate` or `2,000 plates`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def rate(values: dict[str, Any] | None) -> str:
    """`79.8 [77.9, 81.5]` of one entry of a recognition rate."""
    if values is None:
        return ""
    low, high = values["interval"]
    return f"{values['percent']:.1f} [{low:.1f}, {high:.1f}]"


def duration(seconds: float) -> str:
    """A length of time in the unit that fits it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _reference(rows: Rows, document: Document) -> Iterator[Table]:
    measured = rows[0]["plates"]
    scaled = "" if measured == PAPER_PLATES else f", in proportion from {measured:,}"

    def line(name: str, seconds: float) -> tuple[str, ...]:
        return name, duration(seconds), number(PAPER_PLATES / seconds), number(PAPER_SECONDS / seconds)

    ours = tuple(line(f"here, {row['way']}", row["seconds_for_4000"]) for row in rows)
    paper = (
        line("paper, proposed: super-resolution", PAPER_SECONDS),
        line("paper, SR3: super-resolution", SR3_SECONDS),
    )
    lines = [
        f"here: {document['hardware']}; generator and reader, one crop in a forward pass, up to "
        f"{rows[0]['under_way']} crops under way at once; on decoded crops in memory.",
    ]
    last = rows[-1]
    if last["stage_seconds"]:
        parts = ", ".join(
            f"{name} {1000 * value / last['plates']:.2f}" for name, value in last["stage_seconds"].items()
        )
        lines.append(f"milliseconds a plate, {last['way']}: {parts}")
    if last["peak_resident_bytes"]:
        lines.append(f"peak resident memory up to here {last['peak_resident_bytes'] / MIB:.0f} MiB")
    head = ("", "time", "plates/s", "paper's time / this")
    yield Table("reference", f"{PAPER_PLATES:,} plates at batch 1{scaled}", head, ours + paper, tuple(lines))


def _throughput(rows: Rows, document: Document) -> Iterator[Table]:
    head = ("batch", "streams", "way", "crops/s", "p50", "p90", "p99", "p99.9")
    body = tuple(
        (
            str(row["batch"]),
            str(row["streams"]),
            row["way"],
            number(row["crops_per_second"]),
            *(number(value) for value in row["milliseconds"].values()),
        )
        for row in rows
    )
    lines = [
        f"{row['streams']} streams: each {number(min(row['crops_per_second_by_stream']))} to "
        f"{number(max(row['crops_per_second_by_stream']))} crops/s"
        for row in rows
        if "crops_per_second_by_stream" in row
    ]
    yield Table("throughput", "throughput; milliseconds a batch", head, body, tuple(lines))


def _latency(rows: Rows, document: Document) -> Iterator[Table]:
    head = ("arriving, crops/s", "of capacity", "served, crops/s", "p50", "p90", "p99", "p99.9")
    body = tuple(
        (
            number(row["crops_per_second_arriving"]),
            "" if row["share_of_capacity"] is None else f"{100 * row['share_of_capacity']:.0f} %",
            number(row["crops_per_second_served"]),
            *(number(value) for value in row["milliseconds"].values()),
        )
        for row in rows
    )
    lines = (
        f"crops arrive one by one at random moments; {rows[0]['workers']} are worked on at once; from arrival to text",
    )
    yield Table("latency", "latency at batch 1; milliseconds", head, body, lines)


def _stages(rows: Rows, document: Document) -> Iterator[Table]:
    alone = [row for row in rows if row["kind"] == "alone"]
    body = tuple(
        (row["stage"], str(row["batch"]), *(number(value) for value in row["milliseconds"].values())) for row in alone
    )
    if body:
        head = ("stage", "batch", "p50", "p90", "p99", "p99.9")
        yield Table("stages", "stages alone; milliseconds a batch", head, body)
    run = [row for row in rows if row["kind"] == "run"]
    if run:
        body = tuple(
            (row["stage"], number(row["milliseconds_per_frame"]), f"{100 * row['share']:.1f} %") for row in run
        )
        frame = sum(row["milliseconds_per_frame"] for row in run)
        lines = (
            f"{run[0]['frames']} frames, {number(1000 / frame)} a second; `receive` is waiting for a frame that "
            "another thread decodes, `other` is what no stage counts",
        )
        yield Table(
            "stages", "stages of a run over a video; milliseconds a frame", ("stage", "ms", "share"), body, lines
        )


def _accuracy(rows: Rows, document: Document) -> Iterator[Table]:
    main = rows[0]
    head = ("", "all 7, % [95 %]", ">= 6", ">= 5")
    body = [
        (FORMS[form], rate(rates["all"]), rate(rates["six"]), rate(rates["five"]))
        for form, rates in main["rates"].items()
    ]
    paper = [
        (f"paper, {label}", f"{row.all:.1f}", f"{row.six:.1f}", f"{row.five:.1f}")
        for row, label in zip(TABLES["I"], _PAPER_ROWS, strict=True)
    ]
    quality = main["quality"]
    lines = [
        f"{FORMS[form]} against HR: PSNR {'infinite' if quality[form]['psnr_db'] is None else quality[form]['psnr_db']}"
        f" dB, SSIM {quality[form]['ssim']:.3f}"
        for form in ("sr", "bicubic")
    ]
    error = main["reliability"]["expected_calibration_error"]
    lines.append(f"confidences of LR + SR are off by {100 * error:.1f} points on average (expected calibration error)")
    title = f"accuracy on {counted(main['plates'], 'plate')} ({document['data']['name']}), LR by {main['degradation']}"
    yield Table("accuracy", title, head, (*body, *paper), tuple(lines))
    parts = [row for row in rows if row["layout"] != "all"]
    if parts:

        def named(row: dict[str, Any]) -> str:
            return f"{row['layout']} ({counted(row['plates'], 'plate')})"

        yield _by(parts, "accuracy by layout", "layout", named)
    blurred = levels(rows)
    if blurred:
        yield _by(blurred, "accuracy by degradation", "blurred to SSIM <", lambda row: f"{row['ssim_below']:g}")


def _by(rows: Rows, title: str, what: str, name: Callable[[dict[str, Any]], str]) -> Table:
    forms = list(rows[0]["rates"])
    body = tuple((name(row), *(rate(row["rates"][form]["all"]) for form in forms)) for row in rows)
    return Table("accuracy", f"{title}; all seven right, % [95 %]", (what, *(FORMS[form] for form in forms)), body)


def _precision(rows: Rows, document: Document) -> Iterator[Table]:
    head = (
        "precision",
        "runtime",
        "all 7, % [95 %]",
        "as FP32",
        *(f"crops/s, batch {n}" for n in rows[0]["crops_per_second"]),
    )
    body = tuple(
        (
            row["precision"],
            row["runtime"],
            rate(row["rates"]["all"]) if row["rates"] else "",
            "" if row["share_as_fp32"] is None else f"{100 * row['share_as_fp32']:.1f} %",
            *(number(value) for value in row["crops_per_second"].values()),
        )
        for row in rows
    )
    yield Table("precision", "precisions side by side", head, body)


def _kernel(rows: Rows, document: Document) -> Iterator[Table]:
    head = ("what", "runtime", "ms", "GFLOP/s", "of the ceiling")
    body = tuple(
        (
            row["name"],
            row["runtime"],
            number(row["milliseconds"]),
            number(row["gflops"]),
            "ceiling" if row["share_of_ceiling"] is None else f"{100 * row['share_of_ceiling']:.0f} %",
        )
        for row in rows
    )
    yield Table("kernel", "arithmetic; the ceiling is a large convolution on the same cores", head, body)


def _energy(rows: Rows, document: Document) -> Iterator[Table]:
    head = ("meter", "W, reading", "W, idle", "J a crop")
    body = tuple(
        (row["meter"], number(row["watts"]), number(row["idle_watts"]), number(row["joules_per_crop"])) for row in rows
    )
    yield Table("energy", f"energy, batch {rows[0]['batch']}", head, body)


def _scaling(rows: Rows, document: Document) -> Iterator[Table]:
    for axis in ("crops", "threads"):
        chosen = sorted((row for row in rows if row["axis"] == axis), key=lambda row: row["value"])
        body = tuple(
            (
                f"{row['value']:,}",
                number(row["seconds"]),
                number(row["crops_per_second"]),
                "" if row["resident_bytes"] is None else f"{row['resident_bytes'] / MIB:.0f}",
            )
            for row in chosen
        )
        if body:
            title = f"how cost grows with {axis}, batch {chosen[0]['batch']}, {chosen[-1]['crops']:,} crops at most"
            yield Table("scaling", title, (axis, "s", "crops/s", "MiB resident"), body)


def _cameras(rows: Rows, document: Document) -> Iterator[Table]:
    name, plates = document["data"]["name"], counted(rows[0]["plates"], "plate")

    def wide(row: dict[str, Any]) -> str:
        return "as they are" if row["width"] is None else str(row["width"])

    head = ("pixels across", "super-resolved", "all 7, % [95 %]", ">= 6", "sure, %", "of these right, %")
    body = tuple(
        (
            wide(row),
            row["super_resolve"],
            *(rate(row["rate"][what]) for what in ("all", "six")),
            f"{100 * row['sure']:.0f}",
            "" if row["sure_right"] is None else f"{100 * row['sure_right']:.1f}",
        )
        for row in rows
        if row["codec"] == "none"
    )
    if body:
        lines = ("sure: a confidence of 0.9 and more; views and calibration as in lpsr-run",)
        yield Table("cameras", f"reading by width on {plates} ({name})", head, body, lines)
    compressed = [row for row in rows if row["codec"] != "none"]
    widths = list(dict.fromkeys(wide(row) for row in compressed))
    by: dict[str, dict[str, str]] = {}
    for row in compressed:
        by.setdefault(row["compression"], {})[wide(row)] = rate(row["rate"]["all"])
    if by:
        body = tuple((what, *(found.get(width, "") for width in widths)) for what, found in by.items())
        title = f"reading by compression and width on {plates} ({name}); all seven right, % [95 %]"
        yield Table("cameras", title, ("compression", *widths), body)


def _peers(rows: Rows, document: Document) -> Iterator[Table]:
    head = ("", "what is timed", "all 7, % [95 %]", ">= 6", ">= 5", "ms alone, p50", "crops/s", "time / ours")
    body = tuple(
        (
            row["name"],
            row["what"],
            *(rate(row["rates"][name]) if row["rates"] else "" for name in ("all", "six", "five")),
            number(row["milliseconds"]["p50"]),
            number(row["crops_per_second"]),
            number(row["time_divided_by_ours"]),
        )
        for row in rows
    )
    lines = (
        "all get the same LR pictures of 16x48 pixels, one in a forward pass; who only makes pictures has no rates",
    )
    yield Table("peers", "peers side by side", head, body, lines)


_MAKERS: dict[str, Callable[[Rows, Document], Iterator[Table]]] = {
    "reference": _reference,
    "throughput": _throughput,
    "latency": _latency,
    "stages": _stages,
    "accuracy": _accuracy,
    "cameras": _cameras,
    "precision": _precision,
    "kernel": _kernel,
    "energy": _energy,
    "scaling": _scaling,
    "peers": _peers,
}
