"""The way of the data: frames to locations to crops to networks to tracks to reads."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from lpsr_core.decode import MIN_PLATE, Reading
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, rectify
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.reads import Event
from lpsr_run.locate.base import Location, Locator
from lpsr_run.locate.bounds import sound
from lpsr_run.pipeline.containment import Failures
from lpsr_run.pipeline.cut_off import doubt_cut_off
from lpsr_run.pipeline.plate_reader import PlateReader
from lpsr_run.pipeline.track import FusedRead, Observation, Track
from lpsr_run.pipeline.tracking import Tracker, TrackSettings
from lpsr_run.sinks.annotate import Mark
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import Ended, Item, Quiet

MARGIN = 0.03
"""Surroundings that a crop keeps, as a share of the plate's width and height on every side."""
SMALLEST = (8, 4)
"""Width and height in pixels below which a crop cannot hold seven characters."""
_BLANK = 0.035
"""Knowledge (see `decode.knowledge`; 1/36 is none) below which there is no plate, however sure the locator is."""
_LEGIBLE = 40.0
"""Width in pixels from which that holds: what is narrower may be a plate that nobody can read."""
_FOREIGN = 0.1
"""Knowledge from which what a locator vouches for is a plate, though of a layout that is not known. Of 216 plates in
Brazilian, US and European photographs three have less, and one is blank."""


@dataclass(frozen=True)
class Acceptance:
    """Which tracks become reads.

    Attributes:
        min_confidence: lowest confidence, 0..1.
        min_frames: frames that a moving picture's track needs: a false box seldom comes back.
        sure: confidence from which one frame suffices, 0..1.
        min_plate: lowest plate score, 0..1 (see `decode.plate_score`), of a plate of which the locator is not sure.
    """

    min_confidence: float = 0.3
    min_frames: int = 2
    sure: float = 0.9
    min_plate: float = MIN_PLATE

    def refusal(self, read: FusedRead, alone: bool) -> str | None:
        """Why a track does not become a read; None where it does.

        Args:
            read: what the track says.
            alone: whether its frames stand alone, so that a plate need not come back.
        """
        confidence = read.reading.confidence
        if not self._is_plate(read):
            return f"it shows no plate that can be read (score {read.plate:.2f}, --min-plate {self.min_plate:g})"
        if confidence < self.min_confidence:
            return f"its confidence {confidence:.2f} is below {self.min_confidence:g} (--min-confidence)"
        if alone or read.frames >= self.min_frames or confidence >= self.sure:
            return None
        few = "one frame" if read.frames == 1 else f"{read.frames} frames"
        return (
            f"it was seen in {few}, fewer than {self.min_frames} (--min-frames), "
            f"and its confidence {confidence:.2f} is below {self.sure:g}"
        )

    def _is_plate(self, read: FusedRead) -> bool:
        if self.min_plate and read.knowledge < _BLANK and read.best.quad.width >= _LEGIBLE:
            return False
        vouched = read.assured > 0 and read.knowledge >= _FOREIGN
        return vouched or read.plate >= self.min_plate * (1 - read.assured)


_PENDING_BYTES = 256 << 20
"""Of frames that wait for their crops to be read."""
_LATEST = 5
"""Frames whose times tell how often frames come."""
_SELDOM = 800.0
"""Milliseconds between frames from which a plate may pass in one of them."""
_WAIT = 1000.0
"""Milliseconds after which a plate that is still seen is told though its read is not sure."""


@dataclass(frozen=True)
class PlateEvent:
    """A plate that was read.

    Attributes:
        source: that it comes from.
        read: what its track says.
        stream: number of the source within the run.
        event: whether the track is over, or is told while its plate is still seen.
    """

    source: str
    read: FusedRead
    stream: int = 0
    event: Event = "final"

    @property
    def where(self) -> str:
        """The source, and the frame whose pictures the read shows."""
        best = self.read.best
        return f"{self.source}: frame {best.frame}, {best.milliseconds / 1000:.1f} s"


@dataclass(frozen=True)
class StreamSettings:
    """What reads the plates of one stream.

    Attributes:
        locator: finds them.
        layouts: that they may follow.
        acceptance: which tracks become reads.
    """

    locator: Locator
    layouts: Sequence[Layout]
    acceptance: Acceptance


@dataclass(frozen=True)
class _Pending:
    """A frame whose crops wait for the networks; `size` is its width and height, since its picture may be gone."""

    frame: Frame
    locations: tuple[Location, ...]
    crops: tuple[Image, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class _Scene:
    """What is followed in one source: a video, or one still picture after the other.

    Attributes:
        source, still: of its frames.
        tracker: follows its plates.
        told: what was told of plates that are still seen, by number of their track.
        times: of its latest frames, in milliseconds.
    """

    source: str
    still: bool
    tracker: Tracker
    told: dict[int, Reading] = field(default_factory=dict)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_LATEST))

    @property
    def alone(self) -> bool:
        """Whether frames stand alone, or come so seldom that a plate cannot be expected to come back."""
        gaps = [after - before for before, after in itertools.pairwise(self.times)]
        return self.still or (bool(gaps) and min(gaps) >= _SELDOM)


