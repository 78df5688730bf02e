"""A user's own detector: a YOLO-style ONNX file.

Four forms of output are known, B being the batch of 1, C a class's score and N the number of boxes:

- `[1, 4+C, N]` (YOLOv8, YOLO11): centre x, centre y, width, height, class scores; also transposed `[1, N, 4+C]`;
- `[1, N, 6]` (YOLOv10, YOLO26 end to end): x1, y1, x2, y2, score, class;
- `[1, N, 5+C]` (YOLOv5, YOLOv7): centre x, centre y, width, height, objectness, class scores.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Image, Quad
from lpsr_run.engine import Engine
from lpsr_run.locate.base import Location

_FREE_SIZE = 640
_PAD = 114
_STRIDES = (8, 16, 32)
_END_TO_END = 1000
"""Detectors without suppression of their own give thousands of boxes, end-to-end ones 100 to 300."""


class YoloLocator:
    """Plates from a YOLO-style detector; every class counts as a plate.

    Args:
        engine: one image input [1, 3, H, W], RGB in 0..1, and one of the known outputs.
        confidence: lowest score of a box.
        overlap: boxes that overlap a better one by more (intersection over union) are dropped.

    Raises:
        LpsrError: the engine's input is not an image.
    """

    def __init__(self, engine: Engine, confidence: float = 0.25, overlap: float = 0.45) -> None:
        shape = engine.inputs[0].shape if len(engine.inputs) == 1 else ()
        if len(shape) != 4 or shape[1] not in (3, None) or shape[0] not in (1, None):
            found = ", ".join(map(str, engine.inputs))
            raise LpsrError(f"{engine.name}: not a detector: expected one input [1x3xHxW], found {found}")
        self._engine, self._confidence, self._overlap = engine, confidence, overlap
        self._height, self._width = shape[2] or _FREE_SIZE, shape[3] or _FREE_SIZE

    def locate(self, frame: Image) -> list[Location]:
        """The plates of one frame, best first.

        Args:
            frame: uint8[H, W, 3], RGB.

        Raises:
            LpsrError: the model failed, or its output has a form that is not known.
        """
        tensor, factor, left, top = self._letterbox(frame)
        spec = self._engine.inputs[0]
        outputs = self._engine.run({spec.name: tensor.astype(spec.dtype)})
        output = np.asarray(outputs[self._engine.outputs[0].name], np.float32)
        boxes, scores = self._boxes(output)
        usable = (scores >= self._confidence) & (boxes[:, 2] > 1) & (boxes[:, 3] > 1) & np.isfinite(boxes).all(axis=1)
        boxes, scores = boxes[usable], scores[usable]
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), self._confidence, self._overlap)
        locations = []
        for index in np.asarray(kept, int).reshape(-1):
            x, y, width, height = (float(value) for value in boxes[index])
            box = Box((x - left) / factor, (y - top) / factor, width / factor, height / factor)
            locations.append(Location(Quad.from_box(box), min(float(scores[index]), 1.0)))
        return sorted(locations, key=lambda location: -location.score)

    def _letterbox(self, frame: Image) -> tuple[NDArray[np.float32], float, int, int]:
        """The frame in the model's size with gray bars, the factor it was scaled by, and the bars' widths."""
        height, width = frame.shape[:2]
        factor = min(self._width / width, self._height / height)
        inner = max(round(width * factor), 1), max(round(height * factor), 1)
        left, top = (self._width - inner[0]) // 2, (self._height - inner[1]) // 2
        canvas = np.full((self._height, self._width, 3), _PAD, np.uint8)
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(frame, inner, interpolation=interpolation)
        tensor = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        return tensor, factor, left, top

    def _boxes(self, output: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes as x, y, width, height in the model's pixels, float32[N, 4], and scores, float32[N]."""
        if output.ndim != 3 or output.shape[0] != 1 or min(output.shape[1:]) < 5:
            if output.ndim == 3 and output.shape[0] == 1 and output.shape[2] == 6:
                return _end_to_end(output[0])
            shape = "x".join(map(str, output.shape))
            raise LpsrError(
                f"{self._engine.name}: unknown detector output [{shape}]; known are [1x(4+C)xN], [1xNx(4+C)], "
                "[1xNx6] (x1, y1, x2, y2, score, class) and [1xNx(5+C)]"
            )
        rows = output[0]
        # The last column of an end-to-end output holds class numbers, that of the others holds probabilities.
        if rows.shape[1] == 6 and len(rows) <= _END_TO_END and np.array_equal(rows[:, 5], np.rint(rows[:, 5])):
            return _end_to_end(rows)
        channels_first = rows.shape[0] < rows.shape[1]
        if channels_first:
            rows = rows.T
        cells = sum((self._height // stride) * (self._width // stride) for stride in _STRIDES)
        with_objectness = rows.shape[1] > 5 and (len(rows) == 3 * cells or (not channels_first and len(rows) != cells))
        scores = rows[:, 5:].max(axis=1) * rows[:, 4] if with_objectness else rows[:, 4:].max(axis=1)
        boxes = rows[:, :4].copy()
        boxes[:, :2] -= boxes[:, 2:] / 2
        return boxes, scores


def _end_to_end(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    boxes = rows[:, :4].copy()
    boxes[:, 2:] -= boxes[:, :2]
    return boxes, rows[:, 4]
