"""`lpsr-train locator`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lpsr_core.command_line import Debug
from lpsr_core.errors import UsageError
from lpsr_core.interrupt import StopRequest
from lpsr_train.terminal import need_torch, progress_bar

if TYPE_CHECKING:
    from lpsr_train.scenes.scene import SceneSource


def locator(
    out: Annotated[Path, typer.Option(help="Output folder of the run; run again to resume.")],
    steps: Annotated[int | None, typer.Option(help="Number of training steps.", min=1)] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Training time in seconds, unless --steps ends it before.", min=1)
    ] = None,
    weights_every: Annotated[
        float | None,
        typer.Option(help="Interval in seconds at which half-precision weights are written to OUT/weights.", min=1),
    ] = None,
    validate_every: Annotated[int | None, typer.Option(help="Number of steps between validations.", min=1)] = None,
    ema: Annotated[
        float | None, typer.Option(help="Decay of the moving average of the weights.", min=0, max=0.99999)
    ] = None,
    bf16: Annotated[bool | None, typer.Option(help="Train in bfloat16, where the device has it.")] = None,
    batch: Annotated[int | None, typer.Option(help="Batch size in windows.", min=1)] = None,
    window: Annotated[int | None, typer.Option(help="Side of a window in pixels, a multiple of 32.", min=64)] = None,
    scenes: Annotated[int | None, typer.Option(help="Number of scenes to render.", min=1)] = None,
    rate: Annotated[float | None, typer.Option(help="Peak learning rate.", min=1e-6)] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed of the scenes and their order.", min=0)] = None,
    init: Annotated[Path | None, typer.Option(help="Run whose weights are the starting point.")] = None,
    pool: Annotated[Path | None, typer.Option(help="Folder of rendered scenes (default: OUT/pool)")] = None,
    validation: Annotated[int | None, typer.Option(help="Number of validation scenes.", min=1)] = None,
    workers: Annotated[int, typer.Option(help="Number of rendering processes.", min=1)] = 2,
    grow: Annotated[
        bool,
        typer.Option(
            "--grow", help="Train on the scenes in --pool and on those that another process adds; render none."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")] = "auto",
    debug: Debug = False,
) -> None:
    """Train the plate locator on rendered scenes; run again to resume."""
    need_torch(plots=False)
    from lpsr_train.locating.fit import LocatorTrainer, LocatorTraining, validation_scenes
    from lpsr_train.locating.pool import ScenePool
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.scenes.scene import SceneSource
    from lpsr_train.training.state import identify
    from lpsr_train.training.trainer import choose_device

    given: dict[str, object] = {
        "steps": steps,
        "seconds": seconds,
        "weights_every": weights_every,
        "validate_every": validate_every,
        "ema": ema,
        "bf16": bf16,
        "batch": batch,
        "window": window,
        "scenes": scenes,
        "validation": validation,
        "rate": rate,
        "seed": seed,
    }
    given["begun_from"] = identify(init) if init else None
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    config = replace(LocatorTraining(), **chosen)
    if config.window % 32:
        raise UsageError(f"--window is a multiple of 32, not {config.window}")
    out.mkdir(parents=True, exist_ok=True)
    trainer = LocatorTrainer(config, out, choose_device(device))
    if not trainer.resume() and init:
        trainer.start_from(init)
    source = SceneSource(open_typefaces=open_typefaces(), open_share=config.open_share)
    if not grow:
        _render(pool or out / "pool", source, config.seed, config.scenes, workers)
    records = ScenePool(pool or out / "pool", source, config.scenes, trainer.device)
    with progress_bar() as bar, StopRequest() as stop:
        task = bar.add_task("locator", total=config.steps, completed=trainer.step, note="")
        samples = validation_scenes(config.validation, source)

        def listen(step: int, losses: dict[str, float]) -> None:
            note = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
            if trainer.history:
                note += f"  |  {trainer.history[-1]['found']}"
            bar.update(task, completed=step, note=note)
            if not bar.console.is_terminal and step % 100 == 0:  # a bar leaves no trace in a log
                bar.console.print(f"step {step}/{config.steps}  {note}", soft_wrap=True)

        trainer.run(records, samples, listen, lambda: bool(stop), grow)
    if stop:
        typer.echo(f"stopped after step {trainer.step}; run the same command again to go on", err=True)
        raise typer.Exit(stop.exit_code)
    typer.echo(f"{trainer.history[-1]['found']}; weights: {out}")


def scenes(
    out: Annotated[Path, typer.Option(help="Output folder of the scenes; run again to resume.")],
    scenes: Annotated[int, typer.Option(help="Number of scenes to render.", min=1)] = 16384,
    seed: Annotated[int, typer.Option(help="Random seed of the scenes.", min=0)] = 20261201,
    open_share: Annotated[float, typer.Option(help="Fraction of plates in open typefaces.", min=0, max=1)] = 0.3,
    workers: Annotated[int, typer.Option(help="Number of rendering processes.", min=1)] = 2,
    debug: Debug = False,
) -> None:
    """Render scenes for `lpsr-train locator --pool`; run again to resume."""
    need_torch(plots=False)
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.scenes.scene import SceneSource

    _render(out, SceneSource(open_typefaces=open_typefaces(), open_share=open_share), seed, scenes, workers)


def _render(folder: Path, source: SceneSource, seed: int, scenes: int, workers: int) -> None:
    from lpsr_train.locating.pool import SHARD, render_scenes

    with progress_bar() as bar:
        task = bar.add_task("scenes", total=-(-scenes // SHARD) * SHARD, note="")
        for done in render_scenes(folder, source, seed, scenes, workers):
            bar.update(task, completed=done)
