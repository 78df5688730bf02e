"""`lpsr-export graph` and `adopt`: to other tools, and back from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lpsr_core.cards import Precision
from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_core.errors import UsageError, need
from lpsr_export.cli.options import Models, Out, need_export


def graph(
    route: Annotated[
        str, typer.Option("--for", metavar="NAME", help="Target tool: tensorrt (trtexec), triton or deepstream.")
    ],
    out: Annotated[Path, typer.Option(help="Output folder.")],
    fp32: Annotated[bool, typer.Option("--fp32", help="Write FP32 graphs (default: FP16)")] = False,
    plans: Annotated[
        Path | None,
        typer.Option(help="Folder of engines made by lpsr-export build, for Triton to serve instead of graphs."),
    ] = None,
    lower_deform_conv: Annotated[
        bool, typer.Option("--lower-deform-conv", help="Write native operators instead of plugin nodes for trtexec.")
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the models.")] = "lite",
    models: Models = None,
    profile: Annotated[
        str, typer.Option(help="Profile with the batch sizes of the engines: a name or a TOML file.")
    ] = "generic",
    debug: Debug = False,
) -> None:
    """Write graphs and configuration for trtexec, Triton or DeepStream."""
    from lpsr_core.model_folders import folder_of, output_folder
    from lpsr_export.routes import deepstream, triton, trtexec
    from lpsr_export.routes.source import RouteConfig
    from lpsr_export.tensorrt.profiles import load_profile

    chosen = choice(route, ("tensorrt", "triton", "deepstream"), "route")
    if plans is not None and chosen != "triton":
        raise UsageError("--plans goes with --for triton")
    precision: Precision = "fp32" if fp32 else "fp16"
    need_export(fp16=not fp32)
    with_plugin = chosen == "tensorrt" and not lower_deform_conv
    config = RouteConfig(
        name, precision, models or folder_of(name), output_folder(out), load_profile(profile), with_plugin
    )
    if chosen == "triton":
        lines = triton.write(config, plans)
    else:
        lines = (trtexec if chosen == "tensorrt" else deepstream).write(config)
    typer.echo(f"{out}: for {chosen}; then")
    for line in lines:
        typer.echo(f"  {line}")


def adopt(
    plan: Annotated[Path, typer.Argument(help="Engine that another tool built from a graph of lpsr-export graph.")],
    role: Annotated[str, typer.Option(help="Role of the engine: generator or reader.")],
    fp32: Annotated[bool, typer.Option("--fp32", help="The engine has FP32 precision (default: FP16)")] = False,
    plugin: Annotated[Path | None, typer.Option(help="Plugin library that the engine needs.")] = None,
    name: Annotated[str, typer.Option(help="Name of the models.")] = "lite",
    models: Models = None,
    out: Out = None,
    debug: Debug = False,
) -> None:
    """Check an engine that another tool built against the FP32 graph, and add its card for lpsr-run."""
    from lpsr_core.cards import PLATE_ROLES
    from lpsr_core.model_folders import folder_of, output_folder
    from lpsr_export.routes.adopt import adopt as run_adopt

    folder, target = models or folder_of(name), output_folder(out)
    need("onnxruntime", "onnxruntime", "cpu")
    with Console(stderr=True).status("checking") as status:
        path, card = run_adopt(
            plan,
            choice(role, PLATE_ROLES, "role"),
            "fp32" if fp32 else "fp16",
            plugin,
            folder,
            target,
            name,
            status.update,
        )
    typer.echo(f"{path}: strings agree on {card.metrics['against_fp32']['strings_agree_percent']} %")
    typer.echo(f"run it with: lpsr-run --{role} {path}")
