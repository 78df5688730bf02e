"""One run from its configuration: opens models, source and sinks, moves the data, and says what happened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lpsr_core import __version__
from lpsr_core.cards import Role
from lpsr_core.errors import UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_core.reads import Read
from lpsr_run.annotate import VideoSink
from lpsr_run.backends import open_engine
from lpsr_run.config import RunConfig
from lpsr_run.engine import Engine
from lpsr_run.interrupt import StopRequest
from lpsr_run.locate.base import Locator
from lpsr_run.locate.classical import ClassicalLocator
from lpsr_run.locate.network import NetworkLocator
from lpsr_run.locate.region import RegionLocator, parse_region
from lpsr_run.locate.yolo import YoloLocator
from lpsr_run.models import DEFAULT_MODEL, Model, find_model, released
from lpsr_run.opening import open_network
from lpsr_run.plate_reader import PlateReader
from lpsr_run.sinks import JsonLinesSink, PictureStore, Result, Sink, TableSink, make_folder, set_aside
from lpsr_run.sources import Frame, Source, list_images, open_source
from lpsr_run.sources.images import ImageSource
from lpsr_run.stream import Acceptance, PlateEvent, PlateStream, read_crops


@dataclass
class Summary:
    """What a run did so far; becomes run.json.

    Attributes:
        frames: that were looked at.
        reads: that were written.
        failures: one line for everything that was skipped.
        stopped_by: the signal that stopped it, or None.
        seconds: from the first frame to the end.
        stages: seconds by stage.
        models: by role.
        engines: name of the engine by role.
        why: those engines, where the runtime was chosen.
    """

    frames: int = 0
    reads: int = 0
    failures: list[str] = field(default_factory=list)
    stopped_by: int | None = None
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    why: str = ""

    def as_dict(self, config: RunConfig) -> dict[str, Any]:
        """For run.json."""
        return {
            "version": __version__,
            "frames": self.frames,
            "reads": self.reads,
            "failures": self.failures,
            "interrupted": self.stopped_by is not None,
            "seconds": round(self.seconds, 3),
            "stages": {name: round(value, 3) for name, value in self.stages.items()},
            "models": {
                role: {"name": model.name, "path": str(model.path), "sha256": model.sha256}
                for role, model in self.models.items()
            },
            "engines": self.engines,
            "why_these_engines": self.why,
            "config": config.as_dict(),
        }


@dataclass(frozen=True)
class Tools:
    """What the configuration names, opened.

    Attributes:
        reader: generator and reader.
        locator: None when the images are plates already.
        models: the graphs' files, by role.
        engines: the engines' names, by role.
        why: those engines, where the runtime was chosen.
    """

    reader: PlateReader
    locator: Locator | None
    models: dict[str, Model]
    engines: dict[str, str]
    why: str


def open_tools(config: RunConfig) -> Tools:
    """Opens the models and the locator that a configuration names.

    Raises:
        UsageError: there is no such model.
        LpsrError: a model cannot be loaded or has another form.
    """
    wanted: list[tuple[Role, str]] = [("reader", config.reader)]
    if config.super_resolve != "never":
        wanted.append(("generator", config.generator))
    models: dict[str, Model] = {}
    engines: dict[str, Engine] = {}
    why = ""
    for role, choice in wanted:
        opened = open_network(choice, role, config.precision, config.backend, config.threads)
        models[role], engines[role] = opened.model, opened.engine
        why = opened.why
    reader = PlateReader(engines["reader"], engines.get("generator"), config.super_resolve, config.batch)
    locator = _open_locator(config, models, engines) if config.crops is None else None
    return Tools(reader, locator, models, {role: engine.name for role, engine in engines.items()}, why)


def _open_locator(config: RunConfig, models: dict[str, Model], engines: dict[str, Engine]) -> Locator:
    """What finds plates; its model and engine are added to the others."""
    # Engines are built from released readers and generators; what finds plates runs in ONNX Runtime.
    backend = "auto" if config.backend == "tensorrt" else config.backend
    locator: Locator = ClassicalLocator()
    if config.detector is not None:
        if not Path(config.detector).is_file():
            raise UsageError(f"{config.detector}: no such model file")
        engines["detector"] = open_engine(Path(config.detector), backend, config.threads)
        locator = YoloLocator(engines["detector"])
    elif config.locator != "classical" and (config.locator != "auto" or released("locator")):
        models["locator"] = find_model(DEFAULT_MODEL if config.locator == "auto" else config.locator, "locator")
        engines["locator"] = open_engine(models["locator"].path, backend, config.threads)
        locator = NetworkLocator(engines["locator"])
    return locator if config.region is None else RegionLocator(locator, parse_region(config.region))


def run(config: RunConfig, quiet: bool = False) -> Summary:
    """Runs to the end of the source, or until the user interrupts.

    Writes `reads.jsonl`, `run.json` and the folder `pictures` into the output folder, and prints a table of the
    reads on standard output. What fails and is skipped is said on standard error.

    Args:
        config: checked.
        quiet: without progress bar and table.

    Returns:
        What happened; `stopped_by` and `failures` decide the exit code.

    Raises:
        UsageError: the configuration names something that is not there.
        LpsrError: the source cannot be decoded, a model cannot run, or the output cannot be written.
    """
    summary = Summary()
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

    def report(line: str) -> None:
        summary.failures.append(line)
        errors.print(f"skipped: {line}")

    # The source first: a mistyped path should be told before a model is loaded.
    source = _source(config, report)
    tools = open_tools(config)
    summary.models, summary.engines, summary.why = tools.models, tools.engines, tools.why
    if tools.why and not quiet:
        errors.print(f"runtime: {tools.engines['reader']}; {tools.why}")
    out = Path(config.out)
    make_folder(out)
    set_aside(out)
    layouts = parse_layouts(config.layouts)
    store = PictureStore(out / "pictures", out) if config.pictures else None
    start = time.perf_counter()
    with ExitStack() as stack:
        sinks: list[Sink] = [stack.enter_context(JsonLinesSink(out / "reads.jsonl"))]
        if not quiet:
            sinks.append(stack.enter_context(TableSink(Console(soft_wrap=False, highlight=False), out)))
        stack.callback(_write_summary, out / "run.json", summary, config, tools, start)

        def write(events: Iterable[PlateEvent]) -> None:
            for event in events:
                result = _result(event, store)
                for sink in sinks:
                    sink.write(result)
                summary.reads += 1

        with _progress(errors, quiet) as progress, StopRequest() as stop:
            frames = _counted(source, summary, progress, stop)
            if tools.locator is None:
                events = read_crops(frames, tools.reader, report, layouts, config.batch)
            else:
                stream = PlateStream(
                    tools.locator,
                    tools.reader,
                    layouts,
                    Acceptance(config.min_confidence, config.min_frames, config.sure),
                    batch=1 if source.live else config.batch,
                )
                if config.annotate is not None:
                    video = stack.enter_context(VideoSink(Path(config.annotate)))
                    stream.show = lambda frame, marks: video.show(frame.image, marks)
                events = stream.reads(frames)
            write(events)
    return summary


def _source(config: RunConfig, report: Any) -> Source:
    if config.crops is None:
        assert config.video is not None
        return open_source(config.video, report, config.stride)
    paths, many = list_images(config.crops)
    return ImageSource(paths, report if many else None)


def _counted(source: Source, summary: Summary, progress: Progress, stop: StopRequest) -> Iterator[Frame]:
    """The frames until the source ends or somebody asks to stop; the reads of what came so far still follow."""
    task = progress.add_task("frames", total=None, reads=0)
    for frame in source.frames():
        summary.frames += 1
        progress.update(task, completed=summary.frames, total=source.total, reads=summary.reads)
        yield frame
        if stop.signal is not None:
            summary.stopped_by = stop.signal
            return


def _result(event: PlateEvent, store: PictureStore | None) -> Result:
    fused = event.read
    best, reading = fused.best, fused.reading
    lr: str | None = None
    sr: str | None = None
    if store is not None:
        lr, sr = store.save(event.source, best.frame, fused.track, best.crop, best.sr)
    read = Read(
        source=event.source,
        frame=best.frame,
        milliseconds=best.milliseconds,
        box=best.quad.box,
        text=reading.text,
        layout=reading.layout.name,
        confidence=reading.confidence,
        characters=reading.characters,
        frames=fused.frames,
        agreeing=fused.agreeing,
        super_resolved=best.sr is not None,
        lr_image=lr,
        sr_image=sr,
        track=fused.track,
    )
    return Result(read, fused.first, fused.last)


def _write_summary(path: Path, summary: Summary, config: RunConfig, tools: Tools, start: float) -> None:
    summary.seconds = time.perf_counter() - start
    summary.stages = {str(name): value for name, value in tools.reader.clock.seconds.items()}
    text = json.dumps(summary.as_dict(config), indent=2, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        # Never in the way of the error that ended the run, which on a full disk is the same one.
        summary.failures.append(f"{path}: cannot be written: {error.strerror or error}")


def _progress(console: Console, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[reads]} reads"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
