"""One thread that gives reads their numbers, saves their pictures and hands them to the runtime's outputs."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.config import RunConfig
from lpsr_run.monitor.summary import Summary
from lpsr_run.pipeline.open_sinks import open_outbox
from lpsr_run.pipeline.results import result_of
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.sinks import PictureStore, Result
from lpsr_run.sinks.annotate import Mark
from lpsr_run.sinks.base import Record, write_failed
from lpsr_run.sinks.files import replace_file
from lpsr_run.sinks.lock import FolderLock
from lpsr_run.sinks.outbox import Outbox
from lpsr_serve.inference.networks import Networks
from lpsr_serve.jpeg import marked_jpeg
from lpsr_serve.store.places import Places, frame_beside
from lpsr_serve.store.reads import ReadStore

_log = logging.getLogger("lpsr.serve")
_QUEUED = 64
_DELIVERY_SECONDS = 1.0
"""For which a read waits for the store before listeners are told."""
_TICK_SECONDS, _RETRY_SECONDS, _PRUNE_SECONDS = 0.5, 2.0, 3600.0
_TAIL = 1 << 18
"""Bytes at the end of the journal that hold its last line."""

Recorded = Callable[[Record], None]
"""Told of a read once it is in the journal and the store."""
_Item = tuple[PlateEvent, "Recorded | None"]


class Recorder:
    """Records what cameras and videos tell, in the order in which it comes.

    A read that cannot be recorded, on a full disk for example, is tried again until it can: meanwhile the queue fills,
    cameras drop frames, and `failure` says why.

    Args:
        places: the server's folder.
        config: names the outputs beside the journal and the store.
        networks: give the watch list and the alerts.
        summary: of this process's run.

    Attributes:
        failure: why reads cannot be recorded now; None while they can.
        listeners: told of each recorded read, in the recorder's thread.
    """

    def __init__(self, places: Places, config: RunConfig, networks: Networks, summary: Summary) -> None:
        self._places, self._networks, self._summary = places, networks, summary
        self._config = config.changed({"out": str(places.root), "store": str(places.database)})
        self.failure: str | None = None
        self.listeners: list[Recorded] = []
        self._queue: queue.Queue[_Item | None] = queue.Queue(_QUEUED)
        self._ready: Future[None] = Future()
        self._closing = threading.Event()
        self._number = 0
        self._pruned = 0.0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Open the outputs, and bring them what an earlier process owed them.

        Raises:
            UsageError: another process holds the folder.
            LpsrError: an output cannot be opened or written.
        """
        self._thread.start()
        self._ready.result()

    def put(self, event: PlateEvent, recorded: Recorded | None = None) -> None:
        """Have a read recorded; waits while the queue is full.

        Args:
            event: the read.
            recorded: told when that is done.
        """
        while not self._closing.is_set():
            try:
                self._queue.put((event, recorded), timeout=_TICK_SECONDS)
            except queue.Full:
                continue
            return

    @property
    def running(self) -> bool:
        """Whether reads that are put are recorded, sooner or later."""
        return not self._closing.is_set()

    def close(self) -> None:
        """Record what waits, and close the outputs."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                try:
                    outbox = self._open(stack)
                except BaseException as error:
                    self._ready.set_exception(error)
                    return
                self._ready.set_result(None)
                self._serve(outbox)
        except Exception as error:
            self.failure = str(error)
            _log.error("reads are no longer recorded: %s", error)
        finally:
            self._closing.set()

    def _open(self, stack: ExitStack) -> Outbox:
        try:
            stack.enter_context(FolderLock(self._places.root, self._summary.run))
        except UsageError as error:
            raise UsageError(str(error).replace("--out", "--store")) from None
        outbox = open_outbox(self._config, self._summary, _log.info, _log.error, stack, self._networks.alerts)
        stack.callback(self._write_summary)
        return outbox

    def _write_summary(self) -> None:
        try:
            self._summary.seconds = time.time() - self._summary.state.started
            self._summary.write(self._places.root / "run.json", self._config)
        except OSError as error:
            _log.error("%s", write_failed(self._places.root / "run.json", error))

    def _serve(self, outbox: Outbox) -> None:
        while True:
            self._prune()
            try:
                item = self._queue.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                return
            event, recorded = item
            self._number += 1
            record = self._record(outbox, event)
            if record is None:
                return
            if event.event == "final":
                self._summary.state.reads += 1
            for listener in (*self.listeners, *([recorded] if recorded is not None else [])):
                try:
                    listener(record)
                except Exception:
                    _log.exception("a listener failed on read %s", record.key)

    def _record(self, outbox: Outbox, event: PlateEvent) -> Record | None:
        """The record of a read, once it is in the journal; None where the server was stopped before."""
        while True:
            try:
                result = self._result(event)
                outbox.write(result)
                outbox.await_delivery(_DELIVERY_SECONDS)  # who is told of a read finds it in the store
            except LpsrError as error:
                if self.failure is None:
                    _log.error("%s; recording is tried again", error)
                self.failure = str(error)
                if self._journaled():
                    break  # the output that failed gets it with the next read
                if self._queue.qsize() and self._queue.queue[-1] is None:
                    _log.error("a read was not recorded: %s", error)
                    return None
                time.sleep(_RETRY_SECONDS)
            else:
                self.failure = None
                break
        return Record.of(result.read)

    def _result(self, event: PlateEvent) -> Result:
        folder = self._places.day(time.time())
        pictures = PictureStore(folder, self._places.root, _log.error) if self._config.pictures else None
        networks = self._networks
        result = result_of(
            event,
            self._summary.run,
            self._number,
            pictures,
            networks.watched,
            self._config.certain,
            networks.alerts,
        )
        if result.frame is not None and result.read.lr_image is not None:
            path = self._places.root / frame_beside(result.read.lr_image, result.read.key)
            mark = Mark(result.quad.scaled(result.scale), result.read.text, result.read.confidence, True)
            try:
                replace_file(path, marked_jpeg(result.frame, [mark]))
            except OSError as error:
                raise write_failed(path, error) from None
        return result

    def _journaled(self) -> bool:
        """Whether the journal's last line is the read with this number."""
        try:
            with (self._places.root / "reads.jsonl").open("rb") as stream:
                stream.seek(max(stream.seek(0, 2) - _TAIL, 0))
                lines = stream.read().splitlines()
            return bool(lines) and Record.parse(lines[-1].decode()).number == self._number
        except (OSError, ValueError):
            return False

    def _prune(self) -> None:
        """Pictures of days that the store has forgotten."""
        keeps = self._config.keep_days or self._config.keep_reads
        if not keeps or (self._pruned and time.monotonic() - self._pruned < _PRUNE_SECONDS):
            return
        self._pruned = time.monotonic()
        try:
            oldest = ReadStore(self._places.database).oldest
            self._places.prune(time.time() if oldest is None else oldest)
        except (LpsrError, OSError) as error:
            _log.warning("old pictures could not be deleted: %s", error)
