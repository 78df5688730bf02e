"""`lpsr-export plugin`: builds or finds the plugin, and says in one line what is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lpsr_core.cards import sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plugin_library import PluginLibrary
from lpsr_export.cli import app
from lpsr_export.tensorrt import plugin
from lpsr_export.tensorrt.plugin import PluginConfig, build_plugin, plugin_for, source_digest

CONFIGURED = """\
-- compute capabilities: 80;87
-- TensorRT 10.3.0: /usr/include
"""


def library(tensorrt: str, sms: str, source: str) -> str:
    """The bytes of a library, as far as they matter here."""
    return f"\x7fELF..LPSR plugin for TensorRT {tensorrt}; compute capabilities {sms}; source {source}\0.."


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """CMake that says what a test wants, and makes a library when it builds."""
    monkeypatch.setattr(plugin, "cache_folder", lambda kind: tmp_path)
    digest = source_digest(plugin.sources())
    said = {"configure": CONFIGURED, "library": library("10.3.0", "80,87", digest), "builds": ""}

    def run(command: list[str], log: Path) -> str:
        if "--build" in command:
            (log.parent / plugin.LIBRARY).write_bytes(said["library"].encode("latin-1"))
            said["builds"] += "x"
            return ""
        said["options"] = " ".join(command)
        return said["configure"]

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(plugin, "_run", run)
    return said


def test_a_build_is_described(tools: dict[str, str], tmp_path: Path) -> None:
    config = PluginConfig(sms=(80, 87), tensorrt="/opt/trt", compiler="/opt/nvcc")
    made = build_plugin(config, tmp_path)
    assert made == PluginLibrary(made.path, "10.3.0", (80, 87), source_digest(plugin.sources()), sha256(made.path))
    assert "-DLPSR_SMS=80;87" in tools["options"]
    assert "-DCMAKE_CUDA_COMPILER=/opt/nvcc" in tools["options"]
    assert "-DTENSORRT_ROOT=/opt/trt" in tools["options"]
    assert build_plugin(config, tmp_path).path == made.path
    assert build_plugin(PluginConfig(sms=(87,)), tmp_path).path != made.path


def test_files_named_from_here_are_found_from_the_build_folder(
    tools: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMake would look for them in folders of its own."""
    (tmp_path / "headers").mkdir()
    (tmp_path / "nvcc").touch()
    monkeypatch.chdir(tmp_path)
    options = ["--tensorrt", "headers", "--compiler", "nvcc", "--folder", "builds"]
    CliRunner().invoke(app, ["plugin", *options], catch_exceptions=False)
    assert f"-DTENSORRT_INCLUDE_DIR={tmp_path / 'headers'}" in tools["options"]
    assert f"-DCMAKE_CUDA_COMPILER={tmp_path / 'nvcc'}" in tools["options"]


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


def test_what_was_built_before_is_found(tools: dict[str, str], tmp_path: Path) -> None:
    """Also when it was built with other options, by `lpsr-export plugin`."""
    first = build_plugin(PluginConfig(sms=(80, 87), tensorrt="/opt/trt"), tmp_path)
    assert plugin_for("10.13.2", 87, PluginConfig()) == first
    assert plugin_for("10.3.0", 80, PluginConfig(more_sms=(90,))) == first
    assert len(tools["builds"]) == 1
    digest = source_digest(plugin.sources())
    tools["library"] = library("10.3.0", "90", digest)
    assert plugin_for("10.3.0", 90, PluginConfig()).sms == (90,), "no code for it was there"
    tools["library"] = library("11.1.0", "87", digest)
    assert plugin_for("11.4.1", 87, PluginConfig()).tensorrt == "11.1.0", "another major"
    assert len(tools["builds"]) == 3
    for path in tmp_path.glob(f"*/{plugin.LIBRARY}"):
        path.write_bytes(path.read_bytes().replace(digest.encode(), b"0123456789abcdef"))
    tools["library"] = library("10.3.0", "87", digest)
    assert plugin_for("10.3.0", 87, PluginConfig()).source == digest, "an older source"
    assert len(tools["builds"]) == 4


def test_the_wrong_plugin_is_refused_by_name(tools: dict[str, str], tmp_path: Path) -> None:
    given = tmp_path / "mine.so"
    given.write_bytes(library("10.3.0", "80,87", "unknown").encode("latin-1"))
    assert plugin_for("10.13.0", 89, PluginConfig(), given).path == given, "code for sm_87 runs on sm_89"
    with pytest.raises(
        LpsrError, match=r"mine.so: this plugin is for TensorRT 10, and this is TensorRT 11.4.1; build it"
    ):
        plugin_for("11.4.1", 87, PluginConfig(), given)
    with pytest.raises(LpsrError, match=r"holds code for sm_80, sm_87, and the GPU is sm_90; build it .*--sm 90"):
        plugin_for("10.3.0", 90, PluginConfig(), given)
    given.write_bytes(library("10.3.0", "87", "unknown").encode("latin-1"))
    with pytest.raises(LpsrError, match=r"holds code for sm_87, and the GPU is sm_89"):
        plugin_for("10.3.0", 89, PluginConfig(), given)  # a Jetson's code runs on no other GPU
    given.write_bytes(b"\x7fELF something else")
    with pytest.raises(LpsrError, match=r"mine.so: not the plugin's library"):
        plugin_for("10.3.0", 87, PluginConfig(), given)
    with pytest.raises(LpsrError, match="no such plugin"):
        plugin_for("10.3.0", 87, PluginConfig(), tmp_path / "none.so")
    # Headers of one version beside the module of another.
    with pytest.raises(LpsrError, match=r"this plugin is for TensorRT 10, and this is TensorRT 11.4.1"):
        plugin_for("11.4.1", 87, PluginConfig())


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for option in ("--tensorrt", "--compiler"):
        done = CliRunner().invoke(app, ["plugin", option, str(tmp_path / "none")])
        assert isinstance(done.exception, UsageError)
        assert str(tmp_path / "none") in str(done.exception)
        assert option in str(done.exception)


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
