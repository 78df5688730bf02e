"""What is around a plate: backs and fronts of cars, lorries and motorcycles, drawn around a given place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_train.scenes.fittings import Colour, emblem, lamp, wheel
from lpsr_train.scenes.streets import texture
from lpsr_train.scenes.surroundings import LETTERS, Picture, put_text, random_colour


class _Canvas:
    """Draws in metres from a plate's middle: x to the right, y downwards."""

    def __init__(self, picture: Picture, centre: NDArray[np.float64], metre: float) -> None:
        self.picture, self.centre, self.metre = picture, centre, metre

    def at(self, x: float, y: float) -> tuple[int, int]:
        return round(float(self.centre[0]) + x * self.metre), round(float(self.centre[1]) + y * self.metre)

    def pixels(self, length: float) -> int:
        return max(round(length * self.metre), 1)

    def box(self, x: float, y: float, u: float, v: float, colour: Colour) -> None:
        cv2.rectangle(self.picture, self.at(x, y), self.at(u, v), colour, -1)

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        corners = np.array([self.at(x, y) for x, y in points], np.int32)
        cv2.fillPoly(self.picture, [corners], colour, cv2.LINE_AA)

    def line(self, x: float, y: float, u: float, v: float, colour: Colour, thick: float) -> None:
        cv2.line(self.picture, self.at(x, y), self.at(u, v), colour, self.pixels(thick), cv2.LINE_AA)

    def oval(self, x: float, y: float, wide: float, tall: float, colour: Colour) -> None:
        axes = self.pixels(wide), self.pixels(tall)
        cv2.ellipse(self.picture, self.at(x, y), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    def shaded(self, points: list[tuple[float, float]], paint: NDArray[np.float64], rng: np.random.Generator) -> None:
        """A surface that curves: lighter and darker from top to bottom, with blurred reflections."""
        corners = np.array([self.at(x, y) for x, y in points], np.int32)
        height, width = self.picture.shape[:2]
        left, top = np.maximum(corners.min(axis=0), 0).tolist()
        right, bottom = np.minimum(corners.max(axis=0) + 1, [width, height]).tolist()
        if right - left < 2 or bottom - top < 2:
            return
        mask: NDArray[np.uint8] = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [corners - [left, top]], 255, cv2.LINE_AA)
        knots = rng.uniform(0.55, 1.25, (int(rng.integers(3, 8)), int(rng.integers(1, 4)))).astype(np.float32)
        tone = cv2.resize(knots, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        sheen = np.float32(rng.uniform(0, 0.12)) * texture(right - left, bottom - top, rng, 0.25)
        gloss = np.float32(rng.uniform(0, 0.15)) * np.clip(tone - 0.9, 0, 1) * 3
        region = self.picture[top:bottom, left:right]
        cover = mask.astype(np.float32) * np.float32(1 / 255)
        for channel in range(3):
            value = np.float32(paint[channel]) * (tone + sheen) + gloss
            plane = region[..., channel]
            plane += cover * (np.clip(value, 0, 1) - plane)


def draw_vehicle(
    picture: Picture,
    centre: NDArray[np.float64],
    width: float,
    rng: np.random.Generator,
    across: float = 400.0,
    tall: float = 130.0,
) -> None:
    """Draw a vehicle to scale whose plate will lie at a place.

    The plate's centre and width are in pixels; `across` and `tall` are its width and height in millimetres.
    """
    canvas = _Canvas(picture, centre, 1000 * width / across)
    kind = rng.random()
    if across < 260 and kind < 0.8:
        _motorcycle(canvas, rng)
    elif kind < 0.86:
        _car(canvas, rng)
    else:
        _lorry(canvas, rng)
    half, high = across / 2000, tall / 2000
    if rng.random() < 0.6:  # the recess that the plate lies in, and its lamp
        margin_x, margin_y = rng.uniform(0.005, 0.18), rng.uniform(0.005, 0.1)
        shade = float(rng.uniform(0.01, 0.15)) if rng.random() < 0.6 else float(rng.uniform(0.15, 0.9))
        tint = tuple(float(c) for c in np.clip(shade + rng.normal(0, 0.03, 3), 0, 1))
        slant = float(rng.uniform(0, 0.08))
        low, top = high + margin_y, -high - margin_y * rng.uniform(1, 2)
        edge = half + margin_x
        canvas.shape([(-edge + slant, top), (edge - slant, top), (edge, low), (-edge, low)], tint)  # type: ignore[arg-type]
        if rng.random() < 0.4:
            canvas.line(-edge, top, edge, top, (float(rng.uniform(0.4, 1)),) * 3, 0.015)
    if rng.random() < 0.4:
        lettering_on(canvas, rng)


def lettering_on(canvas: _Canvas, rng: np.random.Generator) -> None:
    """A model's name, a sticker or a firm's name near a plate."""
    text = "".join(LETTERS[i] for i in rng.integers(0, 36, int(rng.integers(2, 12))))
    scale = canvas.metre * float(np.exp(rng.uniform(np.log(0.0012), np.log(0.006))))
    tone = float(rng.choice([rng.uniform(0.6, 1), rng.uniform(0, 0.3)]))
    place = canvas.at(float(rng.uniform(-0.8, 0.6)), -float(rng.uniform(0.12, 0.7)))
    put_text(canvas.picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, (tone,) * 3, max(1, round(scale * 1.5)))


def _paint(rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() < 0.6:  # white, silver, grey, black
        shade = rng.choice(
            [rng.uniform(0.75, 0.97), rng.uniform(0.4, 0.7), rng.uniform(0.12, 0.4), rng.uniform(0.01, 0.1)]
        )
        return np.clip(shade + rng.normal(0, 0.015, 3), 0, 1)
    strong = np.array([[0.6, 0.05, 0.07], [0.07, 0.15, 0.45], [0.05, 0.3, 0.15], [0.8, 0.7, 0.1], [0.7, 0.35, 0.08]])
    if rng.random() < 0.6:
        return np.clip(strong[int(rng.choice(5, p=[0.4, 0.3, 0.12, 0.1, 0.08]))] * rng.uniform(0.5, 1.4), 0, 1)
    return np.array(random_colour(rng))


def _car(canvas: _Canvas, rng: np.random.Generator) -> None:
    paint = _paint(rng)
    half = float(rng.uniform(0.78, 0.95))
    aside = 0.0 if rng.random() < 0.75 else float(rng.uniform(-0.45, 0.45))  # the plate is not always in the middle
    left, right = -half - aside, half - aside
    ground = float(rng.uniform(0.3, 0.95))  # below the plate
    sill = ground - rng.uniform(0.12, 0.28)
    waist = ground - rng.uniform(0.85, 1.05)
    roof = ground - rng.uniform(1.35, 1.9)
    slope = float(rng.uniform(0.05, 0.3))
    front = rng.random() < 0.45
    dark = np.array([0.02, 0.02, 0.025])
    # Shadow, side, wheels.
    canvas.oval((left + right) / 2, ground, half * 1.15, 0.1, (0.03, 0.03, 0.03))
    if rng.random() < 0.35:
        direction = 1 if rng.random() < 0.5 else -1
        near = right if direction > 0 else left
        depth = float(rng.uniform(0.3, 2.2)) * direction
        lift = float(rng.uniform(0.02, 0.25))
        body = [(near, waist), (near + depth, waist - lift / 2), (near + depth, sill - lift), (near, sill)]
        canvas.shaded(body, paint * rng.uniform(0.5, 1.0), rng)
        cabin = [
            (near - slope * direction, roof),
            (near + 0.8 * depth, roof + 0.02),
            (near + depth, waist - lift / 2),
            (near, waist),
        ]
        canvas.shaded(cabin, paint * 0.8, rng)
        glass = [
            (near - 0.5 * slope * direction, roof + 0.1),
            (near + 0.75 * depth, roof + 0.1),
            (near + 0.85 * depth, waist),
            (near, waist),
        ]
        canvas.shaded(glass, np.full(3, rng.uniform(0.03, 0.3)), rng)
        for share in (0.25, 0.85):
            x = near + share * depth
            sides = canvas.pixels(0.3 * min(abs(depth), 1)), canvas.pixels(0.31)
            wheel(canvas.picture, canvas.at(x, ground - 0.3 - lift * share), sides, rng)
    for side, inner in ((left, left + 0.22), (right - 0.22, right)):
        canvas.box(side + 0.03, sill - 0.1, inner - 0.03, ground, (0.03, 0.03, 0.03))
    round_ = float(rng.uniform(0.02, 0.1))
    outline = [
        (left + round_, sill),
        (left, sill - round_),
        (left, waist + 0.1),
        (left + 0.04, waist),
        (left + slope, roof + round_),
        (left + slope + round_, roof),
        (right - slope - round_, roof),
        (right - slope, roof + round_),
        (right - 0.04, waist),
        (right, waist + 0.1),
        (right, sill - round_),
        (right - round_, sill),
    ]
    canvas.shaded(outline, paint, rng)
    # The pane, with what it reflects and what is stuck to it.
    pane = [
        (left + slope + 0.08, roof + 0.1),
        (right - slope - 0.08, roof + 0.1),
        (right - 0.12, waist),
        (left + 0.12, waist),
    ]
    canvas.shaded(pane, np.full(3, rng.uniform(0.02, 0.45)) * [1, 1, 1.08], rng)
    if rng.random() < 0.4:
        x, y = rng.uniform(left + 0.2, right - 0.3), rng.uniform(roof + 0.12, waist - 0.05)
        canvas.box(x, y, x + rng.uniform(0.05, 0.25), y + rng.uniform(0.04, 0.15), random_colour(rng))
    if rng.random() < 0.4:
        canvas.line(
            rng.uniform(left, right),
            waist,
            rng.uniform(left, right),
            waist - rng.uniform(0.02, 0.25),
            (0.02,) * 3,
            0.02,
        )
    if rng.random() < 0.4:  # mirrors
        for x in (left - 0.1, right + 0.1):
            canvas.oval(x, waist - 0.05, 0.1, 0.07, tuple(float(c) for c in paint * 0.7))  # type: ignore[arg-type]
    # The bumper: painted or bare plastic.
    bumper = min(sill - rng.uniform(0.2, 0.42), sill - 0.05)
    bare = rng.random() < 0.3
    tint = dark + rng.uniform(0, 0.2) if bare else paint * rng.uniform(0.7, 1.05)
    canvas.shaded(
        [(left - 0.02, bumper), (right + 0.02, bumper), (right, sill), (left, sill)], np.clip(tint, 0, 1), rng
    )
    canvas.line(left, bumper, right, bumper, tuple(float(c) for c in paint * 0.4), 0.012)  # type: ignore[arg-type]
    # Creases and gaps.
    for _ in range(int(rng.integers(1, 5))):
        y = float(rng.uniform(waist, sill))
        shrink = float(rng.uniform(0.3, 1.0))
        tone = tuple(float(c) for c in np.clip(paint * rng.uniform(0.3, 1.4), 0, 1))
        canvas.line(left * shrink, y, right * shrink, y + rng.normal(0, 0.01), tone, float(rng.uniform(0.004, 0.02)))  # type: ignore[arg-type]
    _lamps(canvas, rng, left, right, waist, bumper, front)
    middle = (left + right) / 2
    if front:
        _grille(canvas, rng, middle, waist, sill)
    elif rng.random() < 0.4:  # exhaust, reflectors
        for x in (left + 0.25, right - 0.3):
            red = (float(rng.uniform(0.4, 0.8)), 0.05, 0.05) if rng.random() < 0.6 else (0.3, 0.3, 0.32)
            canvas.box(x, sill - 0.12, x + rng.uniform(0.06, 0.2), sill - 0.07, red)
    if rng.random() < 0.7:
        spot = canvas.at(middle + float(rng.normal(0, 0.03)), waist + float(rng.uniform(0.05, 0.4)))
        emblem(canvas.picture, np.array(spot, float), canvas.metre * float(rng.uniform(0.03, 0.09)), rng)
    for _ in range(rng.poisson(0.8)):
        spot = canvas.at(rng.uniform(left, right), rng.uniform(waist, sill))
        emblem(canvas.picture, np.array(spot, float), canvas.metre * float(rng.uniform(0.02, 0.09)), rng)


def _lamps(
    canvas: _Canvas, rng: np.random.Generator, left: float, right: float, waist: float, bumper: float, front: bool
) -> None:
    top = waist + float(rng.uniform(0.0, 0.25))
    low = min(top + float(rng.uniform(0.12, 0.5)), max(bumper, top + 0.1))
    broad = float(rng.uniform(0.15, 0.5))
    slant = float(rng.uniform(-0.1, 0.1))
    red = (float(rng.uniform(0.35, 0.85)), float(rng.uniform(0.0, 0.12)), float(rng.uniform(0.0, 0.12)))
    clear = (float(rng.uniform(0.5, 0.95)),) * 3
    lit = rng.random() < 0.2
    for side, sign in ((left, 1), (right, -1)):
        shape = [(side, top), (side + sign * broad, top + slant), (side + sign * broad * 0.9, low), (side, low - 0.04)]
        canvas.shaded(shape, np.array(clear if front else red), rng)
        x, y = side + sign * broad / 2, (top + low) / 2
        inner = min(broad, low - top) / 3
        if front:
            canvas.oval(x, y, inner, inner, (1.0, 1.0, 0.95) if lit else (float(rng.uniform(0.3, 0.8)),) * 3)
        else:
            colour = (0.85, 0.5, 0.1) if rng.random() < 0.4 else (0.9, 0.9, 0.88) if rng.random() < 0.5 else red
            canvas.box(x - inner, y, x + inner, y + inner, colour if not lit else (1.0, 0.3, 0.25))
        if rng.random() < 0.5:
            near, far = sorted((side, side + sign * broad * 0.9))
            corners = np.array([*canvas.at(near, top + max(slant, 0)), *canvas.at(far, low - 0.04)], float)
            lamp(canvas.picture, corners, clear if front else red, rng)


def _grille(canvas: _Canvas, rng: np.random.Generator, middle: float, waist: float, sill: float) -> None:
    for top, low, half in (
        (waist + rng.uniform(0.05, 0.2), waist + rng.uniform(0.22, 0.4), rng.uniform(0.25, 0.5)),
        (sill - rng.uniform(0.2, 0.35), sill - 0.06, rng.uniform(0.3, 0.7)),
    ):
        if rng.random() < 0.2:
            continue
        canvas.shape(
            [(middle - half, top), (middle + half, top), (middle + 0.9 * half, low), (middle - 0.9 * half, low)],
            (0.03,) * 3,
        )
        bar = (float(rng.uniform(0.1, 0.9)),) * 3
        thick = float(rng.uniform(0.006, 0.02))
        if rng.random() < 0.7:
            for y in np.linspace(top, low, int(rng.integers(3, 9))):
                canvas.line(middle - 0.93 * half, y, middle + 0.93 * half, y, bar, thick)
        if rng.random() < 0.4:
            for x in np.linspace(middle - 0.9 * half, middle + 0.9 * half, int(rng.integers(6, 24))):
                canvas.line(x, top, x, low, bar, thick)


def _lorry(canvas: _Canvas, rng: np.random.Generator) -> None:
    """A lorry, bus, van or trailer: a large flat back with doors, bars, boards and lettering."""
    paint = _paint(rng)
    half, aside = float(rng.uniform(0.9, 1.25)), float(rng.uniform(-0.7, 0.7))
    left, right = -half - aside, half - aside
    ground, top = float(rng.uniform(0.4, 1.0)), -float(rng.uniform(0.8, 2.6))
    floor = ground - float(rng.uniform(0.35, 0.7))
    canvas.box(left + 0.1, floor, right - 0.1, ground - 0.1, (0.03, 0.03, 0.03))
    for x in (left + 0.05, right - 0.4):
        canvas.box(x, ground - 0.5, x + 0.35, ground, (0.04, 0.04, 0.04))
    canvas.shaded([(left, top), (right, top), (right, floor), (left, floor)], paint, rng)
    steps = int(rng.integers(0, 14))
    for x in np.linspace(left, right, steps + 2):
        canvas.line(x, top, x, floor, tuple(float(c) for c in paint * 0.6), float(rng.uniform(0.005, 0.03)))  # type: ignore[arg-type]
    if rng.random() < 0.5:  # a bar in red and white
        y = floor + float(rng.uniform(-0.1, 0.3))
        for index, x in enumerate(np.linspace(left, right, int(rng.integers(6, 16)))[:-1]):
            colour = (0.75, 0.08, 0.08) if index % 2 else (0.9, 0.9, 0.9)
            canvas.box(x, y, x + 2 * half / 8, y + 0.09, colour)
    for x in (left + 0.05, right - 0.3):
        canvas.box(x, floor - 0.05, x + 0.25, floor + 0.1, (float(rng.uniform(0.4, 0.9)), 0.06, 0.05))
    for _ in range(int(rng.integers(0, 4))):
        lettering_on(canvas, rng)


def _motorcycle(canvas: _Canvas, rng: np.random.Generator) -> None:
    paint = _paint(rng)
    ground = float(rng.uniform(0.35, 0.7))
    canvas.box(-0.08, 0.05, 0.08, ground, (0.03, 0.03, 0.03))
    canvas.oval(0, ground - 0.25, 0.09, 0.3, (0.04, 0.04, 0.04))
    canvas.shaded([(-0.12, -0.45), (0.12, -0.45), (0.16, 0.08), (-0.16, 0.08)], np.full(3, rng.uniform(0.02, 0.2)), rng)
    canvas.shaded([(-0.2, -0.8), (0.2, -0.8), (0.26, -0.3), (-0.26, -0.3)], paint, rng)
    canvas.shaded([(-0.12, -0.4), (0.12, -0.4), (0.09, -0.22), (-0.09, -0.22)], np.array([0.6, 0.05, 0.05]), rng)
    for side in (-1, 1):
        canvas.line(side * 0.15, -0.3, side * 0.32, -0.28, (0.05,) * 3, 0.02)
        canvas.oval(side * 0.34, -0.28, 0.05, 0.035, (0.85, 0.45, 0.1))
        if rng.random() < 0.6:
            canvas.line(side * 0.3, 0.25, side * 0.36, -0.15, (float(rng.uniform(0.2, 0.7)),) * 3, 0.09)
    if rng.random() < 0.7:  # the rider
        canvas.shaded([(-0.28, -1.4), (0.28, -1.4), (0.25, -0.65), (-0.25, -0.65)], _paint(rng), rng)
        canvas.oval(0, -1.55, 0.14, 0.17, random_colour(rng))
