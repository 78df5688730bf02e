"""Tables as spreadsheets save them: commas or semicolons, names of columns in any case."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from lpsr_core.errors import UsageError


def rows_of(text: str, wanted: Sequence[str], where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Return the rows of a table with their line numbers; values are stripped, and empty where a row ends early.

    Args:
        text: of the file, read as `utf-8-sig`: spreadsheets put a mark before the first column.
        wanted: columns that it must have.
        where: leads messages: the file.

    Raises:
        UsageError: a column is missing, or a quotation mark is left open.
    """
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    # A quotation mark that is left open would swallow the rows behind it.
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
        for column in wanted:
            if column not in names:
                raise UsageError(f"{where}, line 1: has no column called {column}; it needs {', '.join(wanted)}")
        for row in table:
            yield table.line_num, {name: (row[column] or "").strip() for name, column in names.items()}
    except csv.Error as error:
        why = f"not a readable table after line {table.line_num}: {error}; is a quotation mark left open?"
        raise UsageError(f"{where}: {why}") from None
