"""Generator and reader of ONNX graphs one after the other on the processor, every core with crops of its own.

Networks as small as these gain little when several cores share out each of their two hundred operators: the cores
wait for each other at every one. A core that takes a crop through both networks by itself waits for nobody, and finds
in its cache what it wrote.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from lpsr_run.engines.base import Passed, Pending
from lpsr_run.engines.batching import SharesRows


class OnnxChain:
    """Two engines as one.

    Args:
        generator, reader: on the processor, the first with more than one worker.
    """

    def __init__(self, generator: SharesRows, reader: SharesRows) -> None:
        assert generator.pool is not None
        self._generator, self._reader, self._pool = generator, reader, generator.pool
        (self._lr,), (self._image,) = generator.inputs, reader.inputs

    @property
    def depth(self) -> int:
        """One batch a core, should each hold a single crop, and one that is being prepared meanwhile."""
        return self._generator.workers + 1

    def start(self, lr: NDArray[np.float32]) -> Pending:
        """Begins with N crops, shared out among the cores.

        Args:
            lr: float32[N, 3, 16, 48] in 0..1; must stay as it is until the results are there.

        Returns:
            A function that waits, and raises LpsrError when an engine fails.
        """
        parts = np.array_split(lr, min(self._generator.workers, max(len(lr), 1)))
        started = [self._pool.submit(self._pass, part) for part in parts]
        return lambda: Passed.joined([part.result() for part in started])

    def warm_up(self, batch: int) -> None:
        """An empty plate for each core: memory is laid out and threads are started."""
        count = self._generator.workers
        shape = [size or 1 for size in self._lr.shape[1:]]
        self.start(np.zeros((count, *shape), np.float32))()

    def _pass(self, lr: NDArray[np.float32]) -> Passed:
        start = perf_counter()
        sr = self._generator.run_whole({self._lr.name: lr})["sr"]
        middle = perf_counter()
        log_probs = self._reader.run_whole({self._image.name: sr})["log_probs"]
        end = perf_counter()
        return Passed(sr, log_probs, (end - middle) / max(end - start, 1e-9))
