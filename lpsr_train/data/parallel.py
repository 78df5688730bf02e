"""Work spread over processes that leave Ctrl-C and the loss of the terminal to their parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from lpsr_core.errors import LpsrError

_TERMINAL = {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}
"""Signals that reach every process of a terminal."""
Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, what: str) -> Iterator[Result]:
    """Calls a function on every job and yields the results as they come, in no particular order.

    Closing the iterator early drops the jobs that wait and waits for those that run.

    Args:
        function: at the top level of a module, since other processes import it.
        jobs: anything that pickles.
        workers: processes; 1 works in this one, and in order.
        what: leads the message when a process dies, e.g. the folder that is written.

    Raises:
        LpsrError: a process died.
    """
    if workers <= 1:
        yield from map(function, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin) as processes:
        try:
            with _uninterrupted():  # workers begin here
                futures = [processes.submit(function, job) for job in jobs]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise LpsrError(
                f"{what}: a working process died, perhaps for want of memory; run again with fewer --workers"
            ) from None
        finally:
            processes.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds the terminal's signals back, for good in the processes that begin meanwhile.

    The parent alone decides what to do about them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()


def _leave_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in a worker"
    parent.join()
    os._exit(1)
