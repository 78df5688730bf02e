"""SR3, the diffusion network that the paper compares with: a U-Net that tells noise from picture, and its sampler.

After Saharia et al., "Image Super-Resolution via Iterative Refinement", 2021 (section 2.4): residual blocks with group
norm and swish whose sums are scaled by 1 / sqrt(2), self-attention where the picture is small, the enlarged LR picture
beside the noisy one, and the noise level as a number, not as a step, in the manner of WaveGrad (Chen et al., 2021).
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_core.errors import UsageError
from lpsr_train.networks.diffusion import NoiseSchedule, PlateNoise, denoising_loss, sample_all_steps, sample_few_steps
from lpsr_train.networks.generator import BicubicTwice
from lpsr_train.networks.presets import Sr3Config

_LEVEL_SCALE = 5000.0
"""Spreads levels of 0..1 over the sines, as WaveGrad does."""


class NoiseLevel(nn.Module):
    """Embeds the noise level: sines and cosines of it at many rates, then two layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("rates", _LEVEL_SCALE * torch.logspace(0, -4, channels // 2), persistent=False)
        self.rates: Tensor
        width = 4 * channels
        self.layers = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, level: Tensor) -> Tensor:
        """float32[N] -> [N, 4C]."""
        angles = level[:, None] * self.rates
        return self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))


class SelfAttention(nn.Module):
    """Every place looks at every other; one head."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.entry = nn.Conv2d(channels, 3 * channels, 1)
        self.exit = _silent(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        places = self.entry(self.norm(x)).flatten(2).transpose(1, 2)
        query, key, value = places.unsqueeze(1).chunk(3, dim=-1)
        seen = F.scaled_dot_product_attention(query, key, value).squeeze(1)
        return (x + self.exit(seen.transpose(1, 2).reshape(x.shape))) / math.sqrt(2)


class Stage(nn.Module):
    """A residual block that the noise level scales and shifts, and self-attention where it is wanted."""

    def __init__(self, channels: int, width: int, config: Sr3Config, attends: bool) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            nn.GroupNorm(config.groups, channels), nn.SiLU(), nn.Conv2d(channels, width, 3, padding=1)
        )
        self.level = nn.Linear(4 * config.channels, 2 * width)
        self.norm = nn.GroupNorm(config.groups, width)
        last = _silent(nn.Conv2d(width, width, 3, padding=1))
        self.exit = nn.Sequential(nn.SiLU(), nn.Dropout(config.dropout), last)
        self.beside = nn.Conv2d(channels, width, 1) if channels != width else nn.Identity()
        self.attention = SelfAttention(width, config.groups) if attends else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """[N, C, H, W] and the embedded level [N, E] -> [N, C', H, W]."""
        scale, shift = self.level(level)[:, :, None, None].chunk(2, dim=1)
        inner = self.norm(self.entry(x)) * (1 + scale) + shift
        return self.attention((self.beside(x) + self.exit(inner)) / math.sqrt(2))


class Denoiser(nn.Module):
    """The U-Net: finds the noise in a picture, given the enlarged LR picture; presets are in `presets.SR3S`."""

    def __init__(self, config: Sr3Config) -> None:
        super().__init__()
        widths = [multiplier * config.channels for multiplier in config.multipliers]
        deepest = len(widths) - 1
        self.level = NoiseLevel(config.channels)
        self.entry = nn.Conv2d(6, config.channels, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        current, kept = config.channels, [config.channels]
        for depth, width in enumerate(widths):
            for _ in range(config.blocks):
                self.down.append(Stage(current, width, config, deepest - depth < config.attention))
                current = width
                kept.append(current)
            if depth < deepest:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                kept.append(width)
        self.middle = nn.ModuleList([Stage(current, current, config, attends) for attends in (True, False)])
        for depth, width in reversed(list(enumerate(widths))):
            for _ in range(config.blocks + 1):
                self.up.append(Stage(current + kept.pop(), width, config, deepest - depth < config.attention))
                current = width
            if depth > 0:
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1)))
        last = _silent(nn.Conv2d(current, 3, 3, padding=1))
        self.exit = nn.Sequential(nn.GroupNorm(config.groups, current), nn.SiLU(), last)

    def forward(self, noisy: Tensor, condition: Tensor, level: Tensor) -> Tensor:
        """Finds the noise.

        Args:
            noisy: float[N, 3, H, W]; H and W multiples of 2 to the power of the number of multipliers less one.
            condition: the enlarged LR picture, of the same shape, in -1..1.
            level: float32[N], sqrt(gamma).

        Returns:
            float[N, 3, H, W].
        """
        embedded = self.level(level)
        x = self.entry(torch.cat([noisy, condition], dim=1))
        kept = [x]
        for module in self.down:
            x = module(x, embedded) if isinstance(module, Stage) else module(x)
            kept.append(x)
        for module in self.middle:
            x = module(x, embedded)
        for module in self.up:
            x = module(torch.cat([x, kept.pop()], dim=1), embedded) if isinstance(module, Stage) else module(x)
        return self.exit(x)


