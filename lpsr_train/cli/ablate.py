"""`lpsr-train ablate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.command_line import Debug
from lpsr_core.interrupt import StopRequest
from lpsr_train.cli.options import Pool, Workers
from lpsr_train.terminal import need_torch, progress_bar


def ablate(
    out: Annotated[Path, typer.Option(help="Output folder of the runs; run again to resume.")],
    generator: Annotated[str, typer.Option(help="Preset of the generator.")] = "lite",
    steps: Annotated[int, typer.Option(help="Number of training steps per run.", min=1)] = 2000,
    batch: Annotated[int, typer.Option(help="Number of super-resolved plates per batch.", min=2)] = 48,
    reader_steps: Annotated[
        int, typer.Option(help="Number of training steps of the guides and the judge, before the runs.", min=1)
    ] = 3000,
    seeds: Annotated[int, typer.Option(help="Number of runs (seeds) per row.", min=1)] = 2,
    pairs: Annotated[int, typer.Option(help="Number of pairs to render.", min=1)] = 81920,
    plates: Annotated[int, typer.Option(help="Number of unseen test plates.", min=1)] = 2000,
    pool: Pool = None,
    workers: Workers = 2,
    debug: Debug = False,
) -> None:
    """Train the eight rows of the paper's Table II and print them beside the paper's; run again to resume."""
    need_torch()
    from rich.console import Console

    from lpsr_train.config import PRESETS
    from lpsr_train.evaluation.ablation import TEST_SEED, Budget, ablate, table
    from lpsr_train.networks.presets import generator_config
    from lpsr_train.training.fitting import rendered_pool
    from lpsr_train.training.trainer import validation_samples

    generator_config(generator)
    run = replace(PRESETS["lite"], pairs=pairs)
    first = run.seed
    budget = Budget(generator, steps, batch, reader_steps, tuple(range(first, first + seeds)), pairs, plates)
    records, typefaces = rendered_pool(run, pool or out / "pool", workers)
    results = []
    with progress_bar() as bar, StopRequest(hangup=True) as stop:
        task = bar.add_task("test plates", total=None, note="")
        samples = validation_samples("blur", plates, TEST_SEED, rectified=1.0)

        def listen(name: str, step: int, total: int) -> None:
            bar.update(task, description=name, completed=step, total=total)

        for result in ablate(out, records, budget, samples, listen, lambda: bool(stop), typefaces):
            results.append(result)
            bar.console.print(f"{result.row.name}: {result.percent:.1f} %", soft_wrap=True)
    if results:
        Console().print(table(results))
    if stop:
        typer.echo("stopped; run the same command again to go on", err=True)
        raise typer.Exit(stop.exit_code)
    typer.echo(f"figures: {out / 'results.json'}")
