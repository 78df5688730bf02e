"""`lpsr-train compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from lpsr_train.terminal import Debug, choice, need_torch, progress_bar


def compare(
    weights: Annotated[list[Path], typer.Option(help="Folder of a run with a generator; give it for each run.")],
    reader: Annotated[Path, typer.Option(help="Run whose reader judges all pictures.")],
    count: Annotated[int, typer.Option(help="Synthetic plates.", min=1)] = 200,
    data: Annotated[str, typer.Option(help="synthetic, or a folder of labelled plates.")] = "synthetic",
    degradation: Annotated[str, typer.Option(help="blur (the paper's), noise, camera, hard, or none.")] = "blur",
    pair_list: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--list", help="List of pairs (HR;LR;split) to take instead of --data."),
    ] = None,
    split: Annotated[str, typer.Option(help="Of the list: training, validation or testing.")] = "testing",
    timed: Annotated[int, typer.Option(help="Plates to time each generator on, one by one.", min=1)] = 20,
    sampling_steps: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Passes for a picture of SR3; 0 for all, as in the paper [each run's own].", min=0),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of synthetic plates and of noise.", min=0)] = 7_000_004,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json_out: Annotated[Optional[Path], typer.Option("--json", help="File for the figures.")] = None,  # noqa: UP045
    debug: Debug = False,
) -> None:
    """Recognition rates, picture quality and time of several runs on the same plates, beside the paper's."""
    from lpsr_core.degradation import METHODS
    from lpsr_train.data.sources import SPLITS

    method, part = choice(degradation, METHODS, "degradation"), choice(split, SPLITS, "split")
    need_torch()
    import torch

    from lpsr_train.comparison.measure import load_contenders, measure
    from lpsr_train.comparison.report import Comparison
    from lpsr_train.report import gather_samples
    from lpsr_train.trainer import choose_device, load_trained

    chosen = choose_device(device)
    contenders = load_contenders(weights, sampling_steps, chosen)
    judging = load_trained(reader)
    judge, run = judging.reader.to(chosen), judging.config
    with progress_bar() as bar:
        rendering = bar.add_task("plates", total=count, note="")

        def rendered(done: int, total: int) -> None:
            bar.update(rendering, completed=done, total=total)

        samples, kind = gather_samples(data, method, count, seed, 1.0, rendered, pair_list, part, run.patterns)
        bars = {entry.name: bar.add_task(entry.name, total=len(samples), note="") for entry in contenders}
        rows = measure(
            contenders,
            judge,
            samples,
            timed,
            run.plate_layouts,
            lambda name, done, total: bar.update(bars[name], completed=done),
        )
    machine = (
        torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else f"cpu (threads: {torch.get_num_threads()})"
    )
    report = Comparison(f"{kind}, read by {reader}", len(samples), min(timed, len(samples)), machine, rows)
    report.print()
    if json_out:
        report.write_json(json_out)
        typer.echo(f"figures: {json_out}")
