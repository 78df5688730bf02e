"""Training with the noise of eight bits, so that INT8 graphs keep what the network learnt.

Rounding to one of 256 steps errs by up to half a step either way, evenly. Noise of that size costs one addition and
leaves gradients alone, where rounding itself costs several passes over memory and half again the time of a step
(Defossez et al., "Differentiable Model Compression via Pseudo Quantization Noise", TMLR 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

WIDE = 32
"""Channels in and out from which on a layer is worth eight bits; narrower ones save little, or place samples."""
_STEPS = 255
_MEASURED = 16
"""Passes through a layer between measurements of its inputs' range."""


class EightBits(TorchFunctionMode):
    """Within it, wide convolutions and linear layers see inputs and weights that are off as rounding would have them.

    Inputs are thought of in 256 steps between their least and their largest value, weights in as many for each output
    channel. Ranges of inputs are measured now and then, so one object serves a whole training.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: dict[int, tuple[int, float]] = {}
        self._stocks: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Comes before the two functions, and lets every other pass."""
        if func in (F.conv2d, F.linear):
            x, weight, *rest = args
            if min(weight.shape[:2]) >= WIDE:
                args = (self._off(x, self._step(x, weight)), self._off_weights(weight), *rest)
        return func(*args, **(kwargs or {}))

    def _step(self, x: Tensor, weight: Tensor) -> float:
        """Of the inputs of the layer that has these weights."""
        passes, step = self._steps.get(weight.data_ptr(), (0, 0.0))
        if passes % _MEASURED == 0:
            low, high = x.detach().aminmax()
            step = (max(float(high), 0.0) - min(float(low), 0.0)) / _STEPS
        self._steps[weight.data_ptr()] = passes + 1, step
        return step

    def _off(self, x: Tensor, step: float) -> Tensor:
        """`x` with even noise of one step's width."""
        return torch.add(x, self._draw(x), alpha=step)

    def _off_weights(self, weight: Tensor) -> Tensor:
        steps = weight.detach().flatten(1).abs().amax(dim=1) * (2 / _STEPS)
        return weight + self._draw(weight) * steps.view(-1, *[1] * (weight.dim() - 1))

    def _draw(self, like: Tensor) -> Tensor:
        """Noise in -1/2..1/2, laid out in memory as `like` is.

        It is cut out of a stock at a place by chance: drawing each number anew would take longer than the layers.
        """
        count, kind = like.numel(), (like.device, like.dtype)
        stock = self._stocks.get(kind)
        if stock is None or len(stock) < 2 * count:
            stock = self._stocks[kind] = torch.rand(2 * count, device=like.device).sub_(0.5).to(like.dtype)
        start = int(torch.randint(len(stock) - count, ()))
        stride = torch.empty_like(like, device="meta").stride()
        return stock.as_strided(like.shape, stride, start)
