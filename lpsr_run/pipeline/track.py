"""One plate that is followed: what its frames said, summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH, encode
from lpsr_core.decode import Alternative, Reading, alternatives, decode, knowledge, plate_score
from lpsr_core.geometry import Box, Image, Quad
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_run.history import FrameSaid, History, tempered
from lpsr_run.pipeline.association import TextEvidence

_RECENT = 10
"""Frames of a track whose plate may still turn out to be another one."""
_PARTING = 2.0
"""Nats of evidence for two plates, between a track's last frames and those before, that part it."""
_TEXTS = 8
"""Texts of which a track keeps the best frame."""
_HISTORY = 4096
"""Frames whose log-probabilities are kept one by one; of later ones the sum is kept."""
_CROPS = 32
"""Frames whose crops are kept with them; the widest are."""


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
        zone: name of the part of the picture that it lies in; None without such parts, and outside them.
        scale: size of `picture` relative to the frame.
        assured: how sure the locator is of it (see `Location`).
    """

    frame: int
    milliseconds: float
    quad: Quad
    crop: Image
    sr: Image | None
    log_probs: NDArray[np.float32]
    taken: float | None = None
    picture: Image | None = None
    zone: str | None = None
    scale: float = 1.0
    assured: float = 0.0


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
        history: what each frame said, where it is kept; None elsewhere.
        log_probs: what was decoded, float[7, 36]; None where nobody kept it.
        assured: how sure the locator was of it, the mean of the frames (see `Location`).
        knowledge: how much the reader knows of its characters, of the frames' mean (see `decode.knowledge`).
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
    history: History | None = None
    log_probs: NDArray[np.floating] | None = None
    assured: float = 0.0
    knowledge: float = 1.0


def _drop_narrowest(history: list[FrameSaid]) -> None:
    """Keep the crops of the widest frames alone; of equally wide ones those that came first."""
    kept = [(said.crop.shape[1], -at) for at, said in enumerate(history) if said.crop is not None]
    if len(kept) > _CROPS:
        at = -min(kept)[1]
        history[at] = replace(history[at], crop=None)


def _zeros() -> NDArray[np.float64]:
    return np.zeros((PLATE_LENGTH, CLASSES))


@dataclass(frozen=True)
class _Entry:
    """A frame of a track, what it says alone, and what it says to the association (see `TextEvidence.characters`)."""

    observation: Observation
    alone: Reading
    characters: NDArray[np.float64] | None


@dataclass
class _Totals:
    """The sum over frames; `characters` is None where the track is not matched with others."""

    frames: int = 0
    first: float = 0.0
    log_probs: NDArray[np.float64] = field(default_factory=_zeros)
    characters: NDArray[np.float64] = field(default_factory=_zeros)
    texts: Counter[str] = field(default_factory=Counter)
    best: dict[str, tuple[float, Observation]] = field(default_factory=dict)
    history: list[FrameSaid] = field(default_factory=list)
    rest: NDArray[np.float64] = field(default_factory=_zeros)
    assured: float = 0.0

    def add(self, entry: _Entry, history: bool) -> None:
        """Take one more frame; no array is changed in place."""
        seen, text = entry.observation, entry.alone.text
        if not self.frames:
            self.first = seen.milliseconds
        self.frames += 1
        self.assured += seen.assured
        self.log_probs = self.log_probs + seen.log_probs
        if entry.characters is not None:
            self.characters = self.characters + entry.characters
        self.texts[text] += 1
        rival = self.best.get(text)
        if rival is None or entry.alone.confidence > rival[0]:
            self.best[text] = entry.alone.confidence, seen
            if len(self.best) > _TEXTS:  # the pictures of the commonest texts only, so that memory is bounded
                del self.best[min(self.best, key=lambda one: (self.texts[one], self.best[one][0]))]
        if history:
            if len(self.history) < _HISTORY:
                self.history.append(FrameSaid(seen.frame, seen.log_probs, seen.milliseconds, seen.crop))
                _drop_narrowest(self.history)
            else:
                self.rest = self.rest + seen.log_probs

    def copy(self) -> _Totals:
        """Return one that can be added to."""
        return replace(self, texts=self.texts.copy(), best=dict(self.best), history=list(self.history))


class Track:
    """A plate that is being followed; keeps few pictures, however long it is seen.

    Args:
        number: within the source.
        layouts: that the text may follow.
        power: see `TrackSettings`.
        history: whether to keep what each frame said.

    Attributes:
        missed: frames since it was seen last.
    """

    def __init__(
        self,
        number: int,
        layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
        power: float = 0.5,
        history: bool = False,
    ) -> None:
        self.number, self._power, self._history = number, power, history
        self.missed = 0
        self._layouts = layouts
        self._settled = _Totals()
        self._recent: list[_Entry] = []
        self._whole: _Totals | None = None
        self._boxes: list[tuple[float, Box]] = []
        self._last: Observation | None = None
        self._fused: Reading | None = None

    def add(self, observation: Observation, characters: NDArray[np.float64] | None = None) -> None:
        """Takes one more frame into the sum.

        Args:
            observation: of a later frame than the last.
            characters: what it says, float64[7, 36], where the track is to be matched with others.
        """
        self._add(_Entry(observation, decode(observation.log_probs, self._layouts), characters))

    def _add(self, entry: _Entry) -> None:
        self._recent.append(entry)
        if len(self._recent) > _RECENT:
            self._settled.add(self._recent.pop(0), self._history)
        observation = entry.observation
        self._boxes = [*self._boxes[-1:], (observation.milliseconds, observation.quad.box)]
        self._last, self._fused, self._whole, self.missed = observation, None, None, 0

    def parted(self, number: int, evidence: TextEvidence) -> tuple[Track, Track] | None:
        """This track as two, where its last frames show another plate than those before; None where they do not.

        A frame that is read badly says little, and may join a track of another plate; several such frames together
        say whose they are.

        Args:
            number: of the second track.
            evidence: compares what frames say.
        """
        entries, settled = self._recent, self._settled.frames
        characters = [entry.characters for entry in entries if entry.characters is not None]
        if len(characters) < max(len(entries), 1):
            return None
        said = np.stack(characters)
        # At least two frames, since a single one that speaks so clearly would not have joined.
        places = range(1, len(entries) - 1)
        if not places:
            return None
        before = np.stack([self._settled.characters + said[:place].sum(axis=0) for place in places])
        after = np.stack([said[place:].sum(axis=0) for place in places])
        counts = np.array(places)
        before = before / np.sqrt(settled + counts)[:, None, None]
        after = after / np.sqrt(len(entries) - counts)[:, None, None]
        agreements = evidence.agreement_of_sums(before, after)
        best = int(agreements.argmin())
        if agreements[best] > -_PARTING:
            return None
        one = Track(self.number, self._layouts, self._power, self._history)
        one._settled = self._settled
        two = Track(number, self._layouts, self._power, self._history)
        for index, entry in enumerate(entries):
            (one if index < places[best] else two)._add(entry)
        return one, two

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
        return self._latest.frame

    @property
    def last(self) -> float:
        """Time of that frame, in milliseconds."""
        return self._latest.milliseconds

    @property
    def quad(self) -> Quad:
        """The plate's corners in that frame."""
        return self._latest.quad

    @property
    def frames(self) -> int:
        """Number of frames that showed it."""
        return self._settled.frames + len(self._recent)

    @property
    def lasted(self) -> float:
        """Milliseconds from the first frame to the last."""
        return self.last - self._together.first

    @property
    def _latest(self) -> Observation:
        assert self._last is not None, "a track without frames is nowhere"
        return self._last

    @property
    def _together(self) -> _Totals:
        if self._whole is None:
            self._whole = self._settled.copy()
            for entry in self._recent:
                self._whole.add(entry, self._history)
        return self._whole

    @property
    def characters(self) -> NDArray[np.float64]:
        """What its frames say together, float64[7, 36] (see `TextEvidence.characters`)."""
        whole = self._together
        return tempered(whole.characters, whole.frames, self._power)

    @property
    def reading(self) -> Reading:
        """What the frames so far read together (see `read`)."""
        if self._fused is None:
            whole = self._together
            self._fused = decode(tempered(whole.log_probs, whole.frames, self._power), self._layouts)
        return self._fused

    def read(self) -> FusedRead:
        """Decodes what was summed so far.

        The text is the likeliest under the plain sum, the confidence that of the sum divided by a power of the
        number of frames (see `TrackSettings`).

        Raises:
            ValueError: no frame was added.
        """
        if not self.frames:
            raise ValueError("a track without frames says nothing")
        whole, reading = self._together, self.reading
        own = whole.best.get(reading.text)
        if own is None:
            own = max(whole.best.values(), key=lambda entry: _likelihood(entry[1], reading.text))
        said, mean = tempered(whole.log_probs, whole.frames, self._power), whole.log_probs / whole.frames
        known, history = float(knowledge(mean)), None
        if self._history:
            history = History(tuple(whole.history), whole.rest, whole.frames - len(whole.history), self._power)
        return FusedRead(
            self.number,
            reading,
            whole.frames,
            whole.texts[reading.text],
            own[1],
            whole.first,
            self.last,
            alternatives(said, self._layouts),
            plate_score(mean, self._layouts, known),
            history,
            said,
            whole.assured / whole.frames,
            known,
        )


def _likelihood(observation: Observation, text: str) -> float:
    return float(observation.log_probs[np.arange(PLATE_LENGTH), encode(text)].sum())
