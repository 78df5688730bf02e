"""Hints that add an optional package fit the way in which LPSR was installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lpsr_core import errors, extras
from lpsr_core.codec import transcode
from lpsr_core.errors import LpsrError, MissingExtraError, need
from lpsr_core.tomlfile import read_toml


class Distribution:
    """An installed distribution that came from somewhere."""

    def __init__(self, where: dict[str, Any] | None) -> None:
        self.where = where

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.where is None else json.dumps(self.where)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "my checkout"
    (folder / "lpsr_core").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    return folder


def installed(monkeypatch: pytest.MonkeyPatch, where: dict[str, Any] | None) -> None:
    """Let LPSR run from site-packages, installed from a place."""
    monkeypatch.setattr(extras, "__file__", "/usr/lib/python3/site-packages/lpsr_core/extras.py")
    monkeypatch.setattr(extras.importlib.metadata, "distribution", lambda name: Distribution(where))


def test_a_checkout_is_named(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    monkeypatch.setattr(extras, "__file__", str(checkout / "lpsr_core" / "extras.py"))
    assert extras.install_command("mqtt") == f"pip install -e '{checkout}[mqtt]'"


def test_an_installation_from_a_checkout_names_it(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    installed(monkeypatch, {"url": checkout.as_uri(), "dir_info": {}})
    assert extras.install_command("train") == f"pip install '{checkout}[train]'"


@pytest.mark.parametrize(
    ("where", "command"),
    [
        (None, "pip install 'lpsr[bench]'"),
        ({"url": "file:///gone", "dir_info": {}}, "pip install 'lpsr[bench]'"),
        ({"url": "file:///downloads/lpsr-0.1.0-py3-none-any.whl", "archive_info": {}}, "pip install 'lpsr[bench]'"),
        (
            {"url": "https://example.org/lpsr", "vcs_info": {"vcs": "git", "commit_id": "0"}},
            "pip install 'lpsr[bench] @ git+https://example.org/lpsr'",
        ),
    ],
)
def test_other_installations(monkeypatch: pytest.MonkeyPatch, where: dict[str, Any] | None, command: str) -> None:
    installed(monkeypatch, where)
    assert extras.install_command("bench") == command


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    need("json", "json", "cpu")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"onnx is not installed; install it with: pip install .*\[export\]"):
        need("onnx", "onnx", "export")


def test_an_extra_that_brings_nothing_for_this_python_is_not_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors.sys, "version_info", (3, 10, 12))
    for extra in ("cpu", "gpu"):
        message = str(MissingExtraError("onnxruntime", extra))
        assert message.startswith("onnxruntime is not installed; it needs Python 3.11 or newer")
        assert "pip" not in message
    assert "[train]" in str(MissingExtraError("PyTorch", "train"))


def test_extras_of_newer_pythons_are_those_of_the_project() -> None:
    """Every package of these extras is for newer versions of Python alone, and no other extra is like that."""
    root = Path(__file__).resolve().parents[2]
    listed = read_toml(root / "pyproject.toml")["project"]["optional-dependencies"]
    marked = {extra for extra, packages in listed.items() if all("python_version >= '3.11'" in one for one in packages)}
    assert marked == {extra for extra, least in extras.NEWER_PYTHON.items() if least == (3, 11)}


def test_without_pyav_the_package_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(LpsrError, match=r"PyAV.* is not installed; install it with: pip install av$"):
        transcode([np.zeros((16, 48, 3), np.uint8)], "h264", 30)
