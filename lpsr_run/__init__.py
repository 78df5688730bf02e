"""Engines at run time, plate location, tracking, streams and outputs: everything that a device needs.

Never imports torch, onnx or the training packages.
"""

from lpsr_core import __version__

__all__ = ["__version__"]
