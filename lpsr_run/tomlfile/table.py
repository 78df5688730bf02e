"""Tables of a TOML file, read with their types checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import UsageError
from lpsr_core.tomlfile import read_toml_text
from lpsr_run.tomlfile.lines import Key, key_lines, line_of
from lpsr_run.tomlfile.secrets import expand, expand_address, literal_password, read_secret, with_password

_KINDS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list"}


@dataclass(frozen=True)
class Document:
    """A TOML file with the lines of its keys.

    Attributes:
        path: of the file.
        values: as tomllib gives them.
        lines: of tables and keys, from 1.
    """

    path: Path
    values: dict[str, Any]
    lines: dict[Key, int]

    @property
    def root(self) -> Table:
        """The table of the whole file."""
        return Table(self, (), self.values)

    def error(self, key: Key, message: str) -> UsageError:
        """The error about a key: file, line, key and message."""
        name = _dotted(key)
        return UsageError(f"{self.path}, line {line_of(self.lines, key)}: {name}{': ' if name else ''}{message}")

    def beside(self, name: str) -> Path:
        """A path of the file; relative ones are taken from the folder of the file."""
        return self.path.parent / Path(name).expanduser()


def read_toml(path: Path) -> Document:
    """Read a TOML file.

    Raises:
        UsageError: it cannot be read or is not TOML.
    """
    text, values = read_toml_text(path)
    return Document(path, values, key_lines(text.replace("\r\n", "\n")))


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the known words where none is near."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, 1, 0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}"


@dataclass(frozen=True)
class Table:
    """One table. What reads a value raises `UsageError`, with file, line and key, where that cannot be meant.

    Attributes:
        document: that it stands in.
        key: where.
        values: of its keys.
        defaults: values of keys that it lacks, with the key of the table that they come from.
    """

    document: Document
    key: Key
    values: dict[str, Any]
    defaults: Table | None = None

    def error(self, name: str, message: str) -> UsageError:
        """The error about one of its keys."""
        if name not in self.values and self.defaults is not None and name in self.defaults.values:
            return self.defaults.error(name, message)
        return self.document.error((*self.key, name) if name else self.key, message)

    @contextmanager
    def about(self, name: str) -> Iterator[None]:
        """Raise what is wrong with the value of a key as the error about that key."""
        try:
            yield
        except (UsageError, ValueError) as error:
            raise self.error(name, str(error)) from None

    def only(self, *known: str) -> None:
        """Refuse other keys than these, with the nearest of them."""
        for name in self.values:
            if name not in known:
                raise self.error(name, f"unknown key{nearest(name, known)}")

    def has(self, name: str) -> bool:
        """Whether a key is given."""
        return self.get(name) is not None

    def get(self, name: str) -> Any:
        """The value of a key, or of the defaults, or None."""
        if name in self.values or self.defaults is None:
            return self.values.get(name)
        return self.defaults.values.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A string that is not empty; without a default it must be there."""
        if not self.has(name):
            if default is None:
                raise self.error("", f"{name} is missing")
            return default
        value = self._of(name, str)
        if not value.strip():
            raise self.error(name, "is empty")
        return str(value)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Strings, given as a list with one or more, or as one string; None where the key is missing."""
        value = self.get(name)
        if value is None:
            return None
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or not entries or not all(isinstance(one, str) and one for one in entries):
            raise self.error(name, f"is a list of one or more strings, not {value!r}")
        return tuple(entries)

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value."""
        return bool(self._of(name, bool)) if self.has(name) else default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = int(self._of(name, int)) if self.has(name) else default
        return int(self._bounded(name, value, low, high))

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number within bounds."""
        value = float(self._of(name, float)) if self.has(name) else default
        return float(self._bounded(name, value, low, high))

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of some words; another one is refused with the nearest of them."""
        word = self.text(name, default)
        if word not in choices:
            raise self.error(name, f"{word!r} is unknown{nearest(word, choices)}")
        return word

    def address(self) -> str:
        """The URL `address`, with its variables, and with `password` or what `password_file` holds behind its user."""
        address = self.text("address")
        if literal_password(address):
            raise self.error("address", "holds a password; write ${NAME} for a variable, or give password_file")
        with self.about("address"):
            address = expand_address(address)
        if (password := self._password()) is None:
            return address
        with self.about("password_file" if self.has("password_file") else "password"):
            return with_password(address, password)

    def _password(self) -> str | None:
        """The password, which never stands in the file itself; None without one."""
        if self.has("password_file"):
            if self.has("password"):
                raise self.error("password_file", "give password or password_file, not both")
            path = self.text("password_file")
            with self.about("password_file"):
                return read_secret(self.document.beside(expand(path)))
        if not self.has("password"):
            return None
        value = self.text("password")
        with self.about("password"):
            if "${" not in value:
                raise UsageError("is a secret and does not belong here; write ${NAME} for a variable, or password_file")
            return expand(value)

    def table(self, name: str) -> Table | None:
        """A table of this table, or of the defaults; None where it is missing."""
        if name not in self.values and self.defaults is not None:
            return self.defaults.table(name)
        if (value := self.values.get(name)) is None:
            return None
        if not isinstance(value, dict):
            raise self.error(name, f"is a table, not {value!r}")
        return Table(self.document, (*self.key, name), value)

    def tables(self, name: str) -> list[Table]:
        """The elements of an array of tables, `[[name]]`; none where it is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.error(name, f"is written as [[{_dotted((*self.key, name))}]] for each")
        return [Table(self.document, (*self.key, name, index), one) for index, one in enumerate(value)]

    def _of(self, name: str, kind: type) -> Any:
        value = self.get(name)
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        raise self.error(name, f"is {_KINDS[kind]}, not {value!r}")

    def _bounded(self, name: str, value: float, low: float, high: float) -> float:
        if low <= value <= high:
            return value
        limits = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise self.error(name, f"is {limits}, not {value:g}")


def _dotted(key: Key) -> str:
    return ".".join(part for part in key if isinstance(part, str))
