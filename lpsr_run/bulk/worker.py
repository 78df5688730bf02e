"""What a worker does: opens the models once, then turns inputs into results."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, describe
from lpsr_core.layouts import parse_layouts
from lpsr_core.reads import Read
from lpsr_run.bulk.config import Kind
from lpsr_run.bulk.result import InputResult
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.configured import open_sources, open_stream, unfailing
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.results import result_of
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.pipeline.tools import open_tools
from lpsr_run.sources.base import Frame
from lpsr_run.sources.images import ImageSource
from lpsr_run.sources.merge import Merged
from lpsr_run.state import RunState

Input = tuple[str, Path]
"""Name and place."""


class ArchiveReader:
    """Reads inputs, whatever they are made of.

    Args:
        config: of the reading.
        kind: of the inputs.

    Raises:
        UsageError: there is no such model.
        LpsrError: a model cannot be loaded, or the runtime is not installed.
    """

    def __init__(self, config: RunConfig, kind: Kind) -> None:
        self._kind = kind
        # Crops need no locator, and its model need not be loaded.
        self._config = config.changed({"crops": "-"}) if kind == "crops" else config.without_source()
        self._layouts = parse_layouts(config.layouts)
        self._tools = open_tools(self._config)
        self._tools.reader.warm_up()

    def read(self, inputs: Sequence[Input]) -> list[InputResult]:
        """Read inputs; exactly one result for each, in their order.

        What fails together is read one by one, so that one input cannot take others with it.
        """
        try:
            return self._crops(inputs) if self._kind == "crops" else [self._video(one) for one in inputs]
        except Exception as error:
            if len(inputs) == 1:
                return [InputResult(inputs[0][0], "failed", describe(error))]
        return [result for one in inputs for result in self.read([one])]

    def _crops(self, inputs: Sequence[Input]) -> list[InputResult]:
        failed: dict[int, str] = {}
        left_out: defaultdict[int, list[str]] = defaultdict(list)
        reads: defaultdict[int, list[Read]] = defaultdict(list)

        def frames() -> Iterator[Frame]:
            for number, (_, path) in enumerate(inputs):
                try:
                    # The number in place of the name tells the inputs of one batch apart.
                    for frame in ImageSource([path]).frames():
                        yield replace(frame, source=str(number), stream=number)
                except LpsrError as error:
                    failed[number] = str(error)

        def report(line: str) -> None:
            number, _, why = line.partition(": ")
            left_out[int(number)].append(why)

        for event in read_crops(frames(), self._tools.reader, report, self._layouts, min_plate=self._config.min_plate):
            reads[event.stream].append(self._read_of(event))
        return [
            _result(name, reads[number], failed.get(number), left_out[number])
            for number, (name, _) in enumerate(inputs)
        ]

    def _video(self, one: Input) -> InputResult:
        name, path = one
        config = self._config.changed({"video": (os.fspath(path),)})
        failed: list[str] = []
        left_out: list[str] = []
        reads: list[Read] = []

        def note_left_out(event: PlateEvent, why: str) -> None:
            left_out.append(f"{event.read.reading.text}: {why}")

        assert self._tools.locator is not None, "only crops have no locator"
        state, stop = RunState(), threading.Event()
        try:
            sources = open_sources(config, state, failed.append, lambda line: None, stop)
            stream = open_stream(config, self._tools, self._tools.locator, live=False, left_out=note_left_out)
            with closing(Merged(sources, state, stop)) as merged:
                for event in stream.reads(unfailing(merged, 1, failed.append)):
                    reads.append(self._read_of(event))
        except LpsrError as error:
            failed.append(str(error))
        return _result(name, reads, "; ".join(failed) or None, left_out)

    def _read_of(self, event: PlateEvent) -> Read:
        return result_of(event, "", 0, None, None, self._config.certain).read


def _result(name: str, reads: Sequence[Read], failed: str | None, left_out: Sequence[str]) -> InputResult:
    why = "; ".join([*([failed] if failed else []), *left_out]) or None
    return InputResult(name, "failed" if failed else "read" if reads else "no_plate", why, tuple(reads))


class RayReader:
    """An `ArchiveReader` in an actor of Ray Data, which hands it one block after the other."""

    def __init__(self, config: RunConfig, kind: Kind) -> None:
        from lpsr_run.process import few_arenas, silence_opencv

        few_arenas()
        silence_opencv()
        self._reader = ArchiveReader(config, kind)

    def __call__(self, block: Any) -> Any:
        """Read a block.

        Args:
            block: table with the columns `name` (string) and `path` (binary).

        Returns:
            Table with the columns `name`, `line` (JSON), `status` and `worker` (its process).
        """
        import pyarrow as pa

        inputs = [
            (name, Path(os.fsdecode(path)))
            for name, path in zip(block["name"].to_pylist(), block["path"].to_pylist(), strict=True)
        ]
        results = self._reader.read(inputs)
        return pa.table(
            {
                "name": [result.input for result in results],
                "line": [result.to_json() for result in results],
                "status": [result.status for result in results],
                "worker": [os.getpid()] * len(results),
            }
        )
