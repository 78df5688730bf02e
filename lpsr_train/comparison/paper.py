"""What the paper reports of the networks it compares.

Source: V. Nascimento et al., "Enhancing License Plate Super-Resolution: A Layout-Aware and Character-Driven Approach",
SIBGRAPI 2024, arXiv 2408.15103, Table I and section IV-B.
"""

from __future__ import annotations

from dataclasses import dataclass

PLATES = 4000
"""Test plates of RodoSol-ALPR, degraded until SSIM < 0.1 and super-resolved one by one."""
HARDWARE = "NVIDIA Quadro RTX 8000"


@dataclass(frozen=True)
class PaperRow:
    """One row of Table I.

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


ROWS = (
    PaperRow("HR", 98.5, 99.9, 99.9),
    PaperRow("LR", 1.1, 5.3, 14.3),
    PaperRow("PLNET", 39.0, 59.9, 74.2),
    PaperRow("SR3", 43.1, 67.5, 82.2, 33 * 3600.0),
    PaperRow("proposed", 49.8, 71.2, 83.3, 38 * 60.0),
)
