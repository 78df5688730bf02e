"""`lpsr-export plugin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lpsr_core.command_line import Debug
from lpsr_export.cli.options import Compiler, Headers, Sms


def plugin(
    sm: Sms = None,
    tensorrt: Headers = None,
    compiler: Compiler = None,
    folder: Annotated[Path | None, typer.Option(help="Build folder (default: ~/.cache/lpsr/plugins)")] = None,
    debug: Debug = False,
) -> None:
    """Build the TensorRT plugin for deformable convolutions, or find an earlier build."""
    from lpsr_export.tensorrt.plugin import build_plugin, plugin_config

    with Console(stderr=True).status("plugin") as status:
        made = build_plugin(plugin_config(sm, tensorrt, compiler), folder, status.update)
    typer.echo(f"plugin: {made.path}")
    typer.echo(f"TensorRT: {made.tensorrt}")
    typer.echo("compute capabilities: " + ", ".join(f"{sm // 10}.{sm % 10}" for sm in made.sms))
    typer.echo(f"sha256: {made.sha256}")
