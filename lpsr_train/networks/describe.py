"""What a network costs: parameters and arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lpsr_train.networks.deform import DeformConv2d


@dataclass(frozen=True)
class Cost:
    """Parameters, and floating-point operations for one input (a multiplication and an addition are two)."""

    parameters: int
    flop: int


def cost(network: nn.Module, example: Tensor) -> Cost:
    """Counts a network's parameters and the arithmetic of its convolutions and linear layers.

    Args:
        network: any network made of this package's layers.
        example: one input, [1, ...]; its values do not matter.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Linear):
            total += 2 * output.numel() * module.in_features
        elif isinstance(module, nn.ConvTranspose2d):
            total += 2 * inputs[0].numel() * module.weight[0].numel()
        elif isinstance(module, (nn.Conv2d, DeformConv2d)):
            # A deformable convolution also blends four neighbours for each of its samples.
            total += 2 * output.numel() * module.weight[0].numel()
            if isinstance(module, DeformConv2d):
                total += 8 * module.taps * module.weight.shape[1] * output[0, 0].numel()

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(example)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return Cost(sum(parameter.numel() for parameter in network.parameters()), total)
