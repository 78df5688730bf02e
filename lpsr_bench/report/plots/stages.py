"""Where the time goes."""

from __future__ import annotations

from collections.abc import Iterator

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import Bar, Plot, bars_height, draw_bars
from lpsr_bench.report.findings import Row, Rows
from lpsr_bench.report.tables import number
from lpsr_bench.results import Document


def stages(rows: Rows, document: Document) -> Iterator[Plot]:
    """Bars of a whole run's stages, and of each stage alone."""
    run = [row for row in rows if row["kind"] == "run"]
    if run:
        shares = [
            Bar(
                row["stage"],
                row["milliseconds_per_frame"],
                f"{number(row['milliseconds_per_frame'])} ms, {100 * row['share']:.1f} %",
            )
            for row in run
        ]
        yield Plot(
            "run-stages",
            "Stages of a run over a video",
            captions.run_stages(run),
            lambda axes: draw_bars(axes, shares, "milliseconds a frame"),
            bars_height(len(shares)),
        )
    alone = [row for row in rows if row["kind"] == "alone"]
    if alone:
        batches = sorted({row["batch"] for row in alone})
        order = list(dict.fromkeys(row["stage"] for row in alone))
        alone.sort(key=lambda row: (order.index(row["stage"]), row["batch"]))
        costs = [
            Bar(
                _name(row),
                row["milliseconds"]["p50"] / row["batch"],
                f"{number(row['milliseconds']['p50'] / row['batch'])} ms",
                batches.index(row["batch"]),
            )
            for row in alone
        ]
        names = [f"batch {batch}" for batch in batches]
        yield Plot(
            "lone-stages",
            "Each stage alone",
            captions.lone_stages(alone),
            lambda axes: draw_bars(axes, costs, "milliseconds a crop or a frame (median)", names=names),
            bars_height(len(costs)),
        )


def _name(row: Row) -> str:
    stage = "a crop, all its stages" if row["stage"] == "whole" else str(row["stage"])
    return stage if row["batch"] == 1 else f"{stage}, batch {row['batch']}"
