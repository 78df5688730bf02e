"""The super-resolution generator of the paper, one class for every size.

    LR -> autoencoder -> dense network -> residual module -> feature module -> PixelShuffle
       -> dense network -> convolution -> + bicubic(LR) -> SR

Structure after section III-B and the authors' repository (valfride/lpsr-lacd), with these differences: nothing is
drawn at random in the forward pass (the released code makes a new untrained 1x1 convolution each time), and the
output is bicubic + residual clamped to 0..1 instead of a sigmoid of the sum, which greys the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_train.networks.attention import ThreeFoldAttention, depthwise_separable
from lpsr_train.networks.context import Context
from lpsr_train.networks.contrast import standardised
from lpsr_train.networks.deform import DeformConv2d
from lpsr_train.networks.presets import DenseSize, GeneratorConfig

Attention = Callable[[], nn.Module]
"""Gives every place its attention module: the shared one, or one of its own."""


class DenseBlock(nn.Module):
    """Residual dense block (Zhang et al., RDN, 2018): every layer sees all before it."""

    def __init__(self, channels: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(channels + index * growth, growth, 3, padding=1) for index in range(layers)
        )
        self.fuse = nn.Conv2d(channels + layers * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        features = [x]
        for layer in self.layers:
            features.append(F.relu(layer(torch.cat(features, dim=1))))
        return x + self.fuse(torch.cat(features, dim=1))


class DenseNetwork(nn.Module):
    """Residual dense network: shallow features, dense blocks, and a fusion of all blocks' outputs."""

    def __init__(self, channels: int, size: DenseSize) -> None:
        super().__init__()
        kernel = size.shallow_kernel
        self.shallow = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.entry = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.blocks = nn.ModuleList(DenseBlock(channels, size.growth, size.layers) for _ in range(size.blocks))
        self.fuse = nn.Sequential(
            nn.Conv2d(size.blocks * channels, channels, 1), nn.Conv2d(channels, channels, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        shallow = self.shallow(x)
        current = self.entry(shallow)
        outputs = []
        for block in self.blocks:
            current = block(current)
            outputs.append(current)
        return shallow + self.fuse(torch.cat(outputs, dim=1))


class Autoencoder(nn.Module):
    """The input layer: a shallow autoencoder around PixelUnshuffle and PixelShuffle, and a way past it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 12
        self.entry = nn.Conv2d(3, inner, 7, padding=3)
        self.body = nn.Sequential(
            depthwise_separable(inner, inner, 7),
            nn.PixelUnshuffle(2),
            nn.ReLU(),
            depthwise_separable(4 * inner, inner, 7),
            nn.PixelUnshuffle(2),
            nn.ReLU(),
            depthwise_separable(4 * inner, 4 * inner, 7),
            nn.PixelShuffle(2),
            nn.ReLU(),
            depthwise_separable(inner, 4 * inner, 7),
            nn.PixelShuffle(2),
            nn.ReLU(),
        )
        self.exit = nn.Conv2d(inner, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, C, H, W]; H and W multiples of 4."""
        entry = self.entry(x)
        return self.exit(entry + self.body(entry))


class AdaptiveResidualBlock(nn.Module):
    """A bottleneck with attention inside, and an adaptive path of pooled features beside it."""

    def __init__(self, channels: int, width: int, attention: nn.Module, deformable: bool) -> None:
        super().__init__()

        def convolution(in_channels: int, out_channels: int) -> nn.Module:
            if deformable:
                return DeformConv2d(in_channels, out_channels)
            return nn.Conv2d(in_channels, out_channels, 3, padding=1)

        self.path = nn.Sequential(
            convolution(channels, width),
            nn.ReLU(),
            convolution(width, width),
            attention,
            nn.ReLU(),
            convolution(width, channels),
        )
        self.adaptive = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(channels, 4 * channels, 1), nn.ReLU(), nn.PixelShuffle(2)
        )
        self.exit = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        return self.exit(self.path(x) + x) + self.adaptive(x)


class ConcatenationBlock(nn.Module):
    """Residual concatenation block (RCB): each layer's output is concatenated to its input, doubling the width."""

    def __init__(self, channels: int, config: GeneratorConfig, attention: Attention) -> None:
        super().__init__()
        layers = config.residual_layers
        self.layers = nn.ModuleList(
            AdaptiveResidualBlock(2**index * channels, config.features, attention(), config.deformable_residual)
            for index in range(layers)
        )
        widths = [2 ** (index + 1) * channels for index in range(layers)]
        self.pointwise = nn.ModuleList(
            nn.Conv2d(width, channels if index == layers - 1 else width, 1) for index, width in enumerate(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        for layer, pointwise in zip(self.layers, self.pointwise, strict=True):
            x = pointwise(torch.cat([layer(x), x], dim=1))
        return x


class ResidualModule(nn.Module):
    """The chain of residual concatenation blocks, each twice as wide as the one before."""

    def __init__(self, config: GeneratorConfig, attention: Attention) -> None:
        super().__init__()
        features = config.features
        self.blocks = nn.ModuleList(
            ConcatenationBlock(2**index * features, config, attention) for index in range(config.residual_blocks)
        )
        self.pointwise = nn.Conv2d(2**config.residual_blocks * features, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        for block in self.blocks:
            x = torch.cat([block(x), x], dim=1)
        return self.pointwise(x)


class BicubicTwice(nn.Module):
    """Bicubic enlargement by two, as `F.interpolate` does it (a = -0.75), written as a convolution.

    Each output pixel lies a quarter of an input pixel from the nearest one, so four fixed kernels of 5x5, one for
    each place within an input pixel, are all that there is to it. Runtimes run convolutions fast; their resizing of
    small pictures took a tenth of the generator's time.
    """

    def __init__(self) -> None:
        super().__init__()
        a = -0.75

        def weight(distance: float) -> float:
            d = abs(distance)
            if d <= 1:
                return (a + 2) * d**3 - (a + 3) * d**2 + 1
            return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0

        taps = torch.tensor([[weight(position - shift) for position in range(-2, 3)] for shift in (-0.25, 0.25)])
        kernels = torch.einsum("yi,xj->yxij", taps, taps).reshape(4, 1, 5, 5)
        self.register_buffer("kernels", kernels.repeat(3, 1, 1, 1), persistent=False)
        self.kernels: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """float32[N, 3, H, W] -> float32[N, 3, 2H, 2W]."""
        with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
            phases = F.conv2d(F.pad(x.float(), (2, 2, 2, 2), mode="replicate"), self.kernels, groups=3)
        return F.pixel_shuffle(phases, 2)


class Generator(nn.Module):
    """Makes a 32x96 plate of a 16x48 one; presets are in `presets.GENERATORS`."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        features, fine = config.features, config.fine_features

        def own() -> ThreeFoldAttention:
            return ThreeFoldAttention(features, config.attention_width, config.deformable, config.attention_stride)

        shared = own()
        attention: Attention = (lambda: shared) if config.shared_attention else own
        self.entry = Autoencoder(features)
        self.dense = DenseNetwork(features, config.dense)
        self.context = Context(features, config.context) if config.context else nn.Identity()
        self.residual = ResidualModule(config, attention)
        self.attention = attention()
        self.feature = nn.Conv2d(features, features, 3, padding=1)
        self.enlarge = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1),
            nn.Conv2d(features, 4 * fine, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.refine = DenseNetwork(fine, config.fine_dense)
        self.exit = nn.Conv2d(fine, 3, 3, padding=1)
        self.bicubic = BicubicTwice()
        # The first pictures are the bicubic ones, near enough.
        nn.init.normal_(self.exit.weight, std=1e-3)
        assert self.exit.bias is not None
        nn.init.zeros_(self.exit.bias)

    def forward(self, lr: Tensor) -> Tensor:
        """float[N, 3, 16, 48], RGB in 0..1 -> float[N, 3, 32, 96].

        Clamped to 0..1, except in training, where a clamp would stop gradients.
        """
        picture, contrast = lr, None
        if self.config.standardised:
            centred, _, contrast = standardised(lr)
            picture = centred + 0.5
        shallow = self.context(self.dense(self.entry(picture)))
        deep = self.feature(self.attention(self.residual(shallow))) + shallow
        detail = self.exit(self.refine(self.enlarge(deep))).float()
        sr = self.bicubic(lr) + (detail if contrast is None else contrast * detail)
        return sr if self.training else sr.clamp(0, 1)
