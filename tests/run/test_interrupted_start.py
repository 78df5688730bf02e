"""Ctrl-C while a command still imports its parts ends it in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lpsr_core.errors import run_command

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCRIPTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]

INTERRUPTED = """
import importlib, os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            {interrupt}

sys.meta_path.insert(0, Finder())
sys.argv = [{command!r}, "--help"]
from lpsr_core.errors import MissingExtraError, UsageError
getattr(importlib.import_module({module!r}), {function!r})()
"""
AT_ONCE = "os.kill(os.getpid(), signal.SIGINT)"
AS_IMPORT_ERROR = f"""
            try:
                {AT_ONCE}
            except KeyboardInterrupt:
                raise ImportError("the extension could not be loaded")
"""
AS_MISSING = f"""
            try:
                {AT_ONCE}
            except KeyboardInterrupt:
                try:
                    raise ImportError("the extension could not be loaded")
                except ImportError:
                    raise MissingExtraError("typer", "x") from None
"""
THEN = f"""
            try:
                {AT_ONCE}
            finally:
                raise {{}}
"""
TOLD = "interrupted; what was written so far is kept\n"


def interrupted(command: str, interrupt: str = AT_ONCE) -> subprocess.CompletedProcess[str]:
    """The result of a command that is interrupted while it imports Typer."""
    module, function = SCRIPTS[command].split(":")
    code = INTERRUPTED.format(interrupt=interrupt, command=command, module=module, function=function)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", SCRIPTS)
def test_an_interrupt_while_a_command_is_imported_is_one_line(command: str) -> None:
    done = interrupted(command)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted; what was written so far is kept\n"


def test_an_interrupt_that_an_extension_turns_into_an_import_error_is_one() -> None:
    done = interrupted("lpsr-run", AS_IMPORT_ERROR)
    assert (done.returncode, done.stderr) == (130, "interrupted; what was written so far is kept\n")


def test_a_missing_package_that_comes_of_an_interrupt_is_one() -> None:
    done = interrupted("lpsr-run", AS_MISSING)
    assert (done.returncode, done.stderr) == (130, TOLD)


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        ("OSError(28, 'No space left on device', '/x')", 1, "error: No space left on device: /x\n"),
        ("UsageError('no such file')", 2, "error: no such file\n"),
        ("MissingExtraError('typer', 'x')", 1, "error: typer is not installed"),
    ],
)
def test_what_fails_while_an_interrupt_unwinds_has_its_own_line(raised: str, code: int, line: str) -> None:
    done = interrupted("lpsr-run", THEN.format(raised))
    assert done.returncode == code
    assert done.stderr.startswith(line)
    assert "interrupted" not in done.stderr


def test_an_import_error_after_an_interrupt_of_work_has_its_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            raise ImportError("no such module")

    with pytest.raises(SystemExit) as stop:
        run_command(command, [])
    assert stop.value.code == 1
    assert "no such module" in capsys.readouterr().err


def test_debug_shows_the_traceback_of_an_interrupted_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPSR_DEBUG", "1")
    done = interrupted("lpsr-run", AS_IMPORT_ERROR)
    assert done.returncode == 130
    assert "ImportError: the extension could not be loaded" in done.stderr
    assert done.stderr.endswith(TOLD)
