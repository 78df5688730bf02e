"""One file a suite. A suite gives its results one by one, so that an interrupt keeps those that are there."""

from lpsr_bench.suites.accuracy import Accuracy, measure_accuracy
from lpsr_bench.suites.reference import ReferenceRun, measure_reference
from lpsr_bench.suites.stages import StageTiming, measure_stages
from lpsr_bench.suites.throughput import Throughput, measure_throughput

__all__ = [
    "Accuracy",
    "ReferenceRun",
    "StageTiming",
    "Throughput",
    "measure_accuracy",
    "measure_reference",
    "measure_stages",
    "measure_throughput",
]
