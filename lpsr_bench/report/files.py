"""A result as text files: tables in Markdown, to paste into an issue or a README, and every figure as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lpsr_bench.report.tables import Table, tables
from lpsr_bench.report.words import PROVISO, capital, models_line, notes, versions_line
from lpsr_bench.results import Document
from lpsr_core.files import replace_file
from lpsr_run.sinks.base import writing

_HEAD = ("suite", "row", "figure", "value")
_PICTURES = ("sheet", "confusion", "classes", "quantiles_milliseconds")
"""What is not a figure to look up."""


def write_text(path: Path, text: str) -> Path:
    """Writes a file whole or not at all; returns its path.

    Raises:
        LpsrError: it cannot be written.
    """
    with writing(path):
        replace_file(path, text.encode())
    return path


def write_markdown(document: Document, path: Path) -> Path:
    """Writes every table with what has to be said below it.

    Raises:
        LpsrError: it cannot be written.
    """
    parts = [
        f"# lpsr-bench, {document['date'][:10]}",
        f"{document['hardware']}  \n{versions_line(document)}  \n{models_line(document)}",
    ]
    for table in tables(document):
        parts += [f"## {capital(table.title)}", _table(table), *table.lines]
    if document["suites"].get("reference"):
        parts.append(PROVISO)
    said = notes(document)
    if said:
        parts += ["## Notes", "\n".join(f"- {note}" for note in said)]
    return write_text(path, "\n\n".join(parts) + "\n")


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


def _table(table: Table) -> str:
    lines = [table.head, tuple("---" for _ in table.head), *table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


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
