"""The plots of each suite: a function from its rows and the whole result to as many plots as they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lpsr_bench.report.drawing import Plot
from lpsr_bench.report.findings import Rows
from lpsr_bench.report.plots.accuracy import accuracy, cameras
from lpsr_bench.report.plots.machine import energy, kernel, scaling
from lpsr_bench.report.plots.speed import latency, reference, stages, throughput
from lpsr_bench.report.plots.trade import peers, precision
from lpsr_bench.results import Document

PLOTS: dict[str, Callable[[Rows, Document], Iterator[Plot]]] = {
    "reference": reference,
    "throughput": throughput,
    "latency": latency,
    "stages": stages,
    "accuracy": accuracy,
    "cameras": cameras,
    "precision": precision,
    "kernel": kernel,
    "energy": energy,
    "scaling": scaling,
    "peers": peers,
}
