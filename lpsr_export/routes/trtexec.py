"""For NVIDIA's trtexec: the graphs with the plugin's nodes, the plugin's source, and the exact lines."""

from __future__ import annotations

import shutil
from pathlib import Path

from lpsr_core.cards import PLATE_ROLES, Role
from lpsr_core.contracts import CONTRACTS
from lpsr_export.graph.graphs import save_graph
from lpsr_export.routes.source import RouteConfig
from lpsr_export.tensorrt.build import input_shapes
from lpsr_export.tensorrt.plugin import LIBRARY, sources

_CMAKE = "cmake -S plugin -B build -DBUILD_TESTING=OFF && cmake --build build --target lpsr_plugin"


def write(config: RouteConfig) -> list[str]:
    """Writes the folder.

    Returns:
        The lines to run in it.
    """
    config.check()
    lines = [_CMAKE] if config.plugin else []
    for role in PLATE_ROLES:
        model = config.graph(role)
        save_graph(model, config.out / config.file(role))
        lines.append(command(config, role, model.SerializeToString()))
    if config.plugin:
        for part in ("cmake", "engines/plugin"):
            shutil.copytree(sources() / part, config.out / "plugin" / part, dirs_exist_ok=True)
        shutil.copyfile(sources() / "CMakeLists.txt", config.out / "plugin" / "CMakeLists.txt")
    text = "".join(f"{line}\n" for line in ("#!/bin/sh", "set -e", *lines))
    (config.out / "build.sh").write_text(text, encoding="utf-8")
    return lines


def command(config: RouteConfig, role: Role, model: bytes) -> str:
    """trtexec's line for one network, of TensorRT 10.3 and later."""
    name = CONTRACTS[role].input
    shapes = ("x".join(map(str, shape)) for shape in input_shapes(model, role, config.profile))
    options = [
        f"--onnx={config.file(role)}",
        *(f"--{which}Shapes={name}:{shape}" for which, shape in zip(("min", "opt", "max"), shapes, strict=True)),
        "--stronglyTyped",  # the default of TensorRT 11, which takes the option for nothing
        f"--memPoolSize=workspace:{config.profile.workspace_mib}M",
        "--profilingVerbosity=detailed",
        *([f"--staticPlugins=build/{LIBRARY}"] if config.plugin else []),
        f"--saveEngine={Path(config.file(role)).with_suffix('.plan')}",
    ]
    return " ".join(("trtexec", *options))
