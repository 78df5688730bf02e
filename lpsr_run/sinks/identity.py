"""Names that are unique for ever: identifiers of runs."""

from __future__ import annotations

import os
import time

from lpsr_run.retention.policy import ULID_LETTERS

_LENGTH, _RANDOM_BYTES = 26, 10


def new_run_id() -> str:
    """A ULID: 26 letters and digits of which the first ten are the time in milliseconds, so that runs sort by age."""
    value = (time.time_ns() // 1_000_000) << 8 * _RANDOM_BYTES | int.from_bytes(os.urandom(_RANDOM_BYTES), "big")
    return "".join(ULID_LETTERS[value >> 5 * place & 31] for place in reversed(range(_LENGTH)))
