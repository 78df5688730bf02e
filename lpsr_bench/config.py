"""The configuration of a benchmark: one frozen object, written into every result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from lpsr_core.cards import PRECISIONS, Precision
from lpsr_core.degradation import METHODS, Method
from lpsr_core.errors import UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_run.backends import BACKENDS, Backend
from lpsr_run.redact import redact

Suite = Literal["reference", "throughput", "stages", "accuracy"]
SUITES: tuple[Suite, ...] = get_args(Suite)
"""In the order in which they run: `reference` first, so that its peak memory is that of reading one by one."""


@dataclass(frozen=True)
class BenchConfig:
    """Everything that decides what is measured.

    Attributes:
        suites: what to measure; always in the order of `SUITES`.
        out: the JSON file.
        data: folder of labelled crops; None for the project's own rendered plates.
        degradation: how the low resolution pictures are made.
        layouts: names or patterns that plates may follow.
        seed: of noise in the degradation and of painted pictures.
        limit: most labelled plates; 0 for all.
        frame: picture or video whose first frame is searched for plates; None for a painted one.
        generator, reader: a released model's name or the path of an .onnx file.
        lr_reader: a reader trained on LR pictures; None for the released one, if there is one.
        precision: variant of the released models.
        backend: what runs the models.
        threads: CPU threads of the models; 0 lets the runtime choose.
        batches: crops in a forward pass, for `throughput` and `stages`.
        seconds: length of one measurement, all rounds together.
        repeats: rounds of a measurement.
        plates: crops of the suite `reference`.
    """

    suites: tuple[Suite, ...] = SUITES
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
    batches: tuple[int, ...] = (1, 8, 32)
    seconds: float = 3.0
    repeats: int = 3
    plates: int = 4000

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
                raise UsageError(f"{option} is one of {', '.join(choices)}, not {value!r}")
        for name, least in (("threads", 0), ("limit", 0), ("seed", 0), ("plates", 1), ("repeats", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} is at least {least}, not {getattr(self, name)}")
        if not 0 < self.seconds <= 3600:
            raise UsageError(f"--seconds is more than 0 and at most 3600, not {self.seconds:g}")
        parse_layouts(self.layouts)

    def changed(self, values: Mapping[str, Any]) -> BenchConfig:
        """A copy with other values; None leaves a value as it is."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        """For the JSON, without credentials."""
        values = asdict(self)
        if self.frame is not None:
            values["frame"] = redact(self.frame)
        return values


QUICK = BenchConfig(seconds=0.09, plates=30, limit=12)
"""A trial of every suite in a few seconds; its figures mean little."""
