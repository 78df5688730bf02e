"""`lpsr-train locator`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from lpsr_train.terminal import Debug, need_torch, progress_bar, stop_request


def locator(
    out: Annotated[Path, typer.Option(help="Folder of the run; run again to resume.")],
    steps: Annotated[Optional[int], typer.Option(help="Batches to train on.", min=1)] = None,  # noqa: UP045
    batch: Annotated[Optional[int], typer.Option(help="Windows of scenes a batch.", min=1)] = None,  # noqa: UP045
    scenes: Annotated[Optional[int], typer.Option(help="Scenes to render.", min=1)] = None,  # noqa: UP045
    rate: Annotated[Optional[float], typer.Option(help="Peak learning rate.", min=1e-6)] = None,  # noqa: UP045
    seed: Annotated[Optional[int], typer.Option(help="Of the scenes and their order.", min=0)] = None,  # noqa: UP045
    init: Annotated[Optional[Path], typer.Option(help="Run whose weights to begin with.")] = None,  # noqa: UP045
    pool: Annotated[Optional[Path], typer.Option(help="Folder of rendered scenes [OUT/pool].")] = None,  # noqa: UP045
    validation: Annotated[Optional[int], typer.Option(help="Scenes to measure on.", min=1)] = None,  # noqa: UP045
    workers: Annotated[int, typer.Option(help="Processes that render.", min=1)] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    debug: Debug = False,
) -> None:
    """Trains the network that finds plates in frames, on made-up scenes; resumes when run again."""
    need_torch()
    from lpsr_train.locating.fit import LocatorTrainer, LocatorTraining, validation_scenes
    from lpsr_train.locating.pool import SHARD, ScenePool, render_scenes
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.scenes.scene import SceneSource
    from lpsr_train.state import identify
    from lpsr_train.trainer import choose_device

    given: dict[str, object] = {
        "steps": steps,
        "batch": batch,
        "scenes": scenes,
        "validation": validation,
        "rate": rate,
        "seed": seed,
    }
    given["begun_from"] = identify(init) if init else None
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    config = replace(LocatorTraining(), **chosen)
    out.mkdir(parents=True, exist_ok=True)
    trainer = LocatorTrainer(config, out, choose_device(device))
    if not trainer.resume() and init:
        trainer.start_from(init)
    source = SceneSource(open_typefaces=open_typefaces(), open_share=config.open_share)
    with progress_bar() as bar:
        task = bar.add_task("scenes", total=-(-config.scenes // SHARD) * SHARD, note="")
        for done in render_scenes(pool or out / "pool", source, config.seed, config.scenes, workers):
            bar.update(task, completed=done)
    records = ScenePool(pool or out / "pool", source, config.scenes)
    with progress_bar() as bar, stop_request() as stop:
        task = bar.add_task("locator", total=config.steps, completed=trainer.step, note="")
        samples = validation_scenes(config.validation, source)

        def listen(step: int, losses: dict[str, float]) -> None:
            note = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
            if trainer.history:
                note += f"  |  {trainer.history[-1]['found']}"
            bar.update(task, completed=step, note=note)
            if not bar.console.is_terminal and step % 100 == 0:  # a bar leaves no trace in a log
                bar.console.print(f"step {step}/{config.steps}  {note}", soft_wrap=True)

        trainer.run(records, samples, listen, lambda: bool(stop))
    if stop:
        typer.echo(f"stopped after step {trainer.step}; run the same command again to go on", err=True)
        raise typer.Exit(128 + stop[0])
    typer.echo(f"{trainer.history[-1]['found']}; weights: {out}")
