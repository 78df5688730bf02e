"""GP_LPR, the reader that guides the generator: one attention map a character over globally mixed features.

    image -> convolutional encoder -> global perception module -> deformable spatial attention -> 7 x 36

After Liu et al., "Irregular license plate recognition via global information integration" (MMM 2024, repository
MMM2024/GP_LPR), with K = 7 as in section IV-A of the paper. Two differences: the attention maps are normalised to
sum to one, so that the features' scale does not depend on how many pixels a map covers, and the layers that mix
all positions start as the identity.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.geometry import HR_SIZE
from lpsr_train.networks.characters import CharacterLayer, attend
from lpsr_train.networks.context import Context
from lpsr_train.networks.contrast import standardised
from lpsr_train.networks.deform import DeformConv2d
from lpsr_train.networks.presence import Presence, discounted
from lpsr_train.networks.presets import ReaderConfig
from lpsr_train.networks.stem import FineStem, enlarged, shrunk

GRID = (HR_SIZE[1] // 4, HR_SIZE[0] // 4)
"""Height and width of the encoder's output."""


def convolution(in_channels: int, out_channels: int, deformable: bool = False, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    layer: nn.Module = (
        DeformConv2d(in_channels, out_channels, stride=stride)
        if deformable
        else nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    )
    return nn.Sequential(layer, nn.BatchNorm2d(out_channels), nn.ReLU())


class Residual(nn.Module):
    """A convolution whose result is added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        return x + self.body(x)


def encoder(config: ReaderConfig) -> nn.Sequential:
    """The convolutional encoder: [N, 3, 32, 96], or [N, 3, 64, 192] of a fine reader, -> [N, C, 8, 24]."""
    layers: list[nn.Module] = []
    before = 3
    for index, (channels, depth) in enumerate(zip(config.stages, config.depth, strict=True)):
        if config.strided:
            stem = FineStem(channels, config.fine) if config.fine and not index else None
            layers.append(stem or convolution(before, channels, stride=2))
            layers.extend(Residual(channels) for _ in range(depth - 1))
        else:
            if index:
                layers.append(nn.MaxPool2d(2))
            layers.append(convolution(before, channels))
            layers.extend(convolution(channels, channels) for _ in range(depth - 1))
        before = channels
    return nn.Sequential(*layers)


def position_code(channels: int) -> Tensor:
    """Sines and cosines of the row in the first half of the channels, of the column in the second.

    Returns:
        float32[1, rows * columns, channels].
    """
    height, width = GRID
    half = channels // 2
    rates = torch.exp(torch.arange(0, half, 2) * (-math.log(10000.0) / half))

    def code(count: int) -> Tensor:
        angles = torch.arange(count).unsqueeze(1) * rates
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)

    rows = code(height).unsqueeze(1).expand(height, width, half)
    columns = code(width).unsqueeze(0).expand(height, width, half)
    return torch.cat([rows, columns], dim=-1).reshape(1, height * width, channels)


class GlobalLayer(nn.Module):
    """One transformer layer over all positions, normalised after each part."""

    def __init__(self, channels: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(channels, 3 * channels)
        self.merge = nn.Linear(channels, channels)
        self.expand = nn.Linear(channels, inner)
        self.contract = nn.Linear(inner, channels)
        self.norm_attention = nn.LayerNorm(channels)
        self.norm_feed = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[N, L, C] -> the same shape."""
        batch, length, channels = x.shape
        parts = self.project(x).reshape(batch, length, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        x = self.norm_attention(x + self.dropout(self.merge(attend(query, key, value))))
        return self.norm_feed(x + self.dropout(self.contract(F.relu(self.expand(x)))))


class SpatialAttention(nn.Module):
    """Deformable spatial attention: a U of convolutions that ends in one map a character."""

    def __init__(self, channels: int, spatial: tuple[int, int]) -> None:
        super().__init__()
        first, second = spatial
        positions = GRID[0] * GRID[1]
        self.key = nn.Linear(positions, positions, bias=False)
        self.value = nn.Linear(positions, positions, bias=False)
        for mix in (self.key, self.value):
            nn.init.eye_(mix.weight)
        self.upper = nn.Sequential(
            convolution(channels, first), convolution(first, first), convolution(first, first), nn.MaxPool2d(2)
        )
        self.lower = nn.Sequential(
            convolution(first, second), convolution(second, second), convolution(second, second), nn.MaxPool2d(2)
        )
        self.deepest = nn.Sequential(
            convolution(second, second, deformable=True), convolution(second, second, deformable=True)
        )
        self.across = nn.Linear(positions // 16, positions // 16)
        self.enlarge = nn.ConvTranspose2d(second, 64, 3, stride=2, padding=1, output_padding=1)
        self.bridge = nn.Conv2d(first, 64, 1)
        self.norm = nn.BatchNorm2d(64)
        self.maps = nn.ConvTranspose2d(64, PLATE_LENGTH, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 8, 24] -> [N, 7, C]: the features under each character's map."""
        flat = x.flatten(2)
        key = self.key(flat).reshape(x.shape)
        value = self.value(flat)
        upper = self.upper(key)
        deepest = self.deepest(self.lower(upper))
        deepest = deepest + self.across(deepest.flatten(2)).reshape(deepest.shape)
        score = self.norm(F.relu(self.enlarge(deepest)) + self.bridge(upper))
        maps = torch.sigmoid(self.maps(score)).flatten(2).float()
        maps = maps / maps.sum(dim=2, keepdim=True)
        return torch.matmul(maps, value.float().transpose(1, 2))


class Reader(nn.Module):
    """Reads the seven characters of a plate; presets are in `presets.READERS`."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config)
        before = config.stages[-1]
        self.context = Context(before, config.context, norm=True) if config.context else nn.Identity()
        self.layers = nn.ModuleList(
            GlobalLayer(before, config.heads, config.inner, config.dropout) for _ in range(config.encoder_layers)
        )
        self.norm = nn.LayerNorm(before)
        self.attention = SpatialAttention(before, config.spatial)
        self.character_layers = nn.ModuleList(
            CharacterLayer(before, config.character_heads, config.character_inner)
            for _ in range(config.character_layers)
        )
        self.classify = nn.Linear(before, CLASSES)
        self.presence = Presence(before, GRID, config.presence) if config.presence else None
        self.register_buffer("positions", position_code(before), persistent=False)
        self.positions: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """float[N, 3, 32, 96] or [N, 3, 64, 192], RGB in 0..1 -> float32[N, 7, 36], log-probabilities.

        A fine reader repeats the pixels of the smaller pictures; others take the means of the larger ones' pixels.
        """
        log_probs, present = self.parts(image)
        return log_probs if present is None else discounted(log_probs, present)

    def parts(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what a reading is made of; pictures are as `forward` takes them.

        Returns:
            float32[N, 7, 36]: log-probabilities of each position's classes if the picture shows a plate.
            float32[N]: the log-odds that it does; None of a reader that does not ask.
        """
        picture = standardised(image)[0] if self.config.standardised else image - 0.5
        picture = enlarged(picture) if self.config.fine else shrunk(picture)
        features = self.context(self.encoder(picture))
        batch, channels, height, width = features.shape
        tokens = features.flatten(2).transpose(1, 2) + self.positions
        for layer in self.layers:
            tokens = layer(tokens)
        tokens = self.norm(tokens)
        features = tokens.transpose(1, 2).reshape(batch, channels, height, width)
        characters = self.attention(features)
        for layer in self.character_layers:
            characters = layer(characters, tokens)
        log_probs = F.log_softmax(self.classify(characters).float(), dim=-1)
        return log_probs, self.presence(features, characters) if self.presence else None
