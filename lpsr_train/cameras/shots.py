"""Shots of rendered plates by surveillance cameras, as records to train and to measure with.

A shot is what a camera and its recorder deliver of one plate, and the picture that a camera without faults would have
taken of the same crop. Shots are made a group at a time, since the video codec encodes a group on one canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.codec import encode_together, transcode
from lpsr_core.geometry import HR_SIZE, LR_SIZE, READ_SIZE, Image, resize
from lpsr_core.metrics import gray
from lpsr_train.cameras.absent import absent_scene
from lpsr_train.cameras.camera import NARROWEST, WIDEST, Encoding, Step, Surveillance, random_camera
from lpsr_train.cameras.chain import LOWEST, Scene, Track, film, ideal
from lpsr_train.cameras.cover import COVERED, character_boxes, cover, known
from lpsr_train.cameras.framing import Choice, Framing, random_framing, visible
from lpsr_train.cameras.simple import simple_records
from lpsr_train.plates.face import draw_face, plate_size
from lpsr_train.plates.pairs import PlateSource
from lpsr_train.plates.photograph import light
from lpsr_train.plates.style import Country, Drawing, PlateStyle, random_style, style_of
from lpsr_train.plates.world import draw_world_plate

GROUP = 64
"""Shots that are made, and encoded, together."""
_GROUPS = 100_000
"""Numbers of groups that a shard may draw from."""
HOPELESS, HOPELESS_KEPT = 0.55, 0.15
"""Legibility below which a shot shows nothing, and the fraction of such shots that a pool keeps nevertheless: a reader
should know when it cannot know, and learns nothing else from them."""
_ONE_ROW = 1.75
"""Width over height from which plates of the world have their characters in one row."""
SHOTS_A_PLATE = 2
"""Cameras that look at each plate that is drawn: drawing takes longer than filming."""

SHOT_RECORD = np.dtype(
    [
        ("hr", np.uint8, (HR_SIZE[1], HR_SIZE[0], 3)),
        ("seen", np.uint8, (READ_SIZE[1], READ_SIZE[0], 3)),
        ("lr", np.uint8, (LR_SIZE[1], LR_SIZE[0], 3)),
        ("text", np.uint8, (PLATE_LENGTH,)),
        ("known", np.uint8, (PLATE_LENGTH,)),
        ("plate", np.uint8),
        ("width", np.uint16),
    ]
)
"""One shot: the ideal picture; the delivered crop as the reader takes it and as the generator takes it (RGB); the
characters' class indices and how much of each can be known (0..255); what there is (see `Shown`); the crop's width in
pixels."""


class Shown(IntEnum):
    """What a shot shows."""

    NOTHING = 0
    """No plate that can be read."""
    PLATE = 1
    FOREIGN = 2
    """A plate whose characters follow no layout: it is told as a plate, and its text is not known."""


@dataclass(frozen=True, kw_only=True)
class ShotSource(Drawing):
    """What is filmed.

    Attributes:
        sign_typefaces: paths of installed typefaces that words on signs are set in.
        absent: fraction of shots that show no plate that can be read: surroundings, lettering, two-row plates.
        foreign: fraction of the others that show a plate of the world (see `plates.world`) instead.
        without: steps of the camera that are left out.
        framed_without: parts of the framing that are left out.
        covered: fraction of plates of which something is covered.
        light_on_dark: fraction of plates, beside the coloured ones of a country, with light characters.
        widths: least and most pixels across a crop.
        simple: fraction of a pool's records that are the paper's blur and simple cameras instead (see `simple`).
    """

    sign_typefaces: Sequence[str] = ()
    absent: float = 0.12
    foreign: float = 0.0
    without: tuple[Step, ...] = ()
    framed_without: tuple[Choice, ...] = ()
    covered: float = COVERED
    light_on_dark: float = 0.2
    widths: tuple[float, float] = (NARROWEST, WIDEST)
    simple: float = 0.12


@dataclass(frozen=True)
class Shot:
    """One delivered crop, and where a track was asked for those of the frames around it.

    Attributes:
        crop: uint8[H, W, 3], as the recorder delivers it.
        hr: uint8[32, 96, 3], the ideal picture.
        text: seven characters; of nothing where there is no plate.
        known: float64[7], how much of each character can be known, 0..1.
        shown: what the crop shows.
        camera: what filmed it.
        country: of the plate.
        frames: the crops of all frames of the track, in order; empty where one shot was asked for.
    """

    crop: Image
    hr: Image
    text: str
    known: NDArray[np.float64]
    shown: Shown
    camera: Surveillance
    country: Country
    frames: tuple[Image, ...] = ()

    @property
    def plate(self) -> bool:
        """Whether the crop shows a plate that can be read."""
        return self.shown == Shown.PLATE


@dataclass(frozen=True)
class _Take:
    """A shot under way: before the codec."""

    track: Track
    hr: Image
    text: str
    known: NDArray[np.float64]
    shown: Shown
    country: Country


def render_shots(
    source: ShotSource, seed: int, group: int, count: int = GROUP, frames: int | None = None
) -> list[Shot]:
    """Makes one group of shots; the same source, seed and group give the same bytes in any process.

    Args:
        source: what is filmed.
        seed: of everything.
        group: its number.
        count: shots in it.
        frames: of a track, at least four; one shot each when None.
    """
    rng = np.random.default_rng([seed, group])
    # A group shares its encoders: one setting of each codec.
    encodings = {name: _drawn_encoding(rng, name) for name in ("h264", "hevc")}
    takes: list[_Take] = []
    while len(takes) < count:
        takes.extend(_plate_takes(source, rng, min(SHOTS_A_PLATE, count - len(takes)), encodings, frames))
    decoded: dict[int, list[Image]] = {}
    for name, encoding in encodings.items():
        chosen = [index for index, take in enumerate(takes) if take.track.camera.encoding.codec == name]
        if chosen:
            tracks = [takes[index].track.frames for index in chosen]
            decoded |= zip(chosen, encode_together(tracks, encoding.codec, encoding.level), strict=True)
    return [_finished(take, decoded.get(index), frames is not None) for index, take in enumerate(takes)]


def shot_record(shot: Shot) -> NDArray:
    """The record of a shot: of dtype SHOT_RECORD, without dimensions."""
    record = np.zeros((), SHOT_RECORD)
    record["hr"] = shot.hr
    record["seen"] = resize(shot.crop, READ_SIZE)
    record["lr"] = resize(shot.crop, LR_SIZE)
    record["text"] = encode(shot.text)
    record["known"] = np.rint(255 * shot.known)
    record["plate"], record["width"] = shot.shown, shot.crop.shape[1]
    return record


def _drawn_encoding(rng: np.random.Generator, codec: str) -> Encoding:
    for _ in range(200):
        encoding = random_camera(rng).encoding
        if encoding.codec == codec:
            return encoding
    raise AssertionError("every codec is drawn often")


def _plate_takes(
    source: ShotSource, rng: np.random.Generator, shots: int, encodings: dict[str, Encoding], frames: int | None
) -> list[_Take]:
    readable, covered = np.zeros(PLATE_LENGTH), np.ones(PLATE_LENGTH)
    shown, ratio = Shown.NOTHING, None
    if rng.random() < source.absent:
        scene, style = _nothing(source, rng)
    elif source.foreign and rng.random() < source.foreign:
        (scene, ratio), style, shown = _foreign(source, rng), random_style(rng), Shown.FOREIGN
    else:
        style = _style(source, rng)
        scale = float(rng.uniform(0.8, 1.0))
        face = draw_face(style, scale, rng)
        covered = cover(face, style, rng) if rng.random() < source.covered else np.zeros(PLATE_LENGTH)
        scene = Scene.of(_linear(light(face.picture, rng)), face.corners)
        readable = known(covered)
        shown = Shown.PLATE if (covered < 1).any() else Shown.NOTHING
    across, down = plate_size(style)
    takes = []
    for _ in range(shots):
        camera = random_camera(rng, source.without, source.widths)
        if camera.encoding.codec in encodings:
            shared = encodings[camera.encoding.codec]
            camera = replace(camera, encoding=replace(shared, frame=camera.encoding.frame))
        framing: Framing = random_framing(rng, ratio or across / down, source.framed_without)
        inside = visible(framing, character_boxes(style)) if shown == Shown.PLATE else np.zeros(PLATE_LENGTH)
        track = film(scene, framing, camera, rng, frames)
        picture, legible = ideal(scene, framing, camera), np.minimum(readable, known(1 - inside))
        takes.append(_Take(track, picture, style.text, legible, shown, style.country))
    return takes


def _finished(take: _Take, decoded: Sequence[Image] | None, whole: bool) -> Shot:
    """What the recorder delivers of a take.

    Args:
        take: before the codec.
        decoded: its frames after a video codec; None where each frame is compressed alone.
        whole: whether all frames are delivered.
    """
    camera, encoding, taken = take.track.camera, take.track.camera.encoding, take.track.frames

    def crop(moment: int) -> Image:
        frame = decoded[moment] if decoded else transcode([taken[moment]], encoding.codec, encoding.level)[0]
        return _rescaled(take.track.crop(frame, moment), camera.rescaling)

    frames = tuple(crop(moment) for moment in range(len(taken))) if whole else ()
    one = frames[camera.delivered] if frames else crop(camera.delivered)
    return Shot(one, take.hr, take.text, take.known, take.shown, camera, take.country, frames)


def _rescaled(crop: Image, wanted: float) -> Image:
    """A crop as the recorder resized it, by no less than leaves the smallest crop."""
    if wanted == 1:
        return np.ascontiguousarray(crop)
    height, width = crop.shape[:2]
    factor = max(wanted, NARROWEST / width, LOWEST / height)
    size = (round(width * factor), round(height * factor))
    return cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)  # type: ignore[return-value]


def _linear(display: NDArray[np.float32]) -> NDArray[np.float32]:
    """Display values as linear light."""
    return np.power(np.clip(display, 0, None), np.float32(2.2))


def _style(source: ShotSource, rng: np.random.Generator) -> PlateStyle:
    style = style_of(source, rng)
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
    picture = absent_scene((size[0] + 60, size[1] + 40), rng, source.sign_typefaces)
    corners = np.array([[30, 20], [30 + size[0], 20], [30 + size[0], 20 + size[1]], [30, 20 + size[1]]], np.float32)
    return Scene.of(_linear(light(picture, rng)), corners), style


def _foreign(source: ShotSource, rng: np.random.Generator) -> tuple[Scene, float]:
    """A plate of the world with one row of characters, and its width over its height."""
    while True:
        face = draw_world_plate(float(rng.uniform(80, 320)), source.open_typefaces, rng).face
        (left, top), (right, bottom) = face.corners[0], face.corners[2]
        ratio = float((right - left) / (bottom - top))
        if ratio > _ONE_ROW:
            return Scene.of(_linear(light(face.picture, rng)), face.corners), ratio


def draw_shots(source: ShotSource, seed: int, size: int, number: int) -> NDArray:
    """One shard of a pool: `size` records of SHOT_RECORD. Most shots that show nothing of their plate are left out."""
    rng = np.random.default_rng([seed, number, 1])
    plain = PlateSource(
        countries=source.countries,
        patterns=source.patterns,
        open_typefaces=source.open_typefaces,
        open_share=source.open_share,
    )
    count = round(source.simple * size)
    records: list[NDArray] = list(simple_records(plain, seed, number * size, count, SHOT_RECORD))
    group = number * _GROUPS
    while len(records) < size:
        for shot in render_shots(source, seed, group):
            if not shot.shown or legibility(shot) >= HOPELESS or rng.random() < HOPELESS_KEPT:
                records.append(shot_record(shot))
        group += 1
    return np.array(records[:size], SHOT_RECORD)


def legibility(shot: Shot) -> float:
    """How much of the ideal picture's detail the delivered one has: their correlation, -1..1, without slow changes."""
    pictures = [_detail(picture) for picture in (resize(shot.crop, HR_SIZE), shot.hr)]
    one, other = (picture - picture.mean() for picture in pictures)
    return float((one * other).sum() / np.sqrt((one * one).sum() * (other * other).sum() + 1e-6))


def _detail(picture: Image) -> NDArray[np.float32]:
    """float32[20, 80]: the luma of a plate's middle, without what changes over more than a character."""
    luma = gray(picture.astype(np.float32))
    slow = cv2.GaussianBlur(luma, (0, 0), 6)
    return np.asarray((luma - slow)[8:28, 8:88], np.float32)
