"""`lpsr-train render`, `preview`, `crops` and `video`: what can be made of rendered plates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_train.cli.options import Workers


def render(
    out: Annotated[Path, typer.Option(help="Output folder of the dataset.")],
    preset: Annotated[str, typer.Option(help="Preset that trains on it, and whose settings it has.")] = "lite",
    pairs: Annotated[int | None, typer.Option(help="Number of pairs to render (default: the preset's)", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed (default: the preset's)", min=0)] = None,
    workers: Workers = 2,
    open_share: Annotated[
        float | None, typer.Option(help="Fraction of plates in installed open typefaces (default: the preset's)")
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Render plates without LR pictures, for fit --fresh (83 kB each instead of 12)."),
    ] = False,
    shots: Annotated[
        bool, typer.Option("--shots", help="Render shots of simulated surveillance cameras, as --preset cameras does.")
    ] = False,
    without: Annotated[
        str | None, typer.Option(help="Camera steps to omit from shots, such as codec,haze (default: the preset's)")
    ] = None,
    absent: Annotated[
        float | None,
        typer.Option(help="Fraction of shots without a readable plate (default: the preset's)", min=0, max=1),
    ] = None,
    foreign: Annotated[
        float | None,
        typer.Option(help="Fraction of plates of other countries in shots (default: the preset's)", min=0, max=1),
    ] = None,
    debug: Debug = False,
) -> None:
    """Render a dataset of HR-LR pairs; run again to resume."""
    from lpsr_train.config import PRESETS, from_dict
    from lpsr_train.training.fitting import rendered_pool

    run = PRESETS[choice(preset, PRESETS, "preset")]
    given = {"pairs": pairs, "seed": seed, "open_share": open_share, "without": without}
    given |= {"absent": absent, "foreign": foreign, "shots": shots or None, "fresh": fresh or None}
    run = from_dict({name: value for name, value in given.items() if value is not None}, run)
    run.check()
    rendered_pool(run, out, workers)


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
