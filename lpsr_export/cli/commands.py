"""lpsr-export: weights to ONNX graphs, graphs to the precision a machine wants."""

from __future__ import annotations

from typing import Annotated

import typer

from lpsr_core.errors import run_command
from lpsr_export.cli.build import build
from lpsr_export.cli.calibrate import calibrate
from lpsr_export.cli.onnx import locator, onnx
from lpsr_export.cli.plugin import plugin
from lpsr_export.cli.restore import restore
from lpsr_export.cli.routes import adopt, graph
from lpsr_export.cli.verify import verify

app = typer.Typer(
    name="lpsr-export",
    help="Export trained weights to ONNX, and build FP16 and INT8 graphs and TensorRT engines.",
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


for command in (onnx, locator, build, calibrate, restore, verify, graph, adopt, plugin):
    app.command()(command)


def main() -> None:
    """Entry point of the command."""
    run_command(app)
