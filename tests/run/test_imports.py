"""Import rules: which package and which room may import which, and that nothing imports in a circle."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT))
from tools import packages

ALLOWED = {
    "lpsr_core": set(),
    "lpsr_run": {"lpsr_core"},
    "lpsr_forensic": {"lpsr_core", "lpsr_run", "lpsr_train"},
    "lpsr": {"lpsr_core", "lpsr_run", "lpsr_forensic"},
    "lpsr_bench": {"lpsr_core", "lpsr_run"},
    "lpsr_serve": {"lpsr", "lpsr_core", "lpsr_run"},
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
    "lpsr_serve": {"torch", "onnx", "onnxruntime"},
}
OPENS_ONNX_RUNTIME = ROOT / "lpsr_core" / "onnx_session.py"
"""Where runtime and export open ONNX Runtime, at first use; no other module of lpsr_core imports it."""
ROOMS = {
    # Rooms of a package, and the rooms and modules of it that they may import; whoever is not named may import all.
    "lpsr_run.engines": {"lpsr_run.process"},
    "lpsr_run.locate": {"lpsr_run.engines"},
    "lpsr_run.sources": {"lpsr_run.process", "lpsr_run.redact", "lpsr_run.state"},
    "lpsr_export.graph": set(),
    "lpsr_export.int8": {"lpsr_export.checks", "lpsr_export.graph", "lpsr_export.progress"},
    "lpsr_export.checks": {"lpsr_export.graph"},
    "lpsr_export.tensorrt": {"lpsr_export.checks", "lpsr_export.graph"},
    "lpsr_train.plates": set(),
    "lpsr_train.networks": set(),
    "lpsr_train.degradation": set(),
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
        forbidden = FORBIDDEN.get(package, set()) - ({"onnxruntime"} if path == OPENS_ONNX_RUNTIME else set())
        assert not names & forbidden, f"{path} imports {names & forbidden}"


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


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_whom_they_may(room: str) -> None:
    found = packages.rooms(packages.package(room))
    assert found[room] - ROOMS[room] == set()


def test_no_two_errors_have_one_name() -> None:
    found: dict[str, Path] = {}
    for path in sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                assert node.name not in found, f"{node.name}: {path} and {found[node.name]}"
                found[node.name] = path
    assert "ReadRefusedError" in found


def in_order(graph: Mapping[str, set[str]]) -> None:
    """Fails with the circle that a graph holds."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(reversed(error.args[1]))}")


def test_no_module_imports_in_a_circle() -> None:
    graph = packages.imports()
    assert len(graph) > 200, "all packages are looked at"
    in_order(graph)


@pytest.mark.parametrize("package", ALLOWED)
def test_no_room_imports_in_a_circle(package: str) -> None:
    in_order(packages.rooms(package))


def test_imports_are_found_wherever_they_stand() -> None:
    graph = packages.imports()
    assert "lpsr_run.pipeline.run" in graph["lpsr_run.cli.run"], "an import under a function"
    assert "lpsr_train.training.state" in graph["lpsr_train.training.trainer"], "a module taken from its package"
    assert packages.room("lpsr_run.sinks.base") == packages.room("lpsr_run.sinks") == "lpsr_run.sinks"
    assert packages.room("lpsr_run.config") == "lpsr_run.config"


def test_the_diagrams_of_the_design_page_are_current() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.packages", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
