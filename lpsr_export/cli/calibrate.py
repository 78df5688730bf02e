"""`lpsr-export calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lpsr_core.command_line import Debug
from lpsr_core.errors import need
from lpsr_export.cli.options import Models


def calibrate(
    name: Annotated[str, typer.Option(help="Name of the models.")] = "lite",
    models: Models = None,
    plates: Annotated[
        int, typer.Option(help="Number of rendered plates to fit on; as many others are used to measure.", min=20)
    ] = 1000,
    debug: Debug = False,
) -> None:
    """Calibrate the confidences of a reader on rendered plates, and write the result to its card."""
    from lpsr_core.model_folders import folder_of, output_folder
    from lpsr_export.calibration import calibrate as run_calibrate
    from lpsr_export.progress import shown

    folder = output_folder(models or folder_of(name))
    need("onnxruntime", "onnxruntime", "cpu")
    with shown(Console(stderr=True)) as report:
        calibration, found = run_calibrate(folder, name, plates, report)
    table = Table("frames", "right, %", "confidence, %", "error, %", "before")
    for frames, (before, after) in found.items():
        cells = (100 * value for value in (after.right, after.confidence, after.error, before.error))
        table.add_row(str(frames), *(f"{cell:.1f}" for cell in cells))
    Console().print(table)
    typer.echo(
        f"temperature {calibration.temperature:g}, for narrow crops times {calibration.narrow:g}, "
        f"for several views times {calibration.views:g}, "
        f"power of the number of frames {calibration.power:g}"
    )
