"""Three searches over all reads: by pattern, by edit distance, and by how probable a text is."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH, encode
from lpsr_core.compact import LEVELS
from lpsr_core.errors import UsageError
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.similarity import ANY, WHOLE, check_characters, classes_of, edit_distances
from lpsr_serve.search.index import SearchIndex
from lpsr_serve.search.segment import FINAL, TOLD, Segment
from lpsr_serve.search.stores import Row

MANY = "*"
"""Stands for any number of characters in a pattern."""
MOST_EDITS = 2.0
_MOST_ON_A_PAGE = 1000
_MOST_TEXT = 12
_STARS = re.compile(r"\*+")


@dataclass(frozen=True)
class Filters:
    """Which reads are searched; None leaves a condition out.

    Attributes:
        since, until: when the plate was seen, in seconds since 1970; `until` is excluded. For recordings, when the
            read was stored.
        cameras: names of sources.
        final: whether reads of plates that are still seen (`first`, `update`) are left out.
    """

    since: float | None = None
    until: float | None = None
    cameras: tuple[str, ...] | None = None
    final: bool = True


@dataclass(frozen=True)
class Found:
    """A read that was found.

    Attributes:
        row: of the store.
        moment: when the plate was seen, in seconds since 1970.
        edits: how far its text is from the one that was looked for; None for other searches.
        probability: that its plate has that text, 0..1; None for other searches.
    """

    row: Row
    moment: float
    edits: float | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Page:
    """A part of what was found, best first.

    Attributes:
        found: the reads.
        cursor: gives the next page; None where there is none.
        total: how many reads fit, on all pages.
    """

    found: tuple[Found, ...]
    cursor: str | None
    total: int


Rank = Callable[[Segment, int], "NDArray[np.float32]"]
"""float32[N] for the first N reads of a segment: the smaller the better; infinite for what does not fit."""


def search_pattern(
    index: SearchIndex, pattern: str, filters: Filters | None = None, limit: int = 50, cursor: str | None = None
) -> Page:
    """Reads whose text has a pattern, newest first.

    Args:
        index: brought up to its store.
        pattern: letters and digits, `?` for any one character, `*` for any number of them: `AB?1D2?`, `*1D23`.
        filters: which reads are searched.
        limit: reads of a page.
        cursor: of the page before.

    Raises:
        UsageError: the pattern, the limit or the cursor cannot be meant.
    """
    forms = [classes_of(form) for form in _forms(check_characters(pattern, ANY + MANY))]
    free = classes_of(ANY)[0]

    def rank(segment: Segment, count: int) -> NDArray[np.float32]:
        fits = np.zeros(count, bool)
        for form in forms:
            fit = segment.text[0, :count] != free  # a hidden text has no pattern
            for place in np.flatnonzero(form != free):
                fit &= segment.text[place, :count] == form[place]
            fits |= fit
        return np.where(fits, np.float32(0), np.float32(np.inf))

    return _search(index, ("pattern", pattern), rank, lambda rank: {}, filters, limit, cursor)


def search_near(
    index: SearchIndex,
    text: str,
    edits: float = 1.0,
    filters: Filters | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Reads whose text is few edits away, nearest and then newest first.

    Args:
        index: brought up to its store.
        text: letters, digits and `?`; also of other lengths than a plate's, as a witness tells it.
        edits: most insertions, deletions and substitutions, 0 to 2; a character that is easily taken for the other
            (see `lpsr_core.similarity`) counts half.
        filters, limit, cursor: as of `search_pattern`.

    Raises:
        UsageError: the text, the edits, the limit or the cursor cannot be meant.
    """
    word = check_characters(text)
    if len(word) > _MOST_TEXT:
        raise UsageError(f"{text!r} has {len(word)} characters; at most {_MOST_TEXT} are compared")
    if not 0 <= edits <= MOST_EDITS:
        raise UsageError(f"edits are between 0 and {MOST_EDITS:g}, not {edits:g}")
    most = int(edits * WHOLE)

    def rank(segment: Segment, count: int) -> NDArray[np.float32]:
        distances = edit_distances(word, segment.text[:, :count], most=most)
        return np.where(distances <= most, distances.astype(np.float32), np.float32(np.inf))

    return _search(index, ("near", word, edits), rank, lambda rank: {"edits": rank / WHOLE}, filters, limit, cursor)


