"""lpsr-train: render, train, look, evaluate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from lpsr_core.errors import UsageError, run_command
from lpsr_train.comparison.cli import compare
from lpsr_train.data.cli import pairs
from lpsr_train.fuse_cli import fuse
from lpsr_train.terminal import Debug, choice, need_torch, progress_bar, stop_request

if TYPE_CHECKING:
    from lpsr_train.evaluation import Sample
    from lpsr_train.pool import Records
    from lpsr_train.trainer import Trainer

app = typer.Typer(
    name="lpsr-train",
    help="Trains the super-resolution generator and the reader on rendered plates.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-train {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder of the pool.")],
    pairs: Annotated[int, typer.Option(help="Pairs to render.", min=1)] = 163840,
    seed: Annotated[int, typer.Option(help="Seed of the pool.", min=0)] = 20261123,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    open_share: Annotated[float, typer.Option(help="Share of plates in installed open typefaces.")] = 0.15,
    debug: Debug = False,
) -> None:
    """Renders HR-LR pairs to disk; run again to go on."""
    from lpsr_train.plates.pairs import PlateSource
    from lpsr_train.plates.typefaces import open_typefaces

    source = PlateSource(open_typefaces=open_typefaces(), open_share=open_share)
    _render(out, source, seed, pairs, workers)


def _render(out: Path, source, seed: int, pairs: int, workers: int) -> None:  # type: ignore[no-untyped-def]
    from lpsr_train.pool import SHARD, render_pool

    with progress_bar() as bar:
        task = bar.add_task("render", total=-(-pairs // SHARD) * SHARD, note="")
        for done in render_pool(out, source, seed, pairs, workers):
            bar.update(task, completed=done)


@app.command()
def fit(
    out: Annotated[Path, typer.Option(help="Folder of the run; run again to resume.")],
    preset: Annotated[
        str, typer.Option(help="lite, base, paper, sr3, sr3-lite, reader-lr (the LR baseline) or judge.")
    ] = "lite",
    config: Annotated[Optional[Path], typer.Option(help="TOML file with training options.")] = None,  # noqa: UP045
    steps: Annotated[Optional[int], typer.Option(help="Batches to train on.", min=1)] = None,  # noqa: UP045
    batch: Annotated[Optional[int], typer.Option(help="Plates a batch.", min=2)] = None,  # noqa: UP045
    pairs: Annotated[Optional[int], typer.Option(help="Pairs to render.", min=1)] = None,  # noqa: UP045
    pool: Annotated[Optional[Path], typer.Option(help="Folder of rendered pairs [OUT/pool].")] = None,  # noqa: UP045
    pair_list: Annotated[Optional[Path], typer.Option("--list", help="Train on a list of HR;LR;split.")] = None,  # noqa: UP045
    layouts: Annotated[str, typer.Option(help="Layouts of the plates, such as argentina,LLDDDLL.")] = "",
    init: Annotated[Optional[Path], typer.Option(help="Run whose weights to begin with.")] = None,  # noqa: UP045
    guide: Annotated[Optional[Path], typer.Option(help="Run whose reader guides, unchanged.")] = None,  # noqa: UP045
    workers: Annotated[int, typer.Option(help="Processes that render.", min=1)] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    debug: Debug = False,
) -> None:
    """Trains a preset to averaged weights, on rendered plates or a list of pairs; resumes when run again."""
    need_torch()
    from lpsr_core.layouts import parse_layouts
    from lpsr_train.config import PRESETS, load
    from lpsr_train.data.lists import describe_list
    from lpsr_train.data.records import PairPool
    from lpsr_train.data.samples import list_samples
    from lpsr_train.state import identify
    from lpsr_train.trainer import Progress as Step
    from lpsr_train.trainer import Trainer, choose_device, load_trained

    if preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}; there are: {', '.join(PRESETS)}")
    run = load(config, PRESETS[preset]) if config else PRESETS[preset]
    run = replace(run, steps=steps or run.steps, batch=batch or run.batch, pairs=pairs or run.pairs)
    words = [word for word in (layouts or run.layouts).split(",") if word.strip()]
    # Patterns, so that the run means the same wherever it is read from.
    patterns = ",".join(layout.pattern for layout in parse_layouts(words)) if words else ""
    run = replace(run, layouts=patterns, data=describe_list(pair_list) if pair_list else "")
    if pair_list and (pool or pairs):
        raise UsageError("--list brings its own pairs; leave --pool and --pairs out")
    if guide:
        run = replace(run, guide="fixed", guide_run=identify(guide), reader=load_trained(guide).config.reader)
    elif run.guide == "fixed":
        raise UsageError("a fixed guide comes from another run; name it with --guide")
    run.check()
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(run, out, choose_device(device))
    if not trainer.resume():
        if init:
            trainer.start_from(init)
        if guide:
            trainer.take_guide(guide)
    samples: dict[str, list[Sample]] | None = None
    if pair_list:
        records: Records = PairPool.from_list(pair_list, "training")
        samples = {"validation": list_samples(pair_list, "validation")[: run.validation]}
    else:
        records = _rendered(trainer, pool or out / "pool", workers)
    with progress_bar() as bar:
        task = bar.add_task("train", total=run.steps, completed=trainer.step, note="")

        def listen(step: Step) -> None:
            note = "  ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
            if trainer.history:
                note += "  |  " + "  ".join(f"{name} {v:.1f} %" for name, v in trainer.history[-1]["rates"].items())
            bar.update(task, completed=step.step, note=note)
            if not bar.console.is_terminal and step.step % 100 == 0:  # a bar leaves no trace in a log
                bar.console.print(f"step {step.step}/{run.steps}  {note}", soft_wrap=True)

        with stop_request() as stop:
            trainer.run(records, listen, lambda: bool(stop), samples)
    if stop:
        typer.echo(f"stopped after step {trainer.step}; run the same command again to go on", err=True)
        raise typer.Exit(128 + stop[0])
    typer.echo(f"weights, curves and sample sheets: {out}")


def _rendered(trainer: Trainer, folder: Path, workers: int) -> Records:
    """The pool of a run, rendered as far as it is missing."""
    from lpsr_train.plates.pairs import PlateSource
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.pool import Pool

    run = trainer.config
    source = PlateSource(
        open_typefaces=open_typefaces() if run.open_share else (),
        open_share=run.open_share,
        patterns=run.patterns,
    )
    trainer.typefaces = tuple(Path(path).name for path in source.open_typefaces)
    _render(folder, source, run.seed, run.pairs, workers)
    return Pool(folder, run.pairs)


@app.command()
def preview(
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("preview.png"),
    count: Annotated[int, typer.Option(help="Pairs to draw.", min=1, max=400)] = 24,
    seed: Annotated[int, typer.Option(help="Seed of the pairs.", min=0)] = 1,
    motorcycles: Annotated[float, typer.Option(help="Share of two-row plates.", min=0, max=1)] = 0.0,
    layouts: Annotated[str, typer.Option(help="Layouts of the plates [each country's own].")] = "",
    debug: Debug = False,
) -> None:
    """Draws a contact sheet of LR / HR pairs with their texts."""
    from lpsr_core.geometry import pad_to_plate
    from lpsr_core.layouts import parse_layouts
    from lpsr_train import pictures
    from lpsr_train.plates.pairs import PlateSource, render_pair

    patterns = tuple(layout.pattern for layout in parse_layouts(layouts.split(","))) if layouts else ()
    source = PlateSource(motorcycles=motorcycles, patterns=patterns)
    tiles = []
    for index in range(count):
        pair = render_pair(source, seed, index)
        tiles.append(
            [pictures.tile(pair.lr, f"LR, {pair.method}"), pictures.tile(pad_to_plate(pair.crop), f"HR  {pair.text}")]
        )
    rows = [[image for pair in tiles[start : start + 2] for image in pair] for start in range(0, count, 2)]
    pictures.write_png(out, pictures.sheet(rows))
    typer.echo(f"{count} pairs: {out}")


@app.command()
def crops(
    out: Annotated[Path, typer.Option(help="Folder of the pictures; each is named after its plate.")],
    count: Annotated[int, typer.Option(help="Plates.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the plates.", min=0)] = 7_000_005,
    debug: Debug = False,
) -> None:
    """Writes photographs of rendered plates as JPEG files, to test readers with."""
    from lpsr_train.plates.pairs import write_crops

    write_crops(out, count, seed)
    typer.echo(f"{count} plates: {out}")


@app.command()
def video(
    out: Annotated[Path, typer.Option(help="MP4 to write; a CSV of the truth goes beside it.")],
    cars: Annotated[int, typer.Option(help="Cars that drive up.", min=1)] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the video.", min=0)] = 1,
    debug: Debug = False,
) -> None:
    """Makes up a street video with plates whose texts and places are known."""
    from lpsr_train.plates.street import StreetConfig, write_street

    frames = write_street(out, StreetConfig(cars=cars, seed=seed))
    typer.echo(f"{frames} frames, {cars} plates: {out}; truth: {out.with_suffix('.csv')}")


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Option(help="Folder of a training run.")],
    data: Annotated[str, typer.Option(help="synthetic, or a folder of labelled plates.")] = "synthetic",
    degradation: Annotated[str, typer.Option(help="blur (the paper's), noise, camera, hard, or none.")] = "blur",
    count: Annotated[int, typer.Option(help="Synthetic plates.", min=1)] = 2000,
    pair_list: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--list", help="List of pairs (HR;LR;split) to take instead of --data."),
    ] = None,
    split: Annotated[str, typer.Option(help="Of the list: training, validation or testing.")] = "testing",
    rectified: Annotated[
        float,
        typer.Option(help="Share of synthetic plates cut out rectified and tight, as the paper's are.", min=0, max=1),
    ] = 1.0,
    lr_weights: Annotated[Optional[Path], typer.Option(help="Run of a reader trained on LR.")] = None,  # noqa: UP045
    reader: Annotated[Optional[Path], typer.Option(help="Run whose reader judges [the run's own].")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Seed of synthetic plates and of noise.", min=0)] = 7_000_004,
    sheet: Annotated[Optional[Path], typer.Option(help="PNG with LR / SR / HR of the first plates.")] = None,  # noqa: UP045
    worst: Annotated[Optional[Path], typer.Option(help="PNG with the ten plates read worst.")] = None,  # noqa: UP045
    confusion: Annotated[Optional[Path], typer.Option(help="PNG of the confused characters.")] = None,  # noqa: UP045
    json_out: Annotated[Optional[Path], typer.Option("--json", help="File for the figures.")] = None,  # noqa: UP045
    debug: Debug = False,
) -> None:
    """Recognition rates for HR, bicubic, super-resolved and directly read LR plates, with 95 % intervals."""
    from lpsr_core.degradation import METHODS
    from lpsr_train.data.sources import SPLITS

    method, part = choice(degradation, METHODS, "degradation"), choice(split, SPLITS, "split")
    need_torch()
    from lpsr_train.pictures import write_confusion
    from lpsr_train.report import evaluate_run

    with progress_bar() as bar:
        task = bar.add_task("plates", total=count, note="")
        report = evaluate_run(
            weights,
            data,
            method,
            count,
            lr_weights,
            seed,
            rectified,
            lambda done, total: bar.update(task, completed=done, total=total),
            pair_list,
            part,
            reader,
        )
    report.print()
    if sheet:
        report.write_sheet(sheet)
        typer.echo(f"contact sheet: {sheet}")
    if worst:
        report.write_worst(worst)
        typer.echo(f"plates read worst: {worst}")
    if confusion:
        write_confusion(confusion, report.result.confusion)
        typer.echo(f"confused characters: {confusion}")
    if json_out:
        report.write_json(json_out)
        typer.echo(f"figures: {json_out}")


@app.command()
def describe(
    preset: Annotated[str, typer.Argument(help="lite, base or paper; or a reader: lite, gp_lpr, multi-task.")],
    reader: Annotated[bool, typer.Option("--reader", help="The reader of that name, not the generator.")] = False,
    debug: Debug = False,
) -> None:
    """Parameters and arithmetic of a preset's network, part by part."""
    need_torch()
    from rich.console import Console

    from lpsr_train.networks.describe import describe_preset

    Console().print(describe_preset(preset, reader))


