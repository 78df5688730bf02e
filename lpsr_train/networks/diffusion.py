"""Gaussian diffusion after SR3: noise schedules, the loss, and two ways from noise to a picture.

Notation of Saharia et al., "Image Super-Resolution via Iterative Refinement", 2021: a picture y_0 in -1..1 becomes
y_t = sqrt(gamma_t) y_0 + sqrt(1 - gamma_t) noise, where gamma falls from 1 (the picture) to nearly 0 (noise).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Predictor = Callable[[Tensor, Tensor], Tensor]
"""Noisy pictures float32[N, 3, H, W] and their levels sqrt(gamma) float32[N] -> the noise in them."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """How much of a picture is left after each step.

    Attributes:
        gammas: float64[T + 1], falling from 1; entry t after t steps.
    """

    gammas: NDArray[np.float64]

    @classmethod
    def linear(cls, steps: int, first: float, last: float) -> NoiseSchedule:
        """Variances beta_t of the steps' noise that rise evenly; gamma_t is the product of 1 - beta (section 2.1)."""
        return cls(np.concatenate([[1.0], np.cumprod(1.0 - np.linspace(first, last, steps))]))

    @property
    def steps(self) -> int:
        """T."""
        return len(self.gammas) - 1

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Gammas to train with: a step drawn evenly, and between its two gammas an even draw (section 2.4)."""
        step = rng.integers(1, self.steps + 1, count)
        return rng.uniform(self.gammas[step], self.gammas[step - 1])

    def shortened(self, steps: int) -> NDArray[np.float64]:
        """Gammas at evenly spaced steps, from noise to picture: float64[steps + 1], the last one 1."""
        return self.gammas[np.linspace(self.steps, 0, steps + 1).round().astype(int)]


class PlateNoise:
    """Noise that depends on the plate alone.

    Every plate has its own stream, seeded with its pixels at eight bits, so that its picture is the same in any batch,
    on any device, and at any time.

    Args:
        lr: float[N, 3, h, w] in 0..1.
        shape: of one draw for one plate.
    """

    def __init__(self, lr: Tensor, shape: tuple[int, int, int]) -> None:
        self.shape, self.device = shape, lr.device
        pixels = (lr.detach().float().cpu() * 255).round().clamp(0, 255).to(torch.uint8).numpy()
        digests = (hashlib.blake2b(plate.tobytes(), digest_size=7).digest() for plate in pixels)
        self._streams = [torch.Generator().manual_seed(int.from_bytes(digest, "little")) for digest in digests]

    def draw(self) -> Tensor:
        """The next normal float32[N, *shape]."""
        return torch.stack([torch.randn(self.shape, generator=stream) for stream in self._streams]).to(self.device)


def add_noise(picture: Tensor, gamma: Tensor, noise: Tensor) -> Tensor:
    """Pictures as they are once noise has been added up to a level (section 2.2).

    Args:
        picture: float[N, 3, H, W] in -1..1.
        gamma: float[N].
        noise: of the picture's shape, standard normal.
    """
    share = gamma.view(-1, 1, 1, 1)
    return share.sqrt() * picture + (1 - share).sqrt() * noise


def denoising_loss(predict: Predictor, picture: Tensor, gamma: Tensor, noise: Tensor) -> Tensor:
    """Return how far the predicted noise is off, by pixel (Algorithm 1); tensors are those of `add_noise`."""
    return (predict(add_noise(picture, gamma, noise), gamma.sqrt()).float() - noise).abs().mean()


def sample_all_steps(predict: Predictor, schedule: NoiseSchedule, noise: PlateNoise) -> Tensor:
    """Ancestral sampling through every step of the schedule (Algorithm 2).

    Written with the estimate of the picture, which is kept in -1..1; without that limit it is the paper's step.

    Returns:
        float32[N, 3, H, W] in -1..1.
    """
    current = noise.draw()
    for step in range(schedule.steps, 0, -1):
        gamma, before = float(schedule.gammas[step]), float(schedule.gammas[step - 1])
        picture, _ = _estimate(predict, current, gamma)
        alpha = gamma / before
        of_picture = math.sqrt(before) * (1 - alpha) / (1 - gamma)
        of_current = math.sqrt(alpha) * (1 - before) / (1 - gamma)
        current = of_picture * picture + of_current * current
        if step > 1:
            current = current + math.sqrt(1 - alpha) * noise.draw()
    return current


def sample_few_steps(predict: Predictor, schedule: NoiseSchedule, noise: PlateNoise, steps: int) -> Tensor:
    """Deterministic sampling through a few steps (Song et al., DDIM, 2021, Eq. 12 with eta 0).

    Args:
        predict: the network.
        schedule: that it was trained with.
        noise: of which the first draw alone is used.
        steps: 1 to T.

    Returns:
        float32[N, 3, H, W] in -1..1.
    """
    current = noise.draw()
    gammas = schedule.shortened(steps)
    for gamma, after in zip(gammas[:-1].tolist(), gammas[1:].tolist(), strict=True):
        picture, remaining = _estimate(predict, current, gamma)
        current = math.sqrt(after) * picture + math.sqrt(1 - after) * remaining
    return current


def _estimate(predict: Predictor, current: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """The picture in -1..1 that the network sees in noisy ones, and the noise that is left when it is taken away."""
    level = torch.full((len(current),), math.sqrt(gamma), device=current.device)
    predicted = predict(current, level).float()
    picture = ((current - math.sqrt(1 - gamma) * predicted) / math.sqrt(gamma)).clamp(-1, 1)
    return picture, (current - math.sqrt(gamma) * picture) / math.sqrt(1 - gamma)
