"""lpsr-export: weights to ONNX graphs, graphs to the precision a machine wants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from lpsr_core.cards import Precision
from lpsr_core.choices import choice
from lpsr_core.errors import UsageError, run_command

app = typer.Typer(
    name="lpsr-export",
    help="Export trained weights as ONNX graphs, and derive FP16 and INT8 graphs and engines from them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-export {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Sms = Annotated[
    Optional[list[int]],  # noqa: UP045
    typer.Option(help="Compute capability to build for, as 87 for 8.7; repeatable [this machine's GPUs; for RTX all]."),
]
Headers = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Folder of TensorRT, or of its headers alone [the usual places]."),
]
Compiler = Annotated[Optional[Path], typer.Option(help="CUDA compiler [nvcc].")]  # noqa: UP045
Store = Annotated[
    str, typer.Option(help="How the file holds weights: float32, float16 or int8; they are FP32 again when loaded.")
]


@app.command()
def onnx(
    weights: Annotated[Path, typer.Option(help="Folder of a training run.")],
    out: Annotated[Path, typer.Option(help="Folder of the graphs.")] = Path("engines/models"),
    name: Annotated[str, typer.Option(help="Name of the models.")] = "lite",
    plates: Annotated[int, typer.Option(help="Unseen plates that the card's rates rest on; 0 for none.", min=0)] = 500,
    reader: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Run whose reader judges the pictures for the card [the run's own]."),
    ] = None,
    store: Store = "float32",
    debug: Debug = False,
) -> None:
    """Exports the networks of a run as ONNX graphs with cards, checked against PyTorch on 64 crops (4 if large)."""
    from lpsr_export.release import export_run
    from lpsr_export.stored_weights import STORAGES

    console = Console(stderr=True)
    with console.status("loading") as status:
        exported = export_run(
            weights, out, name, plates, status.update, reader, choice(store, STORAGES, "storage of weights")
        )
    table = Table("graph", "parameters", "largest difference", "strings agree")
    for entry in exported:
        agreement = entry.agreement
        table.add_row(
            str(entry.path),
            f"{entry.card.parameters:,}",
            f"{agreement.difference:.2g}",
            f"{100 * agreement.strings:.1f} % of {agreement.crops}",
        )
    Console().print(table)


@app.command()
def locator(
    weights: Annotated[Path, typer.Option(help="Folder of a run of lpsr-train locator.")],
    out: Annotated[Path, typer.Option(help="Folder of the graph.")] = Path("engines/models"),
    name: Annotated[str, typer.Option(help="Name of the model.")] = "lite",
    scenes: Annotated[int, typer.Option(help="Unseen scenes that the card's figures rest on.", min=1)] = 1000,
    store: Store = "float32",
    debug: Debug = False,
) -> None:
    """Exports the network that finds plates as an ONNX graph with a card, checked against PyTorch."""
    from lpsr_export.locator import export_locator
    from lpsr_export.stored_weights import STORAGES

    with Console(stderr=True).status("exporting"):
        path, card, found = export_locator(weights, out, name, scenes, choice(store, STORAGES, "storage of weights"))
    typer.echo(f"{path}: {card.parameters:,} parameters; on {scenes} unseen scenes {found}")


@app.command()
def build(
    fp32: Annotated[
        bool, typer.Option("--fp32", help="The FP32 graphs as they are: checked, and copied to --out.")
    ] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Half precision.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="8-bit integers, with quantise and dequantise nodes.")] = False,
    target: Annotated[
        str, typer.Option(help="onnxruntime, tensorrt, tensorrt-rtx, or auto: the first two where TensorRT is.")
    ] = "auto",
    name: Annotated[str, typer.Option(help="Name of the released models.")] = "lite",
    models: Annotated[Optional[Path], typer.Option(help="Folder of the FP32 graphs [the released ones].")] = None,  # noqa: UP045
    out: Annotated[Optional[Path], typer.Option(help="Folder to write to [where the FP32 graphs lie].")] = None,  # noqa: UP045
    calibration: Annotated[Optional[Path], typer.Option(help="Plate crops for INT8 [rendered ones].")] = None,  # noqa: UP045
    crops: Annotated[int, typer.Option(help="Crops of the comparison with FP32.", min=1)] = 256,
    strings: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Least percentage of the crops that must read as in FP32; less lets more of INT8 in "
            "[98 for INT8, 99.5 otherwise].",
            min=0,
            max=100,
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="Of the engines: a name or a TOML file [the GPU's own].")] = "",
    lower_deform_conv: Annotated[
        bool,
        typer.Option(
            "--lower-deform-conv",
            help="GridSample for DeformConv: no plugin needed, nor a new ONNX Runtime.",
        ),
    ] = False,
    version_compatible: Annotated[
        bool, typer.Option("--version-compatible", help="Engines for other TensorRT versions of the same major.")
    ] = False,
    embed_plugin: Annotated[bool, typer.Option("--embed-plugin", help="Engines that carry the plugin.")] = False,
    plugin: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The plugin's library [one built before, or a new one]."),
    ] = None,
    sm: Sms = None,
    tensorrt: Headers = None,
    compiler: Compiler = None,
    debug: Debug = False,
) -> None:
    """Derives FP16 or INT8 graphs and TensorRT engines from the FP32 graphs, and holds them to those."""
    from lpsr_core.cards import released_folder
    from lpsr_export.build import TARGETS, BuildConfig
    from lpsr_export.build import build as run_build
    from lpsr_export.plugin import plugin_config
    from lpsr_export.progress import shown
    from lpsr_export.tensorrt_build import BuilderOptions

    chosen: list[Precision] = [name for name, on in (("fp32", fp32), ("fp16", fp16), ("int8", int8)) if on]  # type: ignore[misc]
    if len(chosen) != 1:
        raise UsageError("give one of --fp32, --fp16 and --int8")
    folder = models or released_folder()
    config = BuildConfig(
        name=name,
        precision=chosen[0],
        target=choice(target, TARGETS, "target"),
        models=folder,
        out=out or folder,
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
    table = Table("graph or engine", "bytes", "against FP32")
    for entry in built.graphs:
        table.add_row(str(entry.path), f"{entry.path.stat().st_size:,}", str(entry.agreement))
    for path, card in built.engines:
        against = card.metrics["against_fp32"]
        psnr = "" if against["psnr_db"] is None else f"PSNR {against['psnr_db']} dB, "
        table.add_row(str(path), f"{card.size:,}", f"{psnr}strings agree on {against['strings_agree_percent']} %")
    Console().print(table)
    if built.note:
        typer.echo(built.note)
    if built.engines:
        backend = built.engines[0][1].config.runtime
        typer.echo(f"run the engines with: lpsr-run --backend {backend} --precision {chosen[0]}")
    if built.graphs and config.out.resolve() == released_folder().resolve():
        typer.echo(f"run the graphs with: lpsr-run --precision {chosen[0]}")
    elif built.graphs:
        generator, reader = (entry.path for entry in built.graphs)
        typer.echo(f"run the graphs with: lpsr-run --generator {generator} --reader {reader}")


@app.command()
def calibrate(
    name: Annotated[str, typer.Option(help="Name of the released models.")] = "lite",
    models: Annotated[Optional[Path], typer.Option(help="Folder of the FP32 graphs [the released ones].")] = None,  # noqa: UP045
    plates: Annotated[int, typer.Option(help="Rendered plates to fit on, and as many to measure on.", min=20)] = 1000,
    debug: Debug = False,
) -> None:
    """Fits what makes a reader's confidences the shares of plates that are right, and writes it into its card."""
    from lpsr_core.cards import released_folder
    from lpsr_export.calibration import calibrate as run_calibrate

    with Console(stderr=True).status("rendering") as status:
        calibration, found = run_calibrate(models or released_folder(), name, plates, status.update)
    table = Table("frames", "right, %", "confidence, %", "error, %", "before")
    for frames, (before, after) in found.items():
        cells = (100 * value for value in (after.right, after.confidence, after.error, before.error))
        table.add_row(str(frames), *(f"{cell:.1f}" for cell in cells))
    Console().print(table)
    typer.echo(
        f"temperature {calibration.temperature:g}, for narrow crops times {calibration.narrow:g}, "
        f"power of the number of frames {calibration.power:g}"
    )


