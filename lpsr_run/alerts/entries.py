"""Watch lists as files: text, CSV or TOML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.alphabet import ALPHABET, PLATE_LENGTH, normalise
from lpsr_core.errors import UsageError
from lpsr_core.spreadsheet import rows_of
from lpsr_run.tomlfile import read_toml

_FORM = "give one plate a line"


@dataclass(frozen=True)
class Entry:
    """A plate that is looked for.

    Attributes:
        text: seven letters and digits.
        note: what the list says about it.
    """

    text: str
    note: str = ""


def load_entries(path: Path) -> tuple[Entry, ...]:
    """Read a watch list, each plate once.

    A `.csv` file has a column `plate` and may have a column `note`; a `.toml` file has `[[plate]]` with `text` and
    `note`; any other file has a plate a line, `#` beginning a comment, which becomes the note.

    Raises:
        UsageError: the file cannot be read, holds something else than plates, or holds none.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".toml":
            entries = list(_of_toml(path))
        else:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                text = stream.read()
            entries = list(_of_csv(path, text) if suffix == ".csv" else _of_lines(path, text))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: not a readable watch list: {reason}") from None
    if not entries:
        raise UsageError(f"{path}: the watch list is empty; {_FORM}")
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.text, entry)
    return tuple(first.values())


def _of_lines(path: Path, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        word, _, note = line.partition("#")
        if word.strip():
            yield Entry(_plate(word.strip(), f"{path}, line {number}: "), note.strip())


def _of_csv(path: Path, text: str) -> Iterator[Entry]:
    for line, row in rows_of(text, ("plate",), str(path)):
        if row["plate"]:
            yield Entry(_plate(row["plate"], f"{path}, line {line}: "), row.get("note", ""))


def _of_toml(path: Path) -> Iterator[Entry]:
    root = read_toml(path).root
    root.only("plate")
    for table in root.tables("plate"):
        table.only("text", "note")
        word = table.text("text")
        with table.about("text"):
            text = _plate(word)
        yield Entry(text, table.text("note", ""))


def _plate(word: str, where: str = "") -> str:
    text = normalise(word)
    if len(text) != PLATE_LENGTH or set(text) - set(ALPHABET):
        raise UsageError(f"{where}{text!r} is not a plate of {PLATE_LENGTH} letters and digits")
    return text
