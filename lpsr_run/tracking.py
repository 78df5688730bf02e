"""One plate over many frames: association, and fusion of what each frame says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH, encode
from lpsr_core.decode import Alternative, Reading, alternatives, decode, plate_score
from lpsr_core.geometry import Box, Image, Quad
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout


@dataclass(frozen=True)
class Observation:
    """A plate in one frame, with what the networks said about it.

    Attributes:
        frame: the frame's number within its source.
        milliseconds: the frame's time.
        quad: the plate's corners in the frame, in pixels.
        crop: the plate as it was cut from the frame, uint8[h, w, 3].
        sr: the generator's picture of that crop, uint8[32, 96, 3], or None when it was read directly.
        log_probs: float32[7, 36].
        taken: when a live source gave the frame, in seconds since 1970; None for recordings.
        picture: the whole frame, uint8[H, W, 3], where it is kept; None elsewhere.
    """

    frame: int
    milliseconds: float
    quad: Quad
    crop: Image
    sr: Image | None
    log_probs: NDArray[np.float32]
    taken: float | None = None
    picture: Image | None = None


@dataclass(frozen=True)
class TrackSettings:
    """How observations are joined over frames.

    Attributes:
        reach: farthest that a plate may be from where it is expected, in plate widths.
        growth: largest ratio of its widths between two observations.
        text_weight: what a wholly different text adds to the distance, in plate widths.
        alien: share of characters that differ from which a plate that does not overlap is another one.
        missed: a track ends after so many frames without its plate.
        power: of the number of frames that their sum is divided by: neighbouring frames share their blur and their
            mistakes, and counting them as independent would call every long track certain.
    """

    reach: float = 1.5
    growth: float = 1.6
    text_weight: float = 0.7
    alien: float = 0.6
    missed: int = 12
    power: float = 0.5


@dataclass(frozen=True)
class FusedRead:
    """What a track says.

    Attributes:
        track: its number within the source, from 0.
        reading: decoded from the sum of the frames' log-probabilities.
        frames: how many frames were summed.
        agreeing: how many of them read this text when taken alone.
        best: the observation whose own reading agrees best with the fused one; the pictures are its.
        first, last: times of the first and the last observation, in milliseconds.
        alternatives: the likeliest texts, best first; the first is the reading's.
        plate: how surely a plate was seen at all, 0..1: of the frames' mean (see `decode.plate_score`).
    """

    track: int
    reading: Reading
    frames: int
    agreeing: int
    best: Observation
    first: float
    last: float
    alternatives: tuple[Alternative, ...] = ()
    plate: float = 1.0


class Track:
    """A plate that is being followed; keeps one picture, however long it is seen.

    Args:
        number: within the source.
        layouts: that the text may follow.
        power: see `TrackSettings`.

    Attributes:
        step: of its `Tracker`, at which it was seen last.
    """

    def __init__(self, number: int, layouts: Sequence[Layout] = DEFAULT_LAYOUTS, power: float = 0.5) -> None:
        self.number, self._power = number, power
        self.step = 0
        self._layouts = layouts
        self._sum: NDArray[np.float64] = np.zeros((PLATE_LENGTH, CLASSES))
        self._texts: Counter[str] = Counter()
        self._best: dict[str, tuple[float, Observation]] = {}
        self._frames = 0
        self._first = self._last = 0.0
        self._boxes: list[tuple[int, Box]] = []
        self._quad: Quad | None = None
        self._fused: Reading | None = None

    def add(self, observation: Observation, alone: Reading | None = None) -> None:
        """Takes one more frame into the sum.

        Args:
            observation: of a later frame than the last.
            alone: what the frame reads by itself, if that is known already.
        """
        alone = alone or decode(observation.log_probs, self._layouts)
        self._fused = None
        self._texts[alone.text] += 1
        rival = self._best.get(alone.text)
        if rival is None or alone.confidence > rival[0]:
            self._best[alone.text] = alone.confidence, observation
            self._forget()
        self._sum += observation.log_probs
        if not self._frames:
            self._first = observation.milliseconds
        self._last = observation.milliseconds
        self._frames += 1
        self._quad = observation.quad
        self._boxes = [*self._boxes[-1:], (observation.frame, observation.quad.box)]

    def expected(self, frame: int) -> Box:
        """Where the plate should be in a frame, if it keeps its speed."""
        number, box = self._boxes[-1]
        if len(self._boxes) < 2:
            return box
        earlier, before = self._boxes[0]
        steps = min((frame - number) / max(number - earlier, 1), 3.0)
        dx, dy = (now - then for now, then in zip(box.centre, before.centre, strict=True))
        return Box(box.x + dx * steps, box.y + dy * steps, box.width, box.height)

    @property
    def seen(self) -> int:
        """Number of the last frame that showed the plate."""
        return self._boxes[-1][0]

    @property
    def quad(self) -> Quad:
        """The plate's corners in that frame."""
        assert self._quad is not None, "a track without frames is nowhere"
        return self._quad

    @property
    def reading(self) -> Reading:
        """What the frames so far read together (see `read`)."""
        if self._fused is None:
            self._fused = decode(self._tempered, self._layouts)
        return self._fused

    @property
    def _tempered(self) -> NDArray[np.float64]:
        return self._sum / max(self._frames, 1) ** self._power

    def difference(self, text: str) -> float:
        """Share of characters, 0..1, in which a text differs from the track's so far."""
        return sum(a != b for a, b in zip(text, self.reading.text, strict=True)) / PLATE_LENGTH

    def read(self) -> FusedRead:
        """Decodes what was summed so far.

        The text is the likeliest under the plain sum, the confidence that of the sum divided by a power of the
        number of frames (see `TrackSettings`).

        Raises:
            ValueError: no frame was added.
        """
        if not self._frames:
            raise ValueError("a track without frames says nothing")
        reading = self.reading
        agreeing = self._texts[reading.text]
        own = self._best.get(reading.text)
        if own is None:
            own = max(self._best.values(), key=lambda entry: _likelihood(entry[1], reading.text))
        others = alternatives(self._tempered, self._layouts)
        plate = plate_score(self._sum / self._frames, self._layouts)
        return FusedRead(self.number, reading, self._frames, agreeing, own[1], self._first, self._last, others, plate)

    def _forget(self, most: int = 8) -> None:
        """Keeps the pictures of the commonest texts only, so that a track's memory is bounded."""
        if len(self._best) > most:
            least = min(self._best, key=lambda text: (self._texts[text], self._best[text][0]))
            del self._best[least]


