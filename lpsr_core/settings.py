"""Choices, bounds and defaults that options name; without NumPy and OpenCV, which `--help` would wait for."""

from __future__ import annotations

from typing import Literal, get_args

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
SuperResolve = Literal["auto", "always", "never"]
SUPER_RESOLVE: tuple[SuperResolve, ...] = get_args(SuperResolve)
Views = Literal["auto", "one"]
VIEWS: tuple[Views, ...] = get_args(Views)
Method = Literal["blur", "noise", "camera", "none", "hard"]
"""Degradations, see `lpsr_core.degradation`."""
METHODS: tuple[Method, ...] = get_args(Method)
CERTAIN = 0.6
"""Probability below which a character is not certain."""
MIN_PLATE = 0.5
"""Plate score (see `lpsr_core.decode.plate_score`) below which a picture shows no plate that can be read."""
DECODERS = ("software", "auto", "cuda", "qsv", "vaapi", "videotoolbox", "d3d11va", "drm", "amf")
"""What decodes videos: the processor, the first device that works, or a device by FFmpeg's name."""
PIXEL_ASPECTS = (0.25, 4.0)
"""Ratios of a pixel's width to its height that a container is believed."""
