"""`lpsr-export calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from lpsr_export.cli.options import Debug


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
