"""Throughput, latency and accuracy of the released networks on this machine, beside the paper's figures."""

from lpsr_core import __version__

__all__ = ["__version__"]
