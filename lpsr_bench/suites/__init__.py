"""What can be measured: one file a suite, each a function from the context to rows. A new suite is a new file, its
name in `config.Suite`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lpsr_bench.config import Suite
from lpsr_bench.context import Context, Row
from lpsr_bench.suites.accuracy import measure_accuracy
from lpsr_bench.suites.cameras import measure_cameras
from lpsr_bench.suites.energy import measure_energy
from lpsr_bench.suites.kernel import measure_kernel
from lpsr_bench.suites.latency import measure_latency
from lpsr_bench.suites.peers import measure_peers
from lpsr_bench.suites.precision import measure_precision
from lpsr_bench.suites.reference import measure_reference
from lpsr_bench.suites.scaling import measure_scaling
from lpsr_bench.suites.stages import measure_stages
from lpsr_bench.suites.throughput import measure_throughput

MEASURES: dict[Suite, Callable[[Context], Iterator[Row]]] = {
    "reference": measure_reference,
    "throughput": measure_throughput,
    "latency": measure_latency,
    "stages": measure_stages,
    "accuracy": measure_accuracy,
    "cameras": measure_cameras,
    "precision": measure_precision,
    "kernel": measure_kernel,
    "energy": measure_energy,
    "scaling": measure_scaling,
    "peers": measure_peers,
}
