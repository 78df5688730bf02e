"""Rules of an alert sink: which reads it is told, and how often."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from lpsr_run.cameras.schedule import Schedule

Key = TypeVar("Key")
Value = TypeVar("Value")
_REMEMBERED = 10_000
"""Tracks and plates of which is known when they were told."""


@dataclass(frozen=True)
class Rule:
    """Which reads a sink is told; None leaves a condition out.

    Attributes:
        cameras, zones: names.
        lists: names of watch lists, one of which the read hits.
        hits_only: whether only reads that hit a watch list are told.
        min_confidence: lowest confidence, 0..1; reads that hit are told whatever theirs is.
        schedule: when.
        once_minutes: a plate is told at most once in so many minutes; 0 tells it each time that it comes.
        updates: whether a plate that is still seen is told again when its read has improved, and when it is gone.
    """

    cameras: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None
    lists: tuple[str, ...] | None = None
    hits_only: bool = False
    min_confidence: float = 0.0
    schedule: Schedule | None = None
    once_minutes: float = 0.0
    updates: bool = False

    def fits(self, read: Mapping[str, Any]) -> bool:
        """Whether a read, as a line of `reads.jsonl` has it, fulfils all conditions but how often it may come."""
        hit = read.get("hit")
        return (
            (self.cameras is None or read["source"] in self.cameras)
            and (self.zones is None or read.get("zone") in self.zones)
            and (hit is not None or not self.hits_only)
            and (self.lists is None or (hit is not None and hit["list"] in self.lists))
            and (hit is not None or read["confidence"] >= self.min_confidence)
            and (self.schedule is None or self.schedule.open_at(_moment(read)))
        )


class Gate:
    """Remembers what a sink was told."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tracks: OrderedDict[tuple[Any, ...], bool] = OrderedDict()  # whether a hit of it was told
        self._plates: OrderedDict[str, float] = OrderedDict()

    def passes(self, rule: Rule, read: Mapping[str, Any]) -> bool:
        """Whether the sink is to be told a read now."""
        if not rule.fits(read):
            return False
        hit_told = self._tracks.get(_track(read))  # None: nothing of the track was
        known = hit_told is not None and (hit_told or read.get("hit") is None)
        if known and not rule.updates:
            return False
        last = self._plates.get(_plate(read))
        return known or last is None or not 0 <= self._clock() - last < 60 * rule.once_minutes

    def told(self, read: Mapping[str, Any]) -> None:
        """The sink has been told a read: not before, as one that could not be handed over comes again."""
        now = self._clock()
        _remember(self._tracks, _track(read), read.get("hit") is not None or self._tracks.get(_track(read), False))
        _remember(self._plates, _plate(read), now)


def _track(read: Mapping[str, Any]) -> tuple[Any, ...]:
    return read["run"], read["source"], read["track"]


def _plate(read: Mapping[str, Any]) -> str:
    """What a plate is known by: the text that is looked for, or that of the read."""
    return str((read.get("hit") or read)["text"])


def _remember(memory: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _moment(read: Mapping[str, Any]) -> datetime:
    """When a live source gave the frame; now, for recordings."""
    told = read.get("time")
    try:
        return datetime.fromisoformat(told) if told else datetime.now(timezone.utc)
    except ValueError:
        return datetime.now(timezone.utc)
