"""Times of the week: when a camera is read, and when an alert is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from lpsr_core.errors import UsageError
from lpsr_run.tomlfile.table import Table, nearest

_WHOLE_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS = tuple(day[:3] for day in _WHOLE_DAYS)
_HOURS = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", re.ASCII)
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Schedule:
    """Hours of days, by the wall clock of a time zone.

    Attributes:
        hours: begin and end in minutes of the day, the end excluded; an end that is not after its begin lies on the
            next day. Empty for all hours.
        days: 0 for Monday to 6 for Sunday, on which the hours begin; empty for all days.
        zone: the time zone's name; empty for the machine's own.
    """

    hours: tuple[tuple[int, int], ...] = ()
    days: frozenset[int] = frozenset()
    zone: str = ""

    def open_at(self, moment: datetime) -> bool:
        """Whether a moment, which knows its offset, is within the hours."""
        local = moment.astimezone(_zone(self.zone))
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday(), (local - timedelta(days=1)).weekday()
        for begin, end in self.hours or ((0, _DAY_MINUTES),):
            if begin < end:
                if begin <= minute < end and self._has(today):
                    return True
            elif (minute >= begin and self._has(today)) or (minute < end and self._has(yesterday)):
                return True
        return False

    def _has(self, day: int) -> bool:
        return not self.days or day in self.days


def parse_schedule(table: Table) -> Schedule:
    """A schedule from a table with `hours`, `days` and `time_zone`.

    Raises:
        UsageError: a key or a value is unknown.
    """
    table.only("hours", "days", "time_zone")
    hours = []
    for word in table.texts("hours") or ():
        with table.about("hours"):
            hours.append(_parse_hours(word))
    days: set[int] = set()
    for word in table.texts("days") or ():
        with table.about("days"):
            days |= _parse_days(word)
    zone = table.text("time_zone", "")
    try:
        _zone(zone)
    except (OSError, ValueError, LookupError):
        raise table.error(
            "time_zone",
            f"{zone!r} is unknown here; write it as America/Sao_Paulo, and install tzdata where all are unknown",
        ) from None
    return Schedule(tuple(hours), frozenset(days), zone)


def _parse_hours(word: str) -> tuple[int, int]:
    """Minutes of the day of `06:00-22:00`."""
    match = _HOURS.fullmatch(word)
    if match:
        begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
        begin, end = 60 * begin_hour + begin_minute, 60 * end_hour + end_minute
        if begin < _DAY_MINUTES and end <= _DAY_MINUTES and begin_minute < 60 and end_minute < 60 and begin != end:
            return begin, end
    raise ValueError(f"{word!r} is not of the form 06:00-22:00")


def _parse_days(word: str) -> set[int]:
    """Numbers of the days of `mon`, `monday` or `mon-fri`."""
    parts = [part.strip().lower() for part in word.split("-")]
    for part in parts:
        if part not in DAYS and part not in _WHOLE_DAYS:
            raise UsageError(f"{word!r} is unknown{nearest(part[:3], DAYS)}")
    ends = [part[:3] for part in parts]
    first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
    if len(ends) > 2:
        raise UsageError(f"{word!r} is not of the form mon-fri")
    return {(first + step) % 7 for step in range((last - first) % 7 + 1)}


def _zone(name: str) -> tzinfo | None:
    return ZoneInfo(name) if name else None
