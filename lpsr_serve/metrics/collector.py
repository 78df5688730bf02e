"""Metrics that are looked up when Prometheus asks: cameras, outputs, queues."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lpsr_run.state import RunState
from lpsr_serve.cameras.fleet import Fleet
from lpsr_serve.inference.pool import WorkerPool
from lpsr_serve.jobs.queue import JobQueue
from lpsr_serve.store.recorder import Recorder

_TOTALS = {
    "reads": ("lpsr_reads", "Plates that were read."),
    "frames": ("lpsr_frames", "Frames that were searched for plates."),
    "dropped": ("lpsr_frames_dropped", "Frames that made room for newer ones."),
    "reconnects": ("lpsr_camera_reconnects", "Connections that were lost and came back."),
    "left_out": ("lpsr_tracks_left_out", "Tracks that did not become reads."),
}
"""Name and meaning of the metric of each of a camera's totals."""


class ServerCollector(Collector):
    """Looks at the parts of a server.

    Args:
        fleet: its cameras.
        jobs: its videos.
        pool: its workers.
        recorder: says whether reads can be recorded.
        state: names the outputs that are behind.
    """

    def __init__(self, fleet: Fleet, jobs: JobQueue, pool: WorkerPool, recorder: Recorder, state: RunState) -> None:
        self._fleet, self._jobs, self._pool, self._recorder, self._state = fleet, jobs, pool, recorder, state

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment."""
        yield from self._of_cameras()
        yield from self._of_outputs()
        yield GaugeMetricFamily("lpsr_queue_requests", "Requests that wait for a worker.", self._pool.waiting)
        yield GaugeMetricFamily("lpsr_jobs", "Videos that wait or are read.", self._jobs.active)
        yield GaugeMetricFamily("lpsr_recording", "Whether reads can be recorded.", float(not self._recorder.failure))

    def _of_cameras(self) -> Iterable[Metric]:
        counters = {
            name: CounterMetricFamily(metric, meaning, labels=["camera"]) for name, (metric, meaning) in _TOTALS.items()
        }
        up = GaugeMetricFamily("lpsr_camera_up", "Whether the camera gives frames.", labels=["camera"])
        tracks = GaugeMetricFamily("lpsr_open_tracks", "Plates that are being followed.", labels=["camera"])
        for runner in self._fleet:
            camera = [runner.camera.name]
            for name, total in vars(runner.totals).items():
                counters[name].add_metric(camera, total)
            up.add_metric(camera, float(runner.status == "running"))
            tracks.add_metric(camera, runner.open_tracks)
        return *counters.values(), up, tracks

    def _of_outputs(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily("lpsr_delivery_spool_reads", "Reads that wait for an output.", labels=["sink"])
        age = GaugeMetricFamily(
            "lpsr_delivery_spool_age_seconds", "Age of the oldest read that waits for an output.", labels=["sink"]
        )
        for output in self._state.outputs:
            told = output()
            waiting.add_metric([told["name"]], told["waiting"])
            age.add_metric([told["name"]], told.get("oldest_seconds", told.get("held_up_seconds", 0.0)))
        return waiting, age
