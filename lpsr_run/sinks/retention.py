"""How long reads are kept in a database."""

from __future__ import annotations

from dataclasses import dataclass

PRUNED_READS, PRUNED_SECONDS = 100, 3600.0
"""Reads, and seconds, between two looks at what is too old or too many."""


@dataclass(frozen=True)
class Retention:
    """How long reads are kept.

    Attributes:
        days: older ones are deleted; None keeps them.
        reads: beyond so many the oldest are deleted; None keeps them.
    """

    days: float | None = None
    reads: int | None = None
