"""Where the time goes."""

from __future__ import annotations

from collections.abc import Iterator

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import Bar, Plot, bar_plot
from lpsr_bench.report.findings import Row, Rows
from lpsr_bench.report.tables import number
from lpsr_bench.results import Document


def stages(rows: Rows, document: Document) -> Iterator[Plot]:
    """Bars of a whole run's stages, and of each stage alone."""
    run = [row for row in rows if row["kind"] == "run"]
    if run:
        shares = [
            Bar(row["stage"], time, f"{number(time)} ms, {100 * row['share']:.1f} %")
            for row in run
            for time in [row["milliseconds_per_frame"]]
        ]
        yield bar_plot("Stages of a run over a video", captions.run_stages(run), shares, "milliseconds a frame")
    alone = [row for row in rows if row["kind"] == "alone"]
    if alone:
        batches = sorted({row["batch"] for row in alone})
        order = list(dict.fromkeys(row["stage"] for row in alone))
        alone.sort(key=lambda row: (order.index(row["stage"]), row["batch"]))
        costs = [
            Bar(_name(row), time, f"{number(time)} ms", batches.index(row["batch"]))
            for row in alone
            for time in [row["milliseconds"]["p50"] / row["batch"]]
        ]
        unit, names = "milliseconds a crop or a frame (median)", [f"batch {batch}" for batch in batches]
        yield bar_plot("Each stage alone", captions.lone_stages(alone), costs, unit, names=names)


def _name(row: Row) -> str:
    stage = "a crop, all its stages" if row["stage"] == "whole" else str(row["stage"])
    return stage if row["batch"] == 1 else f"{stage}, batch {row['batch']}"
