"""Makes examples/run.toml from the options of `lpsr-run`: every option with its help, commented out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lpsr_core.options import Option, options, words
from lpsr_run.options import RunOptions

_INTRODUCTION = """\
Options of lpsr-run, for `lpsr-run --config run.toml`. The command line overrides this file.
Every option stands here with its default, or with an example where the default is nothing: remove the # before it.
Made from lpsr_run/options.py by `python -m tools.reference`.
"""


def example_toml(config: type = RunOptions) -> str:
    """Return a TOML file in which all options of a dataclass are commented out, by panel."""
    own = options(config)
    lines = [f"# {line}" for line in _INTRODUCTION.splitlines()]
    for panel in dict.fromkeys(one.panel for one, _ in own.values()):
        lines += ["", f"# ---- {panel} ----"]
        for name, (one, field) in own.items():
            if one.panel == panel:
                lines += ["", *_option(name, one, field.default)]
    return "\n".join(lines) + "\n"


def _option(name: str, one: Option, default: Any) -> Iterator[str]:
    """Yield the lines of an option."""
    choices = f" One of: {', '.join(one.choices)}." if one.choices else ""
    text = words(replace(one, help=one.help + choices), default)
    yield from textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    value = default if one.example is None else one.example
    # JSON's strings, numbers, booleans and lists are TOML's.
    yield f"#{name} = {json.dumps(value, ensure_ascii=False)}"