@app.command()
def ablate(
    out: Annotated[Path, typer.Option(help="Folder of the runs; run again to go on.")],
    generator: Annotated[str, typer.Option(help="Preset of the generator.")] = "lite",
    steps: Annotated[int, typer.Option(help="Batches of each run.", min=1)] = 2000,
    batch: Annotated[int, typer.Option(help="Super-resolved plates a batch.", min=2)] = 48,
    reader_steps: Annotated[int, typer.Option(help="Batches for the fixed guide and the judge.", min=1)] = 3000,
    seeds: Annotated[int, typer.Option(help="Runs of each row.", min=1)] = 2,
    pairs: Annotated[int, typer.Option(help="Pairs to render.", min=1)] = 81920,
    plates: Annotated[int, typer.Option(help="Unseen plates to test on.", min=1)] = 2000,
    pool: Annotated[Optional[Path], typer.Option(help="Folder of rendered pairs [OUT/pool].")] = None,  # noqa: UP045
    workers: Annotated[int, typer.Option(help="Processes that render.", min=1)] = 2,
    debug: Debug = False,
) -> None:
    """Trains the eight rows of the paper's Table II and prints them beside the paper's; resumes when run again."""
    need_torch()
    from rich.console import Console

    from lpsr_train.ablation import TEST_SEED, Budget, ablate, table
    from lpsr_train.config import PRESETS
    from lpsr_train.networks.presets import generator_config
    from lpsr_train.plates.pairs import PlateSource
    from lpsr_train.plates.typefaces import open_typefaces
    from lpsr_train.trainer import validation_samples

    generator_config(generator)
    share, first = PRESETS["lite"].open_share, PRESETS["lite"].seed
    budget = Budget(generator, steps, batch, reader_steps, tuple(range(first, first + seeds)), pairs, plates)
    rendered = pool or out / "pool"
    _render(rendered, PlateSource(open_typefaces=open_typefaces(), open_share=share), first, pairs, workers)
    results = []
    with progress_bar() as bar, stop_request() as stop:
        task = bar.add_task("test plates", total=None, note="")
        samples = validation_samples("blur", plates, TEST_SEED, rectified=1.0)

        def listen(name: str, step: int, total: int) -> None:
            bar.update(task, description=name, completed=step, total=total)

        for result in ablate(out, rendered, budget, samples, listen, lambda: bool(stop)):
            results.append(result)
            bar.console.print(f"{result.row.name}: {result.percent:.1f} %", soft_wrap=True)
    if results:
        Console().print(table(results))
    if stop:
        typer.echo("stopped; run the same command again to go on", err=True)
        raise typer.Exit(128 + stop[0])
    typer.echo(f"figures: {out / 'results.json'}")


app.command()(compare)
app.command()(pairs)
app.command()(fuse)


def main() -> None:
    """Entry point of the command."""
    run_command(app)
