"""Names that are unique for ever: identifiers of runs."""

from __future__ import annotations

import os
import time

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: sorts as the numbers do, without letters that are taken for digits."""
_LENGTH, _RANDOM_BYTES = 26, 10


def new_run_id() -> str:
    """A ULID: 26 letters and digits of which the first ten are the time in milliseconds, so that runs sort by age."""
    value = (time.time_ns() // 1_000_000) << 8 * _RANDOM_BYTES | int.from_bytes(os.urandom(_RANDOM_BYTES), "big")
    return "".join(_LETTERS[value >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def run_time(run: str) -> float | None:
    """When a run began, in seconds since 1970, as its identifier says; None where it is no ULID.

    >>> run_time("01M8GGMR5XH0FS38QYSS9326G0") is not None
    True
    """
    if len(run) != _LENGTH or set(run) - set(_LETTERS):
        return None
    value = 0
    for letter in run[: _LENGTH - 16]:
        value = value << 5 | _LETTERS.index(letter)
    return value / 1000
