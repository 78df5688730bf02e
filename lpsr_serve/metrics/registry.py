"""The registry of a server, and the metrics that are counted as things happen."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series for every label, that says nothing which its counter does not
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class Metrics:
    """What `/metrics` tells.

    Attributes:
        registry: of all; takes collectors that are asked when somebody asks.
        latency: seconds from the capture of a live camera's frame until its plates were read.
        requests: HTTP requests by method, route and status.
        request_seconds: duration of HTTP requests by route; event streams are left out.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="lpsr", registry=self.registry)
        self.latency = Histogram(
            "lpsr_latency_seconds",
            "Time from the capture of a live frame until its plates were read.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.requests = Counter(
            "lpsr_http_requests", "HTTP requests.", ("method", "route", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "lpsr_http_request_seconds",
            "Duration of HTTP requests, event streams left out.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
