"""Several sources as one: each is decoded in a thread of its own, and gives its frames in turn.

Files are decoded ahead and wait; of live sources the newest frames are kept and the dropped ones are counted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic, time

from lpsr_core.errors import LpsrError
from lpsr_run.sources.base import Frame, Source
from lpsr_run.state import RunState, SourceState

AHEAD, NEWEST = 8, 2
"""Frames that wait at most, of a file and of a live source."""
QUEUED_BYTES = 256 << 20
"""Of all frames that wait; every source may keep one, whatever its size."""
_ASKED_SECONDS = 0.2
"""Between two questions whether somebody wants to stop, while no frame comes."""
_QUIET_SECONDS, _QUIET_GAPS = 3.0, 3.0
"""A live source is quiet after so many seconds without a frame, and after so many times its longest recent gap."""
_FADE = 0.9
"""What is left of a longest gap with every further frame: one hiccup must not hide a loss for hours."""
_LEAVE_SECONDS = 1.0
"""How long threads may take to leave; one that waits for a dead camera is left behind."""


@dataclass(frozen=True)
class Ended:
    """A source has no more frames.

    Attributes:
        stream: its number.
        failure: why, when it failed.
    """

    stream: int
    failure: LpsrError | None = None


@dataclass(frozen=True)
class Quiet:
    """A live source has given no frame for a while: its connection is lost, or soon will be.

    Attributes:
        stream: its number.
    """

    stream: int


Item = Frame | Quiet | Ended
"""What sources give."""


class Merged:
    """The frames of several sources, fairly by turns.

    Args:
        sources: any kinds.
        state: of the run; a source's state is at its number.
        stop: tells live sources that nobody wants more.
        stopped: asked ever so often, also while no frame comes; the frames end when it says so.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        state: RunState,
        stop: threading.Event,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._changed = threading.Condition()
        self._stop, self._stopped = stop, stopped
        self._state = state
        self._feeds: list[_Feed] = []
        share = QUEUED_BYTES // max(len(sources), 1)
        for source in sources:
            self._feed(source, share)

    def __iter__(self) -> Iterator[Item]:
        try:
            yield from self._turns()
        finally:
            self.close()

    def add(self, source: Source) -> None:
        """Takes one more source; its state is in the run's already. To be called where the frames are taken."""
        self._feed(source, QUEUED_BYTES // (len(self._feeds) + 1))

    def _feed(self, source: Source, share: int) -> None:
        number = len(self._feeds)
        self._feeds.append(_Feed(number, source, self._state.sources[number], self._changed, self._stop, share))

    def close(self) -> None:
        """Asks the threads to leave, and waits a moment for it."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        until = monotonic() + _LEAVE_SECONDS
        for feed in self._feeds:
            if feed.thread.is_alive():
                feed.thread.join(max(until - monotonic(), 0.0))
            feed.leave()

    def _turns(self) -> Iterator[Item]:
        turn = started = 0
        open_feeds: list[_Feed] = []
        while not self._stopped() and (open_feeds or started < len(self._feeds)):
            for feed in self._feeds[started:]:
                feed.thread.start()
                open_feeds.append(feed)
            started = len(self._feeds)
            yield from [Quiet(feed.number) for feed in open_feeds if feed.falls_quiet()]
            with self._changed:
                ready = next(
                    (feed for feed in (*open_feeds[turn:], *open_feeds[:turn]) if feed.waiting or feed.done), None
                )
                if ready is None:
                    self._changed.wait(_ASKED_SECONDS)
                    continue
                item = ready.next()
                self._changed.notify_all()
            turn = (open_feeds.index(ready) + 1) % len(open_feeds)
            yield item
            if isinstance(item, Ended):
                open_feeds.remove(ready)
                turn = turn % max(len(open_feeds), 1)


class _Feed:
    """One source and its thread. What is shared is guarded by the condition."""

    def __init__(
        self,
        number: int,
        source: Source,
        state: SourceState,
        changed: threading.Condition,
        stop: threading.Event,
        most_bytes: int,
    ) -> None:
        self._most_bytes = most_bytes
        self.waiting: deque[Frame] = deque()
        self.done = False
        self.number, self._source, self._state = number, source, state
        self._came: float | None = None
        self._longest = 0.0
        self._quiet = False
        self._changed, self._stop = changed, stop
        self._failure: LpsrError | None = None
        self.thread = threading.Thread(target=self._run, name=f"source {number}", daemon=True)

    def next(self) -> Frame | Ended:
        """The oldest frame, or that there is none any more."""
        if self.waiting:
            self._state.frames += 1
            frame = self.waiting.popleft()
            self._state.queued = len(self.waiting)
            return frame
        self._state.status = "failed" if self._failure else "ended"
        self._state.error = str(self._failure) if self._failure else None
        return Ended(self.number, self._failure)

    def falls_quiet(self) -> bool:
        """Whether it gives no frame for too long; True once for every silence."""
        if not self._source.live:
            return False
        with self._changed:
            if self._quiet or self._came is None or self.waiting or self.done:
                return False
            self._quiet = monotonic() - self._came > max(_QUIET_SECONDS, _QUIET_GAPS * self._longest)
            return self._quiet

    def leave(self) -> None:
        """Nobody will ask for what is left."""
        with self._changed:
            if self._state.status not in ("ended", "failed"):
                self._state.status = "stopped"

    def _run(self) -> None:
        try:
            for frame in self._source.frames():
                if not self._put(replace(frame, stream=self.number)):
                    break
        except LpsrError as error:  # told where the frames are taken
            self._failure = error
        except Exception as error:  # of a decoder, say: the other sources go on
            self._failure = LpsrError(f"{self._state.name}: unexpected {type(error).__name__}: {error}")
            self._failure.__cause__ = error
        finally:
            with self._changed:
                self.done = True
                self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Hands a frame over; False when nobody wants more."""
        with self._changed:
            if self._stop.is_set():
                return False
            now = monotonic()
            if self._came is not None and not frame.gap:
                self._longest = max(_FADE * self._longest, now - self._came)
            self._came, self._quiet = now, False
            self._state.decoded += 1
            self._state.live = self._source.live
            self._state.last_frame = time()
            self._state.status = "running"
            while not self._source.live and self._full(frame) and not self._stop.is_set():
                self._changed.wait()
            if self._stop.is_set():
                return False
            self.waiting.append(frame)
            while self._source.live and (len(self.waiting) > NEWEST or (len(self.waiting) > 1 and self._heavy())):
                if self.waiting.popleft().gap:  # it is before what is left as well
                    self.waiting[0] = replace(self.waiting[0], gap=True)
                self._state.dropped += 1
            self._state.queued = len(self.waiting)
            self._changed.notify_all()
            return True

    def _full(self, frame: Frame) -> bool:
        """Whether a recording's next frame has to wait."""
        if not self.waiting:
            return False
        return len(self.waiting) >= AHEAD or self._heavy(frame.image.nbytes)

    def _heavy(self, more: int = 0) -> bool:
        return sum(frame.image.nbytes for frame in self.waiting) + more > self._most_bytes
