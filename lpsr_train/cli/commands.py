"""lpsr-train: render, train, look, evaluate."""

from __future__ import annotations

from typing import Annotated

import typer

from lpsr_core.errors import run_command
from lpsr_train.cli.ablate import ablate
from lpsr_train.cli.average import average
from lpsr_train.cli.describe import describe
from lpsr_train.cli.evaluate import evaluate
from lpsr_train.cli.fit import fit
from lpsr_train.cli.fuse import fuse
from lpsr_train.cli.locator import locator, scenes
from lpsr_train.cli.pairs import pairs
from lpsr_train.cli.plates import crops, preview, render, video
from lpsr_train.cli.release import release

app = typer.Typer(
    name="lpsr-train",
    help="Train and evaluate the super-resolution generator, the reader and the locator.",
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


for command in (
    describe,
    render,
    preview,
    crops,
    video,
    pairs,
    fit,
    average,
    evaluate,
    fuse,
    ablate,
    release,
    locator,
    scenes,
):
    app.command()(command)


def main() -> None:
    """Entry point of the command."""
    run_command(app)
