"""`lpsr-export verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from lpsr_core.errors import need
from lpsr_export.cli.options import Debug


def verify(
    first: Annotated[Path, typer.Argument(help="Graph or engine that is right, such as the FP32 graph.")],
    second: Annotated[Path, typer.Argument(help="Graph or engine to compare with it.")],
    crops: Annotated[int, typer.Option(help="Rendered crops of the comparison.", min=1)] = 256,
    worst: Annotated[Optional[Path], typer.Option(help="PNG of the crops that differ most.")] = None,  # noqa: UP045
    reader: Annotated[Optional[Path], typer.Option(help="Graph that reads generators' pictures.")] = None,  # noqa: UP045
    debug: Debug = False,
) -> None:
    """Compares two graphs or engines of one role, and shows the crops that they differ on."""
    from lpsr_export.checks.verify import verify as run_verify

    need("onnxruntime", "onnxruntime", "cpu")
    with Console(stderr=True).status("comparing"):
        found = run_verify(first, second, crops, reader)
    typer.echo(f"{second} against {first}: {found.agreement}, largest difference {found.agreement.difference:.2g}")
    if worst:
        found.write(worst)
        typer.echo(f"crops that differ most: {worst}")
