"""The tables of a result in Markdown, to paste into an issue or a README."""

from __future__ import annotations

from pathlib import Path

from lpsr_bench.report.files import write_text
from lpsr_bench.report.tables import Table, tables
from lpsr_bench.report.words import PROVISO, capital, models_line, notes, versions_line
from lpsr_bench.results import Document


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


def _table(table: Table) -> str:
    lines = [table.head, tuple("---" for _ in table.head), *table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
