"""The gate: how near a derived graph or engine must be to the FP32 graphs to be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Precision, Role
from lpsr_core.errors import LpsrError
from lpsr_export.checks.compare import Agreement, compare_pictures, compare_readings, texts
from lpsr_export.checks.crops import Crops, direct_batch, enlarged, lr_batch
from lpsr_export.graph.graphs import GraphSession

Session = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Gate:
    """What is wanted.

    Attributes:
        psnr: least PSNR of the SR pictures, in dB.
        strings: least share of crops that read the same.
        loss: largest fall of the recognition rate, as a share of the crops.
    """

    psnr: float
    strings: float
    loss: float = 0.01

    def passes(self, agreement: Agreement) -> bool:
        """Whether the graph is near enough."""
        near = agreement.psnr is None or agreement.psnr >= self.psnr
        return near and agreement.strings >= self.strings and (agreement.loss or 0.0) <= self.loss

    def check(self, agreement: Agreement, name: str) -> Agreement:
        """The agreement itself, when it passes.

        Raises:
            LpsrError: it does not.
        """
        if not self.passes(agreement):
            picture = f"at least {self.psnr:g} dB, " if agreement.psnr is not None else ""
            raise LpsrError(
                f"{name}: {agreement} against FP32; {picture}{100 * self.strings:g} % of the strings and a fall of at "
                f"most {100 * self.loss:g} points are wanted, so nothing was written"
            )
        return agreement


GATES: dict[Precision, Gate] = {
    "fp32": Gate(60.0, 0.995),  # of engines, which sum in another order
    "fp16": Gate(45.0, 0.995),
    "int8": Gate(35.0, 0.98),
}


class Reference:
    """What the FP32 graphs make of crops.

    Args:
        sources: the graphs.
        crops: N of them.

    Attributes:
        lr: float32[N, 3, 16, 48], the generator's input.
        sr: float32[N, 3, 32, 96], what it made.
        images: float32[2 N, 3, H, W], the reader's input: SR pictures and, as at run time, large crops directly.
        log_probs: float32[2 N, 7, 36].
        digest: hexadecimal sha256 of all of it.
    """

    def __init__(self, sources: dict[Role, Path], crops: Crops) -> None:
        self._read = GraphSession(sources["reader"], "reader")
        self._truths = crops.texts
        self.lr = lr_batch(crops.images)
        self.sr: NDArray[np.float32] = GraphSession(sources["generator"], "generator")(self.lr)
        direct = direct_batch(crops.images, self._read.direct)
        self.images = np.concatenate([enlarged(self.sr, self._read.direct), direct])
        self.log_probs = self._read(self.images)
        self.digest = hashlib.sha256(b"".join(part.tobytes() for part in (self.lr, self.images))).hexdigest()

    def readings(self, made: NDArray[np.float32], role: Role) -> NDArray[np.float32]:
        """float32[n, 7, 36], log-probabilities of what a graph made of n inputs: pictures, or those themselves."""
        return self._read(made) if role == "generator" else made

    def compare(self, session: Session, role: Role) -> Agreement:
        """How near a graph or engine is."""
        if role == "generator":
            sr = session(self.lr)
            expected = texts(self.log_probs[: len(self.sr)])
            return compare_pictures(sr, self.sr, texts(self.readings(sr, role)), expected, self._truths)
        return compare_readings(session(self.images), self.log_probs, 2 * self._truths)
