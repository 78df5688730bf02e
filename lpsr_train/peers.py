"""The large networks as `lpsr-bench` times them: PyTorch on this machine's CPU, with weights that were never trained.

How long a forward pass takes does not depend on the weights, so what they say of speed is true, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lpsr_train.networks.generator import Generator
from lpsr_train.networks.presets import GENERATORS, SR3S
from lpsr_train.networks.sr3 import Sr3

Enlarge = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""float32[N, 3, 16, 48] in 0..1 -> float32[N, 3, 32, 96]."""


def paper() -> Enlarge:
    """The generator of the authors' code's size."""
    return _run(lambda: Generator(GENERATORS["paper"]))


def lite_torch() -> Enlarge:
    """The released generator's size, in PyTorch."""
    return _run(lambda: Generator(GENERATORS["lite"]))


def sr3() -> Enlarge:
    """The diffusion baseline with twenty passes a plate; its 2,000 steps take a hundred times as long."""
    return _run(lambda: Sr3(SR3S["sr3"], sampling_steps=20))


def _run(make: Callable[[], nn.Module]) -> Enlarge:
    torch.manual_seed(0)
    network = make().eval()

    def enlarge(lr: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(lr)), np.float32)

    return enlarge
