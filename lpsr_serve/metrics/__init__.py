"""Prometheus metrics of cameras, outputs, requests and the process."""
