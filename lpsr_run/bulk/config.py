"""The configuration of a bulk run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from lpsr_core.errors import UsageError
from lpsr_core.options import check_options, option
from lpsr_run.config import RunConfig

Kind = Literal["crops", "video"]
Format = Literal["jsonl", "parquet"]
BLOCK: dict[Kind, int] = {"crops": 64, "video": 1}
"""Default number of inputs in one task."""

_DECIDES_READS = (
    *("generator", "reader", "precision", "super_resolve", "views", "layouts", "locator", "locator_threshold"),
    *("detector", "region", "min_confidence", "min_plate", "certain", "min_frames", "sure", "stride", "pixel_aspect"),
)
"""Options of a run that change what is read. The runtime and the number of workers do not."""


_SOURCE = "A file, folder, glob, or a .csv or .parquet list of paths."


@dataclass(frozen=True)
class BulkConfig:
    """Everything that decides what a bulk run does; the help of each option says what its field means.

    Attributes:
        run: options of the reading itself.
    """

    crops: str | None = option(f"Images that are plates already. {_SOURCE}", "PATH", None)
    video: str | None = option(f"Videos and photographs. {_SOURCE} Not with --crops.", "PATH", None)
    column: str = option("Column of the list that holds the paths.", "NAME", "path")
    out: str = option("Folder of the results; an interrupted run goes on.", "DIR", "runs/bulk")
    format: Format = option("Format of the shards.", default="jsonl", choices=get_args(Format))
    shard: int = option("Results in one shard.", "N", 10_000, least=1)
    workers: int = option("Worker processes; 0 takes all CPUs.", "N", 0, least=0)
    threads: int = option("CPU threads of the models in each worker.", "N", 1, least=1)
    gpus: float = option("GPUs of each worker; a fraction shares one.", "N", 0.0, least=0)
    block: int = option("Inputs in one task; 0 takes 64 crops or one video.", "N", 0, least=0)
    address: str | None = option(
        "Running Ray cluster.", "HOST:PORT", None, default_words="one of this machine, stopped at the end"
    )
    run: RunConfig = field(default_factory=RunConfig)

    def check(self) -> None:
        """Validate the values.

        Raises:
            UsageError: with the option and the values that it takes.
        """
        if (self.crops is None) == (self.video is None):
            raise UsageError("give exactly one of --crops and --video")
        check_options(self)
        self.run.check_values()

    @property
    def source(self) -> str:
        """A file, a folder, a glob, or a list of inputs (.csv or .parquet)."""
        return self.crops or self.video or ""

    @property
    def kind(self) -> Kind:
        """Whether the inputs are plate crops, or videos and photographs."""
        return "video" if self.crops is None else "crops"

    @property
    def task_size(self) -> int:
        """Inputs in one task."""
        return self.block or BLOCK[self.kind]

    def identity(self) -> dict[str, Any]:
        """What all results of one output folder have in common, as JSON holds it."""
        values = self.run.as_dict()
        same = {name: list(value) if isinstance(value := values[name], tuple) else value for name in _DECIDES_READS}
        return {"kind": self.kind, "format": self.format, **same}
