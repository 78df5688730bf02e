"""The tables of a result, as plain words and numbers: one place decides what stands in them, for every form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any

from lpsr_bench.report.findings import Row, Rows, levels
from lpsr_bench.results import Document
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS, TABLES
from lpsr_core.wording import counted

MIB = 1 << 20
FORMS = {"hr": "HR", "bicubic": "LR, bicubic", "sr": "LR + SR", "lr direct": "LR, own reader"}
"""What is read, as the paper's Table I calls it."""
_PAPER_ROWS = ("HR", "LR", "PLNET", "SR3", "SR")

Column = Callable[[Row], str]


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
            yield from (table for table in make(rows, document) if table.rows)


def number(value: float | None, digits: int = 3) -> str:
    """So many significant figures, with an exponent only below 1e-4; empty for None and for what is no number."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.1e}"


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


def _table(
    suite: str, title: str, rows: Iterable[Row], columns: Mapping[str, Column], lines: Iterable[str] = ()
) -> Table:
    body = tuple(tuple(cell(row) for cell in columns.values()) for row in rows)
    return Table(suite, title, tuple(columns), body, tuple(lines))


def _word(key: str) -> Column:
    return lambda row: str(row[key])


def _figure(*keys: str) -> Column:
    """A number, under several keys where it is nested."""
    return lambda row: number(reduce(getitem, keys, row))  # type: ignore[arg-type]


def _percent(key: str, digits: int = 0) -> Column:
    return lambda row: "" if row[key] is None else f"{100 * row[key]:.{digits}f} %"


def _rate(count: str, rates: str = "rates") -> Column:
    return lambda row: rate(row[rates][count]) if row[rates] else ""


def _form(form: str) -> Column:
    return lambda row: rate(row["rates"][form]["all"])


_QUANTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p99.9": "p999"}
_PERCENTILES = {name: _figure("milliseconds", key) for name, key in _QUANTILES.items()}
_RIGHT = {"all 7, % [95 %]": _rate("all"), ">= 6": _rate("six"), ">= 5": _rate("five")}


def _reference(rows: Rows, document: Document) -> Iterator[Table]:
    last, measured = rows[-1], rows[0]["plates"]
    times = [(f"here, {row['way']}", row["seconds_for_4000"]) for row in rows]
    times += [("paper, proposed: super-resolution", PAPER_SECONDS), ("paper, SR3: super-resolution", SR3_SECONDS)]
    lines = [
        f"here: {document['hardware']}; generator and reader, one crop in a forward pass, up to "
        f"{rows[0]['under_way']} crops under way at once; on decoded crops in memory.",
    ]
    if last["stage_seconds"]:
        parts = (f"{name} {1000 * value / last['plates']:.2f}" for name, value in last["stage_seconds"].items())
        lines.append(f"milliseconds a plate, {last['way']}: {', '.join(parts)}")
    if last["peak_resident_bytes"]:
        lines.append(f"peak resident memory up to here {last['peak_resident_bytes'] / MIB:.0f} MiB")
    columns: dict[str, Column] = {
        "": _word("name"),
        "time": lambda row: duration(row["seconds"]),
        "plates/s": lambda row: number(PAPER_PLATES / row["seconds"]),
        "paper's time / this": lambda row: number(PAPER_SECONDS / row["seconds"]),
    }
    scaled = "" if measured == PAPER_PLATES else f", in proportion from {measured:,}"
    named = [{"name": name, "seconds": seconds} for name, seconds in times]
    yield _table("reference", f"{PAPER_PLATES:,} plates at batch 1{scaled}", named, columns, lines)


def _throughput(rows: Rows, document: Document) -> Iterator[Table]:
    lines = (
        f"{row['streams']} streams: each {number(min(row['crops_per_second_by_stream']))} to "
        f"{number(max(row['crops_per_second_by_stream']))} crops/s"
        for row in rows
        if "crops_per_second_by_stream" in row
    )
    columns = {name: _word(name) for name in ("batch", "streams", "way")}
    speeds = {"crops/s": _figure("crops_per_second"), **_PERCENTILES}
    yield _table("throughput", "throughput; milliseconds a batch", rows, {**columns, **speeds}, lines)


def _latency(rows: Rows, document: Document) -> Iterator[Table]:
    columns = {
        "arriving, crops/s": _figure("crops_per_second_arriving"),
        "of capacity": _percent("share_of_capacity"),
        "served, crops/s": _figure("crops_per_second_served"),
        **_PERCENTILES,
    }
    line = (
        f"crops arrive one by one at random moments; {rows[0]['workers']} are worked on at once; from arrival to text"
    )
    yield _table("latency", "latency at batch 1; milliseconds", rows, columns, (line,))


def _stages(rows: Rows, document: Document) -> Iterator[Table]:
    alone, run = ([row for row in rows if row["kind"] == kind] for kind in ("alone", "run"))
    columns = {"stage": _word("stage"), "batch": _word("batch"), **_PERCENTILES}
    yield _table("stages", "stages alone; milliseconds a batch", alone, columns)
    if run:
        frame = sum(row["milliseconds_per_frame"] for row in run)
        line = (
            f"{run[0]['frames']} frames, {number(1000 / frame)} a second; `receive` is waiting for a frame that "
            "another thread decodes, `other` is what no stage counts"
        )
        columns = {"stage": _word("stage"), "ms": _figure("milliseconds_per_frame"), "share": _percent("share", 1)}
        yield _table("stages", "stages of a run over a video; milliseconds a frame", run, columns, (line,))


def _accuracy(rows: Rows, document: Document) -> Iterator[Table]:
    main = rows[0]
    quality = main["quality"]
    lines = [
        f"{FORMS[form]} against HR: PSNR {'infinite' if quality[form]['psnr_db'] is None else quality[form]['psnr_db']}"
        f" dB, SSIM {quality[form]['ssim']:.3f}"
        for form in ("sr", "bicubic")
    ]
    error = main["reliability"]["expected_calibration_error"]
    lines.append(f"confidences of LR + SR are off by {100 * error:.1f} points on average (expected calibration error)")
    title = f"accuracy on {counted(main['plates'], 'plate')} ({document['data']['name']}), LR by {main['degradation']}"
    body = [(FORMS[form], *map(rate, rates.values())) for form, rates in main["rates"].items()]
    body += [
        (f"paper, {label}", f"{row.all:.1f}", f"{row.six:.1f}", f"{row.five:.1f}")
        for row, label in zip(TABLES["I"], _PAPER_ROWS, strict=True)
    ]
    yield Table("accuracy", title, ("", *_RIGHT), tuple(body), tuple(lines))
    forms = {FORMS[form]: _form(form) for form in main["rates"]}
    rest = "; all seven right, % [95 %]"
    parts = [row for row in rows if row["layout"] != "all"]
    by_layout: dict[str, Column] = {
        "layout": lambda row: f"{row['layout']} ({counted(row['plates'], 'plate')})",
        **forms,
    }
    yield _table("accuracy", f"accuracy by layout{rest}", parts, by_layout)
    by_level: dict[str, Column] = {"blurred to SSIM <": lambda row: f"{row['ssim_below']:g}", **forms}
    yield _table("accuracy", f"accuracy by degradation{rest}", levels(rows), by_level)


def _precision(rows: Rows, document: Document) -> Iterator[Table]:
    columns = {
        "precision": _word("precision"),
        "runtime": _word("runtime"),
        "all 7, % [95 %]": _rate("all"),
        "as FP32": _percent("share_as_fp32", 1),
        **{f"crops/s, batch {batch}": _figure("crops_per_second", batch) for batch in rows[0]["crops_per_second"]},
    }
    yield _table("precision", "precisions side by side", rows, columns)


def _kernel(rows: Rows, document: Document) -> Iterator[Table]:
    share = _percent("share_of_ceiling")
    columns = {
        "what": _word("name"),
        "runtime": _word("runtime"),
        "ms": _figure("milliseconds"),
        "GFLOP/s": _figure("gflops"),
        "of the ceiling": lambda row: share(row) or "ceiling",
    }
    yield _table("kernel", "arithmetic; the ceiling is a large convolution on the same cores", rows, columns)


def _energy(rows: Rows, document: Document) -> Iterator[Table]:
    columns = {
        "meter": _word("meter"),
        "W, reading": _figure("watts"),
        "W, idle": _figure("idle_watts"),
        "J a crop": _figure("joules_per_crop"),
    }
    yield _table("energy", f"energy, batch {rows[0]['batch']}", rows, columns)


def _scaling(rows: Rows, document: Document) -> Iterator[Table]:
    for axis in ("crops", "threads"):
        chosen = sorted((row for row in rows if row["axis"] == axis), key=lambda row: row["value"])
        columns: dict[str, Column] = {
            axis: lambda row: f"{row['value']:,}",
            "s": _figure("seconds"),
            "crops/s": _figure("crops_per_second"),
            "MiB resident": lambda row: number(row["resident_bytes"] and row["resident_bytes"] / MIB),
        }
        if chosen:
            title = f"how cost grows with {axis}, batch {chosen[0]['batch']}, {chosen[-1]['crops']:,} crops at most"
            yield _table("scaling", title, chosen, columns)


def _cameras(rows: Rows, document: Document) -> Iterator[Table]:
    of = f"on {counted(rows[0]['plates'], 'plate')} ({document['data']['name']})"

    def wide(row: Row) -> str:
        return "as they are" if row["width"] is None else str(row["width"])

    columns: dict[str, Column] = {
        "pixels across": wide,
        "super-resolved": _word("super_resolve"),
        "all 7, % [95 %]": _rate("all", "rate"),
        ">= 6": _rate("six", "rate"),
        "sure, %": lambda row: f"{100 * row['sure']:.0f}",
        "of these right, %": lambda row: "" if row["sure_right"] is None else f"{100 * row['sure_right']:.1f}",
    }
    lines = ("sure: a confidence of 0.9 and more; views and calibration as in lpsr-run",)
    plain = [row for row in rows if row["codec"] == "none"]
    yield _table("cameras", f"reading by width {of}", plain, columns, lines)
    by: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["codec"] != "none":
            by.setdefault(row["compression"], {})[wide(row)] = rate(row["rate"]["all"])
    widths = list(dict.fromkeys(width for found in by.values() for width in found))
    body = tuple((what, *(found.get(width, "") for width in widths)) for what, found in by.items())
    title = f"reading by compression and width {of}; all seven right, % [95 %]"
    yield Table("cameras", title, ("compression", *widths), body)


def _peers(rows: Rows, document: Document) -> Iterator[Table]:
    columns = {
        "": _word("name"),
        "what is timed": _word("what"),
        **_RIGHT,
        "ms alone, p50": _figure("milliseconds", "p50"),
        "crops/s": _figure("crops_per_second"),
        "time / ours": _figure("time_divided_by_ours"),
    }
    line = "all get the same LR pictures of 16x48 pixels, one in a forward pass; who only makes pictures has no rates"
    yield _table("peers", "peers side by side", rows, columns, (line,))


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
