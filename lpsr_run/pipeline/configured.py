"""What a configuration names, ready to run: the sources of frames, and the stream that reads their plates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from lpsr_core.layouts import parse_layouts
from lpsr_run.config import RunConfig
from lpsr_run.locate.base import Locator
from lpsr_run.pipeline.containment import Failures
from lpsr_run.pipeline.stream import Acceptance, PlateEvent, PlateStream
from lpsr_run.pipeline.tools import Tools
from lpsr_run.pipeline.tracking import TrackSettings
from lpsr_run.redact import redact
from lpsr_run.secrets import is_reference, resolve
from lpsr_run.sources import Report, Source, list_images, open_source
from lpsr_run.sources.images import ImageSource
from lpsr_run.sources.live import Happening, Notice, Retry
from lpsr_run.sources.merge import Ended, Item
from lpsr_run.sources.named import NamedSource
from lpsr_run.sources.options import VideoOptions
from lpsr_run.sources.raw import parse_raw
from lpsr_run.state import RunState, SourceState


def open_sources(
    config: RunConfig, state: RunState, report: Report, note: Report, stop: threading.Event
) -> list[Source]:
    """Open the sources that a configuration names.

    Args:
        config: names them.
        state: of the run; takes the state of each source.
        report: takes one line for everything that fails and is skipped.
        note: takes one line for everything else worth knowing, such as a lost connection.
        stop: set when no more frames are wanted.

    Raises:
        UsageError: nothing has that name.
        LpsrError: a folder without images.
    """
    if config.crop_specs:
        listed = [list_images(spec, note) for spec in config.crop_specs]
        state.sources.append(SourceState(", ".join(map(redact, config.crop_specs))))
        many = len(listed) > 1 or listed[0][1]
        return [ImageSource([path for paths, _ in listed for path in paths], report if many else None)]
    retry = Retry(give_up=config.give_up or None, silence=config.silence)
    raw = parse_raw(config.raw) if config.raw else None
    options = VideoOptions(config.stream, config.pixel_aspect, config.decode)
    sources = []
    for spec, name in zip(config.video, config.source_names, strict=True):
        one = SourceState(name)
        state.sources.append(one)
        notice = noticed(one, state, note, config.give_up > 0)
        source = open_source(resolve(spec), report, config.stride, retry, notice, stop, raw, note, options)
        one.live = source.live
        sources.append(NamedSource(source, name) if config.name or is_reference(spec) else source)
    return sources


def open_stream(
    config: RunConfig,
    tools: Tools,
    locator: Locator,
    live: bool,
    left_out: Callable[[PlateEvent, str], None],
    failures: Failures | None = None,
) -> PlateStream:
    """Return the stream that reads plates as a configuration says.

    Args:
        config: the acceptance, the layouts and the batch.
        tools: opened from that configuration.
        locator: finds the plates.
        live: whether a source gives frames as they happen, so that none may wait for a full batch.
        left_out: takes each track that does not become a read, with the reason.
        failures: takes each frame on which a model fails; None raises.
    """
    evidence = config.evidence is not None
    return PlateStream(
        locator,
        tools.reader,
        parse_layouts(config.layouts),
        Acceptance(config.min_confidence, config.min_frames, config.sure, config.min_plate),
        tracking=TrackSettings(power=tools.calibration.power, history=evidence),
        batch=1 if live else config.batch,
        early=config.early,
        left_out=left_out,
        keep_frames=evidence,
        failures=failures,
    )


def raise_or_report(ended: Ended, sources: int, report: Report) -> None:
    """Raise the failure of the only source; report that of one among several.

    Args:
        ended: a source that ended, with or without a failure.
        sources: number of sources of the run.
        report: takes the failure's line.

    Raises:
        LpsrError: the only source failed.
    """
    if ended.failure is None:
        return
    if sources == 1:
        raise ended.failure
    report(str(ended.failure))


def unfailing(items: Iterable[Item], sources: int, report: Report) -> Iterator[Item]:
    """Pass on what sources give; of one that fails, see `raise_or_report`, after what came before it."""
    for item in items:
        if isinstance(item, Ended):
            raise_or_report(item, sources, report)
        yield item


def noticed(source: SourceState, state: RunState, note: Report, ends: bool) -> Notice:
    """Keeps a live source's state, and says so when its connection is lost or back.

    Args:
        source, state: of it and of the run.
        note: takes a line.
        ends: whether it is given up after a while.
    """

    def notice(happening: Happening, why: str, delay: float) -> None:
        if happening == "connected":
            if source.failures and source.decoded:
                source.reconnects += 1
            if source.failures:
                note(f"{source.name}: is back")
            source.status, source.error, source.failures = "running", None, 0
        else:
            source.status, source.error = "waiting", why
            source.failures += 1
            # The first loss and then ever more seldom: an outage of days must not fill a log.
            if source.failures & (source.failures - 1) == 0:
                first = source.failures == 1 and not source.decoded and not ends
                hint = "; it is tried until it answers (--give-up ends that)" if first else ""
                note(f"{why}{hint}; attempt {source.failures + 1} in {delay:.1f} s")
        state.tell(happening, source=source.name, why=why, delay=round(delay, 2), failures=source.failures)

    return notice
