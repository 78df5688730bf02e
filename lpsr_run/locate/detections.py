"""What a user's detector says, whichever way it says it: boxes, corners and scores.

Forms that are known, B being the batch of 1, N the number of candidates, C the number of classes and K of key points:

- `[1, 4+C, N]` (YOLOv8 to YOLO12): centre x, centre y, width, height, class scores; `[1, N, 5]` is the same with C = 1;
- `[1, 3*cells, 5+C]` (YOLOv5, YOLOv7): centre, sides, objectness, class scores;
- `[1, N, 6]` (YOLOv10, YOLO26, any Ultralytics export with `nms=True`): x1, y1, x2, y2, score, class;
- `[N, 7]` (YOLOv7 with NMS): number in the batch, x1, y1, x2, y2, class, score;
- `[1, N, 4+C]` with centres and sides as fractions (RT-DETR of Ultralytics); `logits` and `pred_boxes` (RT-DETR of
  Transformers); `labels`, `boxes` and `scores` (RT-DETR of its authors);
- oriented boxes `[1, 4+C+1, N]` and, after NMS, `[1, N, 7]`: centre, sides, (score, class,) angle in radians;
- key points `[1, 4+C+K*D, N]` and, after NMS, `[1, N, 6+K*D]`, D being 2 or 3: four of them are the plate's corners;
- masks beside boxes, `[1, 4+C+M, N]` and `[1, M, h, w]`: the boxes are used.

Several of these can have one shape. The notes that Ultralytics writes into its files (task, names, kpt_shape) decide;
without them the values do, where they leave but one reading. What can still be read in two ways is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32))
_END_TO_END = 1000
"""Detectors without suppression of their own give thousands of candidates, others up to a few hundred."""
_FRACTION = 2.0
"""Coordinates of fractions of the picture hardly exceed 1; those of pixels do, or there is no plate."""


class UnknownOutput(ValueError):
    """The output has no known form, or more than one."""


@dataclass(frozen=True)
class Detections:
    """N candidates in pixels of the model's input.

    Attributes:
        quads: float32[N, 4, 2], corners clockwise from the top left.
        scores: float32[N].
        stretched: whether models of this form are trained on pictures stretched to their input, as RT-DETR is, and not
            on pictures with bars.
    """

    quads: Array
    scores: Array
    stretched: bool = False


@dataclass(frozen=True)
class Notes:
    """What a file says of itself; None where it does not.

    Attributes:
        task: `detect`, `obb`, `pose` or `segment`.
        classes: how many.
        points: key points, and values of each.
    """

    task: str | None = None
    classes: int | None = None
    points: tuple[int, int] | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> Notes:
        """Reads the notes of an Ultralytics file; anything else is no notes."""
        task = metadata.get("task")
        names, shape = _literal(metadata.get("names")), _literal(metadata.get("kpt_shape"))
        classes = len(names) if isinstance(names, (dict, list)) and names else None
        points = None
        if isinstance(shape, (list, tuple)) and len(shape) == 2 and all(isinstance(each, int) for each in shape):
            points = shape[0], shape[1]
        known = task in ("detect", "obb", "pose", "segment")
        return cls(task if known else None, classes, points)


def _literal(text: str | None) -> Any:
    if not text or len(text) > 100_000:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def detections(outputs: Mapping[str, NDArray], size: tuple[int, int], notes: Notes) -> Detections:
    """The candidates that outputs hold, of any score.

    Args:
        outputs: arrays by name, the main one first.
        size: width and height of the model's input in pixels.
        notes: what the file says.

    Raises:
        UnknownOutput: why they cannot be read.
    """
    arrays = {name: np.asarray(values) for name, values in outputs.items()}
    separate = _separate(arrays, size)
    if separate is not None:
        return separate
    main = np.asarray(next(iter(arrays.values())), np.float32)
    if main.ndim == 2 and main.shape[1] == 7:
        return Detections(_from_corners(main[:, 1:5], size), main[:, 6])
    if main.ndim != 3 or main.shape[0] != 1:
        raise UnknownOutput("no known form")
    masks = [each for name, each in arrays.items() if each.ndim == 4 and name != next(iter(arrays))]
    extra = masks[0].shape[1] if masks else 0
    rows = main[0]
    cells = {sum((size[0] // s) * (size[1] // s) for s in strides) for strides in _STRIDES}
    first, last = rows.shape
    if last in cells and last > first:  # channels first
        return _dense(rows.T, size, notes, extra)
    if first in {3 * count for count in cells} and last >= 6 and first > last:
        if extra:
            rows = rows[:, :-extra]
        scores = rows[:, 4] * rows[:, 5:].max(axis=1)
        return Detections(_from_centres(rows[:, :4], size), _checked(scores))
    if first in cells and first > last:
        if last == 5:
            return Detections(_from_centres(rows[:, :4], size), _checked(rows[:, 4]))
        if notes.classes is not None and last == 4 + notes.classes:
            return _dense(rows, size, notes, extra)
        if notes.classes is not None and last == 5 + notes.classes:
            return Detections(_from_centres(rows[:, :4], size), _checked(rows[:, 4] * rows[:, 5:].max(axis=1)))
        raise UnknownOutput("its fifth column may be a class or an objectness; export it with channels first")
    if first <= _END_TO_END and first > 0 and last >= 5:
        return _few(rows, size, notes, extra)
    if last <= 4 or first <= 4:
        raise UnknownOutput("no known form")
    if last > first:  # of an input or strides of another kind, but channels first all the same
        return _dense(rows.T, size, notes, extra)
    raise UnknownOutput("no known form")


def _separate(arrays: Mapping[str, NDArray], size: tuple[int, int]) -> Detections | None:
    """Boxes and scores in outputs of their own; None where they are not."""
    boxes = arrays.get("pred_boxes")
    logits = arrays.get("logits")
    if boxes is not None and logits is not None and boxes.ndim == logits.ndim == 3 and len(boxes) == 1:
        scores = 1 / (1 + np.exp(-logits[0].astype(np.float32).max(axis=1)))
        return Detections(_from_centres(boxes[0].astype(np.float32), size, fractions=True), scores, stretched=True)
    boxes, scores_ = arrays.get("boxes"), arrays.get("scores")
    if boxes is not None and scores_ is not None and "labels" in arrays and boxes.ndim == 3 and len(boxes) == 1:
        corners = _from_corners(boxes[0].astype(np.float32), size)
        return Detections(corners, _checked(scores_[0].astype(np.float32)), stretched=True)
    return None


def _dense(rows: Array, size: tuple[int, int], notes: Notes, masks: int) -> Detections:
    """Rows of centre, sides, class scores, and what else the task gives, before any suppression."""
    more = rows.shape[1] - 4 - masks
    if more < 1:
        raise UnknownOutput("no known form")
    rows = rows[:, : 4 + more]
    task, classes, points = _task(rows[:, 4:], notes, masks > 0)
    if task == "obb":
        scores = rows[:, 4:-1].max(axis=1)
        return Detections(_turned(_scaled(rows[:, :4], size), rows[:, -1]), _checked(scores))
    if task == "pose":
        count, values = points
        scores = rows[:, 4 : 4 + classes].max(axis=1)
        places = rows[:, 4 + classes :].reshape(len(rows), count, values)[..., :2]
        return Detections(_corners(rows[:, :4], places, size), _checked(scores))
    return Detections(_from_centres(rows[:, :4], size), _checked(rows[:, 4:].max(axis=1)))


def _task(values: Array, notes: Notes, masks: bool) -> tuple[str, int, tuple[int, int]]:
    """What columns after the box mean: the task, how many classes, and key points."""
    width = values.shape[1]
    if notes.task == "pose" and notes.points is not None:
        count = notes.points[0] * notes.points[1]
        if width - count >= 1:
            return "pose", width - count, notes.points
        raise UnknownOutput("its notes name more key points than it has columns")
    if notes.task == "obb" and width >= 2:
        return "obb", width - 1, (0, 0)
    if notes.task in ("detect", "segment") or masks:
        return "detect", width, (0, 0)
    probable = [_probable(values[:, column]) for column in range(width)]
    if all(probable):
        # Angles of thousands of candidates are never all in 0..1, nor are key points.
        return "detect", width, (0, 0)
    if all(probable[:-1]) and np.nanmin(values[:, -1]) >= -np.pi and np.nanmax(values[:, -1]) <= np.pi:
        return "obb", width - 1, (0, 0)
    classes = probable.index(False)
    count, left = divmod(width - classes, 4)
    # Four corners, each of two values, or of three of which the last is how visible it is.
    visible = [probable[classes + 3 * point + 2] for point in range(4)] if count == 3 and not left else []
    if classes >= 1 and not left and (count == 2 or (count == 3 and all(visible))):
        return "pose", classes, (4, count)
    raise UnknownOutput("its columns are neither scores nor four corners; name the task in its metadata")


def _probable(column: Array) -> bool:
    return bool((column >= -1e-3).all() and (column <= 1 + 1e-3).all())


def _few(rows: Array, size: tuple[int, int], notes: Notes, masks: int) -> Detections:
    """Rows of a detector that suppresses by itself."""
    width = rows.shape[1] - masks
    rows = rows[:, :width]
    whole = width >= 6 and np.array_equal(rows[:, 5], np.rint(rows[:, 5])) and (rows[:, 5] >= 0).all()
    if whole and width == 6:
        return Detections(_from_corners(rows[:, :4], size), _checked(rows[:, 4]))
    turned = width == 7 and np.abs(rows[:, 6]).max(initial=0) <= np.pi + 1e-3  # by angles, in the last column
    if whole and turned and notes.task in (None, "obb"):
        return Detections(_turned(_scaled(rows[:, :4], size), rows[:, 6]), _checked(rows[:, 4]))
    if whole and notes.points is not None and width == 6 + notes.points[0] * notes.points[1]:
        places = rows[:, 6:].reshape(len(rows), *notes.points)[..., :2]
        centres = np.concatenate([(rows[:, :2] + rows[:, 2:4]) / 2, rows[:, 2:4] - rows[:, :2]], axis=1)
        return Detections(_corners(centres, places, size), _checked(rows[:, 4]))
    fractions = bool(len(rows) and np.abs(rows[:, :4]).max() <= _FRACTION)
    named = notes.classes is not None and width == 4 + notes.classes
    if not whole and fractions and (width == 5 or named or notes.classes is None) and notes.task in (None, "detect"):
        centres = _from_centres(rows[:, :4], size, fractions=True)
        return Detections(centres, _checked(rows[:, 4:].max(axis=1)), stretched=True)
    raise UnknownOutput("it can be read in more than one way, or in none")


def _checked(scores: Array) -> Array:
    """Scores that are probabilities.

    Raises:
        UnknownOutput: they are not.
    """
    finite = scores[np.isfinite(scores)]
    if len(finite) and (finite.min() < -1e-3 or finite.max() > 1 + 1e-3):
        raise UnknownOutput(f"its scores run from {finite.min():.3g} to {finite.max():.3g}, not from 0 to 1")
    return scores


def _scaled(boxes: Array, size: tuple[int, int], fractions: bool | None = None) -> Array:
    """Boxes in pixels, also where they were fractions of the input."""
    boxes = np.asarray(boxes, np.float32)
    fractions = _are_fractions(boxes) if fractions is None else fractions
    return boxes * np.array([*size, *size], np.float32) if fractions else boxes


def _are_fractions(boxes: Array) -> bool:
    finite = np.abs(boxes[np.isfinite(boxes)])
    return bool(len(finite) and finite.max() <= _FRACTION)


def _from_centres(boxes: Array, size: tuple[int, int], fractions: bool | None = None) -> Array:
    boxes = _scaled(boxes, size, fractions)
    half = boxes[:, 2:] / 2
    return _boxed(boxes[:, :2] - half, boxes[:, :2] + half)


def _from_corners(boxes: Array, size: tuple[int, int]) -> Array:
    boxes = _scaled(boxes, size)
    return _boxed(boxes[:, :2], boxes[:, 2:4])


def _boxed(low: NDArray[np.floating], high: NDArray[np.floating]) -> Array:
    (left, top), (right, bottom) = low.T, high.T
    corners = [np.stack(pair, axis=1) for pair in ((left, top), (right, top), (right, bottom), (left, bottom))]
    return np.stack(corners, axis=1).astype(np.float32)


def _turned(boxes: Array, angles: Array) -> Array:
    """Corners of oriented boxes, so turned that the longer side runs most nearly to the right."""
    centres, sides = boxes[:, :2], boxes[:, 2:4]
    cos, sin = np.cos(angles), np.sin(angles)
    across = np.stack([cos, sin], axis=1) * sides[:, :1] / 2
    down = np.stack([-sin, cos], axis=1) * sides[:, 1:] / 2
    swap = sides[:, 1] > sides[:, 0]
    across, down = np.where(swap[:, None], down, across), np.where(swap[:, None], across, down)
    across = np.where((across[:, 0] < 0)[:, None], -across, across)
    flipped = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] < 0
    down = np.where(flipped[:, None], -down, down)
    corners = [centres - across - down, centres + across - down, centres + across + down, centres - across + down]
    return np.stack(corners, axis=1).astype(np.float32)


def _corners(boxes: Array, places: Array, size: tuple[int, int]) -> Array:
    """Four key points in order, clockwise from the top left; the box where they are not four, or no quadrilateral."""
    plain = _from_centres(boxes, size)
    if places.shape[1] != 4:
        return plain
    if _are_fractions(boxes):
        places = places * np.array(size, np.float32)
    middle = places.mean(axis=1, keepdims=True)
    turn = np.arctan2(places[..., 1] - middle[..., 1], places[..., 0] - middle[..., 0])
    order = np.argsort(turn, axis=1)
    ordered = np.take_along_axis(places, order[..., None], axis=1)
    # The top left corner is the one nearest to where a box's would be.
    start = np.argmin(np.abs(ordered - plain[:, :1]).sum(axis=2), axis=1)
    index = (start[:, None] + np.arange(4)) % 4
    ordered = np.take_along_axis(ordered, index[..., None], axis=1)
    area = 0.5 * np.abs(
        np.sum(ordered[..., 0] * np.roll(ordered[..., 1], -1, 1) - ordered[..., 1] * np.roll(ordered[..., 0], -1, 1), 1)
    )
    sound = np.isfinite(ordered).all(axis=(1, 2)) & (area > 4)
    return np.where(sound[:, None, None], ordered, plain).astype(np.float32)
