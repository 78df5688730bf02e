"""Options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")]
Workers = Annotated[int, typer.Option(help="Number of worker processes.", min=1)]
Pool = Annotated[Path | None, typer.Option(help="Folder of the rendered dataset (default: OUT/pool)")]
Json = Annotated[Path | None, typer.Option("--json", help="Output JSON file with the figures.")]
