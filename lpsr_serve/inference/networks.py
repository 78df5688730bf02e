"""The opened networks, used by one thread at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from lpsr_core.errors import LpsrError
from lpsr_core.layouts import parse_layouts
from lpsr_core.reads import Read
from lpsr_run.alerts import Alerts
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.configured import open_stream
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.privacy import WatchList
from lpsr_run.pipeline.results import result_of
from lpsr_run.pipeline.stream import PlateEvent, PlateStream
from lpsr_run.pipeline.tools import Tools, open_tools
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import Ended, Item

_SIDE = 960
"""Longest side in pixels of frames that are kept to be shown."""


class Turns:
    """A lock for whoever asked first: a camera that asks again at once does not starve the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the lock while the context lasts."""
        mine = threading.Event()
        with self._lock:
            if self._taken:
                self._waiting.append(mine)
            else:
                self._taken = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._taken = False


class Networks:
    """Locator, generator and reader, opened once and used by turns.

    Args:
        config: how plates are read.
        watched: the texts that may be told; None tells all.
        alerts: say which plates of watch lists are hit; None for none.
        opened: what the networks are opened from, where its layouts are more than those of `config`.

    Raises:
        UsageError: there is no such model.
        LpsrError: a model cannot be loaded.
    """

    def __init__(
        self,
        config: RunConfig,
        watched: WatchList | None = None,
        alerts: Alerts | None = None,
        opened: RunConfig | None = None,
    ) -> None:
        self.config, self.watched, self.alerts = config, watched, alerts
        self.tools: Tools = open_tools(opened or config)
        assert self.tools.locator is not None, "only a configuration of crops has no locator"
        self.locator = self.tools.locator
        self.turns = Turns()
        self.tools.reader.warm_up()

    def stream(self, config: RunConfig, live: bool = False, keep_frames: bool = False) -> PlateStream:
        """Return a stream that reads the plates of one source.

        Args:
            config: how they are read.
            live: whether the source gives frames as they happen.
            keep_frames: whether each read comes with a small copy of its frame; never where plates are hidden.
        """
        stream = open_stream(config, self.tools, self.locator, live, lambda *_: None)
        stream.keep_frames |= keep_frames and self.watched is None
        if config.evidence is None:
            stream.kept_side = _SIDE
        return stream

    def read(self, picture: Frame) -> list[Read]:
        """Find and read the plates of a picture, the one that was found most surely first.

        Raises:
            LpsrError: a network failed.
        """
        with self.turns.turn():
            return [self._told(event) for event in self.stream(self.config).reads([picture])]

    def read_crops(self, pictures: Sequence[Frame]) -> tuple[list[Read], list[str]]:
        """Read pictures that are plates already.

        Returns:
            A read for each that shows a plate, and a line for each that does not.

        Raises:
            LpsrError: a network failed.
        """
        skipped: list[str] = []
        with self.turns.turn():
            layouts, least = parse_layouts(self.config.layouts), self.config.min_plate
            events = read_crops(pictures, self.tools.reader, skipped.append, layouts, min_plate=least)
            return [self._told(event) for event in events], skipped

    def by_turns(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass on the items of one source, each when it is its turn; the turn lasts until the next one is asked for.

        Behind the last item an `Ended` follows, so that what waits is read within a turn as well.

        Raises:
            LpsrError: the items failed.
        """
        failure: LpsrError | None = None
        try:
            for item in items:
                with self.turns.turn():
                    yield item
        except LpsrError as error:
            failure = error
        with self.turns.turn():
            yield Ended(0, failure)
        if failure is not None:
            raise failure

    def _told(self, event: PlateEvent) -> Read:
        return result_of(event, "", 0, None, self.watched, self.config.certain, self.alerts).read
