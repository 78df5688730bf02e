"""Writes docs/reference, a page for each command from its own parser, the table of docs/model-card.md, and
examples/run.toml.

python -m tools.reference            # writes the pages
python -m tools.reference --check    # says which are not current; exit code 1 if there is one
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from typer.main import get_command

from tools.example_toml import example_toml
from tools.model_card import PAGE as MODEL_CARD
from tools.model_card import model_card

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
EXAMPLE = ROOT / "examples" / "run.toml"
_KINDS = {int: "N", float: "X", Path: "PATH"}
_DEFAULT = re.compile(r"\s*[(\[]default:? ([^()\[\]]*)[)\]]\.?$|\s*\[([^\[\]]*)\]\.?$")
"""A help text's last words when they name the default."""


def scripts() -> dict[str, str]:
    """Return the entry point of each command, `module:function` by name, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return dict(sorted(project["scripts"].items()))


def pages() -> dict[Path, str]:
    """Return the text of every page by its path."""
    commands = {PAGES / f"{name}.md": page(name) for name in scripts()}
    return {**commands, MODEL_CARD: model_card(), EXAMPLE: example_toml()}


def page(name: str) -> str:
    """Return the page of a command."""
    return "\n".join(_command(name, parser(name))).rstrip() + "\n"


def parser(name: str) -> Any:
    """Return a command, with its options and the commands below it, as Typer made it."""
    module, _, entry = scripts()[name].partition(":")
    return get_command(import_module(getattr(import_module(module), entry).module).app)


def _command(path: str, command: Any) -> Iterator[str]:
    """Yield the lines of a command and of the commands below it."""
    yield f"{'#' * min(path.count(' ') + 1, 3)} {path}"
    yield ""
    yield from _text(command.help or "")
    options = [entry for entry in command.params if not getattr(entry, "hidden", False)]
    below = getattr(command, "commands", {})
    usage = " ".join(_argument(entry) for entry in options if entry.param_type_name == "argument")
    usage = f"{path} [OPTIONS] {usage}".rstrip() + (" COMMAND [ARGS]..." if below else "")
    yield from (f"    {usage}", "")
    yield from _table(options)
    for name in below:
        yield from _command(f"{path} {name}", below[name])


def _text(text: str) -> Iterator[str]:
    """Yield a help text's paragraphs, each on a line."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield from (_escaped(" ".join(paragraph.split())), "")


def _table(options: list[Any]) -> Iterator[str]:
    """Yield the table of a command's arguments and options."""
    yield "| Option | Value | Default | Meaning |"
    yield "|---|---|---|---|"
    for entry in options:
        words, default = _described(entry)
        names = ", ".join(f"`{name}`" for name in (*entry.opts, *entry.secondary_opts))
        if entry.param_type_name == "argument":
            names = f"`{_argument(entry)}`"
        yield f"| {names} | {_value(entry)} | {default} | {words} |"
    yield ""


def _argument(entry: Any) -> str:
    """Return an argument's name as a usage line shows it."""
    word = (entry.metavar or entry.name).upper()
    word = f"{word}..." if entry.nargs == -1 or entry.multiple else word
    return word if entry.required else f"[{word}]"


def _value(entry: Any) -> str:
    """Return what an option takes: its own word for it, or its type, and its bounds; nothing for switches."""
    if entry.is_flag if entry.param_type_name == "option" else False:
        return ""
    kind = entry.type_descriptor.annotation
    word = entry.metavar if entry.metavar and entry.param_type_name == "option" else _KINDS.get(kind, "TEXT")
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", entry.min), ("≤", entry.max)) if bound is not None]
    more = ["repeatable"] if entry.multiple and entry.param_type_name == "option" else []
    return _escaped(", ".join([f"`{word}`", *bounds, *more]))


def _described(entry: Any) -> tuple[str, str]:
    """Return an option's help and its default, which is the parser's, or else what the help names as such."""
    words = " ".join((entry.help or "").split())
    default = "required" if entry.required else ""
    if found := _DEFAULT.search(words):
        words, default = words[: found.start()].rstrip(".") + ".", f"{found.group(1) or found.group(2)}"
    elif not (entry.default is None or entry.default is False or entry.default in ("", ()) or callable(entry.default)):
        default = f"`{'yes' if entry.default is True else entry.default}`"
    return _escaped(words), _escaped(default)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write the pages, or with `--check` compare them; returns the exit code."""
    made = pages()
    if "--check" in sys.argv[1:]:
        stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
        for path in stale:
            print(f"{path.relative_to(ROOT)}: not current; run: python -m tools.reference", file=sys.stderr)
        return 1 if stale else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