def search_likely(
    index: SearchIndex,
    text: str,
    least: float = 1e-4,
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
    filters: Filters | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Reads whose plate may have a text, most probable first.

    The probability is that of the text under the read's log-probabilities, among all texts of the layouts. Reads
    that carry none (hidden ones, and those of stores before schema 4) are not found.

    Args:
        index: brought up to its store.
        text: seven characters.
        least: probability below which a read is left out, more than 0 and at most 1.
        layouts: that plates may follow; the text follows one of them.
        filters, limit, cursor: as of `search_pattern`.

    Raises:
        UsageError: the text, the probability, the limit or the cursor cannot be meant.
    """
    word = check_characters(text, "")
    if len(word) != PLATE_LENGTH:
        raise UsageError(f"{text!r} has {len(word)} characters; a plate has {PLATE_LENGTH}")
    if not any(layout.fits(word) for layout in layouts):
        raise UsageError(f"{word} follows none of the layouts {', '.join(layout.pattern for layout in layouts)}")
    if not 0 < least <= 1:
        raise UsageError(f"the least probability is more than 0 and at most 1, not {least:g}")
    places = np.arange(PLATE_LENGTH) * CLASSES + encode(word)
    patterns = sorted({layout.pattern for layout in layouts})
    kinds = [[place + PLATE_LENGTH * (kind == "D") for place, kind in enumerate(pattern)] for pattern in patterns]
    most = np.float32(-np.log(least))

    def rank(segment: Segment, count: int) -> NDArray[np.float32]:
        likelihood = np.zeros(count, np.float32)
        for place in places:
            likelihood += LEVELS[segment.levels[place, :count]]
        # Only what could still be likely enough is normalised: no mass is larger than 1, but for what rounding adds.
        near = np.flatnonzero((likelihood >= -most - 0.5) & (segment.flags[:count] & TOLD != 0))
        masses = segment.masses[:, near].astype(np.float32)
        mass = np.logaddexp.reduce([masses[kind].sum(axis=0) for kind in kinds], axis=0)
        surprise = np.maximum(mass - likelihood[near], 0)
        ranks = np.full(count, np.inf, np.float32)
        ranks[near] = np.where(surprise <= most, surprise, np.inf)
        return ranks

    query = ("likely", word, least, *patterns)
    return _search(index, query, rank, lambda rank: {"probability": float(np.exp(-rank))}, filters, limit, cursor)


def _forms(pattern: str) -> list[str]:
    """The pattern's forms of seven characters, `*` written as so many `?`."""
    parts = _STARS.sub(MANY, pattern).split(MANY)  # each star doubles and redoubles the forms that are tried
    free = PLATE_LENGTH - len("".join(parts))
    if free < 0 or (len(parts) == 1 and free):
        raise UsageError(f"{pattern!r} fits no text of {PLATE_LENGTH} characters; `?` is any one, `*` any number")
    forms = {
        "".join(part + ANY * gap for part, gap in zip(parts, (*gaps, 0), strict=True))
        for gaps in itertools.product(range(free + 1), repeat=len(parts) - 1)
        if sum(gaps) == free
    }
    return sorted(forms)


def _search(
    index: SearchIndex,
    query: tuple[object, ...],
    rank: Rank,
    said: Callable[[float], dict[str, float]],
    filters: Filters | None,
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of the reads of the smallest ranks; `said` gives what a rank means, as fields of `Found`."""
    if not 1 <= limit <= _MOST_ON_A_PAGE:
        raise UsageError(f"a page has 1 to {_MOST_ON_A_PAGE} reads, not {limit}")
    filters = filters or Filters()
    sign = hashlib.sha256(json.dumps([*query, asdict(filters)]).encode()).hexdigest()[:12]
    after = None if cursor is None else _opened(cursor, sign)
    ranks, ids, moments = _candidates(index, rank, filters)
    total = len(ids)
    if after is not None:
        worst = np.float32(after[0])
        later = (ranks > worst) | ((ranks == worst) & (ids < after[1]))
        ranks, ids, moments = ranks[later], ids[later], moments[later]
    found: dict[int, Row] = {}
    chosen: list[int] = []
    order = _best(ranks, ids, 2 * limit + 1)
    while len(chosen) <= limit and len(order):
        rows = index.store.fetch(ids[order].tolist())
        found.update(rows)
        chosen += [int(place) for place in order if int(ids[place]) in rows]
        if len(order) >= len(ids) or len(chosen) > limit:
            break
        order = _best(ranks, ids, len(ids))[len(order) :]  # many were deleted
    shown = chosen[:limit]
    more = _closed(float(ranks[shown[-1]]), int(ids[shown[-1]]), sign) if len(chosen) > limit else None
    page = (Found(found[int(ids[place])], float(moments[place]), **said(float(ranks[place]))) for place in shown)
    return Page(tuple(page), more, total)


def _candidates(
    index: SearchIndex, rank: Rank, filters: Filters
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Ranks, identifiers and moments of all reads that fit."""
    numbers: NDArray[np.int32] | None = None
    if filters.cameras is not None:
        known = index.sources()
        numbers = np.array([known[name] for name in filters.cameras if name in known], np.int32)
    parts: list[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]] = []
    for segment, count in index.parts():
        ranks = rank(segment, count)
        fits = np.isfinite(ranks) & (segment.id[:count] > 0)
        if filters.final:
            fits &= segment.flags[:count] & FINAL != 0
        if filters.since is not None:
            fits &= segment.moment[:count] >= filters.since
        if filters.until is not None:
            fits &= segment.moment[:count] < filters.until
        if numbers is not None:
            fits &= np.isin(segment.source[:count], numbers)
        places = np.flatnonzero(fits)
        parts.append((ranks[places], segment.id[places], segment.moment[places]))
    if not parts:
        return np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.float64)
    ranks, ids, moments = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ranks, ids, moments


def _best(ranks: NDArray[np.float32], ids: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """Places of the smallest ranks, of equal ones the newest first."""
    places = np.arange(len(ids))
    if count < len(ids):
        worst = np.partition(ranks, count - 1)[count - 1]
        better, equal = np.flatnonzero(ranks < worst), np.flatnonzero(ranks == worst)
        room = count - len(better)
        places = np.concatenate([better, equal[np.argpartition(-ids[equal], room - 1)[:room]]])
    order: NDArray[np.intp] = places[np.lexsort((-ids[places], ranks[places]))]
    return order


def _closed(rank: float, row: int, sign: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([rank, row, sign]).encode()).decode().rstrip("=")


def _opened(cursor: str, sign: str) -> tuple[float, int]:
    try:
        rank, row, found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if found == sign:
            return float(rank), int(row)
    except (ValueError, TypeError, OverflowError):
        pass
    raise UsageError("the cursor belongs to another search; begin with its first page")
