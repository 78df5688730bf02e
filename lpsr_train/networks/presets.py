"""Sizes of the networks. Every ablation of the paper's Table II is a field here, not another class."""

from __future__ import annotations

from dataclasses import dataclass

from lpsr_core.errors import UsageError


@dataclass(frozen=True)
class DenseSize:
    """Size of a residual dense network.

    Attributes:
        blocks: dense blocks.
        layers: layers of a block.
        growth: channels that every layer adds.
        shallow_kernel: kernel size of the two convolutions before the blocks.
    """

    blocks: int
    layers: int
    growth: int
    shallow_kernel: int = 3


@dataclass(frozen=True)
class GeneratorConfig:
    """Size and switches of the generator.

    Attributes:
        features: channels at the input's resolution.
        fine_features: channels at the output's resolution.
        dense: the dense network at the input's resolution.
        fine_dense: the one at the output's resolution.
        residual_blocks: residual concatenation blocks; each doubles the width.
        residual_layers: layers of such a block; each doubles the width inside it.
        attention_width: channels inside the attention module.
        shared_attention: one attention module everywhere (ArchMod), or the feature module has its own.
        deformable: deformable convolutions in the attention module (ArchMod).
        deformable_residual: deformable convolutions in the residual blocks too, as in the authors' code.
    """

    features: int
    fine_features: int
    dense: DenseSize
    fine_dense: DenseSize
    residual_blocks: int
    residual_layers: int
    attention_width: int
    shared_attention: bool = True
    deformable: bool = True
    deformable_residual: bool = False


@dataclass(frozen=True)
class ReaderConfig:
    """Size of the GP_LPR reader.

    Attributes:
        stages: channels of the encoder at full, half and quarter resolution.
        depth: convolutions of each stage.
        heads: of the global perception module's attention.
        inner: width of its feed-forward layers.
        encoder_layers: layers of that module.
        spatial: channels of the deformable spatial attention, before and after its first pooling.
        dropout: in the global perception module.
    """

    stages: tuple[int, int, int]
    depth: tuple[int, int, int]
    heads: int
    inner: int
    encoder_layers: int
    spatial: tuple[int, int]
    dropout: float = 0.1


GENERATORS: dict[str, GeneratorConfig] = {
    "lite": GeneratorConfig(
        features=32,
        fine_features=16,
        dense=DenseSize(blocks=4, layers=3, growth=32),
        fine_dense=DenseSize(blocks=2, layers=2, growth=16),
        residual_blocks=1,
        residual_layers=1,
        attention_width=8,
    ),
}

READERS: dict[str, ReaderConfig] = {
    # The published network (Liu et al., GP_LPR).
    "gp_lpr": ReaderConfig((16, 32, 64), (2, 2, 2), heads=2, inner=256, encoder_layers=2, spatial=(256, 128)),
    # Wider where it is cheap and narrower where it is dear: a little better, and half the arithmetic.
    "lite": ReaderConfig((24, 48, 96), (2, 2, 3), heads=4, inner=256, encoder_layers=2, spatial=(64, 64)),
}


def generator_config(name: str) -> GeneratorConfig:
    """The generator of a preset.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in GENERATORS:
        raise UsageError(f"unknown generator preset {name!r}; there are: {', '.join(GENERATORS)}")
    return GENERATORS[name]


def reader_config(name: str) -> ReaderConfig:
    """The reader of a preset.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in READERS:
        raise UsageError(f"unknown reader preset {name!r}; there are: {', '.join(READERS)}")
    return READERS[name]
