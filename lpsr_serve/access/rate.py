"""Token buckets: how often somebody may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CLIENTS = 10_000


class RateLimiter:
    """A bucket of tokens for each client. A request takes one; they come back at a constant rate.

    Args:
        rate: tokens per second.
        burst: tokens that a bucket holds.
        clock: seconds, never set back.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token of a client's bucket.

        Args:
            client: any name.

        Returns:
            0 where there was one; otherwise the seconds until there is, and none was taken.
        """
        now = self._clock()
        with self._lock:
            tokens, since = self._buckets.pop(client, (self._burst, now))
            tokens = min(self._burst, tokens + self._rate * (now - since))
            allowed = tokens >= 1
            self._buckets[client] = (tokens - 1 if allowed else tokens), now
            if len(self._buckets) > _MOST_CLIENTS:  # the one that has asked for nothing for longest
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._rate
