"""`lpsr-export onnx` and `locator`: networks of training runs as graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lpsr_core.cards import PLATE_ROLES
from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_export.cli.options import Out, Store, chosen, need_training


def onnx(
    weights: Annotated[Path, typer.Option(help="Folder of a training run.")],
    out: Out = None,
    name: Annotated[str, typer.Option(help="Name of the models (default: name of the run's folder).")] = "",
    plates: Annotated[
        int, typer.Option(help="Number of unseen plates for the recognition rates on the card; 0 omits them.", min=0)
    ] = 500,
    reader: Annotated[
        Path | None,
        typer.Option(help="Run whose reader evaluates the pictures for the card (default: the run's own)"),
    ] = None,
    store: Store = "float32",
    debug: Debug = False,
) -> None:
    """Export generator and reader of a run to ONNX, checked against PyTorch on 64 crops (4 if large)."""
    from lpsr_core.model_folders import output_folder, own_name
    from lpsr_export.graph.stored_weights import STORAGES
    from lpsr_export.weights.export import export_run

    folder = output_folder(out)
    name = own_name(name or weights.resolve().name, PLATE_ROLES, folder)
    need_training()
    console = Console(stderr=True)
    with console.status("loading") as status:
        exported = export_run(
            weights, folder, name, plates, status.update, reader, choice(store, STORAGES, "storage of weights")
        )
    table = Table("graph", "parameters", "largest difference", "strings agree")
    for entry in exported:
        agreement = entry.agreement
        table.add_row(
            entry.path.name,
            f"{entry.card.parameters:,}",
            f"{agreement.difference:.2g}",
            f"{100 * agreement.strings:.1f} % of {agreement.crops}",
        )
    Console().print(table)
    typer.echo(f"written to {folder}")
    roles = [entry.card.role for entry in exported]
    typer.echo("run them with: lpsr-run " + " ".join(f"--{role} {chosen(name, role, folder)}" for role in roles))


def locator(
    weights: Annotated[Path, typer.Option(help="Folder of a run of lpsr-train locator.")],
    out: Out = None,
    name: Annotated[str, typer.Option(help="Name of the model (default: name of the run's folder).")] = "",
    scenes: Annotated[int, typer.Option(help="Number of unseen scenes for the figures on the card.", min=1)] = 1000,
    store: Store = "float32",
    debug: Debug = False,
) -> None:
    """Export a locator to ONNX, checked against PyTorch."""
    from lpsr_core.model_folders import output_folder, own_name
    from lpsr_export.graph.stored_weights import STORAGES
    from lpsr_export.weights.export_locator import export_locator

    folder = output_folder(out)
    name = own_name(name or weights.resolve().name, ("locator",), folder)
    need_training()
    with Console(stderr=True).status("exporting"):
        path, card, found = export_locator(weights, folder, name, scenes, choice(store, STORAGES, "storage of weights"))
    typer.echo(f"{path}: {card.parameters:,} parameters; on {scenes} unseen scenes {found}")
    typer.echo(f"run it with: lpsr-run --locator {chosen(name, 'locator', folder)}")
