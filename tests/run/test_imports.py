"""Who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

ALLOWED = {
    "lpsr_core": set(),
    "lpsr_run": {"lpsr_core"},
    "lpsr_forensic": {"lpsr_core", "lpsr_run", "lpsr_train"},
    "lpsr": {"lpsr_core", "lpsr_run", "lpsr_forensic"},
    "lpsr_bench": {"lpsr_core", "lpsr_run"},
    "lpsr_train": {"lpsr_core"},
    "lpsr_export": {"lpsr_core", "lpsr_train"},
}
ONLY = {("lpsr_forensic", "lpsr_train"): "lpsr_train.plates"}
"""Who may import a part of a package alone."""
FORBIDDEN = {
    "lpsr_core": {"torch", "onnx", "onnxruntime"},
    "lpsr_run": {"torch", "onnx"},
    "lpsr_forensic": {"torch", "onnx"},
    "lpsr": {"torch", "onnx", "onnxruntime"},
}


def modules(path: Path) -> set[str]:
    """Full names of everything that a file imports, at any depth of it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide whom they import"
            names.add(node.module or "")
    return names


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, at any depth of it."""
    return {name.split(".")[0] for name in modules(path)}


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_whom_they_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"no package {package}"
    for path in files:
        names = imported(path)
        strangers = (names & set(ALLOWED)) - ALLOWED[package] - {package}
        assert not strangers, f"{path} imports {strangers}"
        assert not names & FORBIDDEN.get(package, set()), f"{path} imports {names & FORBIDDEN[package]}"


@pytest.mark.parametrize(("package", "whole"), ONLY)
def test_a_part_of_a_package_is_imported_alone(package: str, whole: str) -> None:
    part = ONLY[package, whole]
    for path in sorted((ROOT / package).rglob("*.py")):
        others = {name for name in modules(path) if name.split(".")[0] == whole and not name.startswith(part)}
        assert not others, f"{path} imports {others}; of {whole} it may import {part} alone"


def test_reports_load_neither_pytorch_nor_onnx() -> None:
    code = "import sys, lpsr_forensic.report, lpsr_forensic.page; print(sorted({'torch', 'onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
