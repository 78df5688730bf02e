"""The plugin for a machine: one that was given, one that was built before, or a new one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.model_folders import cache_folder
from lpsr_core.plugin_library import PluginLibrary
from lpsr_export.tensorrt.profiles import LEAST_SM

LIBRARY = "liblpsr_plugin.so"


@dataclass(frozen=True)
class PluginConfig:
    """What a plugin is built with.

    Attributes:
        sms: compute capabilities as 86 for 8.6; none takes this machine's GPUs, or all without one.
        more_sms: others, where the compiler knows them.
        tensorrt: folder of TensorRT, or of its headers; None looks in the usual places.
        compiler: of CUDA; None takes nvcc from the PATH, what CUDACXX names, or a toolkit in /usr/local.
    """

    sms: tuple[int, ...] = ()
    more_sms: tuple[int, ...] = ()
    tensorrt: str | None = None
    compiler: str | None = None


def plugin_config(sms: Sequence[int] | None, tensorrt: Path | None, compiler: Path | None) -> PluginConfig:
    """Of command-line options.

    Raises:
        UsageError: a file or folder that was named is not there.
    """
    if tensorrt is not None and not tensorrt.is_dir():
        raise UsageError(f"{tensorrt}: no such folder; give TensorRT's, or that of its headers, with --tensorrt")
    if compiler is not None and not compiler.is_file():
        raise UsageError(f"{compiler}: no such compiler; give nvcc's path with --compiler")
    # CMake takes relative paths from folders of its own.
    return PluginConfig(
        tuple(sms or ()),
        tensorrt=str(tensorrt.absolute()) if tensorrt else None,
        compiler=str(compiler.absolute()) if compiler else None,
    )


def sources() -> Path:
    """The folder of CMakeLists.txt: in the installed package, or the checkout.

    Raises:
        LpsrError: it is in neither.
    """
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "native", here.parent):
        if (folder / "CMakeLists.txt").is_file() and (folder / "engines" / "plugin").is_dir():
            return folder
    raise LpsrError("the plugin's source did not come with this installation; install lpsr again")


def source_digest(folder: Path) -> str:
    """Of the plugin's source, which its library tells; 16 hexadecimal digits."""
    files = [folder / "CMakeLists.txt", *sorted((folder / "engines" / "plugin").rglob("*.*"))]
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.relative_to(folder).as_posix().encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def plugin_for(
    tensorrt: str,
    sm: int,
    config: PluginConfig,
    given: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> PluginLibrary:
    """The plugin that a machine's TensorRT and GPU take.

    Args:
        tensorrt: version that will load it.
        sm: compute capability of the GPU that will run it.
        config: what a new one is built with; it then holds code for that GPU in any case.
        given: a library to take; one that was built before, by `lpsr-export plugin` too, or a new one when None.
        say: told what is being done.

    Raises:
        LpsrError: the given one is for another TensorRT or GPU, or none can be built.
    """
    if given is not None:
        library = PluginLibrary.read(given)
        library.check(tensorrt, sm)
        return library
    wanted = replace(config, sms=tuple(dict.fromkeys((*config.sms, sm))))
    found = _built_before(tensorrt, wanted.sms)
    if found is not None:
        return found
    library = build_plugin(wanted, say=say)
    library.check(tensorrt, sm)
    return library


def _built_before(tensorrt: str, sms: Sequence[int]) -> PluginLibrary | None:
    """The newest of the same source that serves them all."""
    digest = source_digest(sources())
    for path in sorted(
        cache_folder("plugins").glob(f"*/{LIBRARY}"), key=lambda path: path.stat().st_mtime, reverse=True
    ):
        try:
            library = PluginLibrary.read(path)
            for sm in sms:
                library.check(tensorrt, sm)
        except LpsrError:
            continue
        if library.source == digest:
            return library
    return None


def _compiler(named: str | None) -> str | None:
    """CUDA's compiler, where CMake would not look: JetPack and NVIDIA's packages leave it out of the PATH."""
    if named or os.environ.get("CUDACXX") or shutil.which("nvcc"):
        return named
    return next((str(path) for path in sorted(Path("/usr/local").glob("cuda*/bin/nvcc"))), None)


def build_plugin(
    config: PluginConfig, folder: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> PluginLibrary:
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
    build = (folder or cache_folder("plugins")) / key
    build.mkdir(parents=True, exist_ok=True)
    options = [
        "-DBUILD_TESTING=OFF",
        "-DLPSR_SMS=" + ";".join(map(str, config.sms)),
        "-DLPSR_MORE_SMS=" + ";".join(map(str, config.more_sms)),
        f"-DLPSR_SOURCE={source_digest(source)}",
    ]
    if shutil.which("ninja"):
        options += ["-G", "Ninja"]
    compiler = _compiler(config.compiler)
    if compiler:
        options.append(f"-DCMAKE_CUDA_COMPILER={compiler}")
    if config.tensorrt:
        options += [f"-DTENSORRT_ROOT={config.tensorrt}", f"-DTENSORRT_INCLUDE_DIR={config.tensorrt}"]
    log = build / "build.log"
    say("configuring the plugin")
    told = _run([cmake, "-S", str(source), "-B", str(build), *options], log)
    sms = _found(told)
    say("compiling the plugin for " + ", ".join(f"sm_{sm}" for sm in sms))
    _run([cmake, "--build", str(build), "--target", "lpsr_plugin", "--parallel"], log)
    return PluginLibrary.read(build / LIBRARY)


def _found(told: str) -> tuple[int, ...]:
    """The compute capabilities that CMake speaks of, once it has found all that it needs."""
    if "no CUDA compiler" in told:
        raise LpsrError("building the plugin needs the CUDA toolkit: put nvcc on the PATH, or name it with --compiler")
    sms = re.search(r"-- compute capabilities: ([\d;]+)", told)
    if not sms or not re.search(r"-- TensorRT [\d.]+:", told):
        raise LpsrError(
            "building the plugin needs TensorRT's headers, 10.3 or newer; name their folder with --tensorrt"
        )
    return tuple(int(sm) for sm in sms[1].split(";"))


def _run(command: list[str], log: Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode == 0:
        return done.stdout
    ours = re.search(r"compute capability \d+: not one[^;]*", done.stdout)
    why = " ".join(ours[0].split()) if ours else f"{Path(command[0]).name} failed"
    raise LpsrError(f"the plugin was not built: {why}; all that was said is in {log}")
