"""What an engine is, and what a generator's and a reader's engine must take and give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from numpy.typing import NDArray

from lpsr_core import contracts
from lpsr_core.cards import Role
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
        ...

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
        ...


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


Pending = Callable[[], Passed]
"""Waits for a batch, and raises LpsrError when an engine failed."""


class Chain(Protocol):
    """Generator and reader in one go."""

    @property
    def depth(self) -> int:
        """Batches that should be under way at once, so that nothing idles."""
        ...

    def start(self, lr: NDArray) -> Pending:
        """Begins with a batch of LR pictures and does not wait for it.

        Raises:
            LpsrError: the runtime failed.
        """
        ...

    def warm_up(self, batch: int) -> None:
        """Does what need not be done while plates wait.

        Args:
            batch: crops that will usually come at once.

        Raises:
            LpsrError: the runtime failed.
        """
        ...


@runtime_checkable
class Chainable(Protocol):
    """An engine whose output another can take over at once."""

    def then(self, reader: Engine) -> Chain | None:
        """Both in one go, or None when they cannot share."""
        ...


@runtime_checkable
class SharesRows(Protocol):
    """An engine that shares out a batch's rows among threads."""

    @property
    def workers(self) -> int:
        """How many threads."""
        ...


@dataclass(frozen=True)
class Contract:
    """The one input and the one output of a role's graph; the first axis of both is the batch."""

    input: TensorSpec
    output: TensorSpec


CONTRACTS: dict[Role, Contract] = {
    role: Contract(
        TensorSpec(contract.input, (None, *contract.input_shape)),
        TensorSpec(contract.output, (None, *contract.output_shape)),
    )
    for role, contract in contracts.CONTRACTS.items()
}


def check_contract(engine: Engine, role: Role) -> None:
    """Makes sure that an engine can serve in a role.

    A graph whose sizes are unknown passes here and is held to its results. The batch axis must be free.

    Raises:
        LpsrError: an input or output has another name, type or shape; the line names what was expected and found.
    """
    contract = CONTRACTS[role]
    found_inputs, found_outputs = engine.inputs, engine.outputs
    right = len(found_inputs) == 1 and contract.input.accepts(found_inputs[0])
    right = right and any(contract.output.accepts(spec) for spec in found_outputs)
    if right:
        return
    fixed = len(found_inputs) == 1 and found_inputs[0].shape[:1] not in ((), (None,))
    hint = "; export it with a free batch axis" if fixed else ""
    raise LpsrError(
        f"{engine.name}: not a {role}: expected {contract.input} -> {contract.output}, "
        f"found {_listed(found_inputs)} -> {_listed(found_outputs)}{hint}"
    )


def _listed(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(map(str, specs)) or "nothing"
