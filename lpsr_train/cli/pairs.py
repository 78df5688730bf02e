"""`lpsr-train pairs`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_core.errors import UsageError
from lpsr_core.interrupt import StopRequest
from lpsr_train.cli.options import Workers
from lpsr_train.terminal import note_repeated, progress_bar


def pairs(
    data: Annotated[Path, typer.Option(help="RodoSol-ALPR, or a folder of labelled plates.")],
    out: Annotated[Path, typer.Option(help="Output folder of the pairs; run again to resume.")],
    degradation: Annotated[
        str, typer.Option(help="Degradation: blur (as in the paper), noise, camera, hard or none.")
    ] = "blur",
    ssim: Annotated[
        float | None,
        typer.Option(help="SSIM below which blur and noise degrade (default: 0.1)", min=0.01, max=0.99),
    ] = None,
    motorcycles: Annotated[bool, typer.Option("--motorcycles", help="Include RodoSol's two-row plates.")] = False,
    shares: Annotated[
        str,
        typer.Option(help="Percentages of training, validation and testing, for plates without a split of their own."),
    ] = "40,20,40",
    absolute: Annotated[bool, typer.Option("--absolute", help="Write absolute paths into the list.")] = False,
    seed: Annotated[int, typer.Option(help="Random seed of noise, cameras and splits.", min=0)] = 0,
    workers: Workers = 2,
    debug: Debug = False,
) -> None:
    """Make HR-LR pairs from photographs of plates, and their list; run again to resume."""
    from lpsr_core.degradation import METHODS, SSIM_TARGET
    from lpsr_train.data.make import PairSettings, make_pairs, write_pairs_list
    from lpsr_train.data.sources import SPLITS, find_plates, trained_on_too

    method = choice(degradation, METHODS, "degradation")
    if ssim is not None and method not in ("blur", "noise"):
        raise UsageError(f"--ssim is for blur and noise; {degradation} does not stop at one")
    if out.resolve().is_relative_to(data.resolve()):
        raise UsageError(f"{out}: lies in the data that pairs are made of; choose another folder")
    try:
        numbers = [float(word) for word in shares.split(",")]
    except ValueError:
        raise UsageError(f"--shares are three numbers with commas, e.g. 40,20,40, not {shares!r}") from None
    settings = PairSettings(method, SSIM_TARGET if ssim is None else ssim, seed)
    plates = find_plates(data, motorcycles, numbers, seed)

    failed: dict[str, str] = {}
    done = 0
    with StopRequest(hangup=True) as stop, progress_bar() as bar:
        task = bar.add_task("pairs", total=len(plates), note="")
        for made in make_pairs(out, plates, settings, workers):
            done += 1
            if made.problem:
                failed[made.plate.name] = made.problem
            bar.update(task, completed=done, note=f"{len(failed)} failed" if failed else "")
            if stop:
                break
    for problem in failed.values():
        typer.echo(f"error: {problem}", err=True)
    if stop:
        typer.echo(f"stopped after {done} of {len(plates)} pairs; run the same command again to go on", err=True)
        raise typer.Exit(stop.exit_code)
    good = [plate for plate in plates if plate.name not in failed]
    if good:
        counts = Counter(plate.split for plate in good)
        parts = ", ".join(f"{split} {counts[split]}" for split in SPLITS)
        typer.echo(f"{len(good)} pairs ({parts}): {write_pairs_list(out, good, absolute)}")
        empty = [split for split, share in zip(SPLITS, numbers, strict=True) if share and not counts[split]]
        if empty:
            typer.echo(f"note: no plate fell to {' and '.join(empty)}; another --seed divides them anew", err=True)
        note_repeated(trained_on_too((plate.text, plate.split) for plate in good))
    if failed:
        typer.echo(f"{len(failed)} of {len(plates)} pictures left out", err=True)
        raise typer.Exit(1)