class Sr3(nn.Module):
    """Makes a 32x96 plate of a 16x48 one, by removing noise step by step; sampling steps are as in `take_steps`.

    Raises:
        UsageError: there are not so many steps.
    """

    def __init__(self, config: Sr3Config, sampling_steps: int) -> None:
        super().__init__()
        self.config = config
        self.schedule = NoiseSchedule.linear(config.steps, config.first_beta, config.last_beta)
        self.denoiser = Denoiser(config)
        self.bicubic = BicubicTwice()
        self.take_steps(sampling_steps)

    def take_steps(self, sampling_steps: int) -> None:
        """Chooses how pictures are made.

        Args:
            sampling_steps: passes of the U-Net for a picture, deterministic; 0 takes all steps of the schedule with
                fresh noise in each, as the paper's Algorithm 2 does.

        Raises:
            UsageError: it is more than the schedule has.
        """
        if not 0 <= sampling_steps <= self.schedule.steps:
            raise UsageError(f"sampling steps are 0 (all) to {self.schedule.steps}, not {sampling_steps}")
        self.sampling_steps = sampling_steps

    @property
    def passes(self) -> int:
        """Passes of the U-Net for one picture."""
        return self.sampling_steps or self.schedule.steps

    @torch.no_grad()
    def forward(self, lr: Tensor) -> Tensor:
        """float[N, 3, 16, 48] -> float32[N, 3, 32, 96], RGB in 0..1, without gradients.

        The noise of each plate depends on the plate alone.
        """
        condition = self._condition(lr)
        noise = PlateNoise(lr, (condition.shape[1], condition.shape[2], condition.shape[3]))

        def predict(noisy: Tensor, level: Tensor) -> Tensor:
            return self.denoiser(noisy, condition, level)

        if self.sampling_steps:
            sr = sample_few_steps(predict, self.schedule, noise, self.sampling_steps)
        else:
            sr = sample_all_steps(predict, self.schedule, noise)
        return ((sr + 1) / 2).clamp(0, 1)

    def loss(self, lr: Tensor, hr: Tensor, rng: np.random.Generator) -> Tensor:
        """What the U-Net learns by: the error of the noise it finds at levels drawn for each plate.

        Args:
            lr, hr: float[N, 3, 16, 48] and float[N, 3, 32, 96], RGB in 0..1.
            rng: draws levels and noise.
        """
        condition = self._condition(lr)
        gamma = torch.from_numpy(self.schedule.draw(rng, len(hr)).astype(np.float32)).to(hr.device)
        noise = torch.from_numpy(rng.standard_normal(hr.shape, np.float32)).to(hr.device)

        def predict(noisy: Tensor, level: Tensor) -> Tensor:
            return self.denoiser(noisy.contiguous(memory_format=torch.channels_last), condition, level)

        return denoising_loss(predict, 2 * hr - 1, gamma, noise)

    def _condition(self, lr: Tensor) -> Tensor:
        return 2 * self.bicubic(lr).clamp(0, 1) - 1


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that says nothing yet: blocks begin as what they pass on, as in DDPM (Ho et al., 2020)."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
