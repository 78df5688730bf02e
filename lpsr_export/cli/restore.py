"""`lpsr-export restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lpsr_core.command_line import Debug
from lpsr_core.errors import need
from lpsr_export.cli.options import Models, need_export


def restore(
    out: Annotated[Path, typer.Option(help="Output folder of the run.")],
    name: Annotated[str, typer.Option(help="Name of the models.")] = "lite",
    models: Models = None,
    locator: Annotated[
        bool, typer.Option("--locator", help="Restore the locator instead of generator and reader.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Restore a training run from graphs, as a starting point for lpsr-train fit --init."""
    from lpsr_core.model_folders import folder_of, output_folder

    folder = models or folder_of(name)
    output_folder(out)
    need("torch", "PyTorch", "train")
    need_export()
    if locator:
        from lpsr_export.weights.restore_locator import restore_locator

        with Console(stderr=True).status("restoring the locator"):
            apart = restore_locator(folder, name, out)
        typer.echo(f"locator: differs from its graph by {apart:.1g} pixels at most, on rendered scenes")
        typer.echo(f"go on with: lpsr-train locator --init {out} --out FOLDER")
        return
    from lpsr_export.weights.restore import restore as run_restore

    with Console(stderr=True).status("rendering") as status:
        found = run_restore(folder, name, out, status.update)
    for role, difference in found.items():
        typer.echo(f"{role}: differs from its graph by {difference:.1g} at most, on 512 rendered plates")
    typer.echo(f"go on with: lpsr-train fit --init {out} --list PAIRS --out FOLDER")
