"""Every figure of a result on a line of its own, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lpsr_bench.report.files import write_text
from lpsr_bench.results import Document

_HEAD = ("suite", "row", "figure", "value")
_PICTURES = ("sheet", "confusion", "classes", "quantiles_milliseconds")
"""What is not a figure to look up."""


def write_csv(document: Document, path: Path) -> Path:
    """Writes suite, number of the row, figure and value; nested figures are named with dots.

    Raises:
        LpsrError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for suite, rows in document["suites"].items():
        for index, row in enumerate(rows):
            writer.writerows((suite, index, name, value) for name, value in _flat(row))
    return write_text(path, text.getvalue())


def _flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        for key, value in values.items():
            if key not in _PICTURES:
                yield from _flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from _flat(value, f"{name}.{index}")
    elif values is not None:
        yield name, values
