"""Shots of rendered plates by surveillance cameras, as records to train and to measure with.

A shot is what a camera and its recorder deliver of one plate, and the picture that a camera without faults would have
taken of the same crop. Shots are made a group at a time, since the video codec encodes a group on one canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.geometry import HR_SIZE, LR_SIZE, Image, resize
from lpsr_train.cameras.camera import NARROWEST, Encoding, Step, Surveillance, random_camera
from lpsr_train.cameras.chain import LOWEST, Scene, Track, film, ideal
from lpsr_train.cameras.codec import encode_together, transcode
from lpsr_train.cameras.cover import COVERED, character_boxes, cover, known
from lpsr_train.cameras.framing import Choice, Framing, random_framing, visible
from lpsr_train.plates.face import draw_face, plate_size
from lpsr_train.plates.photograph import light
from lpsr_train.plates.style import Country, PlateStyle, random_style
from lpsr_train.scenes.surroundings import surroundings

GROUP = 64
"""Shots that are made, and encoded, together."""
SHOTS_A_PLATE = 2
"""Cameras that look at each plate that is drawn: drawing takes longer than filming."""

SHOT_RECORD = np.dtype(
    [
        ("hr", np.uint8, (HR_SIZE[1], HR_SIZE[0], 3)),
        ("seen", np.uint8, (HR_SIZE[1], HR_SIZE[0], 3)),
        ("lr", np.uint8, (LR_SIZE[1], LR_SIZE[0], 3)),
        ("text", np.uint8, (PLATE_LENGTH,)),
        ("known", np.uint8, (PLATE_LENGTH,)),
        ("plate", np.uint8),
        ("width", np.uint16),
    ]
)
"""One shot: the ideal picture; the delivered crop as the reader takes it and as the generator takes it (RGB); the
characters' class indices and how much of each can be known (0..255); whether there is a plate; the crop's width in
pixels."""


@dataclass(frozen=True)
class ShotSource:
    """What is filmed.

    Attributes:
        countries: drawn evenly.
        patterns: of texts; each country's own when there are none.
        open_typefaces: paths of installed typefaces that widen the variety.
        open_share: how often one replaces the project's own skeletons.
        absent: fraction of shots that show no plate that can be read: surroundings, lettering, two-row plates.
        without: steps of the camera that are left out.
        framed_without: parts of the framing that are left out.
        covered: fraction of plates of which something is covered.
        light_on_dark: fraction of plates, beside the coloured ones of a country, with light characters.
    """

    countries: tuple[Country, ...] = ("brazilian", "mercosur")
    patterns: tuple[str, ...] = ()
    open_typefaces: Sequence[str] = ()
    open_share: float = 0.0
    absent: float = 0.07
    without: tuple[Step, ...] = ()
    framed_without: tuple[Choice, ...] = ()
    covered: float = COVERED
    light_on_dark: float = 0.2


@dataclass(frozen=True)
class Shot:
    """One delivered crop.

    Attributes:
        crop: uint8[H, W, 3], as the recorder delivers it.
        hr: uint8[32, 96, 3], the ideal picture.
        text: seven characters; of nothing where there is no plate.
        known: float64[7], how much of each character can be known, 0..1.
        plate: whether the crop shows a plate that can be read.
        camera: what filmed it.
        country: of the plate.
    """

    crop: Image
    hr: Image
    text: str
    known: NDArray[np.float64]
    plate: bool
    camera: Surveillance
    country: Country


@dataclass
class _Take:
    """A shot under way: before the codec."""

    track: Track
    hr: Image
    text: str
    known: NDArray[np.float64]
    plate: bool
    camera: Surveillance
    country: Country
    delivered: Image | None = field(default=None)


def render_shots(source: ShotSource, seed: int, group: int, count: int = GROUP) -> list[Shot]:
    """Makes one group of shots; the same source, seed and group give the same bytes in any process.

    Args:
        source: what is filmed.
        seed: of everything.
        group: its number.
        count: shots in it.
    """
    rng = np.random.default_rng([seed, group])
    # A group shares its encoders: one setting of each codec.
    encodings = {name: _drawn_encoding(rng, name) for name in ("h264", "hevc")}
    takes: list[_Take] = []
    while len(takes) < count:
        takes.extend(_plate_takes(source, rng, min(SHOTS_A_PLATE, count - len(takes)), encodings))
    for name, encoding in encodings.items():
        chosen = [take for take in takes if take.camera.encoding.codec == name]
        for part in (chosen[start : start + GROUP] for start in range(0, len(chosen), GROUP)):
            decoded = encode_together([take.track.frames for take in part], encoding.codec, encoding.level)
            for take, frames in zip(part, decoded, strict=True):
                take.delivered = frames[min(take.camera.encoding.frame, len(frames) - 1)]
    return [_finished(take) for take in takes]


def shot_record(shot: Shot) -> NDArray:
    """The record of a shot: of dtype SHOT_RECORD, without dimensions."""
    record = np.zeros((), SHOT_RECORD)
    record["hr"] = shot.hr
    record["seen"] = resize(shot.crop, HR_SIZE)
    record["lr"] = resize(shot.crop, LR_SIZE)
    record["text"] = encode(shot.text)
    record["known"] = np.rint(255 * shot.known)
    record["plate"], record["width"] = shot.plate, shot.crop.shape[1]
    return record


def _drawn_encoding(rng: np.random.Generator, codec: str) -> Encoding:
    for _ in range(200):
        encoding = random_camera(rng).encoding
        if encoding.codec == codec:
            return encoding
    raise AssertionError("every codec is drawn often")


def _plate_takes(
    source: ShotSource, rng: np.random.Generator, shots: int, encodings: dict[str, Encoding]
) -> list[_Take]:
    if rng.random() < source.absent:
        scene, style = _nothing(source, rng)
        readable, covered = np.zeros(PLATE_LENGTH), np.ones(PLATE_LENGTH)
    else:
        style = _style(source, rng)
        scale = float(rng.uniform(0.8, 1.0))
        face = draw_face(style, scale, rng)
        covered = cover(face, style, rng) if rng.random() < source.covered else np.zeros(PLATE_LENGTH)
        scene = Scene.of(_linear(light(face.picture, rng)), face.corners)
        readable = known(covered)
    plate = bool((covered < 1).any())
    across, down = plate_size(style)
    takes = []
    for _ in range(shots):
        camera = random_camera(rng, source.without)
        if camera.encoding.codec in encodings:
            shared = encodings[camera.encoding.codec]
            camera = replace(camera, encoding=replace(shared, frame=camera.encoding.frame))
        framing: Framing = random_framing(rng, across / down, source.framed_without)
        inside = visible(framing, character_boxes(style)) if plate else np.zeros(PLATE_LENGTH)
        track = film(scene, framing, camera, rng)
        take = _Take(
            track,
            ideal(scene, framing, camera),
            style.text,
            np.minimum(readable, known(1 - inside)),
            plate,
            camera,
            style.country,
        )
        takes.append(take)
    return takes


def _finished(take: _Take) -> Shot:
    camera, frames = take.camera, take.track.frames
    if take.delivered is None:
        encoding = camera.encoding
        last = frames[-1]
        take.delivered = transcode([last], encoding.codec, encoding.level)[0]
    crop = take.track.crop(take.delivered)
    height, width = crop.shape[:2]
    factor = max(camera.rescaling, NARROWEST / width, LOWEST / height)
    if camera.rescaling != 1:
        size = (round(width * factor), round(height * factor))
        way = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        crop = cv2.resize(crop, size, interpolation=way)  # type: ignore[assignment]
    return Shot(np.ascontiguousarray(crop), take.hr, take.text, take.known, take.plate, camera, take.country)


def _linear(display: NDArray[np.float32]) -> NDArray[np.float32]:
    """Display values as linear light."""
    return np.power(np.clip(display, 0, None), np.float32(2.2))


def _style(source: ShotSource, rng: np.random.Generator) -> PlateStyle:
    country = source.countries[int(rng.integers(len(source.countries)))]
    pattern = source.patterns[int(rng.integers(len(source.patterns)))] if source.patterns else None
    style = random_style(
        rng,
        country=country,
        open_typefaces=source.open_typefaces,
        open_share=source.open_share,
        pattern=pattern,
    )
    if rng.random() >= source.light_on_dark:
        return style
    # Red commercial plates, often washed out, and now and then any two colours of opposite lightness.
    if rng.random() < 0.7:
        faded = float(rng.uniform(0, 0.6))
        face = tuple(float(c * (1 - faded) + 0.55 * faded) for c in (0.6, 0.12, 0.12))
        ink = tuple(float(c) for c in np.clip(rng.normal(0.85, 0.08) + rng.normal(0, 0.02, 3), 0.5, 1))
    else:
        face = tuple(float(c) for c in rng.uniform(0.03, 0.4, 3))
        ink = tuple(float(c) for c in np.clip(rng.uniform(0.6, 1.0) + rng.normal(0, 0.05, 3), 0, 1))
    return replace(style, face=(face[0], face[1], face[2]), ink=(ink[0], ink[1], ink[2]))


def _nothing(source: ShotSource, rng: np.random.Generator) -> tuple[Scene, PlateStyle]:
    """A scene without a plate that can be read, and the style of what is there instead."""
    if rng.random() < 0.3:
        style = random_style(rng, motorcycles=1.0, country=source.countries[0] if len(source.countries) == 1 else None)
        face = draw_face(style, float(rng.uniform(1.2, 1.8)), rng)
        return Scene.of(_linear(light(face.picture, rng)), face.corners), style
    style = random_style(rng)
    size = (int(rng.integers(160, 420)), int(rng.integers(60, 200)))
    picture = surroundings((size[0] + 60, size[1] + 40), rng)
    corners = np.array([[30, 20], [30 + size[0], 20], [30 + size[0], 20 + size[1]], [30, 20 + size[1]]], np.float32)
    return Scene.of(_linear(light(picture, rng)), corners), style


def draw_shots(source: ShotSource, seed: int, size: int, number: int) -> NDArray:
    """One shard of a pool: whole groups of shots as records of SHOT_RECORD.

    Args:
        source: what is filmed.
        seed: of the pool.
        size: records in a shard; a multiple of GROUP.
        number: of the shard.
    """
    groups = range(number * size // GROUP, (number + 1) * size // GROUP)
    return np.array([shot_record(shot) for group in groups for shot in render_shots(source, seed, group)], SHOT_RECORD)
