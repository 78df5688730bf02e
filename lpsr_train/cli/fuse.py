"""`lpsr-train fuse`: what several frames of a plate give that one does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_core.degradation import METHODS, Method
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.jsonfile import write_json
from lpsr_train.cli.options import Json
from lpsr_train.terminal import need_torch, note_left_out, progress_bar

if TYPE_CHECKING:
    from lpsr_train.evaluation.fusion import Frames

COUNTS = (1, 3, 5)


def fuse(
    weights: Annotated[Path, typer.Option(help="Folder of a training run.")],
    data: Annotated[
        str,
        typer.Option(
            help="synthetic for rendered plates, a folder of labelled plates, or tracks (a folder or CSV file)."
        ),
    ] = "synthetic",
    tracks: Annotated[bool, typer.Option("--tracks", help="--data holds tracks with their own frames.")] = False,
    degradation: Annotated[
        str | None,
        typer.Option(help="Degradation: blur (as in the paper), noise, camera, hard or none (default: hard)"),
    ] = None,
    reader: Annotated[
        Path | None, typer.Option(help="Run whose reader reads the pictures (default: the run's own)")
    ] = None,
    count: Annotated[int, typer.Option(help="Number of rendered plates.", min=1)] = 500,
    seed: Annotated[int, typer.Option(help="Random seed of plates, shifts and noise.", min=0)] = 7_000_007,
    json_out: Json = None,
    debug: Debug = False,
) -> None:
    """Measure recognition rates from one, three and five fused frames of each plate."""
    method = choice("hard" if degradation is None else degradation, METHODS, "degradation")
    need_torch()
    from lpsr_train.evaluation.fusion import fused_rates
    from lpsr_train.training.trainer import load_trained

    if tracks and degradation is not None:
        raise UsageError("tracks have their own frames; leave --degradation out, or --tracks")
    trained = load_trained(weights)
    if trained.generator is None:
        raise LpsrError(f"{weights}: this run trained a reader alone; name one with a generator")
    run, judge = trained.config, load_trained(reader).reader if reader else trained.reader
    with progress_bar() as bar:
        task = bar.add_task("frames", total=None, note="")
        plates = []
        for plate in _tracks(Path(data)) if tracks else _made(data, method, count, seed, run.patterns):
            plates.append(plate)
            bar.update(task, completed=len(plates))
    rates = fused_rates(plates, judge, trained.generator, COUNTS, run.plate_layouts)
    table = Table("frames", "all 7, % [95 %]", ">= 6, % [95 %]", ">= 5, % [95 %]", title=f"{weights}, {data}")
    for frames, rate in rates.items():
        table.add_row(str(frames), str(rate.all), str(rate.six), str(rate.five))
    Console().print(table)
    if json_out:
        figures = {"data": data, "plates": len(plates), "frames": {n: rate.as_dict() for n, rate in rates.items()}}
        write_json(json_out, figures)
        typer.echo(f"figures: {json_out}")


def _made(data: str, degradation: Method, count: int, seed: int, patterns: tuple[str, ...]) -> Iterator[Frames]:
    """Frames made of sharp crops, each shifted and degraded in its own way."""
    from lpsr_core.labelled import load_labelled
    from lpsr_train.evaluation.fusion import Frames, shaken
    from lpsr_train.plates.pairs import PlateSource, render_pair

    left_out: list[str] = []
    if data == "synthetic":
        pairs = (render_pair(PlateSource(patterns=patterns), seed, index) for index in range(count))
        sharp = ((pair.crop, pair.text) for pair in pairs)
    else:
        sharp = ((plate.crop, plate.text) for plate in load_labelled(Path(data), left_out.append))
        note_left_out(left_out, "picture")
    for index, (crop, text) in enumerate(sharp):
        yield Frames(shaken(crop, degradation, max(COUNTS), np.random.default_rng([seed, index])), text)


def _tracks(path: Path) -> Iterator[Frames]:
    from lpsr_core.geometry import to_lr
    from lpsr_train.data.tracks import find_tracks
    from lpsr_train.evaluation.fusion import Frames

    for track in find_tracks(path):
        if track.text is None:
            raise LpsrError(f"{track.name}: the text of this track is not known, so it cannot be scored")
        yield Frames(tuple(to_lr(crop) for crop in track.lr_crops()), track.text)
