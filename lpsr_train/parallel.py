"""Work spread over processes that leave Ctrl-C to their parent."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from lpsr_core.errors import LpsrError

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
            for future in as_completed([processes.submit(function, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool:
            raise LpsrError(
                f"{what}: a working process died, perhaps for want of memory; run again with fewer --workers"
            ) from None
        finally:
            processes.shutdown(cancel_futures=True)


def _begin() -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
