"""The figures of the paper that ours stand beside.

Source of all: V. Nascimento et al., "Enhancing License Plate Super-Resolution: A Layout-Aware and Character-Driven
Approach", SIBGRAPI 2024, arXiv 2408.15103.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SOURCE = "Nascimento et al., SIBGRAPI 2024, arXiv 2408.15103"

PAPER_PLATES = 4000
"""Test plates of RodoSol-ALPR, degraded until SSIM < 0.1 and super-resolved one by one (section IV-B)."""
PAPER_SECONDS = 38 * 60.0
"""For those, the proposed network, "approximately 38 minutes" (section IV-B)."""
SR3_SECONDS = 33 * 3600.0
"""For those, SR3, the diffusion network it is compared with, "around 33 hours" (section IV-B)."""
GPU = "NVIDIA Quadro RTX 8000"
HARDWARE = f"{GPU} (48 GB), AMD Ryzen 9 5950X"
"""Section IV-A; with 128 GB of memory."""

TableName = Literal["I", "III"]
"""Tables of recognition rates: on degraded photographs, and on pictures that were poor from the beginning."""


@dataclass(frozen=True)
class PaperRow:
    """One row of a table of recognition rates.

    Attributes:
        name: of the pictures.
        all, six, five: plates with all seven, at least six and at least five characters right, in percent.
        seconds: for all plates, where the paper says so.
    """

    name: str
    all: float
    six: float
    five: float
    seconds: float | None = None


TABLES: dict[TableName, tuple[PaperRow, ...]] = {
    "I": (
        PaperRow("HR (original images)", 98.5, 99.9, 99.9),
        PaperRow("LR (degraded images)", 1.1, 5.3, 14.3),
        PaperRow("LR + SR (PLNET)", 39.0, 59.9, 74.2),
        PaperRow("LR + SR (SR3)", 43.1, 67.5, 82.2, SR3_SECONDS),
        PaperRow("LR + SR (proposed)", 49.8, 71.2, 83.3, PAPER_SECONDS),
    ),
    "III": (
        PaperRow("HR (original images)", 90.6, 98.7, 100.0),
        PaperRow("LR (degraded images)", 9.9, 28.0, 56.2),
        PaperRow("LR + SR (SR3)", 31.7, 63.7, 80.1),
        PaperRow("LR + SR (PLNET)", 36.3, 67.2, 82.5),
        PaperRow("LR + SR (proposed)", 39.5, 70.2, 83.1),
    ),
}
TABLE_PLATES: dict[TableName, int] = {"I": PAPER_PLATES, "III": 372}
"""Test plates of each table."""

ABLATION = {
    (False, False, False): 39.0,
    (True, True, False): 45.9,
    (False, True, False): 47.6,
    (True, False, False): 47.7,
    (False, False, True): 48.2,
    (False, True, True): 49.2,
    (True, False, True): 49.4,
    (True, True, True): 49.8,
}
"""Table II: plates with all seven characters right, in percent, on the plates of Table I, by (ArchMod, GAN-style,
LCOFL)."""
