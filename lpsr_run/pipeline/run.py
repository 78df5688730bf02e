"""One run from its configuration: opens models, sources and sinks, moves the data, and says what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file
from lpsr_core.interrupt import StopRequest
from lpsr_core.layouts import parse_layouts
from lpsr_run.alerts import open_alerts
from lpsr_run.cameras.hangup import ReloadRequest
from lpsr_run.config import RunConfig
from lpsr_run.monitor.event_log import EventLog
from lpsr_run.monitor.json_lines import JsonLines
from lpsr_run.monitor.messages import Messages
from lpsr_run.monitor.status import StatusFile
from lpsr_run.monitor.summary import Summary
from lpsr_run.monitor.systemd import Supervisor
from lpsr_run.monitor.watchdog import Watchdog
from lpsr_run.pipeline.camera_set import CameraSet, with_cameras
from lpsr_run.pipeline.clock import StageClock
from lpsr_run.pipeline.configured import open_sources, open_stream, raise_or_report
from lpsr_run.pipeline.containment import Failures
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.fusion import CONTRIBUTIONS, fuse, print_contributions
from lpsr_run.pipeline.open_sinks import open_outbox
from lpsr_run.pipeline.outputs import refuse_overwriting
from lpsr_run.pipeline.privacy import load_watch_list
from lpsr_run.pipeline.results import result_of
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.pipeline.tools import Tools, open_tools
from lpsr_run.pipeline.unfinished import all_read, frames_read
from lpsr_run.sinks import PictureStore, TableSink, make_folder
from lpsr_run.sinks.annotate import Mark, VideoSink
from lpsr_run.sinks.base import write_failed
from lpsr_run.sinks.lines import LineSink
from lpsr_run.sinks.lock import FolderLock
from lpsr_run.sources import Frame, Report, Source
from lpsr_run.sources.merge import Ended, Item, Merged
from lpsr_run.state import RunState


def run(config: RunConfig, quiet: bool = False) -> Summary:
    """Runs to the end of its sources, or until the user interrupts.

    Writes `reads.jsonl`, `run.json` and the folder `pictures` into the output folder, and prints a table of the
    reads on standard output. What fails and is skipped is said on standard error.

    Args:
        config: checked.
        quiet: without progress bar and table.

    Returns:
        What happened; `stopped_by`, `failures` and `unwritten` decide the exit code.

    Raises:
        UsageError: the configuration names something that is not there.
        LpsrError: the only source cannot be decoded, a model cannot run, or the output cannot be written.
    """
    summary = Summary()
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    say = Messages(errors)
    state, done = summary.state, threading.Event()
    supervisor = Supervisor()
    structured = JsonLines() if config.log_format == "json" else None
    if structured is not None:  # events say what the lines would, and the reads come with them
        quiet = True
        state.listeners.append(structured)

    scrub = config.scrubber
    state.scrub = scrub.within

    def report(line: str) -> None:
        line = scrub(line)
        summary.failures.append(line)
        state.tell("skipped", line=line)
        if structured is None:
            say(f"skipped: {line}")

    def note(line: str) -> None:
        line = scrub(line)
        state.tell("note", line=line)
        if structured is None:
            say(line)

    def fault(line: str) -> None:  # not to the log, which may be what failed
        line = scrub(line)
        summary.unwritten.append(line)
        if structured is None:
            say(f"error: {line}")
        else:
            structured({"time": round(time.time(), 3), "event": "unwritten", "line": line})

    def left_out(event: PlateEvent, why: str) -> None:
        source = state.sources[event.stream]
        source.left_out += 1
        if config.explain:
            read = event.read
            shown = read.reading.text if watched is None else watched.shown(read.reading.text)
            note(f"left out: {event.where}: {shown}: {why}")

    def finish(kind: object, failure: BaseException | None, trace: object) -> None:
        summary.seconds = time.perf_counter() - start
        if outbox is None:  # what lies in the folder is an earlier run's still
            return
        try:
            summary.write(out / "run.json", config)
        except OSError as error:
            if failure is None:  # which on a full disk is the same one
                fault(str(write_failed(out / "run.json", error)))
        if failure is None and summary.stopped_by is None:
            all_read(out)

    def stopped() -> bool:
        supervisor.alive()  # asked for every frame, and several times a second while none comes
        if reload.taken():
            for source in cameras.reload() if cameras is not None else ():
                sources.append(source)
                merged.add(source)
            if alerts is not None:
                alerts.reload(note)
        return stop.signal is not None

    config, file = with_cameras(config)
    refuse_overwriting(config)
    # The sources first: a mistyped path should be told before a model is loaded.
    cameras = None if file is None else CameraSet(file, config, state, report, note, done)
    sources: list[Source] = open_sources(config, state, report, note, done) if cameras is None else [*cameras.sources]
    watched = load_watch_list(Path(config.watch_list), Path(config.watch_list + ".key")) if config.watch_list else None
    alerts = open_alerts(config, file, cameras.find if cameras is not None else None)
    again = cameras is not None or alerts is not None
    layouts = config.layouts if cameras is None else tuple(layout.pattern for layout in cameras.layouts)
    tools = open_tools(replace(config, layouts=layouts), note)
    tools.reader.warm_up()
    summary.models, summary.engines, summary.why = tools.models, tools.engines, tools.why
    if tools.why and not quiet:
        told: dict[str, str] = {}
        for role, why in tools.why.items():  # a line a runtime, not a network
            told.setdefault(tools.engines[role].rpartition("(")[2].rstrip(")"), why)
        for runtime, why in told.items():
            say(f"runtime: {runtime}; {why}")
    state.stages = lambda: {str(name): value for name, value in tools.reader.clock.seconds.items()}
    out = Path(config.out)
    make_folder(out)
    lock = FolderLock(out, summary.run)
    start, outbox = time.perf_counter(), None
    try:
        with ExitStack() as stack:
            stack.enter_context(lock)
            stack.push(finish)  # after the sinks have said what they did not take
            if config.log is not None:
                state.listeners.append(stack.enter_context(EventLog(Path(config.log), fault)))
            live = any(source.live for source in sources)
            shown = _shown(out, live, quiet, stack)
            outbox = open_outbox(config, summary, note, fault, stack, alerts)
            before, number = frames_read(out, note)
            status = None
            if config.status is not None:
                status = stack.enter_context(StatusFile(Path(config.status), state, fault))

            def hung(line: str) -> None:
                say(f"error: {line}")
                state.tell("hung", line=line)
                if status is not None:
                    status.write("hung")

            store = PictureStore(out / "pictures", out, fault) if config.pictures else None
            if store is not None:
                stack.callback(store.close)
            state.tell("started", sources=[source.name for source in state.sources])
            supervisor.ready()
            with (
                _progress(errors, quiet) as progress,
                StopRequest(hangup=not again) as stop,
                ReloadRequest(again) as reload,
                Watchdog(config.watchdog, hung) as dog,
            ):
                merged = stack.enter_context(closing(Merged(sources, state, done, stopped)))
                coming = _counted(tools.reader.clock, dog.watched(merged), sources, summary, progress, stop, report)
                frames = _unread(coming, before, state)
                live = any(source.live for source in sources)
                for event in _events(config, tools, frames, live, report, stack, left_out, fault, quiet, cameras):
                    with tools.reader.clock.stage("write"):
                        number += 1
                        result = result_of(event, summary.run, number, store, watched, config.certain, alerts)
                        outbox.write(result)
                        if shown is not None:
                            shown.write(result)
                        if structured is not None:
                            structured.read(result.read)
                    if event.event == "final":
                        state.reads += 1
                        state.sources[event.stream].reads += 1
            if tools.reader.broken:
                report(f"reader: gave NaN or infinite values {tools.reader.broken} times; these crops are not read")
            supervisor.stopping()
            state.tell("ended", reads=state.reads, frames=state.frames)
    finally:
        done.set()
    if not quiet:
        summary.print_sources(Console(soft_wrap=False, highlight=False))
    return summary


def _unread(coming: Iterable[Item], before: set[tuple[str, int]], state: RunState) -> Iterator[Item]:
    """Without the frames that were read before, which are counted apart."""
    for item in coming:
        if isinstance(item, Frame) and (item.source, item.index) in before:
            state.sources[item.stream].frames -= 1
            state.sources[item.stream].read_before += 1
        else:
            yield item


def _shown(out: Path, live: bool, quiet: bool, stack: ExitStack) -> TableSink | LineSink | None:
    """What the terminal shows of the reads: a table at the end, or a line each where there is none."""
    if quiet:
        return None
    if live:
        return LineSink(Messages(Console(soft_wrap=True, highlight=False, markup=False)))
    return stack.enter_context(TableSink(Console(soft_wrap=False, highlight=False), out))


def _events(
    config: RunConfig,
    tools: Tools,
    frames: Iterable[Item],
    live: bool,
    report: Report,
    stack: ExitStack,
    left_out: Callable[[PlateEvent, str], None],
    fault: Report,
    quiet: bool,
    cameras: CameraSet | None,
) -> Iterator[PlateEvent]:
    layouts = parse_layouts(config.layouts)
    if config.fuse:
        return _fused(config, tools, frames, report, quiet)
    if tools.locator is None:
        return read_crops(frames, tools.reader, report, layouts, min_plate=config.min_plate, failures=Failures(report))
    stream = open_stream(config, tools, tools.locator, live, left_out, Failures(report))
    if cameras is not None:
        stream.settings = cameras.settings(tools.locator)
    if config.annotate is not None:
        video = stack.enter_context(VideoSink(Path(config.annotate)))

        def show(frame: Frame, marks: list[Mark]) -> None:
            try:
                video.show(frame.image, marks, frame.milliseconds)
            except LpsrError as error:  # the video ends, and the run goes on
                stream.show = None
                fault(str(error))

        stream.show = show
    return stream.reads(frames)


def _fused(
    config: RunConfig, tools: Tools, frames: Iterable[Item], report: Report, quiet: bool
) -> Iterator[PlateEvent]:
    """The one read of all crops, once each crop's contribution was told."""
    layouts, power = parse_layouts(config.layouts), tools.calibration.power
    found = fuse(frames, tools.reader, report, layouts, power, config.min_plate)
    lines = "".join(each.to_json() + "\n" for each in found.contributions)
    replace_file(Path(config.out) / CONTRIBUTIONS, lines.encode(errors="backslashreplace"))
    if not quiet:
        print_contributions(found.contributions, Console(soft_wrap=False, highlight=False))
    if found.event is not None:
        yield found.event


def _counted(
    clock: StageClock,
    merged: Iterable[Item],
    sources: list[Source],
    summary: Summary,
    progress: Progress,
    stop: StopRequest,
    report: Report,
) -> Iterator[Item]:
    """The frames until all sources end or somebody asks to stop; the reads of what came so far still follow."""
    task = progress.add_task("frames", total=None, reads=0)
    state = summary.state
    coming = iter(merged)
    while True:
        with clock.stage("receive"):
            item = next(coming, None)
        if item is None:
            break
        if isinstance(item, Ended):
            state.tell("source ended", source=state.sources[item.stream].name, why=state.sources[item.stream].error)
            raise_or_report(item, len(sources), report)
        elif isinstance(item, Frame):
            totals = [source.total for source in sources]
            total = None if None in totals else sum(total or 0 for total in totals)
            completed = state.frames + state.read_before
            progress.update(task, completed=completed, total=total, reads=state.reads)
        yield item
        if stop.signal is not None:
            break
    summary.stopped_by = stop.signal


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
