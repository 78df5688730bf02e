"""A result with rows of every suite, made by the suites' own rows, for tests of the reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from lpsr_bench.config import SUITES, BenchConfig
from lpsr_bench.measure import Percentiles, Timing
from lpsr_bench.results import Results
from lpsr_bench.suites.accuracy import Accuracy, Quality, Shown
from lpsr_bench.suites.cameras import Delivered
from lpsr_bench.suites.energy import Consumption
from lpsr_bench.suites.kernel import Kernel
from lpsr_bench.suites.latency import Latency
from lpsr_bench.suites.peers import Beside
from lpsr_bench.suites.precision import Variant
from lpsr_bench.suites.reference import ReferenceRun
from lpsr_bench.suites.scaling import Scale
from lpsr_bench.suites.stages import StageShare, StageTiming
from lpsr_bench.suites.throughput import Throughput
from lpsr_core.delivery import Delivery
from lpsr_core.metrics import Rate, RecognitionRate
from lpsr_core.reliability import Reliability
from lpsr_core.views import SUPER_RESOLVE, SuperResolve

PLATES = 40


def sample(notes: Sequence[str] = (), date: str = "2026-03-01T10:00:00+00:00", **config: Any) -> dict[str, Any]:
    """The JSON of a whole benchmark, read."""
    results = Results(
        config=BenchConfig(suites=SUITES, **config),
        date=date,
        machine={
            "cpu": "Test CPU",
            "board": None,
            "cores": 4,
            "usable_cores": 2,
            "memory_bytes": 8 << 30,
            "gpu": None,
            "os": "Test OS 1",
            "load_average": 0.1,
            "versions": {"python": "3.12.0", "onnxruntime": "1.25.0"},
        },
        models={
            role: {"name": "lite fp32", "file": f"{role}.onnx", "sha256": "0123456789abcdef" * 4, "runtime": "test cpu"}
            for role in ("generator", "reader", "lr_reader")
        },
        data={"name": "test plates", "plates": PLATES, "widths": [100, 200], "frame": "painted, 1280x720"},
        hardware="Test CPU, 2 cores, test cpu",
        rows=_rows(),  # type: ignore[arg-type]
        notes=list(notes),
        steadiness={"before reference": 0.003, "at the end": 0.003},
        seconds=100.0,
        peak_resident_bytes=200 << 20,
        complete=True,
    )
    found: dict[str, Any] = json.loads(json.dumps(results.as_dict()))
    return found


def rates(hits: int, total: int = PLATES) -> RecognitionRate:
    """So many plates right, a few more with one or two wrong characters."""
    return RecognitionRate(*(Rate(min(hits + more, total), total) for more in (0, 2, 4)))


def _rows() -> dict[str, list[Any]]:
    percentiles = Percentiles(10.0, 12.0, 20.0, 30.0)
    return {
        "reference": [
            ReferenceRun("networks", 4000, 3, 19.0, {}, None),
            ReferenceRun("crop to string", 4000, 3, 22.8, {"generate": 12.0, "read": 8.0}, 100 << 20),
        ],
        "throughput": [
            *(
                Throughput(way, 1, Timing(batch, tuple((batch / (speed * part),) for part in (0.98, 1, 1.02))))
                for batch, speed in ((1, 100), (8, 200))
                for way in ("networks", "crop to string")
            ),
            Throughput("crop to string", 2, Timing(8, ((0.1,), (0.1,))), (80.0, 70.0)),
        ],
        "latency": [
            Latency(rate, share, 1000, 2, 1000 / served, percentiles, tuple(np.linspace(5, 20, 101).tolist()))
            for rate, share, served in ((30.0, 0.3, 30.0), (90.0, 0.9, 89.0), (200.0, 2.0, 100.0))
        ],
        "stages": [
            StageTiming("receive a frame", 1, 9, percentiles),
            StageTiming("whole", 1, 9, percentiles),
            StageTiming("whole", 32, 9, Percentiles(160.0, 170.0, 180.0, 190.0)),
            StageShare("locate", 60, 3.0, 0.75),
            StageShare("generate", 60, 0.6, 0.15),
            StageShare("other", 60, 0.4, 0.1),
        ],
        "accuracy": [
            accuracy(32, 12, 0.1, sheet=True),
            *(accuracy(16, 6, 0.1, layout) for layout in ("brazilian", "mercosur")),
            accuracy(38, 30, 0.5),
        ],
        "cameras": [
            *(
                delivered(Delivery(width), way, hits)
                for width, more in ((None, 38), (48, 30), (24, 4))
                for way, hits in zip(SUPER_RESOLVE, (more, more, more - 3), strict=True)
            ),
            delivered(Delivery(None, "jpeg", 40), "auto", 33),
            delivered(Delivery(48, "jpeg", 40), "auto", 11),
        ],
        "precision": [
            Variant("fp32", "test cpu", rates(32), None, 100.0, 200.0),
            Variant("fp16", "test cpu", rates(31), 0.975, 150.0, 300.0),
        ],
        "kernel": [
            Kernel("convolution 3x3, 128 channels, 64x192", "test cpu", 40.0, 100.0, None),
            Kernel("generator lite fp32, batch 32", "test cpu", 90.0, 70.0, 0.7),
            Kernel("convolution 3x3, 16 channels, 8x24", "test cpu", 0.02, 50.0, 0.5),
            Kernel("deformable 3x3, 16 channels, 8x24", "test cpu", 0.08, 12.5, 0.125),
        ],
        "energy": [Consumption("RAPL package-0", 100, 1.0, 50.0, 20.0)],
        "scaling": [
            *(
                Scale("crops", count, count, seconds, 300 << 20)
                for count, seconds in ((1, 0.02), (1000, 5), (4000, 20))
            ),
            Scale("threads", 1, 1000, 10.0, None),
            Scale("threads", 2, 1000, 6.0, None),
        ],
        "peers": [
            Beside("LPSR", "crop to string", rates(32), percentiles, 100.0, 1.0),
            Beside("bicubic, then our reader", "crop to string", rates(12), percentiles, 250.0, 0.4),
            Beside("slow one", "crop to string", rates(8), percentiles, 20.0, 5.0),
            Beside("paper", "super-resolution alone", None, percentiles, 0.5, 200.0),
        ],
    }


def delivered(delivery: Delivery, way: SuperResolve, hits: int) -> Delivered:
    """Of forty plates, eight of them surely read."""
    sure = Reliability.of([0.95] * 8 + [0.5] * 32, [True] * 8 + [False] * 32)
    return Delivered(40, 40 if delivery.width else 0, delivery, way, rates(hits), 0.2, 1.0, sure)


def accuracy(hits: int, bicubic: int, level: float, layout: str = "all", sheet: bool = False) -> Accuracy:
    """Of plates in which an O is now and then read as Q."""
    picture = np.full((4, 12, 3), 90, np.uint8)
    confusion = np.diag(np.full(36, 20))
    confusion[24, 26] = 3
    shown = (
        Shown("best", "ABC1D23", "ABC1D23", 0.9, picture, picture, picture),
        Shown("worst", "OOO1234", "OQO1235", 0.2, picture, picture, picture),
    )
    return Accuracy(
        PLATES,
        "blur",
        level,
        layout,
        {"hr": rates(PLATES), "bicubic": rates(bicubic), "sr": rates(hits), "lr direct": rates(bicubic + 1)},
        Quality(22.0, 0.64),
        Quality(20.0, 0.41),
        Reliability.of([0.9] * 20 + [0.4] * 20, [True] * 18 + [False] * 22),
        confusion,
        shown if sheet else (),
    )
