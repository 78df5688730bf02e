"""Plates over many frames: which observation belongs to which track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_run.pipeline.association import TextEvidence, evidence_needed
from lpsr_run.pipeline.track import Observation, Track

_MISSED = 1
"""Frames without its plate that a track outlives, however far apart they are."""
_LONGEST = 10.0
"""Seconds without its plate that no track outlives."""


@dataclass(frozen=True)
class TrackSettings:
    """How observations are joined over frames.

    Attributes:
        absent: a track ends after so many seconds without its plate, and more than one frame.
        power: of the number of frames that their sum is divided by: neighbouring frames share their blur and their
            mistakes, and counting them as independent would call every long track certain.
        history: whether tracks keep what each of their frames said.
    """

    absent: float = 2.0
    power: float = 0.5
    history: bool = False


class Tracker:
    """Joins the observations of one source into tracks.

    An observation belongs to a track if the texts of both speak for one plate at least as strongly as the distance
    asks for (see `lpsr_run.pipeline.association`): a plate that is far away must read alike, one at the expected place
    may read somewhat differently, and one that certainly reads otherwise is another plate, wherever it is.

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
        ended = self._end(lambda track: milliseconds - track.last > 1000 * _LONGEST)
        for track in self._open:
            track.missed += 1
        said = [self._evidence.characters(observation.log_probs) for observation in observations]
        tracks = self._match(milliseconds, observations, said)
        for track, observation, characters in zip(tracks, observations, said, strict=True):
            track.add(observation, characters)
            ended += self._part(track)
        absent = 1000 * self._settings.absent
        return ended + self._end(lambda track: track.missed > _MISSED and milliseconds - track.last > absent)

    def finish(self) -> list[Track]:
        """Ends all tracks: the source is over."""
        return self._end(lambda track: True)

    def _end(self, over: Callable[[Track], bool]) -> list[Track]:
        ended = [track for track in self._open if over(track)]
        self._open = [track for track in self._open if not over(track)] if ended else self._open
        return ended

    def _part(self, track: Track) -> list[Track]:
        """The track itself where it turns out to have ended before the plate that it now follows."""
        parts = track.parted(self.next, self._evidence)
        if parts is None:
            return []
        self.next += 1
        over, other = parts
        self._open[self._open.index(track)] = other
        return [over]

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
                track = Track(self.next, self._layouts, self._settings.power, self._settings.history)
                self.next += 1
                self._open.append(track)
            tracks.append(track)
        return tracks

    def _costs(
        self, milliseconds: float, observations: Sequence[Observation], said: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """float64[tracks, observations]: evidence that is needed less what there is; below 0 where it is enough."""
        agreement = self._evidence.agreement(np.stack([track.characters for track in self._open]), np.stack(said))
        needed = evidence_needed(
            [(track.quad.box, track.expected(milliseconds)) for track in self._open],
            np.array([max(milliseconds - track.last, 0.0) / 1000 for track in self._open]),
            [observation.quad.box for observation in observations],
        )
        return needed - agreement
