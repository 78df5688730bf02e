"""What an engine is, and what a generator's and a reader's engine must take and give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError


@dataclass(frozen=True)
class TensorSpec:
    """A named input or output.

    Attributes:
        name: as the graph calls it.
        shape: sizes of its axes; None where the size is free.
        dtype: NumPy's name of the element type, e.g. `float32`.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        sizes = "x".join("N" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.dtype}[{sizes}]"

    @property
    def row(self) -> tuple[int, ...]:
        """Sizes without the batch axis, which is the first; 0 where they are free."""
        return tuple(size or 0 for size in self.shape[1:])

    def accepts(self, other: TensorSpec) -> bool:
        """Whether `other` can stand in: same name, type and rank; sizes agree wherever `other` fixes them."""
        if (self.name, self.dtype, len(self.shape)) != (other.name, other.dtype, len(other.shape)):
            return False
        return all(theirs is None or theirs == ours for ours, theirs in zip(self.shape, other.shape, strict=True))


class Engine(Protocol):
    """A network that is ready to run; the swap point for runtimes."""

    @property
    def name(self) -> str:
        """What to call it in reports: the file and the runtime."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """One forward pass.

        Args:
            batch: an array for every input, by name.

        Returns:
            An array for every output, by name.

        Raises:
            LpsrError: the runtime failed.
        """


@dataclass(frozen=True)
class Passed:
    """What a batch became on its way through generator and reader, shaped as the contracts say.

    Attributes:
        sr: float32[N, 3, 32, 96] in 0..1.
        log_probs: float32[N, 7, 36].
        reading: share of the time that the reader took, 0..1; 0 where the two cannot be told apart.
    """

    sr: NDArray
    log_probs: NDArray
    reading: float = 0.0

    @staticmethod
    def joined(parts: Sequence[Passed]) -> Passed:
        """What became of a batch that passed in parts, at least one."""
        if len(parts) == 1:
            return parts[0]
        return Passed(
            np.concatenate([part.sr for part in parts]),
            np.concatenate([part.log_probs for part in parts]),
            sum(part.reading for part in parts) / len(parts),
        )


Pending = Callable[[], Passed]
"""Waits for a batch, and raises LpsrError when an engine failed."""


class Chain(Protocol):
    """Generator and reader in one go."""

    @property
    def depth(self) -> int:
        """Batches that should be under way at once, so that nothing idles."""

    def start(self, lr: NDArray) -> Pending:
        """Begins with a batch of LR pictures and does not wait for it.

        Raises:
            LpsrError: the runtime failed.
        """

    def warm_up(self, batch: int) -> None:
        """Does what need not be done while plates wait.

        Args:
            batch: crops that will usually come at once.

        Raises:
            LpsrError: the runtime failed.
        """


@runtime_checkable
class Chainable(Protocol):
    """An engine whose output another can take over at once."""

    def then(self, reader: Engine) -> Chain | None:
        """Both in one go, or None when they cannot share."""


def check_contract(engine: Engine, role: Role) -> None:
    """Makes sure that an engine can serve in a role.

    A graph whose sizes are unknown passes here and is held to its results. The batch axis must be free.

    Raises:
        LpsrError: an input or output has another name, type or shape; the line names what was expected and found.
    """
    contract = CONTRACTS[role]
    wanted_input = TensorSpec(contract.input, (None, *contract.input_shape))
    wanted_output = TensorSpec(contract.output, (None, *contract.output_shape))
    found_inputs, found_outputs = engine.inputs, engine.outputs
    right = len(found_inputs) == 1 and wanted_input.accepts(found_inputs[0])
    if right and any(wanted_output.accepts(spec) for spec in found_outputs):
        return
    fixed = len(found_inputs) == 1 and found_inputs[0].shape[:1] not in ((), (None,))
    hint = "; export it with a free batch axis" if fixed else ""
    raise LpsrError(
        f"{engine.name}: not a {role}: expected {wanted_input} -> {wanted_output}, "
        f"found {_listed(found_inputs)} -> {_listed(found_outputs)}{hint}"
    )


def _listed(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(map(str, specs)) or "nothing"
