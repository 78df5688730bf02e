"""Rendering and training on the terminal, with bars, for every command that does them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from lpsr_core.interrupt import StopRequest
from lpsr_train.cameras.camera import STEPS
from lpsr_train.cameras.framing import CHOICES
from lpsr_train.cameras.shots import SHOT_RECORD, ShotSource
from lpsr_train.data.growing import GrowingPool
from lpsr_train.data.manifest import check_manifest
from lpsr_train.data.pool import CROP_RECORD, RECORD, Pool, Records, made_of, render_pool, shard_size
from lpsr_train.data.shards import NOTE
from lpsr_train.plates.pairs import PlateSource
from lpsr_train.plates.typefaces import open_typefaces, sign_typefaces
from lpsr_train.terminal import log, progress_bar
from lpsr_train.training.utilisation import GpuWatch, driver_name

if TYPE_CHECKING:
    from lpsr_train.config import TrainConfig
    from lpsr_train.training.trainer import Trainer
    from lpsr_train.validation.rates import Sample

_BEGINNING = 32
"""Batches that a growing pool holds at least when training begins."""
_LOGGED = 100
"""Steps between lines where there is no terminal to show a bar, after the first one."""


def rendered_pool(config: TrainConfig, folder: Path, workers: int) -> tuple[Pool, tuple[str, ...]]:
    """The pool of a run, rendered as far as it is missing, and names of the open typefaces that it was drawn with.

    Raises:
        LpsrError: the folder holds another pool.
    """
    record, source = _form(config)
    size = shard_size(record)
    with progress_bar() as bar:
        task = bar.add_task("render", total=-(-config.pairs // size) * size, note="")
        for done in render_pool(folder, source, config.seed, config.pairs, workers, record):
            bar.update(task, completed=done)
    return Pool(folder, config.pairs, record), tuple(Path(path).name for path in source.open_typefaces)


def growing_pool(config: TrainConfig, folder: Path) -> tuple[GrowingPool, tuple[str, ...]]:
    """The pool that another process renders, as `rendered_pool`, once it holds enough to begin with.

    Raises:
        LpsrError: the folder holds another pool, as far as it says, or a shard is of another form.
    """
    record, source = _form(config)
    wanted = made_of(source, config.seed, record)
    check_manifest(folder / NOTE, wanted)
    pool = GrowingPool(folder, record, config.pairs)
    least = min(_BEGINNING * config.batch, config.pairs)
    with progress_bar() as bar, StopRequest(hangup=True) as stop:
        task = bar.add_task("wait for the pool", total=least, note="")

        def listen(count: int) -> None:
            done = min(count, least)
            bar.update(task, completed=done)
            log(bar, f"wait for the pool: {done} of {least}")

        pool.wait(least, lambda: bool(stop), listen)
    if len(pool) < least:
        raise typer.Exit(stop.exit_code)
    # Again, since whoever renders it may have begun meanwhile.
    if not check_manifest(folder / NOTE, wanted):
        typer.echo(f"note: {folder} has no {NOTE}, so nothing is known of what it was rendered from", err=True)
    return pool, tuple(Path(path).name for path in source.open_typefaces)


def _form(config: TrainConfig) -> tuple[np.dtype, PlateSource | ShotSource]:
    """What a run's pool holds, and of what it is made."""
    typefaces, patterns = open_typefaces() if config.open_share else (), config.patterns
    if not config.shots:
        plates = PlateSource(open_typefaces=typefaces, open_share=config.open_share, patterns=patterns)
        return CROP_RECORD if config.fresh else RECORD, plates
    return SHOT_RECORD, ShotSource(
        patterns=patterns,
        open_typefaces=typefaces,
        open_share=config.open_share,
        sign_typefaces=sign_typefaces(),
        absent=config.absent,
        foreign=config.foreign,
        without=tuple(step for step in STEPS if step in config.left_out),
        framed_without=tuple(part for part in CHOICES if part in config.left_out),
    )


def train(trainer: Trainer, records: Records, samples: Mapping[str, Sequence[Sample]] | None = None) -> int:
    """Train to the end of the run, or until Ctrl-C, SIGTERM or the terminal's end; samples are as of `Trainer.run`.

    Returns:
        0, or the number of the signal that stopped it.
    """
    steps, batch = trainer.config.steps, trainer.config.batch
    first, start = trainer.step, time.monotonic()
    with progress_bar() as bar, GpuWatch(driver_name(trainer.device)) as watch:
        task = bar.add_task("train", total=steps, completed=first, note="")
        log(bar, f"step {first}/{steps}")

        def listen(step: int, losses: dict[str, float]) -> None:
            speed = (step - first) * batch / (time.monotonic() - start)
            busy = "" if watch.busy is None else f"GPU busy {watch.busy:.0f} %  "
            note = f"{speed:.0f} plates/s  {busy}" + "  ".join(f"{term} {loss:.3f}" for term, loss in losses.items())
            if trainer.history:
                rates = trainer.history[-1]["rates"]
                note += "  |  " + "  ".join(f"{what} {value:.1f} %" for what, value in rates.items())
            bar.update(task, completed=step, note=note)
            if step == first + 1 or step % _LOGGED == 0:
                log(bar, f"step {step}/{steps}  {note}")

        with StopRequest(hangup=True) as stop:
            trainer.run(records, listen, lambda: bool(stop), samples)
    return stop.signal or 0
