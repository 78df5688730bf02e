"""Worker threads behind a queue that does not grow: who comes when it is full is asked to come again."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from lpsr_core.errors import LpsrError

Value = TypeVar("Value")
_Task = tuple[Callable[[], Any], "Future[Any]"]
_STOPPING = "the server is being stopped"


class BusyError(LpsrError):
    """As many wait already as may; the same request may succeed later."""


class StoppingError(LpsrError):
    """The server is being stopped."""


class WorkerPool:
    """Runs calls in threads of its own.

    Args:
        workers: threads.
        most: calls that wait.
    """

    def __init__(self, workers: int, most: int) -> None:
        self._queue: queue.Queue[_Task | None] = queue.Queue(most + workers)
        self._most, self._stopping = most, False
        self._threads = [
            threading.Thread(target=self._run, name=f"worker {number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Number of calls that no worker has taken yet."""
        return self._queue.qsize()

    def check_room(self) -> None:
        """Make sure that the next call would be taken.

        Raises:
            BusyError: the queue is full.
            StoppingError: the pool is being closed.
        """
        if self._stopping:
            raise StoppingError(_STOPPING)
        if self._queue.qsize() >= self._most:
            raise self._busy()

    def submit(self, call: Callable[[], Value]) -> Future[Value]:
        """Have a worker run a call. A future that is cancelled before its turn costs nothing.

        Raises:
            BusyError: the queue is full.
            StoppingError: the pool is being closed.
        """
        self.check_room()
        future: Future[Value] = Future()
        try:
            self._queue.put_nowait((call, future))
        except queue.Full:
            raise self._busy() from None
        return future

    def close(self, seconds: float = 10.0) -> None:
        """Finish what is running, refuse what waits."""
        self._stopping = True
        with suppress(queue.Empty):
            while (task := self._queue.get_nowait()) is not None:
                task[1].set_exception(StoppingError(_STOPPING))
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(seconds)

    def _busy(self) -> BusyError:
        return BusyError(f"{self._most} requests are waiting already; come again later")

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            call, future = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
            del task, call, future  # pictures of a request are not kept until the next one comes
