"""The figures of `benchmarks.likelihood_ratios`, which a report quotes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, UsageError


@dataclass(frozen=True)
class Row:
    """Figures at one width of crops, in pixels or `native`; costs in bits, the rest as fractions."""

    width: str
    crops: int
    plates: int
    right: float
    calibration_error: float
    characters: tuple[float, float, float, float]
    """Cllr with its 95 % interval, and Cllr_min."""
    texts: tuple[float, float, float, float]


@dataclass(frozen=True)
class ValidationFile:
    """What was measured, on what.

    Attributes:
        name: of the pictures.
        rows: by width.
        same_reader: whether it was measured with the reader of the report.
    """

    name: str
    rows: tuple[Row, ...]
    same_reader: bool


def load_validation(path: Path, reader_sha256: str) -> ValidationFile:
    """Read a file of `benchmarks.likelihood_ratios`.

    Args:
        path: JSON.
        reader_sha256: of the reader in the report.

    Raises:
        UsageError: it is missing or something else.
    """
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(width, figures) for width, figures in told["widths"].items())
        return ValidationFile(told["labels"]["name"], rows, told["models"]["reader"]["sha256"] == reader_sha256)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, LpsrError) as error:
        raise UsageError(f"{path}: not a result of benchmarks.likelihood_ratios: {error}") from None


def _row(width: str, figures: dict[str, Any]) -> Row:
    def costs(name: str) -> tuple[float, float, float, float]:
        low, high = figures[name]["cllr_interval"]
        return float(figures[name]["cllr"]), float(low), float(high), float(figures[name]["cllr_min"])

    crops = int(figures["crops"])
    error = float(figures["reliability"]["expected_calibration_error"])
    right = int(figures["right"]) / crops
    return Row(width, crops, int(figures["plates"]), right, error, costs("characters"), costs("texts"))
