"""Every command line of the documentation uses commands and options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools import reference
from tools.reference import scripts

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path for folder in (ROOT, ROOT / "docs", ROOT / "benchmarks", ROOT / "examples") for path in folder.glob("*.md")
)
_SPAN = re.compile(r"`(lpsr-[a-z]+\s[^`]+)`")
_COMMAND = re.compile(r"^(?: {4,}|\t)(?:\$ |sudo |[A-Z_]+=\S+ )*(lpsr-[a-z]+ .*)$")


def command_lines(text: str) -> Iterator[str]:
    """Yield the commands of indented blocks, continued lines joined, and those of code spans."""
    yield from (" ".join(span.split()) for span in _SPAN.findall(text))
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if found := _COMMAND.match(line):
            yield found.group(1)


parser = cache(reference.parser)


def problem(line: str) -> str | None:
    """Return what the command would refuse of a line: an unknown command, subcommand or option."""
    words = shlex.split(re.split(r"\s[|&><;]|;\s", line, maxsplit=1)[0], comments=True)
    if words[0] not in scripts():
        return f"no command {words[0]}"
    command, rest = parser(words[0]), words[1:]
    while rest and getattr(command, "commands", None):
        if rest[0].startswith("-"):
            break
        if rest[0] not in command.commands:
            return f"no subcommand {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {"--help"} | {name for entry in command.params for name in (*entry.opts, *entry.secondary_opts)}
    unknown = [word for word in rest if word.startswith("--") and word != "--" and word.partition("=")[0] not in known]
    return f"no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_command_lines_use_what_the_commands_have(page: Path) -> None:
    found = {line: problem(line) for line in command_lines(page.read_text(encoding="utf-8"))}
    assert {line: why for line, why in found.items() if why} == {}


def test_command_lines_are_found_and_mistakes_in_them_too() -> None:
    text = (
        "Text.\n\n    lpsr-run --video a \\\n        --cameraz b   # --no-such\n    ls | lpsr-run --x\nlpsr-run --y\n"
    )
    (line,) = command_lines(text)
    assert list(command_lines("So `lpsr-run\n--a` does.")) == ["lpsr-run --a"]
    assert problem(line) == "no option --cameraz"
    assert problem("lpsr-run --video 'a b' --no-pictures --out=c > --d") is None
    assert problem("lpsr-walk --video a") == "no command lpsr-walk"
    assert problem("lpsr-export bild") == "no subcommand bild"
