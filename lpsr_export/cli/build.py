"""`lpsr-export build`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lpsr_core.cards import Precision
from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_core.errors import UsageError
from lpsr_export.cli.options import Compiler, Headers, Models, Out, Sms, need_export


def build(
    fp32: Annotated[bool, typer.Option("--fp32", help="Copy the FP32 graphs to --out after a check.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Build FP16 graphs.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Build INT8 graphs with Q/DQ nodes.")] = False,
    target: Annotated[
        str,
        typer.Option(
            help="onnxruntime, tensorrt, tensorrt-rtx, or auto: portable graphs, and engines where "
            "TensorRT is installed."
        ),
    ] = "auto",
    name: Annotated[str, typer.Option(help="Name of the models.")] = "lite",
    models: Models = None,
    out: Out = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of plate crops for INT8 calibration (default: rendered crops)")
    ] = None,
    crops: Annotated[int, typer.Option(help="Number of crops for the comparison with FP32.", min=1)] = 256,
    strings: Annotated[
        float | None,
        typer.Option(
            help="Minimum percentage of crops whose text agrees with FP32. A lower value quantises more "
            "layers (default: 98 for INT8, 99.5 otherwise)",
            min=0,
            max=100,
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="Engine profile: a name or a TOML file (default: the GPU's own)")] = "",
    lower_deform_conv: Annotated[
        bool,
        typer.Option(
            "--lower-deform-conv",
            help="Replace DeformConv by native operators, for runtimes without it and engines without the plugin.",
        ),
    ] = False,
    version_compatible: Annotated[
        bool,
        typer.Option(
            "--version-compatible", help="Build engines for other TensorRT versions of the same major version."
        ),
    ] = False,
    embed_plugin: Annotated[
        bool, typer.Option("--embed-plugin", help="Embed the plugin library in the engines.")
    ] = False,
    plugin: Annotated[
        Path | None,
        typer.Option(help="Plugin library (default: an earlier build, or a new one)"),
    ] = None,
    sm: Sms = None,
    tensorrt: Headers = None,
    compiler: Compiler = None,
    debug: Debug = False,
) -> None:
    """Build FP16 or INT8 graphs and TensorRT engines, each checked against the FP32 graphs."""
    from lpsr_core.model_folders import folder_of, output_folder, user_folder
    from lpsr_export.build import TARGETS, BuildConfig
    from lpsr_export.build import build as run_build
    from lpsr_export.progress import shown
    from lpsr_export.tensorrt.build import BuilderOptions
    from lpsr_export.tensorrt.plugin import plugin_config

    chosen: list[Precision] = [name for name, on in (("fp32", fp32), ("fp16", fp16), ("int8", int8)) if on]  # type: ignore[misc]
    if len(chosen) != 1:
        raise UsageError("give one of --fp32, --fp16 and --int8")
    wanted = choice(target, TARGETS, "target")
    for_plugin = {"--plugin": plugin, "--embed-plugin": embed_plugin, "--tensorrt": tensorrt, "--compiler": compiler}
    for_tensorrt = {**for_plugin, "--version-compatible": version_compatible}
    if chosen[0] != "int8":
        _refuse({"--calibration": calibration}, "without --int8")
    if wanted == "onnxruntime":
        _refuse({**for_tensorrt, "--profile": profile, "--sm": sm}, "with --target onnxruntime")
    elif wanted == "tensorrt-rtx":
        _refuse(for_tensorrt, "with --target tensorrt-rtx")
    elif lower_deform_conv:
        _refuse({**for_plugin, "--sm": sm}, "with --lower-deform-conv")
    folder = models or folder_of(name)
    target_folder = output_folder(out)
    if fp32 and lower_deform_conv and out is None:
        raise UsageError("lowered FP32 graphs have the names of those that they come from; give a folder with --out")
    need_export(fp16=not fp32)
    config = BuildConfig(
        name=name,
        precision=chosen[0],
        target=wanted,
        models=folder,
        out=target_folder,
        calibration=calibration,
        check_crops=crops,
        strings=None if strings is None else strings / 100,
        profile=profile,
        lower_deform_conv=lower_deform_conv,
        builder=BuilderOptions(version_compatible, embed_plugin),
        plugin=plugin,
        plugin_config=plugin_config(sm, tensorrt, compiler),
    )
    with shown(Console(stderr=True)) as report:
        built = run_build(config, report)
    table = Table("graph or engine", "bytes", "compared with FP32")
    for entry in built.graphs:
        table.add_row(entry.path.name, f"{entry.path.stat().st_size:,}", str(entry.agreement))
    for path, card in built.engines:
        against = card.metrics["against_fp32"]
        psnr = "" if against["psnr_db"] is None else f"PSNR {against['psnr_db']} dB, "
        table.add_row(path.name, f"{card.size:,}", f"{psnr}strings agree on {against['strings_agree_percent']} %")
    Console().print(table)
    typer.echo(f"written to {config.out}")
    if built.note:
        typer.echo(built.note)
    backend = f"--backend {built.engines[0][1].config.runtime} " if built.engines else ""
    graphs, engines = [entry.path for entry in built.graphs], [path for path, _ in built.engines]
    for kind, paths, runtime in (("engines", engines, backend), ("graphs", graphs, "")):
        if not paths:
            continue
        if config.out.resolve() == user_folder().resolve():
            named = "" if name == "lite" else f" --generator {name} --reader {name}"
            typer.echo(f"run the {kind} with: lpsr-run {runtime}--precision {chosen[0]}{named}")
        else:
            typer.echo(f"run the {kind} with: lpsr-run --generator {paths[0]} --reader {paths[1]}")


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Refuses options that would do nothing.

    Raises:
        UsageError: one was given.
    """
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} has no effect {why}; leave it out")
