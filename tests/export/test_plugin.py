"""`lpsr-export plugin`: builds or finds the plugin, and says in one line what is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lpsr_core.cards import sha256
from lpsr_core.errors import LpsrError
from lpsr_export import plugin
from lpsr_export.cli import app
from lpsr_export.plugin import Plugin, PluginConfig, build_plugin

CONFIGURED = """\
-- compute capabilities: 80;87
-- TensorRT 10.3.0: /usr/include
"""


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """CMake that says what a test wants, and makes a library when it builds."""
    said = {"configure": CONFIGURED}

    def run(command: list[str], log: Path) -> str:
        if "--build" in command:
            (log.parent / plugin.LIBRARY).write_bytes(b"library")
            return ""
        said["options"] = " ".join(command)
        return said["configure"]

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(plugin, "_run", run)
    return said


def test_a_build_is_described(tools: dict[str, str], tmp_path: Path) -> None:
    config = PluginConfig(sms=(80, 87), tensorrt="/opt/trt", compiler="/opt/nvcc")
    made = build_plugin(config, tmp_path)
    assert made == Plugin(made.path, "10.3.0", (80, 87), sha256(made.path))
    assert "-DLPSR_SMS=80;87" in tools["options"]
    assert "-DCMAKE_CUDA_COMPILER=/opt/nvcc" in tools["options"]
    assert "-DTENSORRT_ROOT=/opt/trt" in tools["options"]
    assert build_plugin(config, tmp_path).path == made.path
    assert build_plugin(PluginConfig(sms=(87,)), tmp_path).path != made.path


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("-- no CUDA compiler: no kernels\n", "needs the CUDA toolkit"),
        ("-- compute capabilities: 80\n-- no TensorRT headers: no plugin\n", "needs TensorRT's headers"),
    ],
)
def test_what_is_missing_is_named(tools: dict[str, str], tmp_path: Path, told: str, words: str) -> None:
    tools["configure"] = told
    with pytest.raises(LpsrError, match=words):
        build_plugin(PluginConfig(), tmp_path)


def test_old_gpus_and_machines_without_cmake_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LpsrError, match=r"least is 75|needs CMake"):
        build_plugin(PluginConfig(sms=(61,)), tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    done = CliRunner().invoke(app, ["plugin", "--folder", str(tmp_path)])
    assert isinstance(done.exception, LpsrError)
    assert "pip install cmake" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_failure_keeps_the_compilers_words(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with pytest.raises(LpsrError, match=r"sh failed; all that was said is in .*build.log"):
        plugin._run(["sh", "-c", "echo no such thing >&2; exit 1"], log)
    assert log.read_text() == "no such thing\n"
    with pytest.raises(LpsrError, match="compute capability 99: not one that this knows; all"):
        plugin._run(["sh", "-c", "echo 'compute capability 99: not one\n  that this knows; there are'; exit 1"], log)


def test_the_real_thing(tmp_path: Path) -> None:
    headers = os.environ.get("TENSORRT_INCLUDE_DIR", "").split(":")[0]
    compiler = os.environ.get("CUDACXX") or shutil.which("nvcc")
    if not headers or not compiler or not shutil.which("cmake"):
        pytest.skip("needs CMake, nvcc and TensorRT's headers (TENSORRT_INCLUDE_DIR)")
    options = ["--sm", "87", "--tensorrt", headers, "--compiler", compiler, "--folder", str(tmp_path)]
    done = CliRunner().invoke(app, ["plugin", *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "compute capabilities: 8.7\n" in done.output
    assert next(tmp_path.glob(f"*/{plugin.LIBRARY}")).is_file()
