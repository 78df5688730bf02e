"""What all attacks share: a folder, models whose answers are known, and how a run is judged."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.servers import ROOT  # noqa: F401 - puts the tests' models within reach
from lpsr_core.geometry import Box, Quad
from lpsr_core.reads import Read
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.run import run
from lpsr_run.sinks import JsonLinesSink, Result
from lpsr_run.sinks.base import DurableSink, Record
from lpsr_run.sinks.catch_up import catch_up
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sinks.outbox import Outbox

TEXTS = ("ABC1D34", "XYZ4321", "QRS5T67", "BRA2E19", "LPR4S26", "FGH8J90")


@dataclass(frozen=True)
class Outcome:
    """What an attack cost.

    Attributes:
        expected: number of reads that had to be there in the end.
        lost: number of those that were not.
        held: seconds for which others were held up.
        told: the run's own words about it, the first line.
    """

    expected: int
    lost: int
    held: float
    told: str


@dataclass(frozen=True)
class Arena:
    """A folder of its own for each attack.

    Attributes:
        folder: that is empty.
        models: folder of the test's generator, reader and detector.
    """

    folder: Path
    models: Path

    @property
    def out(self) -> Path:
        """Output folder of the run."""
        return self.folder / "out"

    def config(self, **values: object) -> RunConfig:
        """A configuration with the test models."""
        common = {
            "out": str(self.out),
            "generator": str(self.models / "generator.onnx"),
            "reader": str(self.models / "reader.onnx"),
            "backend": "onnxruntime",
            "threads": 1,
        }
        config = RunConfig(**{**common, **values})  # type: ignore[arg-type]
        config.check()
        return config

    def texts(self) -> list[str]:
        """Of the reads in the output folder."""
        path = self.out / "reads.jsonl"
        if not path.exists():
            return []
        return [json.loads(line)["text"] for line in path.read_text().splitlines()]

    def run(self, expected: Iterable[str], **values: object) -> Outcome:
        """Run in this process, and compare the texts that were read."""
        wanted = list(expected)
        start = time.monotonic()
        summary = run(self.config(**values), quiet=True)
        spent = time.monotonic() - start
        lines = [*summary.failures, *summary.unwritten]
        found = self.texts()
        lost = sum(1 for text in wanted if text not in found)
        return Outcome(len(wanted), lost, spent, lines[0] if lines else "")


def result(number: int, run_id: str) -> Result:
    """A read with a small picture."""
    box = Box(0, 0, 48, 16)
    read = Read("v.mp4", number, 0.0, box, f"{number:07d}", "x", 1.0, (), 1, 1, False, None, None, number)
    crop = np.full((16, 48, 3), number % 256, np.uint8)
    return Result(replace(read, run=run_id, number=number), 0.0, 0.0, crop, None, Quad.from_box(box))


class Witness(DurableSink):
    """A sink that nobody attacks: it says when each read came."""

    name = "witness"

    def __init__(self) -> None:
        self.keys: list[str] = []

    def close(self) -> None:
        """Nothing to close."""

    def deliver(self, record: Record, again: bool = False) -> None:
        """Note the read."""
        if record.key not in self.keys:
            self.keys.append(record.key)


def sink_attack(
    arena: Arena,
    open_sink: Callable[[list[str]], DurableSink],
    count_held: Callable[[], int],
    attack: Callable[[], object] = lambda: None,
    relent: Callable[[], object] = lambda: None,
    reads: int = 30,
    pause: float = 0.02,
    gone: int = 0,
) -> Outcome:
    """Write reads, attack a sink after a third of them, relent after two thirds, run again, and compare.

    Args:
        arena: of the attack.
        open_sink: opens the sink, given a list for the lines that it tells.
        count_held: number of different reads that the sink holds in the end.
        attack, relent: what happens.
        reads: how many are written.
        pause: seconds between two.
        gone: reads that the attack destroyed after the sink had them, which no sink can give back.
    """
    arena.out.mkdir(exist_ok=True)
    told: list[str] = []
    witness, run_id, longest = Witness(), new_run_id(), 0.0
    with open_sink(told) as sink:
        journal = JsonLinesSink(arena.out / "reads.jsonl", fault=told.append)
        with Outbox(journal, [sink, witness], run_id, arena.out, told.append, told.append) as outbox:
            for number in range(1, reads + 1):
                if number == reads // 3:
                    outbox.settle(5.0)
                    attack()
                if number == 2 * reads // 3:
                    relent()
                start = time.monotonic()
                outbox.write(result(number, run_id))
                longest = max(longest, time.monotonic() - start)
                time.sleep(pause)
            outbox.settle(20.0)
        until = time.monotonic() + 20
        while getattr(sink, "waiting", 0) and time.monotonic() < until:
            time.sleep(0.05)
    if count_held() < reads - gone:  # the next run in the folder
        with open_sink(told) as sink:
            catch_up(arena.out, [sink, witness], told.append)
            until = time.monotonic() + 20
            while getattr(sink, "waiting", 0) and time.monotonic() < until:
                time.sleep(0.05)
    lost = max(reads - gone - count_held(), 0) + (reads - len(witness.keys))
    lost += 0 if gone else reads - recorded(arena.out / "reads.jsonl")
    return Outcome(reads, lost, longest, told[0] if told else "")


def recorded(path: Path) -> int:
    """Number of reads in a `reads.jsonl`; lines that are none do not count."""
    count = 0
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with suppress(ValueError):
            Record.parse(line.decode())
            count += 1
    return count


def after(seconds: float, call: Callable[[], object]) -> threading.Timer:
    """Call something later, in a thread."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer
