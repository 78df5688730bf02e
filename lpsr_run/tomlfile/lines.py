"""Line numbers of the keys of a TOML document, which tomllib does not give."""

from __future__ import annotations

import re
from collections import Counter

Key = tuple[str | int, ...]
"""Where a value stands: names of tables and keys, and numbers of the elements of arrays of tables, from 0."""

_PART = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([A-Za-z0-9_-]+))\s*(\.)?')
_OPENING, _CLOSING = ("[", "{"), ("]", "}")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'  # two quotes may stand before the closing ones
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'"
    r"|\#[^\n]*"
    r"|[\[{\]}\n]",
    re.DOTALL,
)
"""What decides where a value ends: strings, comments, brackets and the ends of lines."""


def key_lines(text: str) -> dict[Key, int]:
    """Return the line, from 1, of every table header and key of a valid TOML document.

    Keys of inline tables are not listed; `line_of` gives the line of the key that holds them.
    """
    lines: dict[Key, int] = {}
    arrays: Counter[Key] = Counter()
    table: Key = ()
    position, end = 0, len(text)
    while position < end:
        stop = text.find("\n", position)
        stop = end if stop < 0 else stop
        line = text[position:stop].strip()
        number = text.count("\n", 0, position) + 1
        if not line or line.startswith("#"):
            position = stop + 1
        elif line.startswith("["):
            array = line.startswith("[[")
            table = _resolved(_parts(line[2 if array else 1 :])[0], arrays, array)
            lines[table] = number
            position = stop + 1
        else:
            parts, consumed = _parts(text[position:])
            key: Key = table
            for part in parts:
                key = (*key, part)
                lines.setdefault(key, number)
            position = _value_end(text, position + consumed)
    return lines


def line_of(lines: dict[Key, int], key: Key) -> int:
    """Return the line of a key, or of the nearest key or table that holds it; 1 where there is none."""
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key, 1)


def _resolved(parts: list[str], arrays: Counter[Key], array: bool) -> Key:
    """The key of a header: `[[a.b]]` begins a new element, and every array on the way means its last one."""
    key: Key = ()
    for index, part in enumerate(parts):
        key = (*key, part)
        if array and index == len(parts) - 1:
            arrays[key] += 1
        if arrays[key]:
            key = (*key, arrays[key] - 1)
    return key


def _parts(text: str) -> tuple[list[str], int]:
    """The names of a dotted key, and the number of characters that it takes."""
    parts: list[str] = []
    position = 0
    while match := _PART.match(text, position):
        parts.append(next(group for group in match.groups()[:3] if group is not None))
        position = match.end()
        if not match[4]:
            break
    return parts, position


def _value_end(text: str, position: int) -> int:
    """The position behind the line on which a value ends."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        if token[0] == "\n" and depth <= 0:
            return token.end()
        depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
    return len(text)