class Tracker:
    """Joins the observations of one source into tracks.

    Args:
        layouts: that texts may follow.
        settings: how to join.
        first: number of the first track.
    """

    def __init__(
        self, layouts: Sequence[Layout] = DEFAULT_LAYOUTS, settings: TrackSettings | None = None, first: int = 0
    ) -> None:
        self._layouts, self._settings = layouts, settings or TrackSettings()
        self._open: list[Track] = []
        self.next = first
        self._step = 0

    @property
    def open(self) -> tuple[Track, ...]:
        """The tracks that are being followed, oldest first."""
        return tuple(self._open)

    def update(self, frame: int, observations: Sequence[Observation]) -> list[Track]:
        """Takes the observations of the next frame; call it for frames without any too.

        Args:
            frame: its number, larger than the last.
            observations: all plates of that frame.

        Returns:
            The tracks that ended.
        """
        self._step += 1
        alone = [decode(observation.log_probs, self._layouts) for observation in observations]
        tracks = self._match(frame, observations, alone)
        for track, observation, reading in zip(tracks, observations, alone, strict=True):
            track.add(observation, reading)
            track.step = self._step
        ended = [track for track in self._open if self._step - track.step > self._settings.missed]
        self._open = [track for track in self._open if track not in ended]
        return ended

    def finish(self) -> list[Track]:
        """Ends all tracks: the source is over."""
        ended, self._open = self._open, []
        return ended

    def _match(self, frame: int, observations: Sequence[Observation], alone: Sequence[Reading]) -> list[Track]:
        """For each observation its track, an open one or a new one."""
        taken: dict[int, Track] = {}
        if self._open and observations:
            pairs = list(zip(observations, alone, strict=True))
            costs = np.array(
                [[self._cost(track, frame, one, reading.text) for one, reading in pairs] for track in self._open]
            )
            far = 1e6
            rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, far))
            taken = {
                int(column): self._open[row]
                for row, column in zip(rows, columns, strict=True)
                if np.isfinite(costs[row, column])
            }
        tracks: list[Track] = []
        for index in range(len(observations)):
            track = taken.get(index)
            if track is None:
                track = Track(self.next, self._layouts, self._settings.power)
                self.next += 1
                self._open.append(track)
            tracks.append(track)
        return tracks

    def _cost(self, track: Track, frame: int, observation: Observation, text: str) -> float:
        """Distance in plate widths plus a share for how differently it reads; infinite when it cannot be."""
        settings = self._settings
        box, expected = observation.quad.box, track.expected(frame)
        wide, narrow = max(box.width, expected.width), max(min(box.width, expected.width), 1e-6)
        # Speed is a guess: the place where the plate was last seen counts as well.
        distance = min(_distance(box, expected), _distance(box, track.quad.box)) / wide
        if wide > settings.growth * narrow or distance > settings.reach:
            return float("inf")
        overlap = max(box.iou(expected), box.iou(track.quad.box))
        difference = track.difference(text)
        if overlap == 0 and difference > settings.alien:
            return float("inf")
        return distance + (1 - overlap) + settings.text_weight * difference


def _distance(one: Box, other: Box) -> float:
    (x, y), (u, v) = one.centre, other.centre
    return float(np.hypot(x - u, y - v))


def _likelihood(observation: Observation, text: str) -> float:
    return float(observation.log_probs[np.arange(PLATE_LENGTH), encode(text)].sum())
