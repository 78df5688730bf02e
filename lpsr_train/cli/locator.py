"""`lpsr-train locator`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lpsr_core.command_line import Debug, with_options
from lpsr_core.interrupt import StopRequest
from lpsr_train.cli.options import Device, Workers
from lpsr_train.locating.config import LocatorTraining
from lpsr_train.terminal import log, need_torch, progress_bar

if TYPE_CHECKING:
    from lpsr_train.scenes.scene import SceneSource


@with_options(LocatorTraining)
def locator(
    out: Annotated[Path, typer.Option(help="Output folder of the run; run again to resume.")],
    given: dict[str, Any],
    init: Annotated[Path | None, typer.Option(help="Run whose weights are the starting point.")] = None,
    pool: Annotated[Path | None, typer.Option(help="Folder of rendered scenes (default: OUT/pool)")] = None,
    workers: Workers = 2,
    grow: Annotated[
        bool,
        typer.Option(
            "--grow", help="Train on the scenes in --pool and on those that another process adds; render none."
        ),
    ] = False,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Train the plate locator on rendered scenes; run again to resume."""
    need_torch(plots=False)
    from lpsr_train.locating.fit import LocatorTrainer, validation_scenes
    from lpsr_train.locating.pool import ScenePool
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.scenes.scene import SceneSource
    from lpsr_train.training.state import identify
    from lpsr_train.training.trainer import choose_device

    config = LocatorTraining(**given, begun_from=identify(init) if init else "")
    config.check()
    out.mkdir(parents=True, exist_ok=True)
    trainer = LocatorTrainer(config, out, choose_device(device))
    if not trainer.resume() and init:
        trainer.start_from(init)
    source = SceneSource(open_typefaces=open_typefaces(), open_share=config.open_share)
    if not grow:
        _render(pool or out / "pool", source, config.seed, config.scenes, workers)
    records = ScenePool(pool or out / "pool", source, config.scenes, trainer.device)
    with progress_bar() as bar, StopRequest(hangup=True) as stop:
        task = bar.add_task("locator", total=config.steps, completed=trainer.step, note="")
        log(bar, f"step {trainer.step}/{config.steps}")
        samples = validation_scenes(config.validation, source)

        def listen(step: int, losses: dict[str, float]) -> None:
            note = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
            if trainer.history:
                note += f"  |  {trainer.history[-1]['found']}"
            bar.update(task, completed=step, note=note)
            if step % 100 == 0:
                log(bar, f"step {step}/{config.steps}  {note}")

        trainer.run(records, samples, listen, lambda: bool(stop), grow)
    if stop:
        typer.echo(f"stopped after step {trainer.step}; run the same command again to go on", err=True)
        raise typer.Exit(stop.exit_code)
    typer.echo(f"{trainer.history[-1]['found']}; weights: {out}")


@with_options(LocatorTraining, only=("scenes", "seed"))
def scenes(
    out: Annotated[Path, typer.Option(help="Output folder of the scenes; run again to resume.")],
    given: dict[str, Any],
    open_share: Annotated[float, typer.Option(help="Fraction of plates in open typefaces.", min=0, max=1)] = 0.3,
    workers: Workers = 2,
    debug: Debug = False,
) -> None:
    """Render scenes for `lpsr-train locator --pool`; run again to resume."""
    need_torch(plots=False)
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.scenes.scene import SceneSource

    config = LocatorTraining(**given, open_share=open_share)
    config.check()
    source = SceneSource(open_typefaces=open_typefaces(), open_share=open_share)
    _render(out, source, config.seed, config.scenes, workers)


def _render(folder: Path, source: SceneSource, seed: int, scenes: int, workers: int) -> None:
    from lpsr_train.locating.pool import SHARD, render_scenes

    with progress_bar() as bar:
        task = bar.add_task("scenes", total=-(-scenes // SHARD) * SHARD, note="")
        for done in render_scenes(folder, source, seed, scenes, workers):
            bar.update(task, completed=done)
