"""The deformable convolutions of the networks: which shapes, and how many calls of each one plate takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tests.native.kernels import Shape


@dataclass(frozen=True)
class Layer:
    """Calls of one shape within a network.

    Attributes:
        network: as `lite generator`.
        shape: for one plate.
        calls: in one pass.
    """

    network: str
    shape: Shape
    calls: int

    def __str__(self) -> str:
        s = self.shape
        return f"{s.channels}->{s.out_channels}, {s.height}x{s.width}"

    def operations(self, batch: int) -> int:
        """Floating-point operations of one call's products."""
        s, (height, width) = self.shape, self.shape.out_size
        return 2 * batch * height * width * s.taps * s.channels // s.groups * s.out_channels

    def for_batch(self, batch: int) -> Shape:
        """The shape for so many plates."""
        return replace(self.shape, batch=batch)


def found_in(network: Any, name: str, height: int, width: int) -> list[Layer]:
    """The layers of a network.

    Args:
        network: on PyTorch's meta device; nothing is computed.
        name: told with each layer.
        height, width: of its RGB input.
    """
    import torch

    from lpsr_train.networks.deform import DeformConv2d

    seen: Counter[Shape] = Counter()

    def look(layer: DeformConv2d, inputs: tuple[torch.Tensor, ...], _: torch.Tensor) -> None:
        _, channels, rows, columns = inputs[0].shape
        outputs, _, *kernel = layer.weight.shape
        pair = (layer.padding, layer.padding)
        stride = (layer.stride, layer.stride)
        seen[Shape(1, channels, rows, columns, outputs, (kernel[0], kernel[1]), stride, pad=pair)] += 1

    for module in network.modules():
        if isinstance(module, DeformConv2d):
            module.register_forward_hook(look)
    network.eval()(torch.empty(1, 3, height, width, device="meta"))
    return [Layer(name, shape, calls) for shape, calls in sorted(seen.items(), key=lambda each: str(each[0]))]


def layers(preset: str, reader_size: tuple[int, int]) -> list[Layer]:
    """Deformable layers of a preset's generator, and of the reader that goes with it where there is one.

    Args:
        preset: `lite`, `base` or `paper`.
        reader_size: height and width of the reader's input.
    """
    import torch

    from lpsr_core.geometry import LR_SIZE
    from lpsr_train.networks.generator import Generator
    from lpsr_train.networks.presets import READERS, generator_config
    from lpsr_train.networks.readers import make_reader

    with torch.device("meta"):
        found = found_in(Generator(generator_config(preset)), f"{preset} generator", LR_SIZE[1], LR_SIZE[0])
        if preset in READERS:
            found += found_in(make_reader(preset), f"{preset} reader", *reader_size)
    return found
