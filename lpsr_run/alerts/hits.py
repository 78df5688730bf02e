"""Which plate of a watch list a read is, or may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.decode import log_mass, log_softmax
from lpsr_core.layouts import Layout, masks_of
from lpsr_core.reads import Hit, Way
from lpsr_core.similarity import WHOLE, edit_distances
from lpsr_run.alerts.entries import Entry

WAYS: tuple[Way, ...] = ("exact", "fuzzy", "likelihood")


@dataclass(frozen=True)
class HitList:
    """A watch list, and when a read hits it.

    Attributes:
        name: that hits are told.
        entries: plates that are looked for.
        ways: in which a read may hit.
        edits: most edits of a fuzzy hit; a character that is easily taken for the other counts half.
        probability: least probability of a hit by likelihood, 0..1.
    """

    name: str
    entries: tuple[Entry, ...]
    ways: frozenset[Way] = frozenset({"exact"})
    edits: float = 1.0
    probability: float = 0.05
    _classes: NDArray[np.uint8] = field(init=False, repr=False, compare=False)
    _places: dict[str, int] = field(init=False, repr=False, compare=False)
    _possible: dict[tuple[str, ...], NDArray[np.bool_]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        classes = np.array([encode(entry.text) for entry in self.entries], np.uint8).T
        object.__setattr__(self, "_classes", np.ascontiguousarray(classes))
        object.__setattr__(self, "_places", {entry.text: place for place, entry in enumerate(self.entries)})
        object.__setattr__(self, "_possible", {})

    def hit(self, text: str, log_probs: NDArray[np.floating] | None, layouts: Sequence[Layout]) -> Hit | None:
        """The plate that a read hits best: exactly, or else the most probable one.

        Args:
            text: of the read.
            log_probs: float[7, 36], what it was decoded from; None where that is not known: there are no hits by
                likelihood then, and the probability of others is 0.
            layouts: that plates may follow.
        """
        exact = self._places.get(text)
        if exact is None and self.ways == {"exact"}:
            return None
        probabilities = self._probabilities(log_probs, layouts)
        if exact is not None:  # also fuzzily, with no edits
            way: Way = "exact" if "exact" in self.ways else "fuzzy" if "fuzzy" in self.ways else "likelihood"
            if way != "likelihood" or probabilities[exact] >= self.probability:
                return self._told(exact, way, 0.0, float(probabilities[exact]))
        none = np.zeros(len(self.entries), bool)
        near, likely = none, probabilities >= self.probability if "likelihood" in self.ways else none
        if "fuzzy" in self.ways:
            most = int(self.edits * WHOLE)
            near = edit_distances(text, self._classes, most=most) <= most
        places = np.flatnonzero(near | likely)
        if not len(places):
            return None
        edits = edit_distances(text, self._classes[:, places]) / WHOLE
        first = int(np.lexsort((edits, -probabilities[places]))[0])
        best = int(places[first])
        return self._told(
            best, "likelihood" if likely[best] else "fuzzy", float(edits[first]), float(probabilities[best])
        )

    def _probabilities(self, log_probs: NDArray[np.floating] | None, layouts: Sequence[Layout]) -> NDArray[np.float64]:
        """float64[N]: of each entry among all texts of the layouts; 0 for one that follows none."""
        if log_probs is None:
            return np.zeros(len(self.entries))
        scores = np.asarray(log_softmax(log_probs), np.float64)
        sums = scores[np.arange(PLATE_LENGTH)[:, None], self._classes].sum(axis=0)
        possible = self._possible_under(layouts)
        found: NDArray[np.float64] = np.where(possible, np.exp(np.minimum(sums - log_mass(log_probs, layouts), 0)), 0.0)
        return found

    def _possible_under(self, layouts: Sequence[Layout]) -> NDArray[np.bool_]:
        """bool[N], the entries that follow a layout; found once for the layouts of a camera."""
        patterns = tuple(layout.pattern for layout in layouts)
        found = self._possible.get(patterns)
        if found is None:
            allowed = masks_of(patterns)[:, np.arange(PLATE_LENGTH)[:, None], self._classes]
            found = np.array(allowed.all(axis=1).any(axis=0), bool)
            self._possible[patterns] = found
        return found

    def _told(self, place: int, way: Way, edits: float, probability: float) -> Hit:
        entry = self.entries[place]
        return Hit(self.name, entry.text, way, edits, probability, entry.note)


def best_hit(
    lists: Sequence[HitList], text: str, log_probs: NDArray[np.floating] | None, layouts: Sequence[Layout]
) -> Hit | None:
    """The best hit of several lists: an exact one before others, then the most probable; of equal ones the first."""
    hits = [hit for one in lists if (hit := one.hit(text, log_probs, layouts)) is not None]
    return max(hits, key=lambda hit: (hit.way == "exact", hit.probability), default=None)
