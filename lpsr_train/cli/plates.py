"""`lpsr-train render`, `preview`, `crops` and `video`: what can be made of rendered plates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.command_line import Debug
from lpsr_train.cli.options import Workers


def render(
    out: Annotated[Path, typer.Option(help="Output folder of the dataset.")],
    pairs: Annotated[int, typer.Option(help="Number of pairs to render.", min=1)] = 163840,
    seed: Annotated[int, typer.Option(help="Random seed of the dataset.", min=0)] = 20261123,
    workers: Workers = 2,
    open_share: Annotated[float, typer.Option(help="Fraction of plates in installed open typefaces.")] = 0.15,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Render plates without LR pictures, for fit --fresh (83 kB each instead of 12)."),
    ] = False,
    shots: Annotated[
        bool, typer.Option("--shots", help="Render shots of simulated surveillance cameras, for fit --preset cameras.")
    ] = False,
    without: Annotated[str, typer.Option(help="Camera steps to omit with --shots, such as codec,haze.")] = "",
    absent: Annotated[
        float, typer.Option(help="Fraction of shots without a readable plate, with --shots.", min=0, max=1)
    ] = 0.12,
    foreign: Annotated[
        float, typer.Option(help="Fraction of plates of other countries, with --shots.", min=0, max=1)
    ] = 0.0,
    debug: Debug = False,
) -> None:
    """Render a dataset of HR-LR pairs; run again to resume."""
    from lpsr_core.errors import UsageError
    from lpsr_train.cameras import steps_left_out
    from lpsr_train.cameras.shots import SHOT_RECORD
    from lpsr_train.data.pool import CROP_RECORD, RECORD
    from lpsr_train.training import fitting

    if shots and fresh:
        raise UsageError("--shots and --fresh are two kinds of pool; leave one of them out")
    left_out = steps_left_out(without)
    source = (
        fitting.shot_source(open_share, left_out=left_out, absent=absent, foreign=foreign)
        if shots
        else fitting.plate_source(open_share)
    )
    record = SHOT_RECORD if shots else CROP_RECORD if fresh else RECORD
    fitting.render(out, source, seed, pairs, workers, record)


def preview(
    out: Annotated[Path, typer.Option(help="Output PNG file.")] = Path("preview.png"),
    count: Annotated[int, typer.Option(help="Number of pairs to draw.", min=1, max=400)] = 24,
    seed: Annotated[int, typer.Option(help="Random seed of the pairs.", min=0)] = 1,
    motorcycles: Annotated[float, typer.Option(help="Fraction of two-row plates.", min=0, max=1)] = 0.0,
    layouts: Annotated[str, typer.Option(help="Layouts of the plates (default: each country's own)")] = "",
    debug: Debug = False,
) -> None:
    """Draw a contact sheet of rendered LR / HR pairs with their texts."""
    from lpsr_core.layouts import parse_layouts
    from lpsr_train.plates.pairs import PlateSource, render_pair
    from lpsr_train.validation import pictures

    patterns = tuple(layout.pattern for layout in parse_layouts(layouts.split(","))) if layouts else ()
    source = PlateSource(motorcycles=motorcycles, patterns=patterns)
    tiles = []
    for index in range(count):
        pair = render_pair(source, seed, index)
        tiles.append([pictures.tile(pair.lr, f"LR, {pair.method}"), pictures.tile(pair.crop, f"HR  {pair.text}")])
    rows = [[image for pair in tiles[start : start + 2] for image in pair] for start in range(0, count, 2)]
    pictures.write_png(out, pictures.sheet(rows))
    typer.echo(f"{count} pairs: {out}")


def crops(
    out: Annotated[Path, typer.Option(help="Output folder; each JPEG file is named after its plate.")],
    count: Annotated[int, typer.Option(help="Number of plates.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Random seed of the plates.", min=0)] = 7_000_005,
    debug: Debug = False,
) -> None:
    """Render plates as JPEG files, to test readers with."""
    from lpsr_train.plates.pairs import write_crops

    write_crops(out, count, seed)
    typer.echo(f"{count} plates: {out}")


def video(
    out: Annotated[Path, typer.Option(help="Output MP4 file; a CSV with the ground truth is written beside it.")],
    cars: Annotated[int, typer.Option(help="Number of cars.", min=1)] = 8,
    seed: Annotated[int, typer.Option(help="Random seed of the video.", min=0)] = 1,
    debug: Debug = False,
) -> None:
    """Render a street video with plates of known texts and positions."""
    from lpsr_train.plates.street import StreetConfig, write_street

    frames = write_street(out, StreetConfig(cars=cars, seed=seed))
    typer.echo(f"{frames} frames, {cars} plates: {out}; truth: {out.with_suffix('.csv')}")
