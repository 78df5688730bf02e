"""What the graphs of each role take and give: the one contract between exporter, engines and runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.cards import Role
from lpsr_core.geometry import HR_SIZE, LR_SIZE, READ_SIZE


@dataclass(frozen=True)
class Contract:
    """A graph's only input and output; both are float32 and begin with a free batch axis.

    Attributes:
        input, output: names.
        input_shape, output_shape: sizes without the batch axis; a reader whose input's height and width are free takes
            pictures of `READ_SIZE` too.
    """

    input: str
    input_shape: tuple[int, ...]
    output: str
    output_shape: tuple[int, ...]


_LR = (3, LR_SIZE[1], LR_SIZE[0])
_HR = (3, HR_SIZE[1], HR_SIZE[0])

CONTRACTS: dict[Role, Contract] = {
    # RGB in 0..1 -> RGB in 0..1
    "generator": Contract("lr", _LR, "sr", _HR),
    # RGB in 0..1 -> log-probabilities of each position's classes
    "reader": Contract("image", _HR, "log_probs", (PLATE_LENGTH, CLASSES)),
}


def direct_size(input_shape: Sequence[int | str | None]) -> tuple[int, int]:
    """Return width and height of the crops that a reader takes directly.

    Args:
        input_shape: of its input, batch axis included; what is free is no number, or -1.
    """
    fixed = all(isinstance(size, int) and size > 0 for size in input_shape[-2:])
    return HR_SIZE if fixed else READ_SIZE


def triton_model(role: Role) -> str:
    """Name of a network in a Triton server's model repository."""
    return f"lpsr_{role}"
