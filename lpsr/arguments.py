"""Types of arguments: what the command line parses, Python callers hand over as it is."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, get_args, get_type_hints

from lpsr_core.errors import UsageError
from lpsr_core.options import kind, options
from lpsr_run.config import RunConfig

_WORDS: dict[type, tuple[str, type]] = {
    bool: ("True or False", bool),
    int: ("an integer", Integral),
    float: ("a number", Real),
    str: ("text", str),
}
"""By type of option: what its values are called, and what they are an instance of."""


def listed(values: Any) -> tuple[Any, ...]:
    """Return names as a tuple, whether they come as a list or as text with commas; anything else alone."""
    if isinstance(values, str):
        return tuple(values.split(","))
    return tuple(values) if isinstance(values, Iterable) else (values,)


def check_types(config: RunConfig) -> None:
    """Make sure that every option has the type that it takes.

    Raises:
        UsageError: with the option, what it takes, and what it was given.
    """
    hints = get_type_hints(RunConfig)
    for name, (one, _) in options(RunConfig).items():
        value, (of, several) = getattr(config, name), kind(hints[name])
        if of not in _WORDS or (value is None and type(None) in get_args(hints[name])):
            continue
        wanted, base = _WORDS[of]
        for item in value if several and isinstance(value, tuple) else (value,):
            if not isinstance(item, base) or (isinstance(item, bool) and of is not bool):
                form = f" as {one.metavar}" if of is str and one.metavar and "," in one.metavar else ""
                raise UsageError(f"{name} takes {wanted}{form}, not {reprlib.repr(item)}")
