"""`lpsr-export verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lpsr_core.command_line import Debug
from lpsr_core.errors import need


def verify(
    first: Annotated[Path, typer.Argument(help="Reference graph or engine, such as the FP32 graph.")],
    second: Annotated[Path, typer.Argument(help="Graph or engine to compare with the reference.")],
    crops: Annotated[int, typer.Option(help="Number of rendered crops for the comparison.", min=1)] = 256,
    worst: Annotated[Path | None, typer.Option(help="Output PNG with the crops that differ most.")] = None,
    reader: Annotated[
        Path | None, typer.Option(help="Reader graph for the generator's pictures (default: the one beside FIRST)")
    ] = None,
    debug: Debug = False,
) -> None:
    """Compare two graphs or engines of one role, and draw the crops on which they differ."""
    from lpsr_export.verify import verify as run_verify

    need("onnxruntime", "onnxruntime", "cpu")
    with Console(stderr=True).status("comparing"):
        found = run_verify(first, second, crops, reader)
    typer.echo(f"{second} against {first}: {found.agreement}, largest difference {found.agreement.difference:.2g}")
    if worst:
        found.write(worst)
        typer.echo(f"crops that differ most: {worst}")
