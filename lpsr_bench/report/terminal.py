"""The tables that a benchmark prints, with the paper's figures beside ours."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable

from lpsr_bench.comparison import Change
from lpsr_bench.report.tables import MIB, number, tables
from lpsr_bench.report.words import PROVISO, models_line, notes, versions_line
from lpsr_bench.results import Document


def print_results(document: Document, console: Console) -> None:
    """Prints what was measured; suites without results are left out."""
    console.print(f"{document['hardware']}\n{versions_line(document)}\n{models_line(document)}")
    for table in tables(document):
        shown = RichTable(title=table.title, title_justify="left")
        for index, heading in enumerate(table.head):
            shown.add_column(heading, justify="right" if index and table.numeric(index) else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        for line in table.lines:
            console.print(line)
    if document["suites"].get("reference"):
        console.print(PROVISO)
    if document["peak_resident_bytes"] is not None:
        console.print(f"peak resident memory, all suites {document['peak_resident_bytes'] / MIB:.0f} MiB")
    for note in notes(document):
        console.print(f"note: {note}")


def print_comparison(changes: list[Change], before: str, after: str, console: Console) -> None:
    """Prints what changed between two results."""
    table = RichTable(title=f"{before} -> {after}", title_justify="left")
    for heading in ("what", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    table.add_column("beyond chance")
    for change in changes:
        table.add_row(change.what, number(change.before), number(change.after), change.change, change.verdict)
    console.print(table)