@dataclass
class PlateStream:
    """Reads the plates of a sequence of frames.

    Attributes:
        locator: finds them.
        reader: reads them.
        layouts: that they may follow.
        acceptance: which tracks become reads.
        tracking: how observations are joined.
        batch: crops that are collected over frames before the networks run; 1 for live sources.
        show: takes each frame with what to draw into it, in order; None when nobody looks.
        early: tells plates of live sources as soon as their read is sure, again when it has improved, and once more
            when they are gone.
        left_out: takes each track that does not become a read, with the reason; None when nobody asks.
        keep_frames: whether observations keep the whole frame; it takes memory.
        failures: takes each frame on which the locator or a network fails, which costs that frame; None raises.
        kept_side: longest side in pixels of the frames that are kept or shown; 0 leaves their size.
        settings: of each stream by its number, in place of `locator`, `layouts` and `acceptance`; None for those.
    """

    locator: Locator
    reader: PlateReader
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS
    acceptance: Acceptance = field(default_factory=Acceptance)
    tracking: TrackSettings = field(default_factory=TrackSettings)
    batch: int = 16
    show: Callable[[Frame, list[Mark]], None] | None = None
    early: bool = True
    left_out: Callable[[PlateEvent, str], None] | None = None
    keep_frames: bool = False
    failures: Failures | None = None
    kept_side: int = 0
    settings: Callable[[int], StreamSettings] | None = None

    def __post_init__(self) -> None:
        self._clock = self.reader.clock
        self._pending: list[_Pending] = []
        self._scenes: dict[int, _Scene] = {}

    @property
    def open_tracks(self) -> int:
        """Number of plates that are being followed; other threads may ask."""
        return sum(len(scene.tracker.open) for scene in list(self._scenes.values()))

    def reads(self, frames: Iterable[Item]) -> Iterator[PlateEvent]:
        """The accepted reads, each as soon as its track ends.

        When the frames fail, what came before is still read before the error goes on.

        Args:
            frames: of any number of sources by turns, and for each that falls quiet or ends that it did.
        """
        source = iter(frames)
        failure: LpsrError | None = None
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except LpsrError as error:
                failure = error
                break
            if isinstance(item, Ended):
                yield from self._flush()
                yield from self._end(item.stream)
            elif isinstance(item, Quiet):
                yield from self._flush()
                if (scene := self._scenes.get(item.stream)) is not None:
                    yield from self._accepted(item.stream, scene, scene.tracker.finish())
            else:
                yield from self._take(item)
        yield from self._flush()
        for stream in list(self._scenes):
            yield from self._end(stream)
        if failure is not None:
            raise failure
        if self.failures is not None:
            self.failures.ended()

    def _of(self, stream: int) -> StreamSettings:
        if self.settings is not None:
            return self.settings(stream)
        return StreamSettings(self.locator, self.layouts, self.acceptance)

    def _take(self, frame: Frame) -> Iterator[PlateEvent]:
        locations: tuple[Location, ...] = ()
        crops: tuple[Image, ...] = ()
        try:
            with self._clock.stage("locate"):
                found = sound(self._of(frame.stream).locator.locate(frame.image), frame.image)
            locations = tuple(location for location in found if _large_enough(location))
            with self._clock.stage("rectify"):
                crops = tuple(rectify(frame.image, location.quad, MARGIN) for location in locations)
        except Exception as error:
            locations, crops = (), ()
            self._failed(frame, error)
        else:
            if self.failures is not None and not crops:
                self.failures.worked()
        height, width = frame.image.shape[:2]
        self._pending.append(_Pending(self._kept(frame), locations, crops, (width, height)))
        # The second bound keeps the memory of waiting frames small where there are no plates.
        crops_waiting = sum(len(entry.crops) for entry in self._pending)
        bytes_waiting = sum(entry.frame.image.nbytes for entry in self._pending)
        if crops_waiting >= self.batch or len(self._pending) >= self.batch or bytes_waiting >= _PENDING_BYTES:
            yield from self._flush()

    def _kept(self, frame: Frame) -> Frame:
        """The frame as it waits for its crops: large ones that nobody will look at again leave their picture behind."""
        if self.show is None and not self.keep_frames:
            return replace(frame, image=np.empty((0, 0, 3), np.uint8))
        height, width = frame.image.shape[:2]
        scale = self.kept_side / max(height, width)
        if not 0 < scale < 1:
            return frame
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        image = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return replace(frame, image=image, scale=scale)

    def _flush(self) -> Iterator[PlateEvent]:
        pending, self._pending = self._pending, []
        if not pending:
            return
        crops = [crop for entry in pending for crop in entry.crops]
        try:
            result = self.reader.read(crops) if crops else None
        except Exception as error:
            if len(pending) == 1:
                self._failed(pending[0].frame, error)
                yield from self._track(pending[0].frame, [])
                return
            for entry in pending:  # the frame that it failed on, and not those beside it
                self._pending = [entry]
                yield from self._flush()
            return
        if crops and self.failures is not None:
            self.failures.worked()
        position = 0
        for entry in pending:
            observations = []
            for location, crop in zip(entry.locations, entry.crops, strict=True):
                assert result is not None
                observations.append(
                    Observation(
                        entry.frame.index,
                        entry.frame.milliseconds,
                        location.quad,
                        crop,
                        result.sr[position],
                        doubt_cut_off(result.log_probs[position], location.quad, entry.size),
                        entry.frame.taken,
                        entry.frame.image if self.keep_frames else None,
                        location.zone,
                        entry.frame.scale,
                        location.assured,
                    )
                )
                position += 1
            yield from self._track(entry.frame, observations)

    def _failed(self, frame: Frame, error: Exception) -> None:
        if self.failures is None:
            raise error
        self.failures.failed(f"{frame.source}: frame {frame.index}", error)

    def _track(self, frame: Frame, observations: list[Observation]) -> Iterator[PlateEvent]:
        scene = self._scenes.get(frame.stream)
        if scene is None or frame.still or frame.gap or frame.source != scene.source:
            yield from self._end(frame.stream)
            # Numbers go on through the gaps of one source: they tell its plates apart.
            first = scene.tracker.next if scene is not None and frame.source == scene.source else 0
            scene = _Scene(frame.source, frame.still, Tracker(self._of(frame.stream).layouts, self.tracking, first))
            self._scenes[frame.stream] = scene
        with self._clock.stage("decode"):
            scene.times.append(frame.milliseconds)
            ended = scene.tracker.update(frame.milliseconds, observations)
        if self.show is not None:
            self.show(frame, self._marks(frame, scene))
        yield from self._accepted(frame.stream, scene, ended)
        if self.early and frame.taken is not None:
            yield from self._early(frame, scene)
        if frame.still:
            yield from self._end(frame.stream)

    def _marks(self, frame: Frame, scene: _Scene) -> list[Mark]:
        marks = []
        for track in scene.tracker.open:
            if track.seen == frame.index:
                read = track.read()
                accepted = self._of(frame.stream).acceptance.refusal(read, scene.alone) is None
                marks.append(Mark(track.quad, read.reading.text, read.reading.confidence, accepted))
        return marks

    def _early(self, frame: Frame, scene: _Scene) -> Iterator[PlateEvent]:
        """What is to be told of plates that this frame shows, before they are gone."""
        acceptance = self._of(frame.stream).acceptance
        for track in scene.tracker.open:
            if track.seen != frame.index:
                continue
            with self._clock.stage("decode"):
                reading, sure = track.reading, track.reading.confidence >= acceptance.sure
                told = scene.told.get(track.number)
                if told is None:
                    due = sure or track.lasted >= _WAIT
                else:
                    improved = reading.text != told.text or told.confidence < acceptance.sure
                    due = sure and improved
                if not due:
                    continue
                read = track.read()
            enough = scene.alone or read.frames >= acceptance.min_frames
            if enough and acceptance.refusal(read, scene.alone) is None:
                scene.told[track.number] = reading
                yield PlateEvent(scene.source, read, frame.stream, "first" if told is None else "update")

    def _end(self, stream: int) -> Iterator[PlateEvent]:
        """What is followed in a source is followed no longer."""
        scene = self._scenes.pop(stream, None)
        if scene is not None:
            yield from self._accepted(stream, scene, scene.tracker.finish())

    def _accepted(self, stream: int, scene: _Scene, tracks: Sequence[Track]) -> Iterator[PlateEvent]:
        for track in tracks:
            with self._clock.stage("decode"):
                read = track.read()
            event = PlateEvent(scene.source, read, stream)
            refusal = self._of(stream).acceptance.refusal(read, scene.alone)
            # What was told is brought to its end, also where later frames made it doubtful.
            if scene.told.pop(track.number, None) is not None or refusal is None:
                yield event
            elif self.left_out is not None:
                self.left_out(event, refusal)


def _large_enough(location: Location) -> bool:
    return location.quad.width >= SMALLEST[0] and location.quad.height >= SMALLEST[1]
