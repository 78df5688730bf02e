"""Builds TensorRT's plugin for this machine, or finds the one that was built before."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lpsr_core.cards import sha256
from lpsr_core.errors import LpsrError

LIBRARY = "liblpsr_plugin.so"
LEAST_SM = 75


@dataclass(frozen=True)
class PluginConfig:
    """What a plugin is built with.

    Attributes:
        sms: compute capabilities as 86 for 8.6; none takes this machine's GPUs, or all without one.
        tensorrt: folder of TensorRT, or of its headers; None looks in the usual places.
        compiler: of CUDA; None takes nvcc from the PATH, or what CUDACXX names.
    """

    sms: tuple[int, ...] = ()
    tensorrt: str | None = None
    compiler: str | None = None


@dataclass(frozen=True)
class Plugin:
    """A plugin library.

    Attributes:
        path: of the library.
        tensorrt: version of the headers that it was built against; it serves that major version.
        sms: compute capabilities that it holds code for.
        sha256: of its bytes.
    """

    path: Path
    tensorrt: str
    sms: tuple[int, ...]
    sha256: str


def sources() -> Path:
    """The folder of CMakeLists.txt: in the installed package, or the checkout.

    Raises:
        LpsrError: it is in neither.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "native", here.parent):
        if (folder / "CMakeLists.txt").is_file() and (folder / "engines" / "plugin").is_dir():
            return folder
    raise LpsrError("the plugin's source did not come with this installation; install lpsr again")


def cache_folder() -> Path:
    """Where plugins are built."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lpsr" / "plugins"


def build_plugin(
    config: PluginConfig, folder: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Plugin:
    """Builds the plugin, or as much of it as is out of date.

    Args:
        config: what it is built with.
        folder: of the builds; a cache of the user's when None.
        say: told what is being done.

    Raises:
        LpsrError: CMake, a CUDA compiler or TensorRT's headers are missing, a GPU is not supported, or the compiler
            fails; the line says what to do, and compilers' words are in the log that it names.
    """
    cmake = shutil.which("cmake")
    if not cmake:
        raise LpsrError("building the plugin needs CMake 3.22 or newer; install it with: pip install cmake")
    bad = [sm for sm in config.sms if sm < LEAST_SM]
    if bad:
        raise LpsrError(f"compute capability {bad[0]} is not supported; the least is {LEAST_SM} (7.5, Turing)")
    source = sources()
    key = hashlib.sha256(json.dumps([asdict(config), str(source)]).encode()).hexdigest()[:16]
    build = (folder or cache_folder()) / key
    build.mkdir(parents=True, exist_ok=True)
    options = ["-DBUILD_TESTING=OFF", "-DLPSR_SMS=" + ";".join(map(str, config.sms))]
    if shutil.which("ninja"):
        options += ["-G", "Ninja"]
    if config.compiler:
        options.append(f"-DCMAKE_CUDA_COMPILER={config.compiler}")
    if config.tensorrt:
        options += [f"-DTENSORRT_ROOT={config.tensorrt}", f"-DTENSORRT_INCLUDE_DIR={config.tensorrt}"]
    log = build / "build.log"
    say("configuring the plugin")
    told = _run([cmake, "-S", str(source), "-B", str(build), *options], log)
    tensorrt, sms = _found(told)
    say("compiling the plugin for " + ", ".join(f"sm_{sm}" for sm in sms))
    _run([cmake, "--build", str(build), "--target", "lpsr_plugin", "--parallel"], log)
    path = build / LIBRARY
    return Plugin(path, tensorrt, sms, sha256(path))


def _found(told: str) -> tuple[str, tuple[int, ...]]:
    """TensorRT's version and the compute capabilities that CMake speaks of."""
    if "no CUDA compiler" in told:
        raise LpsrError("building the plugin needs the CUDA toolkit: put nvcc on the PATH, or name it with --compiler")
    sms = re.search(r"-- compute capabilities: ([\d;]+)", told)
    tensorrt = re.search(r"-- TensorRT ([\d.]+):", told)
    if not tensorrt or not sms:
        raise LpsrError(
            "building the plugin needs TensorRT's headers, 10.3 or newer; name their folder with --tensorrt"
        )
    return tensorrt[1], tuple(int(sm) for sm in sms[1].split(";"))


def _run(command: list[str], log: Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode == 0:
        return done.stdout
    ours = re.search(r"compute capability \d+: not one[^;]*", done.stdout)
    why = " ".join(ours[0].split()) if ours else f"{Path(command[0]).name} failed"
    raise LpsrError(f"the plugin was not built: {why}; all that was said is in {log}")
