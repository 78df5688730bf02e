"""Sizes of the networks. Every ablation of the paper's Table II is a field here, not another class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from lpsr_core.choices import choice
from lpsr_core.geometry import HR_SIZE, READ_SIZE


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
        attention_stride: 2 lets it find its gate at half resolution.
        shared_attention: one attention module everywhere (ArchMod), or every place has its own.
        deformable: deformable convolutions in the attention module (ArchMod).
        deformable_residual: deformable convolutions in the residual blocks too, as in the authors' code.
        context: channels at half and quarter resolution of a `context.Context`; none in the paper.
        standardised: takes the picture's light out first (see `contrast`), and gives it back; not in the paper.
    """

    features: int
    fine_features: int
    dense: DenseSize
    fine_dense: DenseSize
    residual_blocks: int
    residual_layers: int
    attention_width: int
    attention_stride: int = 1
    shared_attention: bool = True
    deformable: bool = True
    deformable_residual: bool = False
    context: tuple[int, ...] = ()
    standardised: bool = False


@dataclass(frozen=True)
class ReaderConfig:
    """Size of the GP_LPR reader.

    Attributes:
        stages: channels of the encoder's stages: at full, half and quarter resolution, or at half and quarter when
            strided.
        depth: convolutions of each stage.
        heads: of the global perception module's attention.
        inner: width of its feed-forward layers.
        encoder_layers: layers of that module.
        spatial: channels of the deformable spatial attention, before and after its first pooling.
        dropout: in the global perception module.
        strided: every stage begins with a convolution of stride 2 in place of pooling, so that nothing is computed
            at full resolution, and its other convolutions are added to what they start from.
        context: channels at half the encoder's resolution, and so on, of a `context.Context`; none in GP_LPR.
        character_layers: layers in which the characters found look at each other and at the plate; 0 in GP_LPR.
        character_heads: of their attentions.
        character_inner: width of their feed-forward parts.
        standardised: takes the picture's light out first (see `contrast`); not in GP_LPR.
        fine: channels of the branch that sees pictures of twice the size before the first stage (see `stem`); the
            network then takes pictures of both sizes. 0 for the paper's size alone.
        presence: channels of the branch that tells whether there is a plate at all (see `presence`); 0 for none.
    """

    stages: tuple[int, ...]
    depth: tuple[int, ...]
    heads: int
    inner: int
    encoder_layers: int
    spatial: tuple[int, int]
    dropout: float = 0.1
    strided: bool = False
    context: tuple[int, ...] = ()
    character_layers: int = 0
    character_heads: int = 4
    character_inner: int = 384
    standardised: bool = False
    fine: int = 0
    presence: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the largest picture that it makes use of."""
        return READ_SIZE if self.fine else HR_SIZE


@dataclass(frozen=True)
class MultiTaskConfig:
    """Size of the multi-task OCR.

    Attributes:
        stages: channels of the trunk's stages, each of two convolutions and halved after them.
        neck: channels that the characters' layers see.
        hidden: width of each character's first layer.
        dropout: before those layers.
    """

    stages: tuple[int, ...]
    neck: int
    hidden: int
    dropout: float = 0.3

    fine: ClassVar[int] = 0
    size: ClassVar[tuple[int, int]] = HR_SIZE


@dataclass(frozen=True)
class Sr3Config:
    """Size of the diffusion network SR3, and the noise that it learns to remove.

    Attributes:
        channels: at the picture's resolution.
        multipliers: of those channels at each resolution; each is half the one before.
        blocks: residual blocks of each resolution on the way down; on the way up there is one more.
        attention: lowest resolutions whose blocks attend to themselves.
        groups: of the group norms; divides the channels everywhere.
        dropout: in the residual blocks.
        steps: from picture to noise (T).
        first_beta, last_beta: variances of the first and last step's noise, between which they rise evenly.
    """

    channels: int
    multipliers: tuple[int, ...]
    blocks: int
    attention: int = 1
    groups: int = 32
    dropout: float = 0.0
    steps: int = 2000
    first_beta: float = 1e-6
    last_beta: float = 1e-2


GENERATORS: dict[str, GeneratorConfig] = {
    # The authors' shape, with every forward pass alike: 128 features, 18 dense blocks of four layers on both sides,
    # three residual concatenation blocks that double in width.
    "paper": GeneratorConfig(
        features=128,
        fine_features=128,
        dense=DenseSize(blocks=18, layers=4, growth=128, shallow_kernel=7),
        fine_dense=DenseSize(blocks=18, layers=4, growth=128, shallow_kernel=7),
        residual_blocks=3,
        residual_layers=3,
        attention_width=256,
        deformable_residual=True,
    ),
    "base": GeneratorConfig(
        features=96,
        fine_features=32,
        dense=DenseSize(blocks=8, layers=4, growth=64),
        fine_dense=DenseSize(blocks=4, layers=3, growth=32),
        residual_blocks=2,
        residual_layers=1,
        attention_width=24,
    ),
    # Arithmetic goes where a processor does it well: few wide layers at the input's resolution, and little at the
    # output's and in the deformable convolutions, which cost ten times their share.
    "lite": GeneratorConfig(
        features=32,
        fine_features=8,
        dense=DenseSize(blocks=1, layers=2, growth=48, shallow_kernel=1),
        fine_dense=DenseSize(blocks=1, layers=1, growth=8),
        residual_blocks=1,
        residual_layers=1,
        attention_width=4,
        attention_stride=2,
        context=(96, 160),
        standardised=True,
    ),
}

READERS: dict[str, ReaderConfig | MultiTaskConfig] = {
    # The published network (Liu et al., GP_LPR).
    "gp_lpr": ReaderConfig((16, 32, 64), (2, 2, 2), heads=2, inner=256, encoder_layers=2, spatial=(256, 128)),
    # Wider where it is cheap and narrower where it is dear.
    "lite": ReaderConfig(
        (32, 96),
        (2, 3),
        heads=2,
        inner=192,
        encoder_layers=1,
        spatial=(48, 48),
        dropout=0.0,
        strided=True,
        context=(160,),
        character_layers=2,
        standardised=True,
        fine=16,
        presence=48,
    ),
    "multi-task": MultiTaskConfig((32, 64, 96), neck=32, hidden=96),
}


SR3S: dict[str, Sr3Config] = {
    # The paper does not say which size it trained. This is the size and schedule that the implementation in common
    # use (Janspiry's, for PyTorch) has for faces of 16x16 to 128x128. The 30 s that the paper reports for a plate
    # would be 15 ms for each of its 2,000 steps.
    "sr3": Sr3Config(channels=64, multipliers=(1, 2, 4, 8, 8), blocks=2, attention=2, dropout=0.2),
    "sr3-lite": Sr3Config(channels=32, multipliers=(1, 2, 2), blocks=1, groups=8),
}


def generator_config(name: str, archmod: bool = True) -> GeneratorConfig:
    """The generator of a preset.

    Args:
        name: of the preset.
        archmod: False takes back the paper's changes: attention is neither shared nor deformable.

    Raises:
        UsageError: there is none of that name.
    """
    config = GENERATORS[choice(name, GENERATORS, "generator preset")]
    if archmod:
        return config
    return replace(config, shared_attention=False, deformable=False, deformable_residual=False)


def reader_config(name: str) -> ReaderConfig | MultiTaskConfig:
    """The reader of a preset.

    Raises:
        UsageError: there is none of that name.
    """
    return READERS[choice(name, READERS, "reader preset")]


def sr3_config(name: str) -> Sr3Config:
    """The diffusion network of a preset.

    Raises:
        UsageError: there is none of that name.
    """
    return SR3S[choice(name, SR3S, "SR3 preset")]
