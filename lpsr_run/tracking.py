"""One plate over many frames: association, and fusion of what each frame says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH, encode
from lpsr_core.decode import Alternative, Reading, alternatives, decode, plate_score
from lpsr_core.geometry import Box, Image, Quad
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_run.association import TextEvidence, evidence_needed


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
        reach: distance from the expected place, in plate widths, that costs 4 nats of the texts' evidence between
            neighbouring frames; it grows with the time between them.
        growth: ratio of widths between two observations that costs as much.
        tolerance: nats of evidence against one plate that are borne at the expected place: three characters that
            differ for certain are another plate, one or two a mistake of the reader.
        certain: nats of evidence for one plate that are enough wherever it is.
        absent: a track ends after so many seconds without its plate, and at least `missed` frames.
        missed: frames without its plate that a track outlives, however far apart they are.
        longest: seconds without its plate that no track outlives.
        power: of the number of frames that their sum is divided by: neighbouring frames share their blur and their
            mistakes, and counting them as independent would call every long track certain.
    """

    reach: float = 1.5
    growth: float = 1.6
    tolerance: float = 2.0
    certain: float = 8.0
    absent: float = 2.0
    missed: int = 1
    longest: float = 10.0
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
        missed: frames since it was seen last.
        characters: float64[7, 36], the sum of what its frames say (see `TextEvidence.characters`).
    """

    def __init__(self, number: int, layouts: Sequence[Layout] = DEFAULT_LAYOUTS, power: float = 0.5) -> None:
        self.number, self._power = number, power
        self.missed = 0
        self.characters: NDArray[np.float64] = np.zeros((PLATE_LENGTH, CLASSES))
        self._layouts = layouts
        self._sum: NDArray[np.float64] = np.zeros((PLATE_LENGTH, CLASSES))
        self._texts: Counter[str] = Counter()
        self._best: dict[str, tuple[float, Observation]] = {}
        self._frames = 0
        self._first = self._last = 0.0
        self._boxes: list[tuple[float, Box]] = []
        self._seen = 0
        self._quad: Quad | None = None
        self._fused: Reading | None = None

    def add(self, observation: Observation, characters: NDArray[np.float64] | None = None) -> None:
        """Takes one more frame into the sum.

        Args:
            observation: of a later frame than the last.
            characters: what it says, float64[7, 36], where the track is to be matched with others.
        """
        if characters is not None:
            self.characters = self.characters + characters
        alone = decode(observation.log_probs, self._layouts)
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
        self._boxes = [*self._boxes[-1:], (observation.milliseconds, observation.quad.box)]
        self._seen, self.missed = observation.frame, 0

    def expected(self, milliseconds: float) -> Box:
        """Where the plate should be at a time, if it keeps its speed."""
        last, box = self._boxes[-1]
        if len(self._boxes) < 2:
            return box
        earlier, before = self._boxes[0]
        steps = min((milliseconds - last) / max(last - earlier, 1.0), 3.0)
        dx, dy = (now - then for now, then in zip(box.centre, before.centre, strict=True))
        return Box(box.x + dx * steps, box.y + dy * steps, box.width, box.height)

    @property
    def seen(self) -> int:
        """Number of the last frame that showed the plate."""
        return self._seen

    @property
    def last(self) -> float:
        """Time of that frame, in milliseconds."""
        return self._last

    @property
    def quad(self) -> Quad:
        """The plate's corners in that frame."""
        assert self._quad is not None, "a track without frames is nowhere"
        return self._quad

    @property
    def reading(self) -> Reading:
        """What the frames so far read together (see `read`)."""
        if self._fused is None:
            self._fused = decode(self.tempered(self._sum), self._layouts)
        return self._fused

    def tempered(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """A sum over the frames, divided by a power of their number (see `TrackSettings`)."""
        return total / max(self._frames, 1) ** self._power

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
        others = alternatives(self.tempered(self._sum), self._layouts)
        plate = plate_score(self._sum / self._frames, self._layouts)
        return FusedRead(self.number, reading, self._frames, agreeing, own[1], self._first, self._last, others, plate)

    def _forget(self, most: int = 8) -> None:
        """Keeps the pictures of the commonest texts only, so that a track's memory is bounded."""
        if len(self._best) > most:
            least = min(self._best, key=lambda text: (self._texts[text], self._best[text][0]))
            del self._best[least]


class Tracker:
    """Joins the observations of one source into tracks.

    An observation belongs to a track if the texts of both speak for one plate at least as strongly as the distance
    asks for (see `lpsr_run.association`): a plate that is far away must read alike, one at the expected place may read
    somewhat differently, and one that certainly reads otherwise is another plate, wherever it is.

    Args:
        layouts: that texts may follow.
        settings: how to join.
        first: number of the first track.
    """

    def __init__(
        self, layouts: Sequence[Layout] = DEFAULT_LAYOUTS, settings: TrackSettings | None = None, first: int = 0
    ) -> None:
        self._layouts, self._settings = layouts, settings or TrackSettings()
        self._evidence = TextEvidence(layouts)
        self._open: list[Track] = []
        self.next = first

    @property
    def open(self) -> tuple[Track, ...]:
        """The tracks that are being followed, oldest first."""
        return tuple(self._open)

    def update(self, milliseconds: float, observations: Sequence[Observation]) -> list[Track]:
        """Takes the observations of the next frame; call it for frames without any too.

        Args:
            milliseconds: its time, no earlier than the last one's.
            observations: all plates of that frame.

        Returns:
            The tracks that ended.
        """
        settings = self._settings
        ended = self._end(lambda track: milliseconds - track.last > 1000 * settings.longest)
        for track in self._open:
            track.missed += 1
        said = [self._evidence.characters(observation.log_probs) for observation in observations]
        tracks = self._match(milliseconds, observations, said)
        for track, observation, characters in zip(tracks, observations, said, strict=True):
            track.add(observation, characters)
        return ended + self._end(
            lambda track: track.missed > settings.missed and milliseconds - track.last > 1000 * settings.absent
        )

    def finish(self) -> list[Track]:
        """Ends all tracks: the source is over."""
        return self._end(lambda track: True)

    def _end(self, over: Callable[[Track], bool]) -> list[Track]:
        ended = [track for track in self._open if over(track)]
        self._open = [track for track in self._open if not over(track)] if ended else self._open
        return ended

    def _match(
        self, milliseconds: float, observations: Sequence[Observation], said: Sequence[NDArray[np.float64]]
    ) -> list[Track]:
        """For each observation its track, an open one or a new one."""
        taken: dict[int, Track] = {}
        if self._open and observations:
            # A pair that must not be costs as much as none at all.
            costs = np.minimum(self._costs(milliseconds, observations, said), 0.0)
            rows, columns = linear_sum_assignment(costs)
            taken = {
                int(column): self._open[row]
                for row, column in zip(rows, columns, strict=True)
                if costs[row, column] < 0
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

    def _costs(
        self, milliseconds: float, observations: Sequence[Observation], said: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """float64[tracks, observations]: evidence that is needed less what there is; below 0 where it is enough."""
        settings = self._settings
        agreement = self._evidence.agreement(
            np.stack([track.tempered(track.characters) for track in self._open]), np.stack(said)
        )
        needed = evidence_needed(
            [(track.quad.box, track.expected(milliseconds)) for track in self._open],
            np.array([max(milliseconds - track.last, 0.0) / 1000 for track in self._open]),
            [observation.quad.box for observation in observations],
            settings.reach,
            settings.growth,
            settings.tolerance,
            settings.certain,
        )
        return needed - agreement


def _likelihood(observation: Observation, text: str) -> float:
    return float(observation.log_probs[np.arange(PLATE_LENGTH), encode(text)].sum())