@app.command()
def restore(
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    name: Annotated[str, typer.Option(help="Name of the released models.")] = "lite",
    models: Annotated[Optional[Path], typer.Option(help="Folder of the FP32 graphs [the released ones].")] = None,  # noqa: UP045
    locator: Annotated[
        bool, typer.Option("--locator", help="The network that finds plates, not those that read.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Makes a training run of released graphs again, for lpsr-train fit to begin with on plates of your own."""
    from lpsr_core.cards import released_folder

    if locator:
        from lpsr_export.restoring_locator import restore_locator

        with Console(stderr=True).status("restoring the locator"):
            apart = restore_locator(models or released_folder(), name, out)
        typer.echo(f"locator: differs from its graph by {apart:.1g} pixels at most, on rendered scenes")
        typer.echo(f"go on with: lpsr-train locator --init {out} --out FOLDER")
        return
    from lpsr_export.restoring import restore as run_restore

    with Console(stderr=True).status("rendering") as status:
        found = run_restore(models or released_folder(), name, out, status.update)
    for role, difference in found.items():
        typer.echo(f"{role}: differs from its graph by {difference:.1g} at most, on 512 rendered plates")
    typer.echo(f"go on with: lpsr-train fit --init {out} --list PAIRS --out FOLDER")


@app.command()
def verify(
    first: Annotated[Path, typer.Argument(help="Graph or engine that is right, such as the FP32 graph.")],
    second: Annotated[Path, typer.Argument(help="Graph or engine to compare with it.")],
    crops: Annotated[int, typer.Option(help="Rendered crops of the comparison.", min=1)] = 256,
    worst: Annotated[Optional[Path], typer.Option(help="PNG of the crops that differ most.")] = None,  # noqa: UP045
    reader: Annotated[Optional[Path], typer.Option(help="Graph that reads generators' pictures.")] = None,  # noqa: UP045
    debug: Debug = False,
) -> None:
    """Compares two graphs or engines of one role, and shows the crops that they differ on."""
    from lpsr_export.verify import verify as run_verify

    with Console(stderr=True).status("comparing"):
        found = run_verify(first, second, crops, reader)
    typer.echo(f"{second} against {first}: {found.agreement}, largest difference {found.agreement.difference:.2g}")
    if worst:
        found.write(worst)
        typer.echo(f"crops that differ most: {worst}")


@app.command()
def graph(
    route: Annotated[str, typer.Option("--for", metavar="NAME", help="tensorrt (trtexec), triton or deepstream.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    fp32: Annotated[bool, typer.Option("--fp32", help="Single precision [half].")] = False,
    plans: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder of engines of lpsr-export build that Triton serves in place of graphs."),
    ] = None,
    lower_deform_conv: Annotated[
        bool, typer.Option("--lower-deform-conv", help="Native operators for trtexec too: no plugin needed.")
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the released models.")] = "lite",
    models: Annotated[Optional[Path], typer.Option(help="Folder of the FP32 graphs [the released ones].")] = None,  # noqa: UP045
    profile: Annotated[str, typer.Option(help="Batches of the engines: a name or a TOML file.")] = "generic",
    debug: Debug = False,
) -> None:
    """Writes graphs and files for other tools that build or serve engines."""
    from lpsr_core.cards import released_folder
    from lpsr_export.profiles import load_profile
    from lpsr_export.routes import deepstream, triton, trtexec
    from lpsr_export.routes.source import RouteConfig

    chosen = choice(route, ("tensorrt", "triton", "deepstream"), "route")
    if plans is not None and chosen != "triton":
        raise UsageError("--plans goes with --for triton")
    precision: Precision = "fp32" if fp32 else "fp16"
    with_plugin = chosen == "tensorrt" and not lower_deform_conv
    config = RouteConfig(name, precision, models or released_folder(), out, load_profile(profile), with_plugin)
    if chosen == "triton":
        lines = triton.write(config, None if plans is None else triton.Plans(plans, precision))
    else:
        lines = (trtexec if chosen == "tensorrt" else deepstream).write(config)
    typer.echo(f"{out}: for {chosen}; then")
    for line in lines:
        typer.echo(f"  {line}")


@app.command()
def adopt(
    plan: Annotated[Path, typer.Argument(help="Engine that another tool built from a graph of lpsr-export graph.")],
    role: Annotated[str, typer.Option(help="generator or reader.")],
    fp32: Annotated[bool, typer.Option("--fp32", help="It is of single precision [half].")] = False,
    plugin: Annotated[Optional[Path], typer.Option(help="The plugin's library that it needs.")] = None,  # noqa: UP045
    name: Annotated[str, typer.Option(help="Name of the released models.")] = "lite",
    models: Annotated[Optional[Path], typer.Option(help="Folder of the FP32 graphs [the released ones].")] = None,  # noqa: UP045
    debug: Debug = False,
) -> None:
    """Holds an engine that another tool built to the FP32 graph, and gives it a card, so that lpsr-run takes it."""
    from lpsr_core.cards import PLATE_ROLES, released_folder
    from lpsr_export.routes.adopt import adopt as run_adopt

    folder = models or released_folder()
    with Console(stderr=True).status("checking") as status:
        path, card = run_adopt(
            plan, choice(role, PLATE_ROLES, "role"), "fp32" if fp32 else "fp16", plugin, folder, name, status.update
        )
    typer.echo(f"{path}: strings agree on {card.metrics['against_fp32']['strings_agree_percent']} %")
    typer.echo(f"run it with: lpsr-run --{role} {path}")


@app.command()
def plugin(
    sm: Sms = None,
    tensorrt: Headers = None,
    compiler: Compiler = None,
    folder: Annotated[Optional[Path], typer.Option(help="Where plugins are built [~/.cache/lpsr/plugins].")] = None,  # noqa: UP045
    debug: Debug = False,
) -> None:
    """Builds TensorRT's plugin for deformable convolutions, or finds the one built before."""
    from lpsr_export.plugin import build_plugin, plugin_config

    with Console(stderr=True).status("plugin") as status:
        made = build_plugin(plugin_config(sm, tensorrt, compiler), folder, status.update)
    typer.echo(f"plugin: {made.path}")
    typer.echo(f"TensorRT: {made.tensorrt}")
    typer.echo("compute capabilities: " + ", ".join(f"{sm // 10}.{sm % 10}" for sm in made.sms))
    typer.echo(f"sha256: {made.sha256}")


def main() -> None:
    """Entry point of the command."""
    run_command(app)
