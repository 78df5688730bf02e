"""The configuration of a benchmark: one frozen object, written into every result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from lpsr_core.errors import UsageError
from lpsr_core.options import check_options, option, same_option
from lpsr_core.settings import METHODS, Method, Precision
from lpsr_run.options import RunOptions
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
SHOWN: tuple[Suite, ...] = (*USUAL, *(suite for suite in SUITES if suite not in USUAL))
"""In the order of the help: the usual ones first."""
LEVELS = (0.75, 0.5, 0.25, 0.1)
"""SSIM below which the paper's kind of blur is stopped, from nearly sharp to unreadable."""


@dataclass(frozen=True)
class BenchConfig:
    """Everything that decides what is measured; the help of each option says what its field means."""

    suites: tuple[Suite, ...] = option(
        f"Suite to run: {', '.join(SHOWN)} or all. Repeatable.",
        "NAME",
        USUAL,
        "--suite",
        default_words="the first eight",
    )
    out: str = option(
        "Output JSON file. A .md, .csv and .html of the same name are written beside it; existing files are replaced.",
        "FILE",
        "bench.json",
    )
    data: str | None = option(
        "Labelled crops: a labels.csv with file,text[,x,y,width,height], or files named after their plates.",
        "DIR",
        None,
        default_words="the packaged rendered plates",
    )
    degradation: Method = option("Degradation that produces the LR pictures.", default="blur", choices=METHODS)
    layouts: tuple[str, ...] = same_option(RunOptions, "layouts")
    limit: int = option("Maximum number of labelled plates; 0 for all.", "N", 0, least=0)
    frame: str | None = option(
        "Picture or video whose first frame is used for location.", "SOURCE", None, default_words="a synthetic frame"
    )
    generator: str = same_option(RunOptions, "generator")
    reader: str = same_option(RunOptions, "reader")
    lr_reader: str | None = option("Reader trained on LR pictures.", "MODEL", None, default_words="lr, if present")
    precision: Precision = same_option(RunOptions, "precision")
    backend: str = option(
        "Inference backend: onnxruntime, cuda, tensorrt, tensorrt-rtx, openvino, or auto for the fastest one "
        "available.",
        "NAME",
        "auto",
    )
    threads: int = same_option(RunOptions, "threads")
    batches: tuple[int, ...] = option("Batch sizes, comma-separated.", "LIST", (1, 2, 4, 8, 16, 32, 64), separator=",")
    streams: tuple[int, ...] = option("Suite throughput: numbers of concurrent callers.", "LIST", (1, 4), separator=",")
    rates: tuple[float, ...] = option(
        "Suite latency: arrival rates in crops per second.",
        "LIST",
        (),
        separator=",",
        default_words="30, 60 and 90 % of the maximum",
    )
    most: int = option("Suite scaling: number of crops of the largest measurement.", "N", 16384, least=1)
    peers: tuple[str, ...] = option(
        "Suite peers: what to compare with: bicubic, rapidocr, fast-plate-ocr=FILE, paper, lite-torch, sr3-20-steps or "
        "LABEL=FILE.onnx. Repeatable.",
        "PEER",
        (),
        "--peer",
        default_words="all that are installed",
    )
    seconds: float = option("Duration of one measurement in seconds.", "S", 3.0, more_than=0, most=3600)
    repeats: int = option("Number of rounds per measurement; the median is reported.", "N", 3, least=1)
    plates: int = option("Suite reference: number of plates read one by one.", "N", 4000, least=1)
    seed: int = option("Random seed of the degradations.", "N", 0, least=0)
    html: bool | None = option("Write an HTML page with plots.", default=None, default_words="yes")
    sheet: bool = option("Include sample plates in the result.", default=True)

    def check(self) -> None:
        """Validate the values.

        Raises:
            UsageError: with the option and what it takes.
        """
        from lpsr_core.layouts import parse_layouts
        from lpsr_run.engines.backends import BACKENDS

        check_options(self)
        choices: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
            *(("--suite", suite, " or all", SUITES) for suite in self.suites),
            ("--backend", self.backend, "", BACKENDS),
        )
        for name, value, also, known in choices:
            if value not in known:
                raise UsageError(f"{name} is one of {', '.join(known)}{also}, not {value!r}")
        for name in ("batches", "streams", "rates"):
            wrong = [value for value in getattr(self, name) if not 0 < value <= 1e6]
            if wrong:
                raise UsageError(f"--{name} takes numbers from 1 on, separated by commas, not {wrong[0]:g}")
        if not self.batches or not self.streams:
            raise UsageError("--batches and --streams take at least one number each")
        parse_layouts(self.layouts)

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
