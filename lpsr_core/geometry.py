"""Where a plate is in a frame, and how its pixels become the networks' input.

Images are RGB uint8 HWC until `to_tensor`. Coordinates are pixels, x to the right and y down, with the origin
at the top left corner of the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

LR_SIZE = (48, 16)
"""Width and height of the generator's input (section IV-A of the paper)."""
HR_SIZE = (96, 32)
"""Width and height of the generator's output, and of the reader's input in the paper."""
READ_SIZE = (192, 64)
"""Width and height of a crop that is read directly by a reader that takes more than the paper's."""
DIRECT_WIDTH = 64
"""`plate_width` in pixels from which a crop is first read directly, and below which through the generator."""
PLATE_RATIO = 3.0
RATIO_TOLERANCE = 0.15
PAD_GRAY = 127


@dataclass(frozen=True)
class Box:
    """An axis-aligned box: top left corner, width and height in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def expanded(self, horizontal: float, vertical: float) -> Box:
        """Return the box grown on every side by fractions of its width and height; negative ones shrink it."""
        dx, dy = horizontal * self.width, vertical * self.height
        return Box(self.x - dx, self.y - dy, self.width + 2 * dx, self.height + 2 * dy)

    def iou(self, other: Box) -> float:
        """Return intersection over union, 0..1."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        intersection = width * height
        return intersection / (self.area + other.area - intersection)

    def crop(self, image: Image) -> Image:
        """Return the pixels inside the box, clipped to the frame; at least one pixel (a view, not a copy)."""
        height, width = image.shape[:2]
        left = min(max(round(self.x), 0), width - 1)
        top = min(max(round(self.y), 0), height - 1)
        right = min(max(round(self.x + self.width), left + 1), width)
        bottom = min(max(round(self.y + self.height), top + 1), height)
        return image[top:bottom, left:right]


@dataclass(frozen=True)
class Quad:
    """The four corners of a plate as ((x, y), ...): top left, top right, bottom right, bottom left."""

    corners: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

    @classmethod
    def from_points(cls, points: Sequence[Sequence[float]]) -> Quad:
        """Order any four corner points, as label files and detectors give them.

        Raises:
            ValueError: there are not four points of two coordinates.
        """
        array = np.asarray(points, np.float64)
        if array.shape != (4, 2):
            raise ValueError(f"a quad has four (x, y) corners, not an array of shape {array.shape}")
        # Clockwise around the centre (y points down), then started at the corner nearest the top left.
        offsets = array - array.mean(axis=0)
        clockwise = array[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]), kind="stable")]
        clockwise = np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)
        first, second, third, fourth = ((float(x), float(y)) for x, y in clockwise)
        return cls((first, second, third, fourth))

    @classmethod
    def from_box(cls, box: Box) -> Quad:
        right, bottom = box.x + box.width, box.y + box.height
        return cls(((box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom)))

    @property
    def array(self) -> NDArray[np.float32]:
        """float32[4, 2]."""
        return np.array(self.corners, np.float32)

    @property
    def box(self) -> Box:
        """The smallest axis-aligned box around the corners."""
        low, high = self.array.min(axis=0), self.array.max(axis=0)
        return Box(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))

    @property
    def width(self) -> float:
        """The mean length of the upper and the lower edge, in pixels."""
        a, b, c, d = self.array
        return float(np.linalg.norm(b - a) + np.linalg.norm(c - d)) / 2

    @property
    def height(self) -> float:
        """The mean length of the left and the right edge, in pixels."""
        a, b, c, d = self.array
        return float(np.linalg.norm(d - a) + np.linalg.norm(c - b)) / 2

    def scaled(self, factor: float) -> Quad:
        """Return the quad in a picture whose width and height were multiplied by a factor."""
        return Quad.from_points((self.array * factor).tolist())


