"""The configuration of a bulk run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from lpsr_core.choices import choice
from lpsr_core.errors import UsageError
from lpsr_run.config import RunConfig

Kind = Literal["crops", "video"]
Format = Literal["jsonl", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
BLOCK: dict[Kind, int] = {"crops": 64, "video": 1}
"""Default number of inputs in one task."""

_DECIDES_READS = (
    *("generator", "reader", "precision", "super_resolve", "views", "layouts", "locator", "locator_threshold"),
    *("detector", "region", "min_confidence", "min_plate", "certain", "min_frames", "sure", "stride", "pixel_aspect"),
)
"""Options of a run that change what is read. The runtime and the number of workers do not."""


@dataclass(frozen=True)
class BulkConfig:
    """Everything that decides what a bulk run does.

    Attributes:
        source: a file, a folder, a glob, or a list of inputs (.csv or .parquet).
        kind: whether the inputs are plate crops, or videos and photographs.
        out: folder of the shards.
        column: of the list, the one that holds the paths.
        format: of finished shards.
        shard: results in one shard.
        workers: processes that read; 0 for as many as the cluster has CPUs for.
        threads: CPU threads of the models in each worker.
        gpus: GPUs of each worker; a fraction shares one.
        block: inputs in one task; 0 takes `BLOCK`.
        address: of a running Ray cluster; None starts one on this machine and stops it at the end.
        run: options of the reading itself.
    """

    source: str
    kind: Kind = "crops"
    out: str = "runs/bulk"
    column: str = "path"
    format: Format = "jsonl"
    shard: int = 10_000
    workers: int = 0
    threads: int = 1
    gpus: float = 0.0
    block: int = 0
    address: str | None = None
    run: RunConfig = field(default_factory=RunConfig)

    def check(self) -> None:
        """Validate the values.

        Raises:
            UsageError: with the option and the values that it takes.
        """
        choice(self.format, FORMATS, "--format")
        for name, least in (("shard", 1), ("workers", 0), ("threads", 1), ("block", 0), ("gpus", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} is at least {least}, not {getattr(self, name)}")
        self.run.check_values()

    @property
    def task_size(self) -> int:
        """Inputs in one task."""
        return self.block or BLOCK[self.kind]

    def identity(self) -> dict[str, Any]:
        """What all results of one output folder have in common, as JSON holds it."""
        values = self.run.as_dict()
        same = {name: list(value) if isinstance(value := values[name], tuple) else value for name in _DECIDES_READS}
        return {"kind": self.kind, "format": self.format, **same}
