"""The configuration of a benchmark: one frozen object, written into every result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lpsr_core.cards import PRECISIONS, Precision
from lpsr_core.degradation import METHODS, Method
from lpsr_core.errors import UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_run.engines.backends import BACKENDS, Backend
from lpsr_run.redact import redact

Suite = Literal[
    "reference",
    "throughput",
    "latency",
    "stages",
    "accuracy",
    "cameras",
    "precision",
    "kernel",
    "energy",
    "scaling",
    "peers",
]
SUITES: tuple[Suite, ...] = get_args(Suite)
"""In the order in which they run: `reference` first, so that its peak memory is that of reading one by one."""
USUAL: tuple[Suite, ...] = ("reference", "throughput", "latency", "stages", "accuracy", "precision", "kernel", "energy")
"""Those that run when none is named: the others take long."""
LEVELS = (0.75, 0.5, 0.25, 0.1)
"""SSIM below which the paper's kind of blur is stopped, from nearly sharp to unreadable."""


@dataclass(frozen=True)
class BenchConfig:
    """Everything that decides what is measured.

    Attributes:
        suites: what to measure; always in the order of `SUITES`.
        out: the JSON file; the other forms of the report are written beside it.
        data: folder of labelled crops; None for the project's own rendered plates.
        degradation: how the low resolution pictures are made.
        layouts: names or patterns that plates may follow.
        seed: of noise in the degradation, of painted pictures and of arrivals.
        limit: most labelled plates; 0 for all.
        frame: picture or video whose first frame is searched for plates; None for a painted one.
        generator, reader: a released model's name or the path of an .onnx file.
        lr_reader: a reader trained on LR pictures; None for the released one, if there is one.
        precision: variant of the released models.
        backend: what runs the models.
        threads: CPU threads of the models; 0 for as many as there are cores.
        batches: crops in a forward pass, for `throughput` and `stages`.
        streams: callers that read at once, each with batches of its own, for `throughput`.
        rates: crops a second that arrive in `latency`; none for shares of what the machine can do.
        most: crops of the largest measurement of `scaling`.
        peers: names of what runs beside the models in `peers`; none for all that are installed.
        seconds: length of one measurement, all rounds together.
        repeats: rounds of a measurement.
        plates: crops of the suite `reference`.
        html: whether a page is written beside the JSON file; None for where there is matplotlib to draw it.
        sheet: whether the result holds pictures and texts of some plates.
    """

    suites: tuple[Suite, ...] = USUAL
    out: str = "bench.json"
    data: str | None = None
    degradation: Method = "blur"
    layouts: tuple[str, ...] = ("brazilian", "mercosur")
    seed: int = 0
    limit: int = 0
    frame: str | None = None
    generator: str = "lite"
    reader: str = "lite"
    lr_reader: str | None = None
    precision: Precision = "fp32"
    backend: Backend = "auto"
    threads: int = 0
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    streams: tuple[int, ...] = (1, 4)
    rates: tuple[float, ...] = ()
    most: int = 16384
    peers: tuple[str, ...] = ()
    seconds: float = 3.0
    repeats: int = 3
    plates: int = 4000
    html: bool | None = None
    sheet: bool = True

    def check(self) -> None:
        """Makes sure that the values can be meant.

        Raises:
            UsageError: with the option and what it takes.
        """
        for option, value, choices in (
            *(("--suite", suite, SUITES) for suite in self.suites),
            ("--degradation", self.degradation, METHODS),
            ("--precision", self.precision, PRECISIONS),
            ("--backend", self.backend, BACKENDS),
        ):
            if value not in choices:
                also = " or all" if option == "--suite" else ""
                raise UsageError(f"{option} is one of {', '.join(choices)}{also}, not {value!r}")
        for name, least in (("threads", 0), ("limit", 0), ("seed", 0), ("plates", 1), ("repeats", 1), ("most", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} is at least {least}, not {getattr(self, name)}")
        for name in ("batches", "streams", "rates"):
            wrong = [value for value in getattr(self, name) if not 0 < value <= 1e6]
            if wrong:
                raise UsageError(f"--{name} takes numbers from 1 on, separated by commas, not {wrong[0]:g}")
        if not self.batches or not self.streams:
            raise UsageError("--batches and --streams take at least one number each")
        if not 0 < self.seconds <= 3600:
            raise UsageError(f"--seconds is more than 0 and at most 3600, not {self.seconds:g}")
        parse_layouts(self.layouts)

    def changed(self, values: Mapping[str, Any]) -> BenchConfig:
        """A copy with other values; None leaves a value as it is."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        """For the JSON, without credentials."""
        values = asdict(self)
        # A result is handed on: what lies where on this machine is nobody's business.
        for name in ("out", "data"):
            values[name] = None if values[name] is None else Path(values[name]).name
        if self.frame is not None:
            values["frame"] = redact(self.frame)
        return values


QUICK = BenchConfig(
    seconds=0.09, plates=30, limit=12, batches=(1, 8, 32), streams=(1, 2), most=64, repeats=2, html=False
)
"""A trial of every suite in a few seconds; its figures mean little."""