def rectify(image: Image, quad: Quad, margin: float = 0.0) -> Image:
    """Return the plate as seen from the front, at its own resolution.

    Args:
        image: the frame, uint8[H, W, 3].
        quad: the plate's corners in the frame.
        margin: how much of the surroundings to keep, as a share of the plate's width and height on every side.

    Returns:
        uint8[h, w, 3] with w and h the quad's width and height (at least 1) enlarged by the margins.
    """
    inner_width, inner_height = max(quad.width, 1.0), max(quad.height, 1.0)
    dx, dy = margin * inner_width, margin * inner_height
    width, height = max(round(inner_width + 2 * dx), 1), max(round(inner_height + 2 * dy), 1)
    target = np.array(
        [[dx, dy], [width - dx, dy], [width - dx, height - dy], [dx, height - dy]],
        np.float32,
    )
    # Corners are the outer edges of pixels, OpenCV's coordinates their centres: half a pixel apart.
    matrix = cv2.getPerspectiveTransform(quad.array - 0.5, target - 0.5)
    flags = cv2.INTER_CUBIC
    return cv2.warpPerspective(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def pad_to_plate(crop: Image) -> Image:
    """Pad a crop with gray bars to the shape of a plate, 3:1 within 0.15, without distortion.

    Args:
        crop: uint8[H, W, 3].

    Returns:
        uint8[H', W', 3]; the crop itself when its ratio is already within the tolerance.
    """
    height, width = crop.shape[:2]
    narrowest, widest = PLATE_RATIO - RATIO_TOLERANCE, PLATE_RATIO + RATIO_TOLERANCE
    side = max(int((narrowest * height - width) / 2), 0)
    bar = max(int((width / widest - height) / 2), 0)
    if not side and not bar:
        return crop
    gray = (PAD_GRAY, PAD_GRAY, PAD_GRAY)
    return cv2.copyMakeBorder(crop, bar, bar, side, side, cv2.BORDER_CONSTANT, value=gray)  # type: ignore[return-value]


def resize(image: NDArray, size: tuple[int, int]) -> NDArray:
    """Resize [H, W, 3], uint8 or float32, to a width and height: bicubic, or averaged first where that would alias."""
    height, width = image.shape[:2]
    averaged = (size[0] if width > 2 * size[0] else width, size[1] if height > 2 * size[1] else height)
    if averaged != (width, height):
        image = cv2.resize(image, averaged, interpolation=cv2.INTER_AREA)
    return image if averaged == size else cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def within(crop: Image, most: tuple[int, int]) -> Image:
    """Return a crop, uint8[H, W, 3], of at most a width and height; a larger one is averaged to a smaller size."""
    height, width = crop.shape[:2]
    share = min(most[0] / width, most[1] / height)
    if share >= 1:
        return crop
    size = (max(int(width * share), 1), max(int(height * share), 1))
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def to_lr(crop: Image) -> Image:
    """Resize a plate crop to the generator's input, which it fills: uint8[H, W, 3] of any size -> uint8[16, 48, 3]."""
    return resize(crop, LR_SIZE)


def to_hr(crop: Image) -> Image:
    """Resize a plate crop to the reader's input, which it fills: uint8[H, W, 3] of any size -> uint8[32, 96, 3]."""
    return resize(crop, HR_SIZE)


def padded_lr(crop: Image) -> Image:
    """Pad a crop to 3:1 and resize it to the generator's size, as in the paper: uint8[H, W, 3] -> uint8[16, 48, 3]."""
    return resize(pad_to_plate(crop), LR_SIZE)


def padded_hr(crop: Image) -> Image:
    """Pad a crop to 3:1 and resize it to the reader's size, as in the paper: uint8[H, W, 3] -> uint8[32, 96, 3]."""
    return resize(pad_to_plate(crop), HR_SIZE)


def plate_width(crop: Image) -> float:
    """Return the width in pixels of a plate of the usual 3 to 1 that has as many pixels as a crop.

    What a crop can tell depends on both of its sides: a camera whose pixels are twice as wide as high delivers plates
    of half the columns with all of their rows.

    Args:
        crop: uint8[H, W, 3].
    """
    height, width = crop.shape[:2]
    return math.sqrt(PLATE_RATIO * height * width)


def with_margin(crop: Image, across: float, down: float) -> Image:
    """Widen or narrow a crop, as if it had been cut less or more tightly.

    Args:
        crop: uint8[H, W, 3].
        across: fraction of the width that is added on the left and on the right; more than -0.5. What is added repeats
            the outermost pixels; a negative fraction is cut off.
        down: fraction of the height that is added above and below, likewise.
    """
    height, width = crop.shape[:2]
    up, left = round(down * height), round(across * width)
    cut = crop[max(-up, 0) : height - max(-up, 0), max(-left, 0) : width - max(-left, 0)]
    up, left = max(up, 0), max(left, 0)
    if not up and not left:
        return cut
    return cv2.copyMakeBorder(cut, up, up, left, left, cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def to_tensor(images: Sequence[Image] | Image) -> NDArray[np.float32]:
    """Return a batch of images of one size as the networks take it.

    Args:
        images: N of uint8[H, W, 3], RGB.

    Returns:
        float32[N, 3, H, W] in 0..1, contiguous.
    """
    batch = np.asarray(images).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(batch, np.float32) / np.float32(255)


def to_images(tensor: NDArray[np.floating]) -> Image:
    """Invert `to_tensor`, rounded and clipped: float[N, 3, H, W] in 0..1 -> uint8[N, H, W, 3]."""
    scaled = np.asarray(tensor, np.float32).transpose(0, 2, 3, 1) * 255
    rounded: Image = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return rounded
