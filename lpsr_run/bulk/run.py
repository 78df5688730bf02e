"""A bulk run from its configuration: lists inputs, reads what has no result yet, and says what happened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console

from lpsr_core.interrupt import StopRequest
from lpsr_run.bulk.config import BulkConfig
from lpsr_run.bulk.inputs import list_inputs
from lpsr_run.bulk.pool import WorkerPool
from lpsr_run.bulk.progress import BulkProgress
from lpsr_run.bulk.result import InputResult
from lpsr_run.bulk.shards import ResultStore
from lpsr_run.engines.models import find_model
from lpsr_run.monitor.messages import Messages
from lpsr_run.sinks import make_folder
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sinks.lock import FolderLock

_DIED = "the process that read it died each time; see the message of the system, or read it alone with lpsr-run"


@dataclass
class BulkSummary:
    """What a bulk run did.

    Attributes:
        inputs: of the run.
        before: how many had their result already.
        results: how many it wrote.
        failed: of those, the inputs that could not be read to their end.
        seconds: from the first worker's start to the end.
        stopped_by: the signal that stopped it, or None.
    """

    inputs: int = 0
    before: int = 0
    results: int = 0
    failed: int = 0
    seconds: float = 0.0
    stopped_by: int | None = None


def run_bulk(config: BulkConfig, quiet: bool = False) -> BulkSummary:
    """Read every input that has no result yet.

    Args:
        config: checked.
        quiet: without progress.

    Raises:
        UsageError: the configuration names something that is not there, or the folder holds other results.
        LpsrError: no worker can start, or a result cannot be written.
    """
    # A standard error of its own, since Ray's is sent to a file.
    console = Console(file=os.fdopen(os.dup(2), "w"), soft_wrap=True, highlight=False, markup=False)
    say = Messages(console)
    inputs = list_inputs(config.source, config.kind, config.column, say)
    _find_models(config)
    out = Path(config.out)
    make_folder(out)
    summary = BulkSummary(len(inputs))
    with (
        FolderLock(out, new_run_id()),
        StopRequest(hangup=True) as stop,
        ResultStore(out, config.format, config.shard, config.identity()) as store,
    ):
        left = {name: path for name, path in inputs.items() if name not in store.done}
        summary.before = len(inputs) - len(left)
        if summary.before and not quiet:
            say(f"{summary.before:,} of {len(inputs):,} inputs have their result already")
        start = perf_counter()
        if left:
            progress = BulkProgress(console, len(inputs), summary.before, quiet)
            _read(config, left, store, summary, stop, say, progress)
        summary.seconds = perf_counter() - start
        summary.stopped_by = stop.signal
        if stop.signal is None:
            store.finish()
    return summary


def _read(
    config: BulkConfig,
    left: Mapping[str, bytes],
    store: ResultStore,
    summary: BulkSummary,
    stop: StopRequest,
    say: Messages,
    progress: BulkProgress,
) -> None:
    """Read in blocks, then alone what took its worker with it, until every input has its result."""
    with WorkerPool(config) as pool, progress:
        for block in (config.task_size, 1):
            missing = {name: path for name, path in left.items() if name not in store.done}
            if not missing or stop.signal is not None:
                break
            if block == 1 < config.task_size:
                say(f"{len(missing):,} inputs have no result, as workers died with them; they are read one by one")
            for finished in pool.read(missing, block):
                if finished is not None:
                    new = store.add(finished.lines)
                    summary.results += new
                    summary.failed += finished.failed
                    progress.advance(new, finished.failed)
                progress.tick()
                if stop.signal is not None:
                    return
        lost = {name: InputResult(name, "failed", _DIED).to_json() for name in left if name not in store.done}
        summary.results += store.add(lost)
        summary.failed += len(lost)
        progress.advance(len(lost), len(lost))


def _find_models(config: BulkConfig) -> None:
    """Make sure that the models are there before workers are started; engines are looked for where they run."""
    run = config.run
    precision = "fp32" if run.backend.startswith("tensorrt") else run.precision
    find_model(run.reader, "reader", precision)
    if run.super_resolve != "never":
        find_model(run.generator, "generator", precision)
