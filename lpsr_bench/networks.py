"""The networks under test, and the two ways through them that are timed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpsr_bench.config import BenchConfig
from lpsr_core.cards import Role
from lpsr_core.decode import Reading, decode
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_core.layouts import Layout
from lpsr_core.model_folders import named_graphs
from lpsr_run.engines.base import Chain, Chainable, Engine, Pending, check_contract
from lpsr_run.engines.models import Model
from lpsr_run.engines.opening import open_network
from lpsr_run.pipeline.plate_reader import PlateReader

Way = Literal["networks", "crop to string"]
"""From the generator's input tensor to log-probabilities; or from a decoded crop in memory to its text."""

LR_READER = "lr"
"""Released name of the reader that was trained on LR pictures."""


@dataclass(frozen=True)
class Network:
    """A graph that is open."""

    model: Model
    engine: Engine

    @property
    def runtime(self) -> str:
        """What runs it, e.g. `onnxruntime cpu`."""
        return self.engine.name.removeprefix(str(self.model.path)).strip(" ()")

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.model.name,
            "file": self.model.path.name,
            "sha256": self.model.sha256,
            "runtime": self.runtime,
        }


@dataclass(frozen=True)
class Networks:
    """Generator and reader, and a reader trained on LR pictures where there is one."""

    generator: Network
    reader: Network
    lr_reader: Network | None

    @cached_property
    def _chain(self) -> Chain | None:
        generator = self.generator.engine
        return generator.then(self.reader.engine) if isinstance(generator, Chainable) else None

    @property
    def under_way(self) -> int:
        """Batches that the runtime works on at once, when it is given them."""
        return 1 if self._chain is None else self._chain.depth

    def through(self, tensors: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The networks alone, with as many batches under way as the runtime serves at once.

        Args:
            tensors: batches of float32[N, 3, 16, 48].

        Returns:
            float32[N, 7, 36] for each.
        """
        generator, reader, chain = self.generator.engine, self.reader.engine, self._chain
        if chain is None:
            return [reader.run({"image": generator.run({"lr": lr})["sr"]})["log_probs"] for lr in tensors]
        under_way: deque[Pending] = deque()
        found = []
        for lr in tensors:
            under_way.append(chain.start(lr))
            if len(under_way) >= chain.depth:
                found.append(under_way.popleft()().log_probs)
        return found + [pending().log_probs for pending in under_way]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, by role."""
        found = {"generator": self.generator.as_dict(), "reader": self.reader.as_dict()}
        return found if self.lr_reader is None else {**found, "lr_reader": self.lr_reader.as_dict()}


def open_networks(config: BenchConfig) -> Networks:
    """Opens what a configuration names.

    Raises:
        UsageError: there is no such model.
        LpsrError: a model cannot be loaded or has another form.
    """

    def network(choice: str, role: Role) -> Network:
        opened = open_network(choice, role, config.precision, config.backend, config.threads)
        check_contract(opened.engine, role)
        return Network(opened.model, opened.engine)

    choice = config.lr_reader
    if choice is None and (LR_READER, config.precision) in named_graphs("reader"):
        choice = LR_READER
    return Networks(
        network(config.generator, "generator"),
        network(config.reader, "reader"),
        None if choice is None else network(choice, "reader"),
    )


class CropReader:
    """Crops to texts, always through the generator and with one look at each; decoding is timed too.

    Args:
        networks: generator and reader.
        batch: most crops in one forward pass.
        layouts: that plates may follow.
    """

    def __init__(self, networks: Networks, batch: int, layouts: Sequence[Layout]) -> None:
        self._layouts = layouts
        self._plates = PlateReader(networks.reader.engine, networks.generator.engine, "always", batch, views="one")
        self.clock = self._plates.clock

    def read(self, crops: Sequence[Image]) -> list[str]:
        """The texts of N crops, uint8[H, W, 3] of any sizes."""
        log_probs = self._plates.read(crops).log_probs
        with self.clock.stage("decode"):
            return [decode(row, self._layouts).text for row in log_probs]


def readings_of(network: Network, tensor: NDArray[np.float32], layouts: Sequence[Layout]) -> list[Reading]:
    """What a reader reads in pictures that have its size already, with the confidence that its card calibrates.

    Args:
        network: a reader.
        tensor: float32[N, 3, 32, 96], 0..1.
        layouts: that plates may follow.

    Raises:
        LpsrError: the reader failed or gave NaN.
    """
    values = network.engine.run({"image": tensor})["log_probs"]
    if np.isnan(values).any():
        raise LpsrError(f"{network.engine.name}: the reader gave NaN; the model is broken, export it again")
    return [decode(row / network.model.calibration.temperature, layouts) for row in values]
