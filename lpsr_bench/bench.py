"""One benchmark from its configuration: opens what it names, runs the suites, and keeps what was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lpsr_bench.config import BenchConfig
from lpsr_bench.context import Context, Tell
from lpsr_bench.machine import describe_machine, peak_resident_bytes
from lpsr_bench.networks import LR_READER, Networks, open_networks
from lpsr_bench.pace import Pace
from lpsr_bench.peers.choose import check_peers
from lpsr_bench.report import can_draw
from lpsr_bench.results import Results, check_writable
from lpsr_bench.samples import first_frame, load_plates, paint_frame, plates_folder, stand_in_crops
from lpsr_bench.suites import MEASURES
from lpsr_core.errors import MissingExtraError
from lpsr_core.extras import install_command
from lpsr_core.labelled import Labelled
from lpsr_core.layouts import parse_layouts
from lpsr_run.redact import redact

_BUSY = 0.5
"""Load average for every usable core from which timings are doubtful."""


def run(config: BenchConfig) -> Results:
    """Measures what the configuration asks for and writes the JSON file.

    An interrupt ends it in good order: what was measured until then is written and returned.

    Args:
        config: checked.

    Raises:
        UsageError: the configuration names something that is not there.
        LpsrError: a model cannot run, the plates cannot be read, or the file cannot be written. What was measured
            before is in the file.
    """
    # Whatever may be mistyped first: it should be told before a model is loaded.
    check_writable(Path(config.out))
    if config.html and not can_draw():
        raise MissingExtraError("matplotlib", "bench")
    if "peers" in config.suites:
        check_peers(config.peers)
    left_out: list[str] = []
    plates, data = _plates(config, left_out.append)
    frame = None if config.frame is None else first_frame(config.frame)
    networks = open_networks(config)
    results = _results(config, networks, data, plates)
    results.notes += [f"left out: {line}" for line in left_out]
    crops = [plate.crop for plate in plates] or stand_in_crops(config.seed)
    if frame is None and "stages" in config.suites:
        frame = paint_frame(crops, config.seed)
    start = time.perf_counter()
    pace = Pace()
    results.steadiness = pace.seconds
    try:
        with _progress() as tell:
            layouts = parse_layouts(config.layouts)
            context = Context(config, networks, plates, crops, frame, layouts, tell, results.notes.append)
            _measure(results, context, pace)
        results.complete = True
    except KeyboardInterrupt:
        results.interrupted = True
    finally:
        results.seconds = time.perf_counter() - start
        results.peak_resident_bytes = peak_resident_bytes()
        complaint = pace.complaint()
        if complaint is not None:
            results.notes.append(complaint)
        results.write()
    return results


def _measure(results: Results, context: Context, pace: Pace) -> None:
    """Runs the suites one after the other; every result is kept as soon as it is there."""
    for suite, measure in MEASURES.items():
        if suite in context.config.suites:
            pace.take(f"before {suite}")
            rows = results.rows.setdefault(suite, [])
            for row in measure(context):
                rows.append(row)
    pace.take("at the end")


def _plates(config: BenchConfig, leave_out: Callable[[str], None]) -> tuple[list[Labelled], dict[str, Any]]:
    """The labelled plates, none if there are none and none were asked for, and what the JSON says of the data."""
    folder = plates_folder() if config.data is None else Path(config.data)
    plates = [] if folder is None else load_plates(folder, config.limit, leave_out)
    if config.data is not None:
        name = Path(config.data).name
    else:
        name = "noise in place of plates" if folder is None else "rendered plates of the project"
    widths = [plate.crop.shape[1] for plate in plates]
    return plates, {
        "name": name,
        "plates": len(plates),
        "widths": [min(widths), max(widths)] if widths else None,
        "frame": "painted, 1280x720" if config.frame is None else redact(config.frame),
    }


def _results(config: BenchConfig, networks: Networks, data: dict[str, Any], plates: list[Labelled]) -> Results:
    machine = describe_machine()
    notes = []
    if config.html is None and not can_draw():
        notes.append(f"no page was written: matplotlib is not installed; install it with: {install_command('bench')}")
    load, cores = machine["load_average"], machine["usable_cores"]
    if load is not None and load > _BUSY * cores:
        notes.append(
            f"the machine was busy before the benchmark (load {load:g} on {cores} cores): timings are doubtful"
        )
    if not plates:
        notes.append("no labelled plates here: timed on noise, accuracy skipped; give a folder with --data")
    elif "accuracy" in config.suites:
        if config.data is None:
            notes.append("the project's plates are rendered; the paper's are photographs: the rates do not compare")
        if networks.lr_reader is None:
            notes.append(
                f"no released reader {LR_READER!r} at {config.precision}: the reader trained on LR pictures is left out"
            )
    return Results(
        config=config,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=machine,
        models=networks.as_dict(),
        data=data,
        hardware=_hardware(machine, networks.generator.runtime, config.threads),
        notes=notes,
    )


def _hardware(machine: dict[str, Any], runtime: str, threads: int) -> str:
    """What ran the networks, in words."""
    if "cpu" not in runtime and machine["gpu"]:
        return f"{machine['gpu']}, {runtime}"
    used = f"{threads} thread{'s' * (threads > 1)}" if threads else "a thread a core"
    return f"{machine['board'] or machine['cpu']}, {machine['usable_cores']} cores, {used}, {runtime}"


@contextmanager
def _progress() -> Iterator[Tell]:
    """A bar on a terminal, nothing elsewhere; redrawn seldom, since it takes time from what is measured."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("")

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield tell
