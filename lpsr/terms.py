"""Errors of the runtime in the words of the Python interface."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from lpsr_core.errors import LpsrError
from lpsr_run.config import RunConfig

_NAMES = frozenset(entry.name for entry in fields(RunConfig))
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def in_python(text: str) -> str:
    """Return a sentence with keywords in place of the options of `lpsr-run`; options of other commands stay.

    >>> in_python("--min-plate is between 0 and 1, not 2; see lpsr-export build --fp16")
    'min_plate is between 0 and 1, not 2; see lpsr-export build --fp16'
    """

    def keyword(option: re.Match[str]) -> str:
        name = option[1].replace("-", "_")
        return name if name in _NAMES else option[0]

    return _OPTION.sub(keyword, text)


@contextmanager
def python_terms() -> Iterator[None]:
    """Name keywords instead of command-line options in errors, within a context."""
    try:
        yield
    except LpsrError as error:
        error.args = (in_python(str(error)),)
        raise
