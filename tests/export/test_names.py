"""Names of new models become names of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lpsr_core.errors import UsageError
from lpsr_export.cli import app


@pytest.fixture(scope="module")
def networks() -> None:
    """Nothing is exported here."""


@pytest.mark.parametrize("command", ["onnx", "locator"])
@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a\\b", " "])
def test_names_that_files_cannot_have_are_usage(tmp_path: Path, command: str, name: str) -> None:
    """Before anything is read, and not after an export of minutes."""
    done = CliRunner().invoke(
        app, [command, "--weights", str(tmp_path), "--out", str(tmp_path / "out"), "--name", name]
    )
    assert isinstance(done.exception, UsageError)
    assert "cannot be a model's name" in str(done.exception)
