"""Hard sampling: plates that could not be read the last time are drawn more often.

Half of the plates of a trained network's pool are read with certainty and teach it next to nothing, and still cost as
much as the others. LCOFL focuses on characters by their weights; this does so on plates by how often they come.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError


class HardSampling:
    """How sure it is that each plate of a pool is misread.

    Attributes:
        misread: float32[N] in 0..1; 1 for plates that were never read. Assign it to go on with an earlier run's.
    """

    def __init__(self, misread: NDArray[np.float32]) -> None:
        self.misread = misread

    def note(self, indices: NDArray[np.integer], log_likelihoods: NDArray[np.floating]) -> None:
        """Remember how plates were read: int[N], their indices, and float[N], log-likelihoods of their true texts."""
        self.misread[indices] = -np.expm1(np.minimum(log_likelihoods, 0))

    def orders(self, size: int, seed: int, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """Endless batches of indices, each plate as often as it is likely to be misread; no plate twice in a batch.

        A reader that learns with label smoothing is never quite certain, so no plate is given up.

        Args:
            size: plates a batch.
            seed: of the order, which depends on what was noted too.
            start: number of the first batch.
        """
        if size > len(self.misread):
            raise LpsrError(f"a batch of {size} is more than the pool's {len(self.misread)} pairs; make more")
        step = start
        while True:
            weights = self.misread.astype(np.float64) + _LEAST
            yield np.random.default_rng([seed, 2, step]).choice(
                len(weights), size, replace=False, p=weights / weights.sum()
            )
            step += 1


_LEAST = 0.02
"""Added to every weight: enough plates can be drawn whatever was noted."""
