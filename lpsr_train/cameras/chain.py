"""The way of the light, in a camera's order: linear light, haze, lens, motion, pixels, noise, noise reduction, tone
curve, colour, sharpening, fields. The codec comes after it (`codec`), for many tracks at once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.degradation import to_uint8
from lpsr_core.geometry import HR_SIZE, Image
from lpsr_train.cameras.camera import Surveillance
from lpsr_train.cameras.framing import Framing

Light = NDArray[np.float32]
"""float32[H, W, 3], linear, 1 for white in the sun."""
SURROUNDINGS = 10
"""Pixels around the crop that the camera sees and the codec encodes with it."""
LOWEST = 10
"""Rows of the lowest crop."""
_MOST_ACROSS = 420
_VEIL = 0.6
"""Linear light of the haze, before exposure."""


@dataclass(frozen=True)
class Scene:
    """A plate in its light, at several sizes so that nothing aliases.

    Attributes:
        levels: linear light, each half as large as the one before.
        corners: float32[4, 2], the plate's corners in the first.
    """

    levels: tuple[Light, ...]
    corners: NDArray[np.float32]

    @classmethod
    def of(cls, light: Light, corners: NDArray[np.float32]) -> Scene:
        """Of a picture in linear light and the plate's corners in it."""
        levels = [light]
        while min(levels[-1].shape[:2]) >= 48 and len(levels) < 4:
            height, width = levels[-1].shape[:2]
            half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            levels.append(np.asarray(half, np.float32))
        return cls(tuple(levels), corners)

    def seen(self, matrix: NDArray[np.float64], size: tuple[int, int]) -> Light:
        """Return the scene on a canvas of a width and height; the float64[3, 3] maps the plate (0..1) to its pixels."""
        first = self.corners[:2]
        across = np.array([[0, 0, 1], [1, 0, 1]], np.float64) @ matrix.T
        ends = across[:, :2] / across[:, 2:]
        shrink = np.linalg.norm(first[1] - first[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-6)
        level = min(int(np.log2(max(float(shrink), 1.0)) + 0.3), len(self.levels) - 1)
        picture = self.levels[level]
        full = self.levels[0].shape
        scale = np.array([picture.shape[1] / full[1], picture.shape[0] / full[0]], np.float32)
        plate = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        # Corners are edges of pixels, OpenCV's coordinates their centres.
        face = cv2.getPerspectiveTransform(self.corners * scale - np.float32(0.5), plate)
        centred = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]) @ matrix @ face
        return cv2.warpPerspective(picture, centred, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


@dataclass(frozen=True)
class Track:
    """What left the camera, before any codec.

    Attributes:
        frames: uint8[H, W, 3] each, with SURROUNDINGS around the crop.
        size: width and height of the crop.
        camera: that took them.
    """

    frames: tuple[Image, ...]
    size: tuple[int, int]
    camera: Surveillance

    def crop(self, frame: Image, moment: int) -> Image:
        """Return the crop of one frame, as it left the camera or was decoded; `moment` is its index.

        Like a tracker's box it follows the plate by whole pixels.
        """
        width, height = self.size
        steps = np.array(self.camera.drift) * (moment - self.camera.delivered)
        left, top = (SURROUNDINGS + np.clip(np.rint(steps), -SURROUNDINGS, SURROUNDINGS)).astype(int)
        return frame[top : top + height, left : left + width]


def crop_size(camera: Surveillance, framing: Framing) -> tuple[int, int]:
    """Width and height in pixels of a crop on a camera's sensor."""
    width = max(round(camera.width), 12)
    height = width / framing.ratio * camera.pixel_ratio
    return width, int(np.clip(round(height), LOWEST, 2 * width))


def film(
    scene: Scene, framing: Framing, camera: Surveillance, rng: np.random.Generator, frames: int | None = None
) -> Track:
    """Take a track of a plate, of so many frames; of as many as the delivered one needs when None."""
    width, height = crop_size(camera, framing)
    full = (width + 2 * SURROUNDINGS, height + 2 * SURROUNDINGS)
    fine = int(np.clip(_MOST_ACROSS // width, 1, 3))
    canvas = (fine * full[0], fine * full[1])
    sensor = (full[0], max(round(full[1] * camera.rows), 6))
    expose = _exposure(scene, framing, camera)
    veil = _veil(camera, sensor)
    ghost: Light | None = None
    taken = []
    for moment in range(frames or camera.frames):
        # Whoever cuts the crop out follows the plate, so it stands still in the frame that is delivered.
        origin = tuple(fine * (SURROUNDINGS + (moment - camera.delivered) * shift) for shift in camera.drift)
        light = scene.seen(framing.onto(fine * width, fine * height, (origin[0], origin[1])), canvas)
        light = _blurred(light, camera, fine)
        light = cv2.resize(light, sensor, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        if veil is not None:
            light = _veiled(light, veil, camera)
        light = np.clip(light * np.float32(expose), 0, 1)
        light = _noisy(light, camera, rng)
        ghost = light if ghost is None else ghost + np.float32(camera.temporal) * (light - ghost)
        picture = _developed(ghost, camera)
        if sensor != full:
            picture = cv2.resize(picture, full, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        taken.append(_sharpened(picture, camera))
    if camera.comb:
        taken = [_combed(frame, camera.comb) for frame in taken]
    return Track(tuple(taken), (width, height), camera)


def ideal(scene: Scene, framing: Framing, camera: Surveillance) -> Image:
    """The same crop in the same light by a camera without faults: the HR picture, uint8[32, 96, 3]."""
    width, height = HR_SIZE
    light = scene.seen(framing.onto(2 * width, 2 * height), (2 * width, 2 * height))
    light = cv2.resize(light, HR_SIZE, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    veil = _veil(camera, HR_SIZE)
    if veil is not None:
        light = _veiled(light, veil, camera)
    light = np.clip(light * np.float32(_exposure(scene, framing, camera)), 0, 1)
    return to_uint8(_developed(light, camera, faults=False))


def _exposure(scene: Scene, framing: Framing, camera: Surveillance) -> float:
    """What brings the crop's mean to the camera's level."""
    glance = scene.seen(framing.onto(24, 8), (24, 8))
    veil = float(np.mean(camera.haze))
    mean = float(glance.mean()) * (1 - veil) + veil * _VEIL * float(np.mean(camera.haze_colour))
    return camera.level / max(mean, 1e-4)


def _veil(camera: Surveillance, size: tuple[int, int]) -> Light | None:
    """float32[H, W, 1]: from one corner's haze to the other's."""
    if max(camera.haze) < 0.01:
        return None
    width, height = size
    along = np.linspace(camera.haze[0], camera.haze[1], width, dtype=np.float32)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * np.float32(camera.haze[1] - camera.haze[0])
    return np.clip(along[None] + down, 0, 0.97)[..., None].astype(np.float32)


def _veiled(light: Light, veil: Light, camera: Surveillance) -> Light:
    return light * (1 - veil) + veil * (np.float32(_VEIL) * np.array(camera.haze_colour, np.float32))


def _blurred(light: Light, camera: Surveillance, fine: int) -> Light:
    sigma = fine * camera.optics
    if sigma > 0.3:
        light = cv2.GaussianBlur(light, (0, 0), sigma)  # type: ignore[assignment]
    dx, dy = (fine * each for each in camera.motion)
    length = float(np.hypot(dx, dy))
    if length > 0.7:
        steps = max(int(np.ceil(length)), 2)
        size = 2 * int(np.ceil(length / 2)) + 3
        kernel, middle = np.zeros((size, size), np.float32), size // 2
        for share in np.linspace(-0.5, 0.5, 2 * steps + 1):
            kernel[round(middle + share * dy), round(middle + share * dx)] += 1
        light = cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return light


def _noisy(light: Light, camera: Surveillance, rng: np.random.Generator) -> Light:
    if camera.shot_noise <= 0 and camera.read_noise <= 0:
        return light
    deviation = np.sqrt(np.float32(camera.shot_noise**2) * light + np.float32(camera.read_noise**2))
    return np.clip(light + deviation * rng.standard_normal(light.shape, np.float32), 0, 1)


def _developed(light: Light, camera: Surveillance, faults: bool = True) -> Light:
    """From linear light to 0..255: noise reduction, tone curve, colours."""
    picture = np.power(light, np.float32(camera.gamma))
    if faults and camera.spatial > 0:
        picture = cv2.bilateralFilter(picture, 5, camera.spatial / 255, 1.5)
    luma = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    gray = cv2.merge([luma] * 3)
    saturation = 0.0 if camera.cast in ("gray", "night") else camera.saturation
    picture = gray + np.float32(saturation) * (picture - gray)
    if camera.cast in ("tint", "night"):
        picture = picture * np.array(camera.cast_colour, np.float32)
    if camera.contrast != 1:
        mean = np.float32(picture.mean(dtype=np.float64))
        picture = (picture - mean) * np.float32(camera.contrast) + mean
    return picture * np.float32(255)


def _sharpened(picture: Light, camera: Surveillance) -> Image:
    amount, radius = camera.sharpening
    if amount > 0:
        picture = picture + np.float32(amount) * (picture - cv2.GaussianBlur(picture, (0, 0), radius))
    return to_uint8(picture)


def _combed(frame: Image, shift: float) -> Image:
    """Every second row from a moment later, when the plate has moved on."""
    matrix = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
    height, width = frame.shape[:2]
    later = cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    combed = frame.copy()
    combed[1::2] = later[1::2]
    return combed
