"""All parts of a server, opened in order and closed in the reverse order."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from lpsr_core.errors import UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_run.alerts import open_alerts
from lpsr_run.cameras import Camera, load_cameras
from lpsr_run.config import RunConfig, load_config
from lpsr_run.monitor.summary import Summary
from lpsr_run.pipeline.privacy import load_watch_list
from lpsr_run.redact import redact
from lpsr_run.retention.sweeper import Sweep, Sweeper
from lpsr_serve.access.keys import ENVIRONMENT, load_keys, make_key_file
from lpsr_serve.access.rate import RateLimiter
from lpsr_serve.cameras.fleet import Fleet
from lpsr_serve.cameras.runner import CameraRunner
from lpsr_serve.config import ServeConfig
from lpsr_serve.inference.networks import Networks
from lpsr_serve.inference.pool import WorkerPool
from lpsr_serve.jobs.queue import JobQueue
from lpsr_serve.metrics.collector import ServerCollector
from lpsr_serve.metrics.registry import Metrics
from lpsr_serve.search import SearchIndex, open_store
from lpsr_serve.store.places import Places
from lpsr_serve.store.reads import ReadStore
from lpsr_serve.store.recorder import Recorder

_CAMERAS = "cameras are in the file of --config, or are added through the API"
_ELSEWHERE = {
    **dict.fromkeys(("video", "name", "cameras", "region", "raw", "annotate"), _CAMERAS),
    **dict.fromkeys(("stream", "stride", "pixel_aspect", "decode", "give_up", "silence"), _CAMERAS),
    **dict.fromkeys(("out", "store"), "reads go to the folder of --store"),
    **dict.fromkeys(("status", "log"), "see /metrics and /api/v1/sources"),
    "crops": "send them to /api/v1/crops",
}
"""Options of `lpsr-run` that the server has in another way."""
_log = logging.getLogger("lpsr.serve")


class Server:
    """The parts that the HTTP interface talks to.

    Args:
        config: checked.

    Attributes:
        made_key: whether a key file was made, as there was none.
        search: over what was seen; there once the server was started.

    Raises:
        UsageError: the configuration names something that is not there, or there is no API key.
        LpsrError: a model cannot be loaded, or the store cannot be written.
    """

    def __init__(self, config: ServeConfig) -> None:
        config.check()
        self.config = config
        environment = os.environ.get(ENVIRONMENT)
        self.made_key = config.api_key_file is not None and not config.api_key_file.exists() and not environment
        if self.made_key and config.api_key_file is not None:
            make_key_file(config.api_key_file)
        self.keys = load_keys(config.api_key_file, environment)
        self.rates = RateLimiter(config.rate, config.burst)
        # Guesses, by address: a key that is right is never held up by wrong ones.
        self.guesses = RateLimiter(rate=0.5, burst=10)
        file = None if config.cameras is None else load_cameras(config.cameras)
        run = _run_config(config)
        opened = None
        if file is not None:
            layouts = file.layouts(parse_layouts(run.layouts))
            opened = replace(run, layouts=tuple(layout.pattern for layout in layouts))
        self.places = Places(config.store)
        self.places.make()
        self.summary = Summary()
        watched = load_watch_list(Path(run.watch_list), Path(run.watch_list + ".key")) if run.watch_list else None
        self.alerts = open_alerts(run, file, self._camera)
        self.networks = Networks(run, watched, self.alerts, opened)
        tools = self.networks.tools
        self.summary.models, self.summary.engines, self.summary.why = tools.models, tools.engines, tools.why
        self.metrics = Metrics()
        self.recorder = Recorder(self.places, run, self.networks, self.summary)
        self.reads = ReadStore(self.places.database)
        self.pool = WorkerPool(config.workers, config.queue)
        self.jobs = JobQueue(self.places.jobs, self.networks, self.recorder, self.reads, config.max_jobs, config.frames)
        self.fleet = Fleet(self._runner, config.max_sources, self.places.sources, file)
        self.metrics.registry.register(
            ServerCollector(self.fleet, self.jobs, self.pool, self.recorder, self.summary.state)
        )
        self.closing = False
        self._stack = ExitStack()

    def start(self) -> None:
        """Open the outputs, and start cameras and videos.

        Raises:
            UsageError: another process holds the store.
            LpsrError: an output cannot be opened.
        """
        self.summary.state.sources = [runner.state for runner in self.fleet]
        self.recorder.start()  # holds the folder from here on
        self.places.clear()
        self.reads.make_indexes()
        self.search = search = SearchIndex(open_store(self.places.database), self.places.search)
        sweeps: dict[str, Sweep] = {"the search index": lambda rule, now: search.forget()}
        self._stack.enter_context(Sweeper(self.networks.config.retention, sweeps, _log.error))
        self.jobs.start()
        self.fleet.start()

    def close(self) -> None:
        """Stop in good order: plates that are being followed are read and recorded first."""
        self.closing = True
        self.summary.state.sources = [runner.state for runner in self.fleet]
        with self._stack:
            self.fleet.close()
            self.jobs.close()
            self.pool.close()
            self.recorder.close()

    def reload(self) -> None:
        """Read the cameras file and the alerts file again; what did not change goes on."""
        self.fleet.reload()
        if self.alerts is not None:
            self.alerts.reload(_log.info)

    @property
    def unready(self) -> str | None:
        """Why the server should get no requests now; None where it should."""
        if self.closing:
            return "the server is being stopped"
        if self.recorder.failure is not None:
            return self.recorder.failure
        store = redact(f"store:{self.places.database.absolute()}")  # an alert sink may be called so, too
        told = (output() for output in self.summary.state.outputs)
        return next((one["error"] for one in told if one["name"] == store and one["error"]), None)

    def _camera(self, name: str) -> Camera | None:
        return next((runner.camera for runner in self.fleet if runner.camera.name == name), None)

    def _runner(self, camera: Camera) -> CameraRunner:
        return CameraRunner(camera, self.networks, self.recorder, self.config.frames, self.metrics.latency.observe)


def _run_config(config: ServeConfig) -> RunConfig:
    """How plates are read, from the file of `lpsr-run` options and what the server knows better.

    Raises:
        UsageError: the file cannot be read, or has an option that the server has in another way.
    """
    run = RunConfig() if config.run is None else load_config(config.run)
    for name, instead in _ELSEWHERE.items():
        if getattr(run, name) != getattr(RunConfig(), name):
            raise UsageError(f"--run {config.run}: {name} is not for the server; {instead}")
    run = run.changed({"keep_days": config.keep_days or None, "keep_reads": config.keep_reads or None})
    run.check_values()
    return run
