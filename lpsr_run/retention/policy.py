"""The rule, and when a read was made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from lpsr_core.errors import LpsrError, UsageError

Item = TypeVar("Item")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of identifiers of runs, Crockford's base 32: sorts as the numbers do, without letters that are taken for digits."""
_ULID = re.compile(f"[{ULID_LETTERS}]{{26}}")
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_bytes(text: str, option: str) -> int:
    """A size such as `500M` or `2GB`, in bytes; factors are powers of 1000.

    >>> parse_bytes("1.5G", "--keep-bytes")
    1500000000

    Raises:
        UsageError: it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{option} takes a size such as 500M or 20G, not {text!r}")
    return int(float(found[1]) * _FACTORS[found[2].lower()])


@dataclass(frozen=True)
class Retention:
    """How much each output of a run keeps.

    Attributes:
        days: older reads are deleted; None keeps them.
        reads: beyond so many the oldest are deleted; None keeps them.
        bytes: an output that is larger loses its oldest reads; None keeps them.
    """

    days: float | None = None
    reads: int | None = None
    bytes: int | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is ever deleted."""
        return self.days is None and self.reads is None and self.bytes is None

    def oldest(self, now: float) -> float:
        """Time before which nothing is kept, in seconds since 1970."""
        return float("-inf") if self.days is None else now - 86400 * self.days


WhenFull = Literal["drop", "stop"]
WHEN_FULL: tuple[WhenFull, ...] = ("drop", "stop")


@dataclass(frozen=True)
class SpoolLimit:
    """How large a spool may grow.

    Attributes:
        bytes: of its files together; 0 for any size.
        full: `drop` removes the oldest reads, `stop` ends the run.
    """

    bytes: int = 0
    full: WhenFull = "drop"


@dataclass(frozen=True)
class Entry:
    """Something that belongs to one read and is kept or deleted as a whole.

    Attributes:
        path: a file or a folder.
        key: of the read; entries of one read share it.
        made: seconds since 1970.
        size: in bytes.
    """

    path: Path
    key: str
    made: float
    size: int


def superfluous(entries: Sequence[Entry], rule: Retention, now: float) -> Iterator[Entry]:
    """The entries of one output that a rule does not keep at a time, in seconds since 1970; oldest first."""
    ordered = sorted(entries, key=lambda entry: (entry.made, entry.key, entry.path.name))
    oldest, keys, total = rule.oldest(now), dict.fromkeys(entry.key for entry in ordered), sum(e.size for e in ordered)
    many = set() if rule.reads is None else set(list(keys)[: max(len(keys) - rule.reads, 0)])
    for entry in ordered:
        large = rule.bytes is not None and total > rule.bytes
        if entry.made < oldest or entry.key in many or large:
            total -= entry.size
            yield entry


def delete_each(items: Iterable[Item], delete: Callable[[Item], None]) -> None:
    """Delete items, also those behind one that cannot be deleted, such as what another user's run left.

    Raises:
        OSError, LpsrError: that of the first that could not be deleted.
    """
    failure: OSError | LpsrError | None = None
    for item in items:
        try:
            delete(item)
        except (OSError, LpsrError) as error:
            failure = failure or error
    if failure is not None:
        raise failure


def run_time(run: str) -> float | None:
    """When a run began, in seconds since 1970, as its identifier says; None where it is no ULID.

    >>> run_time("01M8GGMR5XH0FS38QYSS9326G0") is not None
    True
    """
    if not _ULID.fullmatch(run):
        return None
    milliseconds = 0
    for letter in run[:10]:
        milliseconds = milliseconds << 5 | ULID_LETTERS.index(letter)
    return milliseconds / 1000


def made_at(time: object, run: object) -> float | None:
    """When a read was made, in seconds since 1970: its frame's time (ISO 8601), or when its run began, if known."""
    if isinstance(time, str) and time:
        try:
            return datetime.fromisoformat(time).timestamp()
        except (ValueError, OverflowError):
            pass
    return run_time(run) if isinstance(run, str) else None
