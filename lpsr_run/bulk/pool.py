"""A pool of workers on Ray: blocks of inputs in, results out, in whatever order they come."""

from __future__ import annotations

import logging
import os
import queue
import re
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_run.bulk.config import BulkConfig
from lpsr_run.bulk.worker import RayReader
from lpsr_run.redact import redact

_RETRIES = 2
"""Times that Ray hands a block to another worker when one dies with it."""
_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 5.0
"""For a cluster that is running already."""
LOG = "ray.log"
_OURS = re.compile(r"^lpsr_core\.errors\.\w+: ")
"""The kind of an error of ours, whose message is a line for the user already."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Finished:
    """Results of a block.

    Attributes:
        lines: JSON by input.
        failed: how many of the inputs could not be read.
        worker: the process that read them.
    """

    lines: Mapping[str, str]
    failed: int
    worker: int


class WorkerPool:
    """A Ray cluster while its context lasts: one of this machine's own, or a running one.

    Args:
        config: says which, and how many workers.

    Attributes:
        workers: how many read.

    Raises:
        MissingExtraError: Ray is not installed.
        LpsrError: Ray does not start, or the cluster has too few CPUs or GPUs.
    """

    def __init__(self, config: BulkConfig) -> None:
        self._config = config
        self._ray = import_ray()
        self.workers = 0

    def __enter__(self) -> WorkerPool:
        with ExitStack() as stack:
            stack.enter_context(_told_to(Path(self._config.out) / LOG))
            stack.callback(self._ray.shutdown)
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def read(self, inputs: Mapping[str, bytes], block: int) -> Iterator[Finished | None]:
        """Read inputs.

        A block whose workers die again and again has no results; whoever asks finds which inputs are missing.

        Args:
            inputs: paths by name.
            block: inputs that one worker takes at a time.

        Yields:
            Results as they come; None a few times a second while none does.

        Raises:
            LpsrError: no worker can start.
        """
        came: queue.Queue[Finished | Exception | None] = queue.Queue()

        def pull() -> None:
            try:
                for table in self._dataset(inputs, block).iter_batches(batch_size=None, batch_format="pyarrow"):
                    came.put(_finished(table))
                came.put(None)
            except Exception as error:
                came.put(error)

        threading.Thread(target=pull, name="ray results", daemon=True).start()
        while True:
            try:
                found = came.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                yield None
                continue
            if found is None:
                return
            if isinstance(found, Exception):
                raise LpsrError(f"the workers cannot go on: {_reason(found)}") from found
            yield found

    def _dataset(self, inputs: Mapping[str, bytes], block: int) -> Any:
        import pyarrow as pa

        items = list(inputs.items())
        tables = [
            pa.table({"name": pa.array(names, pa.string()), "path": pa.array(paths, pa.binary())})
            for names, paths in (zip(*items[at : at + block], strict=True) for at in range(0, len(items), block))
        ]
        with warnings.catch_warnings():
            # Ray has no other way yet to say how often a block is tried.
            warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
            return self._ray.data.from_arrow(tables).map_batches(
                RayReader,
                fn_constructor_args=(self._config.run, self._config.kind),
                batch_size=None,
                batch_format="pyarrow",
                compute=self._ray.data.ActorPoolStrategy(size=self.workers),
                num_cpus=self._config.threads,
                num_gpus=self._config.gpus,
                max_restarts=-1,
                max_task_retries=_RETRIES,
            )

    def _start(self) -> None:
        config, ray = self._config, self._ray
        local = config.address is None
        if config.address is not None:
            _check_address(config.address)
        options: dict[str, Any] = {"num_cpus": config.workers * config.threads or None} if local else {}
        try:
            ray.init(
                address="local" if local else config.address,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                include_dashboard=False if local else None,
                **options,
            )
        except Exception as error:
            where = "on this machine" if local else f"at {redact(str(config.address))}"
            logs = "see session_latest/logs in Ray's temporary folder"
            raise LpsrError(f"Ray does not start {where}: {_reason(error)}; {logs}") from None
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        there = ray.cluster_resources()
        cpus = int(there.get("CPU", 0))
        self.workers = config.workers or max(1, cpus // config.threads)
        for what, wanted in (("CPU", self.workers * config.threads), ("GPU", self.workers * config.gpus)):
            if there.get(what, 0) < wanted:
                raise LpsrError(
                    f"{self.workers} workers need {wanted:g} {what}s, the cluster has {there.get(what, 0):g}; "
                    "give fewer --workers, or less for each"
                )


def import_ray() -> Any:
    """The ray module with its `data`, imported at first use and told to send nothing home.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # the workers are the work, not something beside it
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("ray", "ray") from None
    return ray


@contextmanager
def _told_to(path: Path) -> Iterator[None]:
    """While its context lasts, what Ray prints goes to a file: it tells of every worker that dies, in many words.

    Its libraries write to the process's standard error, past Python.
    """
    saved = os.dup(2)
    try:
        with path.open("a", encoding="utf-8", buffering=1) as log, redirect_stdout(log):
            os.dup2(log.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(saved, 2)
    finally:
        os.close(saved)


def _check_address(address: str) -> None:
    """Make sure that somebody answers there: Ray would ask for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--address {redact(address)}: a Ray cluster is named as HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise LpsrError(f"--address {redact(address)}: no answer: {why}; start it with: ray start --head") from None


def _finished(table: Any) -> Finished:
    columns: dict[str, Sequence[Any]] = table.to_pydict()
    lines = dict(zip(columns["name"], columns["line"], strict=True))
    failed = sum(status == "failed" for status in columns["status"])
    return Finished(lines, failed, columns["worker"][0] if lines else 0)


def _reason(error: Exception) -> str:
    """The last line of the innermost failure that says something."""
    told, inner = str(error), error.__cause__
    while inner is not None:
        told, inner = str(inner).strip() or told, inner.__cause__
    lines = [line.strip() for line in _COLOURS.sub("", told).splitlines() if line.strip()]
    return _OURS.sub("", (lines or [type(error).__name__])[-1])[:400]
