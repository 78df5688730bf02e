"""How far a graph is from another: pictures by PSNR, readings by agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import ModelCard
from lpsr_core.decode import decode


@dataclass(frozen=True)
class Agreement:
    """A comparison over N crops.

    Attributes:
        crops: N.
        strings: share of crops that read the same, 0..1.
        psnr: of the pictures over all crops, in dB with a peak of 1; None when a reader was compared.
        difference: largest absolute difference of any output value.
        rates: share of crops read right, 0..1, by what is compared and by the reference; None where the texts are not
            known.
    """

    crops: int
    strings: float
    psnr: float | None
    difference: float
    rates: tuple[float, float] | None = None

    @property
    def loss(self) -> float | None:
        """By how much the recognition rate is below the reference's, 0..1."""
        return None if self.rates is None else self.rates[1] - self.rates[0]

    def as_dict(self) -> dict[str, float | int | None]:
        """For a card."""
        read, reference = self.rates or (None, None)
        return {
            "crops": self.crops,
            "strings_agree_percent": round(100 * self.strings, 2),
            "psnr_db": None if self.psnr is None else round(self.psnr, 2),
            "max_difference": float(f"{self.difference:.3g}"),
            "read_percent": None if read is None else round(100 * read, 2),
            "reference_read_percent": None if reference is None else round(100 * reference, 2),
        }

    def __str__(self) -> str:
        picture = "" if self.psnr is None else f"PSNR {self.psnr:.1f} dB, "
        rates = ""
        if self.rates is not None:
            found, reference = (100 * rate for rate in self.rates)
            rates = f", {found:.1f} % read right (reference {reference:.1f} %)"
        return f"{picture}strings agree on {100 * self.strings:.1f} % of {self.crops} crops{rates}"


@dataclass(frozen=True)
class CheckedGraph:
    """A graph that was written: its path, its card, and how far it is from what it was made of."""

    path: Path
    card: ModelCard
    agreement: Agreement


def texts(log_probs: NDArray[np.float32]) -> list[str]:
    """The decoded text of every row of float32[N, 7, 36]."""
    return [decode(row).text for row in log_probs]


def compare_pictures(
    sr: NDArray[np.float32],
    reference: NDArray[np.float32],
    read: Sequence[str],
    expected: Sequence[str],
    truths: Sequence[str] = (),
) -> Agreement:
    """Compares what two generators made, and what one reader reads in it.

    Args:
        sr, reference: float32[N, 3, 32, 96] in 0..1.
        read, expected: the texts read from them.
        truths: the plates' texts, where they are known.
    """
    error = float(np.mean((sr.astype(np.float64) - reference) ** 2))
    psnr = float("inf") if error == 0 else -10 * float(np.log10(error))
    difference = float(np.abs(sr - reference).max())
    return Agreement(len(sr), _share(read, expected), min(psnr, 200.0), difference, _rates(read, expected, truths))


def compare_readings(
    log_probs: NDArray[np.float32], reference: NDArray[np.float32], truths: Sequence[str] = ()
) -> Agreement:
    """Compares what two readers read in the same pictures: float32[N, 7, 36] each; truths as above."""
    difference = float(np.abs(np.exp(log_probs) - np.exp(reference)).max())
    read, expected = texts(log_probs), texts(reference)
    return Agreement(len(log_probs), _share(read, expected), None, difference, _rates(read, expected, truths))


def _rates(read: Sequence[str], expected: Sequence[str], truths: Sequence[str]) -> tuple[float, float] | None:
    return (_share(read, truths), _share(expected, truths)) if truths else None


def _share(read: Sequence[str], expected: Sequence[str]) -> float:
    return sum(a == b for a, b in zip(read, expected, strict=True)) / max(len(read), 1)
