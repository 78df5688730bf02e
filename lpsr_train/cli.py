"""lpsr-train: render, train, look, evaluate."""

from __future__ import annotations

from typing import Annotated

import typer

from lpsr_core.errors import run_command
from lpsr_train.ablate_cli import ablate
from lpsr_train.average_cli import average
from lpsr_train.comparison.cli import evaluate
from lpsr_train.data.cli import pairs
from lpsr_train.fit_cli import fit
from lpsr_train.fuse_cli import fuse
from lpsr_train.locator_cli import locator, scenes
from lpsr_train.plates.cli import crops, preview, render, video
from lpsr_train.release_cli import release
from lpsr_train.terminal import Debug, need_torch

app = typer.Typer(
    name="lpsr-train",
    help="Trains the super-resolution generator and the reader on rendered plates.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-train {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def describe(
    preset: Annotated[
        str, typer.Argument(help="lite, base, paper, sr3 or sr3-lite; or a reader: lite, gp_lpr, multi-task.")
    ],
    reader: Annotated[bool, typer.Option("--reader", help="The reader of that name, not the generator.")] = False,
    debug: Debug = False,
) -> None:
    """Parameters and arithmetic of a preset's network, part by part."""
    need_torch()
    from rich.console import Console

    from lpsr_train.networks.describe import describe_preset

    Console().print(describe_preset(preset, reader))


for command in (render, preview, crops, video, pairs, fit, average, evaluate, fuse, ablate, release, locator, scenes):
    app.command()(command)


def main() -> None:
    """Entry point of the command."""
    run_command(app)
