"""Where the time goes: seconds per stage of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, get_args

Stage = Literal["receive", "locate", "rectify", "preprocess", "generate", "read", "decode", "write"]
"""`receive` is waiting for a frame, which threads of its own decode; `write` is handing a read to all sinks."""
STAGES: tuple[Stage, ...] = get_args(Stage)


def _zeros() -> dict[Stage, float]:
    return dict.fromkeys(STAGES, 0.0)


@dataclass
class StageClock:
    """Adds up the wall time of each stage; cheap enough to leave on.

    Attributes:
        seconds: by stage, since the start or the last `reset`.
    """

    seconds: dict[Stage, float] = field(default_factory=_zeros)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Counts what runs inside the `with` block towards a stage, also when it raises."""
        start = perf_counter()
        try:
            yield
        finally:
            self.add(name, perf_counter() - start)

    def add(self, name: Stage, seconds: float) -> None:
        """Counts so many seconds towards a stage."""
        self.seconds[name] += seconds

    def reset(self) -> None:
        """Starts again from zero."""
        self.seconds = _zeros()
