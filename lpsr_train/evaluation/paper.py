"""What the paper reports of the networks it compares.

Source: V. Nascimento et al., "Enhancing License Plate Super-Resolution: A Layout-Aware and Character-Driven Approach",
SIBGRAPI 2024, arXiv 2408.15103, Tables I and III and section IV-B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PLATES = 4000
"""Test plates of RodoSol-ALPR, degraded until SSIM < 0.1 and super-resolved one by one."""
HARDWARE = "NVIDIA Quadro RTX 8000"
Name = Literal["I", "III"]
"""Tables of recognition rates: on degraded photographs, and on pictures that were poor from the beginning."""


@dataclass(frozen=True)
class PaperRow:
    """One row of a table.

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


TABLES: dict[Name, tuple[PaperRow, ...]] = {
    "I": (
        PaperRow("HR (original images)", 98.5, 99.9, 99.9),
        PaperRow("LR (degraded images)", 1.1, 5.3, 14.3),
        PaperRow("LR + SR (PLNET)", 39.0, 59.9, 74.2),
        PaperRow("LR + SR (SR3)", 43.1, 67.5, 82.2, 33 * 3600.0),
        PaperRow("LR + SR (proposed)", 49.8, 71.2, 83.3, 38 * 60.0),
    ),
    "III": (
        PaperRow("HR (original images)", 90.6, 98.7, 100.0),
        PaperRow("LR (degraded images)", 9.9, 28.0, 56.2),
        PaperRow("LR + SR (SR3)", 31.7, 63.7, 80.1),
        PaperRow("LR + SR (PLNET)", 36.3, 67.2, 82.5),
        PaperRow("LR + SR (proposed)", 39.5, 70.2, 83.1),
    ),
}
