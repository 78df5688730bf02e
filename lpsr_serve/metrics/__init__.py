"""Prometheus metrics of cameras, outputs, requests and the process."""

from lpsr_serve.metrics.registry import Metrics

__all__ = ["Metrics"]
