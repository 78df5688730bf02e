"""What a network costs: parameters and arithmetic, by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table
from torch import Tensor, nn

from lpsr_core.geometry import HR_SIZE, LR_SIZE
from lpsr_train.networks.deform import DeformConv2d
from lpsr_train.networks.generator import Generator
from lpsr_train.networks.presets import GENERATORS, SR3S, generator_config, sr3_config
from lpsr_train.networks.readers import make_reader
from lpsr_train.networks.sr3 import Denoiser


@dataclass(frozen=True)
class Part:
    """A child of a network.

    Attributes:
        name: its attribute in the network.
        kind: its class.
        calls: how often one forward pass runs it; a shared part runs more than once.
        parameters: counted once.
        flop: floating-point operations of all calls together (a multiplication and an addition are two).
    """

    name: str
    kind: str
    calls: int
    parameters: int
    flop: int


def parts(network: nn.Module, example: Tensor) -> list[Part]:
    """Parameters of every child of a network, and the arithmetic of its convolutions and linear layers, in their order.

    What runs inside another child, as the shared attention module does, counts as its own part and not the other's.

    Args:
        network: any network made of this package's layers.
        example: one input, [1, ...]; its values do not matter, and it may lie on the `meta` device as the network may.
    """
    children = list(_children(network))
    flop = {name: 0 for name, _ in children}
    calls = dict(flop)
    running: list[str] = []

    def enter(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            running.append(name)
            calls[name] += 1

        return hook

    def leave(*_: Any) -> None:
        running.pop()

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        flop[running[-1]] += _arithmetic(module, inputs[0], output)

    # A leaf's own hook must run before that of the child it may be.
    hooks = [module.register_forward_hook(count) for module in network.modules() if module is not network]
    for name, child in children:
        hooks += [child.register_forward_pre_hook(enter(name)), child.register_forward_hook(leave)]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(example)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    found = []
    owned = {id(parameter): name for name, child in children for parameter in child.parameters()}
    for name, child in children:
        held = sum(parameter.numel() for parameter in child.parameters() if owned[id(parameter)] == name)
        found.append(Part(name, type(child).__name__, calls[name], held, flop[name]))
    return found


def _children(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The network's children; a list of modules is never run itself, so its members stand for it."""
    for name, child in network.named_children():
        if isinstance(child, nn.ModuleList):
            yield from ((f"{name}.{index}", member) for index, member in enumerate(child))
        else:
            yield name, child


class OnePass(Denoiser):
    """SR3's U-Net, run once: [N, 3, 32, 96] -> the same shape."""

    def forward(self, noisy: Tensor, *_: Tensor) -> Tensor:
        return super().forward(noisy, noisy, torch.empty(len(noisy), device=noisy.device))


def describe_preset(name: str, reader: bool = False) -> Table:
    """The table of a preset's parts; nothing is computed, so the largest takes no memory.

    Args:
        name: of a generator or of SR3, or of a reader when so asked or when no other network has that name.
        reader: the reader of that name.

    Raises:
        UsageError: there is no preset of that name.
    """
    network: nn.Module
    with torch.device("meta"):
        if name in SR3S:
            network = OnePass(sr3_config(name))
            kind, size, what = "SR3", HR_SIZE, "one of the passes for a plate"
        elif reader or name not in GENERATORS:
            network = make_reader(name)
            kind, size, what = type(network).__name__, HR_SIZE, "one plate"
        else:
            network = Generator(generator_config(name))
            kind, size, what = "Generator", LR_SIZE, "one plate"
        width, height = size
        found = parts(network, torch.empty(1, 3, height, width))
    title = f"{kind} {name}: {what} of {height}x{width}"
    table = Table("part", "kind", "runs", "parameters", "MFLOP", title=title, show_footer=False)
    for part in (part for part in found if part.kind != nn.Identity.__name__):
        table.add_row(part.name, part.kind, str(part.calls), f"{part.parameters:,}", f"{part.flop / 1e6:,.1f}")
    total = sum(parameter.numel() for parameter in network.parameters())
    table.add_section()
    table.add_row("all", "", "", f"{total:,}", f"{sum(part.flop for part in found) / 1e6:,.1f}")
    return table


def _arithmetic(module: nn.Module, given: Tensor, output: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return 2 * output.numel() * module.in_features
    if isinstance(module, nn.ConvTranspose2d):
        return 2 * given.numel() * module.weight[0].numel()
    if isinstance(module, nn.Conv2d):
        return 2 * output.numel() * module.weight[0].numel()
    if isinstance(module, DeformConv2d):
        # A deformable convolution also blends four neighbours for each of its samples.
        blending = 8 * module.taps * module.weight.shape[1] * output[0, 0].numel()
        return 2 * output.numel() * module.weight[0].numel() + blending
    return 0
