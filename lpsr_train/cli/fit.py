"""`lpsr-train fit`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_core.errors import UsageError
from lpsr_core.tomlfile import read_toml
from lpsr_train.cli.options import Device, Pool, Workers
from lpsr_train.terminal import need_torch, note_left_out, note_repeated

if TYPE_CHECKING:
    from lpsr_train.data.pool import Records
    from lpsr_train.validation.rates import Sample

_LARGE_BATCH = 128
"""Plates from which on a GPU degrades a batch in less time than its networks take."""


def fit(
    out: Annotated[Path, typer.Option(help="Output folder of the run; run again to resume.")],
    preset: Annotated[
        str,
        typer.Option(
            help="Preset: cameras and then presence (released), lite, base, paper, sr3, sr3-lite, "
            "reader-lr (LR baseline), auxiliary (auxiliary reader) or judge."
        ),
    ] = "lite",
    config: Annotated[Path | None, typer.Option(help="TOML file with training options.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of training steps.", min=1)] = None,
    batch: Annotated[int | None, typer.Option(help="Batch size in plates.", min=2)] = None,
    pairs: Annotated[int | None, typer.Option(help="Number of pairs to render.", min=1)] = None,
    pool: Pool = None,
    fresh: Annotated[
        bool | None,
        typer.Option(
            "--fresh/--no-fresh",
            help="Degrade plates anew each time they are drawn (default: for batches of 128 and more on CUDA)",
        ),
    ] = None,
    growing: Annotated[
        bool, typer.Option(help="Train while another process renders the dataset; new parts are added as they appear.")
    ] = False,
    pair_list: Annotated[
        Path | None, typer.Option("--list", help="Train on a list of HR;LR;split lines instead of rendered plates.")
    ] = None,
    layouts: Annotated[str, typer.Option(help="Layouts of the plates, such as argentina,LLDDDLL.")] = "",
    init: Annotated[Path | None, typer.Option(help="Run whose weights are the starting point.")] = None,
    guide: Annotated[Path | None, typer.Option(help="Run whose reader is the guide and stays fixed.")] = None,
    auxiliary: Annotated[
        Path | None,
        typer.Option(
            "--auxiliary",
            "--second",
            help="Run whose reader is the auxiliary reader: fixed, with a share of the loss beside the guide.",
        ),
    ] = None,
    shown: Annotated[
        Path | None,
        typer.Option(help="Run on whose super-resolved pictures the reader (auxiliary, judge) is trained, too."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Training time in seconds; the learning-rate schedule ends with it.", min=0),
    ] = None,
    workers: Workers = 2,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Train a preset on rendered plates or a list of pairs; run again to resume."""
    need_torch()
    from lpsr_core.layouts import parse_layouts
    from lpsr_train.config import PRESETS, from_dict
    from lpsr_train.data.lists import describe_list, read_list, repeated_plates
    from lpsr_train.data.records import PairPool
    from lpsr_train.data.samples import samples_of
    from lpsr_train.training.fitting import growing_pool, rendered_pool, train
    from lpsr_train.training.state import identify
    from lpsr_train.training.trainer import Trainer, choose_device, load_trained

    run = PRESETS[choice(preset, PRESETS, "preset")]
    stated = read_toml(config) if config else {}
    run = from_dict(stated, run)
    run = replace(run, steps=steps or run.steps, batch=batch or run.batch, pairs=pairs or run.pairs)
    run = replace(run, seconds=run.seconds if seconds is None else seconds)
    words = [word for word in (layouts or run.layouts).split(",") if word.strip()]
    # Patterns, so that the run means the same wherever it is read from.
    patterns = ",".join(layout.pattern for layout in parse_layouts(words)) if words else ""
    where = choose_device(device)
    run = replace(run, layouts=patterns, data=describe_list(pair_list) if pair_list else "")
    if not pair_list and not run.shots:
        wanted = stated.get("fresh") if fresh is None else fresh
        begun = _begun_fresh(out, pool or out / "pool") if wanted is None else wanted
        large = where.type == "cuda" and run.batch >= _LARGE_BATCH
        run = replace(run, fresh=large if begun is None else begun)
    if growing and (pair_list or run.hard_sampling):
        raise UsageError("--growing is for pools that are being rendered; leave --list and hard_sampling out")
    if pair_list and (pool or pairs or fresh):
        raise UsageError("--list brings its own pairs; leave --pool, --pairs and --fresh out")
    if guide:
        run = replace(run, guide="fixed", guide_run=identify(guide), reader=load_trained(guide).config.reader)
    elif run.guide == "fixed":
        raise UsageError("a fixed guide comes from another run; name it with --guide")
    if auxiliary:
        reader = load_trained(auxiliary).config.reader
        run = replace(run, auxiliary_run=identify(auxiliary), auxiliary_reader=reader)
    elif run.auxiliary_run:
        raise UsageError("the auxiliary reader comes from another run; name it with --auxiliary")
    if shown:
        other = load_trained(shown).config
        if other.task != "sr":
            raise UsageError(f"--shown {shown}: a run of the task {other.task}; name one that trained a generator")
        run = replace(run, shown_run=identify(shown), shown_generator=other.generator, shown_archmod=other.archmod)
    elif run.shown_run:
        raise UsageError("the pictures to read come from another run; name it with --shown")
    if run.task == "presence" and not init:
        raise UsageError("presence is learned beside a trained pair; name its run with --init")
    run.check()
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(run, out, where)
    if not trainer.resume(init):
        if init:
            trainer.start_from(init)
        taken = ((guide, "reader", "reader"), (auxiliary, "reader", "auxiliary"), (shown, "generator", "shown"))
        for folder, network, name in taken:
            if folder:
                trainer.take(folder, network, name)
    samples: dict[str, list[Sample]] | None = None
    records: Records
    if pair_list:
        training, validation = read_list(pair_list, "training"), read_list(pair_list, "validation")
        note_repeated(repeated_plates(pair_list, known=[*training, *validation]))
        records, unseen = PairPool.from_pairs(training), PairPool.from_pairs(validation[: run.validation])
        note_left_out([*records.left_out, *unseen.left_out])
        samples = {"validation": samples_of(unseen)}
    elif growing:
        records, trainer.typefaces = growing_pool(run, pool or out / "pool")
    else:
        records, trainer.typefaces = rendered_pool(run, pool or out / "pool", workers)
    stopped = train(trainer, records, samples)
    if stopped:
        typer.echo(f"stopped after step {trainer.step}; run the same command again to go on", err=True)
        raise typer.Exit(128 + stopped)
    typer.echo(f"weights, curves and sample sheets: {out}")


def _begun_fresh(out: Path, pool: Path) -> bool | None:
    """Whether LR pictures are made when plates are drawn, as the run or its pool was begun; None of a new one."""
    from lpsr_train.config import from_dict
    from lpsr_train.data.pool import holds_crops
    from lpsr_train.training.state import CHECKPOINT, load_plates

    if (out / CHECKPOINT).is_file():
        return from_dict(load_plates(out)["config"]).fresh
    return holds_crops(pool)
