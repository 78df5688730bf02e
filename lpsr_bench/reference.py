"""The paper's figures that are printed beside ours.

Source of all: V. Nascimento et al., "Enhancing License Plate Super-Resolution: A Layout-Aware and
Character-Driven Approach", SIBGRAPI 2024, arXiv 2408.15103.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Nascimento et al., SIBGRAPI 2024, arXiv 2408.15103"

PAPER_PLATES = 4000
"""Test plates of RodoSol-ALPR that were super-resolved one by one (section IV-B)."""
PAPER_SECONDS = 38 * 60.0
"""The proposed network, "approximately 38 minutes" (section IV-B)."""
SR3_SECONDS = 33 * 3600.0
"""SR3, the diffusion network it is compared with, "around 33 hours" (section IV-B)."""
PAPER_HARDWARE = "NVIDIA Quadro RTX 8000 (48 GB), AMD Ryzen 9 5950X"
"""Section IV-A."""


@dataclass(frozen=True)
class TableRow:
    """Recognition rates of one kind of picture: all seven, at least six, at least five characters, in percent."""

    images: str
    all: float
    six: float
    five: float


TABLE_I = (
    TableRow("HR (original images)", 98.5, 99.9, 99.9),
    TableRow("LR (degraded images)", 1.1, 5.3, 14.3),
    TableRow("LR + SR (PLNET)", 39.0, 59.9, 74.2),
    TableRow("LR + SR (SR3)", 43.1, 67.5, 82.2),
    TableRow("LR + SR (proposed)", 49.8, 71.2, 83.3),
)
"""4,000 plates of RodoSol-ALPR, degraded until SSIM < 0.1."""
