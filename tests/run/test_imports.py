"""Who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from conftest import ROOT

ALLOWED = {
    "lpsr_core": set(),
    "lpsr_run": {"lpsr_core"},
    "lpsr": {"lpsr_core", "lpsr_run"},
    "lpsr_bench": {"lpsr_core", "lpsr_run"},
    "lpsr_serve": {"lpsr", "lpsr_core", "lpsr_run"},
    "lpsr_train": {"lpsr_core"},
    "lpsr_export": {"lpsr_core", "lpsr_train"},
}
FORBIDDEN = {
    "lpsr_core": {"torch", "onnx", "onnxruntime"},
    "lpsr_run": {"torch", "onnx"},
    "lpsr": {"torch", "onnx", "onnxruntime"},
    "lpsr_serve": {"torch", "onnx", "onnxruntime"},
}


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, at any depth of it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide whom they import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_whom_they_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"no package {package}"
    for path in files:
        names = imported(path)
        strangers = (names & set(ALLOWED)) - ALLOWED[package] - {package}
        assert not strangers, f"{path} imports {strangers}"
        assert not names & FORBIDDEN.get(package, set()), f"{path} imports {names & FORBIDDEN[package]}"
