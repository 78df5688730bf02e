"""A user's own detector: an ONNX file of the YOLO or RT-DETR family (its forms: `lpsr_run.locate.detections`)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.engines.base import Engine
from lpsr_run.locate.base import Location, quad_of, suppress
from lpsr_run.locate.detections import Detections, Notes, UnknownOutput, detections

_FREE_SIZE = 640
_LARGEST = 8192
"""Pixels of an input's side, beyond which a file is broken or hostile."""
_MOST = 2000
"""Candidates of which overlapping ones are dropped, the best ones: far more than a picture shows plates."""
_OVERLAP = 0.45
"""Boxes that overlap a better one by more (intersection over union) are dropped."""
_FAR = 4.0
"""Distance from the picture, in its longer sides, beyond which a box is broken."""
_PAD = 114
_SIZES = "orig_target_sizes"
"""Second input of RT-DETR as its authors export it: the picture's width and height."""


@dataclass(frozen=True)
class _View:
    """A frame as the model sees it.

    Attributes:
        tensor: float32[1, 3, H, W] in 0..1.
        factor: float64[2], by which the frame was scaled across and down.
        origin: int64[2], where its top left corner is in the tensor, x and y.
    """

    tensor: NDArray[np.float32]
    factor: NDArray[np.float64]
    origin: NDArray[np.int64]


class DetectorLocator:
    """Plates from a user's detector; every class counts as a plate.

    Args:
        engine: one image input [1, 3, H, W], RGB in 0..1, and one of the known outputs.
        confidence: lowest score of a box.

    Raises:
        LpsrError: the engine's input is not an image.
    """

    def __init__(self, engine: Engine, confidence: float = 0.25) -> None:
        images = [spec for spec in engine.inputs if len(spec.shape) == 4]
        others = [spec.name for spec in engine.inputs if len(spec.shape) != 4]
        shape = images[0].shape if len(images) == 1 else ()
        if not shape or shape[1] not in (3, None) or shape[0] not in (1, None) or others not in ([], [_SIZES]):
            found = ", ".join(map(str, engine.inputs))
            raise LpsrError(f"{engine.name}: not a detector: expected one input [1x3xHxW], found {found}")
        self._engine, self._confidence = engine, confidence
        self._image, self._sized = images[0], bool(others)
        self._height, self._width = shape[2] or _FREE_SIZE, shape[3] or _FREE_SIZE
        if not 32 <= min(self._height, self._width) <= max(self._height, self._width) <= _LARGEST:
            size = f"{self._width}x{self._height}"
            raise LpsrError(
                f"{engine.name}: takes pictures of {size}; a detector's have 32 to {_LARGEST} pixels a side"
            )
        self._notes = Notes.of(getattr(engine, "metadata", {}))
        self._stretched = False

    def at_threshold(self, threshold: float) -> DetectorLocator:
        """The same detector with another least score, 0..1."""
        return DetectorLocator(self._engine, threshold)

    def locate(self, frame: Image) -> list[Location]:
        """See `Locator`.

        Raises:
            LpsrError: the model failed, or its output has no known form, or can be read in two ways.
        """
        found, view = self._detected(frame)
        if found.stretched != self._stretched:  # known once the first output is seen
            self._stretched = found.stretched
            found, view = self._detected(frame)
        # Boxes far outside the picture overflow whatever is computed with them.
        near = (np.abs(found.quads) <= _FAR * max(self._width, self._height)).all(axis=(1, 2))
        with np.errstate(invalid="ignore", over="ignore"):
            sides = np.ptp(found.quads, axis=1)
        usable = (found.scores >= self._confidence) & np.isfinite(found.scores) & near & (sides > 1).all(axis=1)
        quads, scores = found.quads[usable], found.scores[usable]
        best = np.argsort(-scores, kind="stable")[:_MOST]
        moved = (quads[best] - view.origin) / view.factor
        locations = [
            Location(quad_of(quad), min(float(score), 1.0)) for quad, score in zip(moved, scores[best], strict=True)
        ]
        return suppress(locations, _OVERLAP, nested=True)

    def _detected(self, frame: Image) -> tuple[Detections, _View]:
        """What the model says of a frame, and how the frame was shown to it."""
        view = self._view(frame)
        feeds: dict[str, NDArray] = {self._image.name: view.tensor.astype(self._image.dtype)}
        if self._sized:
            feeds[_SIZES] = np.array([[self._width, self._height]], np.int64)
        outputs = self._engine.run(feeds)
        named = {spec.name: outputs[spec.name] for spec in self._engine.outputs}
        try:
            return detections(named, (self._width, self._height), self._notes), view
        except UnknownOutput as reason:
            shapes = ", ".join(f"{name} [{'x'.join(map(str, np.shape(each)))}]" for name, each in named.items())
            raise LpsrError(
                f"{self._engine.name}: unknown detector output {shapes}: {reason}; known are YOLOv5 to YOLO12, "
                "RT-DETR, oriented boxes and key points, see docs/streams.md"
            ) from None

    def _view(self, frame: Image) -> _View:
        """The frame in the model's size: stretched, or in its proportions with gray bars."""
        height, width = frame.shape[:2]
        factor = np.array([self._width / width, self._height / height])
        if not self._stretched:
            factor[:] = factor.min()
        inner = max(round(width * factor[0]), 1), max(round(height * factor[1]), 1)
        left, top = (self._width - inner[0]) // 2, (self._height - inner[1]) // 2
        canvas = np.full((self._height, self._width, 3), _PAD, np.uint8)
        interpolation = cv2.INTER_AREA if factor.max() < 1 else cv2.INTER_LINEAR
        canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(frame, inner, interpolation=interpolation)
        tensor = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        return _View(tensor, factor, np.array([left, top]))
