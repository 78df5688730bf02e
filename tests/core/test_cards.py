"""Cards and errors: a graph is the one its card describes, and errors are one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lpsr_core.cards import ModelCard, card_path, graph_name, load_verified, sha256
from lpsr_core.errors import LpsrError, MissingExtraError, UsageError, run_command


def write_model(folder: Path) -> Path:
    path = folder / graph_name("lite", "generator")
    path.write_bytes(b"not really a graph")
    ModelCard("lite", "generator", "fp32", path.name, sha256(path), 1, 20, metrics={"x": 1}).save(folder)
    return path


def test_a_card_travels_with_its_graph(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    card = load_verified(path)
    assert card.name == "lite"
    assert card.metrics == {"x": 1}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lite-generator.json", "lite-generator.onnx"]


def test_a_changed_graph_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.write_bytes(b"something else")
    with pytest.raises(LpsrError, match="sha256"):
        load_verified(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"schema": 99}'])
def test_a_broken_card_is_one_line(tmp_path: Path, text: str) -> None:
    path = write_model(tmp_path)
    card_path(path).write_text(text)
    with pytest.raises(LpsrError) as error:
        load_verified(path)
    assert "\n" not in str(error.value)


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    values = json.loads(card_path(path).read_text())
    card_path(path).write_text(json.dumps({**values, "role": "oracle"}))
    with pytest.raises(LpsrError, match="oracle"):
        load_verified(path)


def test_names_of_graphs() -> None:
    assert graph_name("lite", "reader") == "lite-reader.onnx"
    assert graph_name("lite", "reader", "int8") == "lite-reader-int8.onnx"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (LpsrError("it broke"), 1, "it broke"),
        (UsageError("say it differently"), 2, "say it differently"),
        (MissingExtraError("PyTorch", "train"), 1, "[train]"),
        (OSError(28, "No space left on device", "/full"), 1, "No space left on device: /full"),
        (ImportError("libGL.so.1: cannot open shared object file"), 1, "apt-get install -y libgl1"),
        (ImportError("libgthread-2.0.so.0: cannot open shared object file"), 1, "apt-get install -y libglib2.0-0"),
        (ImportError("libglib-2.0.so.0: cannot open shared object file"), 1, "apt-get install -y libglib2.0-0"),
        (ImportError("libother.so.0: cannot open shared object file"), 1, "unexpected ImportError"),
        (ZeroDivisionError("division\nby zero"), 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, words: str
) -> None:
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as stop:
        run_command(command, [])
    printed = capsys.readouterr().err
    assert stop.value.code == code
    assert words in printed
    assert printed.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise LpsrError("it broke")

    with pytest.raises(SystemExit):
        run_command(command, ["--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_says_that_nothing_is_lost() -> None:
    plain = "def f(): raise KeyboardInterrupt\n"
    through_typer = "import typer\nf = typer.Typer()\n@f.command()\ndef g(): raise KeyboardInterrupt\n"
    for program in (plain, through_typer):
        script = f"from lpsr_core.errors import run_command\n{program}run_command(f, [])"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 130
        assert done.stderr == "interrupted; what was written so far is kept\n"
