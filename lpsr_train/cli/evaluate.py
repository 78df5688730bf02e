"""`lpsr-train evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from lpsr_core.choices import choice
from lpsr_core.command_line import Debug
from lpsr_core.errors import UsageError
from lpsr_train.cli.options import Device, Json
from lpsr_train.terminal import need_torch, note_repeated, progress_bar


def evaluate(
    weights: Annotated[list[str], typer.Option(help="Folder of a run, or NAME=FOLDER. Repeatable.")],
    data: Annotated[str | None, typer.Option(help="Folder of labelled plates (default: rendered plates)")] = None,
    degradation: Annotated[
        str | None,
        typer.Option(help="Degradation: blur (as in the paper), noise, camera, hard or none (default: blur)"),
    ] = None,
    count: Annotated[int | None, typer.Option(help="Number of rendered plates (default: 2000)", min=1)] = None,
    rectified: Annotated[
        float | None,
        typer.Option(
            help="Fraction of rendered plates that are cropped rectified and tight, as in the paper (default: 1)",
            min=0,
            max=1,
        ),
    ] = None,
    pair_list: Annotated[
        Path | None,
        typer.Option("--list", help="List of pairs (HR;LR;split) to evaluate instead."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the list: training, validation or testing (default: testing)"),
    ] = None,
    lr_weights: Annotated[Path | None, typer.Option(help="Run of a reader trained on LR pictures.")] = None,
    reader: Annotated[
        Path | None,
        typer.Option(help="Run whose reader reads all pictures (default: the first run's own, which was its guide)"),
    ] = None,
    sampling_steps: Annotated[
        int | None,
        typer.Option(help="Sampling steps of SR3; 0 for all, as in the paper (default: each run's own)", min=0),
    ] = None,
    timed: Annotated[
        int, typer.Option("--time", help="Number of plates on which each generator is timed, one by one.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Random seed of rendered plates and noise.", min=0)] = 7_000_004,
    device: Device = "auto",
    table: Annotated[
        str | None,
        typer.Option(
            help="Table of the paper to show for comparison: I (degraded plates) or III (real LR) "
            "(default: III for a list)"
        ),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Output PNG with LR / SR / HR of the first plates.")] = None,
    worst: Annotated[Path | None, typer.Option(help="Output PNG with the first run's ten worst plates.")] = None,
    confusion: Annotated[Path | None, typer.Option(help="Output PNG of the first run's confusion matrix.")] = None,
    json_out: Json = None,
    debug: Debug = False,
) -> None:
    """Evaluate runs as in the paper's tables: recognition rates with intervals, image quality, time."""
    from lpsr_core.degradation import METHODS
    from lpsr_core.paper import TableName
    from lpsr_train.data.lists import read_list, repeated_plates
    from lpsr_train.data.sources import SPLITS

    made = {"--data": data, "--degradation": degradation, "--count": count, "--rectified": rectified}
    if pair_list and (clash := [option for option, value in made.items() if value is not None]):
        raise UsageError(f"--list brings its own plates; leave {', '.join(clash)} out")
    if split and not pair_list:
        raise UsageError("--split is of a list; name one with --list, or leave it out")
    method, part = choice(degradation or "blur", METHODS, "degradation"), choice(split or "testing", SPLITS, "split")
    beside: TableName = choice(table or ("III" if pair_list else "I"), get_args(TableName), "table")
    need_torch()
    import torch

    from lpsr_train.evaluation.contenders import load_contenders, load_lr_reader, measure
    from lpsr_train.evaluation.plates import SYNTHETIC, DegradedPlates, ListedPlates
    from lpsr_train.evaluation.report import Comparison
    from lpsr_train.training.trainer import choose_device, load_trained

    chosen = choose_device(device)
    contenders = load_contenders(weights, sampling_steps, chosen)
    judging = load_trained(reader) if reader else contenders[0].run
    judge, run = judging.reader.to(chosen), judging.config
    lr_reader = load_lr_reader(lr_weights, chosen) if lr_weights else None
    plates: ListedPlates | DegradedPlates
    if pair_list:
        pairs = read_list(pair_list, part)
        plates = ListedPlates(f"{pair_list}, {part}", pairs)
        note_repeated(repeated_plates(pair_list, part, pairs))
    else:
        share = 1.0 if rectified is None else rectified
        plates = DegradedPlates(data or SYNTHETIC, method, count or 2000, seed, share, run.patterns)
    with progress_bar() as bar:
        gathering = bar.add_task("plates", total=None, note="")
        samples = plates.gather(lambda done, total: bar.update(gathering, completed=done, total=total))
        bars = {entry.name: bar.add_task(entry.name, total=len(samples), note="") for entry in contenders}
        rows = measure(
            contenders,
            judge,
            samples,
            timed,
            run.plate_layouts,
            lr_reader,
            lambda name, done, total: bar.update(bars[name], completed=done),
        )
    machine = (
        torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else f"cpu (threads: {torch.get_num_threads()})"
    )
    judged = f"read by {reader}" if reader else "read by the reader that guided the first run"
    if judging.config.shown_run:
        judged += f", which learned to read the pictures of {judging.config.shown_run}"
    report = Comparison(f"{plates}, {judged}", samples, min(timed, len(samples)), machine, rows, beside)
    report.print()
    written = (
        (sheet, report.write_sheet, "contact sheet"),
        (worst, report.write_worst, "plates read worst"),
        (confusion, report.write_confusion, "confused characters"),
        (json_out, report.write_json, "figures"),
    )
    for path, write, what in written:
        if path:
            write(path)
            typer.echo(f"{what}: {path}")
