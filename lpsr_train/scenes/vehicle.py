"""What is around a plate: the back or front of a vehicle, drawn in rough shapes around a given place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_train.scenes.surroundings import LETTERS, Picture, put_text, random_colour


def draw_vehicle(picture: Picture, centre: NDArray[np.float64], width: float, rng: np.random.Generator) -> None:
    """Draws a vehicle whose plate will lie at a place, in a frame of units of the plate's width.

    Args:
        picture: float32[H, W, 3]; drawn into.
        centre: of the plate, in pixels.
        width: of the plate, in pixels.
        rng: of everything.
    """
    # A car is about 4.3 plates wide and 3.6 high; its plate lies low.
    up, down = rng.uniform(0.8, 3.2), rng.uniform(0.4, 1.0)
    left, right = rng.uniform(1.5, 2.6, 2)
    paint = np.array(random_colour(rng))
    if rng.random() < 0.55:  # white, silver, black
        paint = np.full(3, rng.choice([rng.uniform(0.75, 0.95), rng.uniform(0.4, 0.65), rng.uniform(0.02, 0.15)]))

    def at(x: float, y: float) -> tuple[int, int]:
        return round(float(centre[0]) + x * width), round(float(centre[1]) + y * width)

    def colour(factor: float) -> tuple[float, float, float]:
        red, green, blue = np.clip(paint * factor, 0, 1)
        return float(red), float(green), float(blue)

    def box(x: float, y: float, u: float, v: float, fill: tuple[float, float, float]) -> None:
        cv2.rectangle(picture, at(x, y), at(u, v), fill, -1)

    slope = rng.uniform(0, 0.5)
    body = [at(-left, down), at(-left, -0.6 * up), at(-left + slope, -up), at(right - slope, -up)]
    cv2.fillPoly(picture, [np.array([*body, at(right, -0.6 * up), at(right, down)])], colour(1), cv2.LINE_AA)
    if up > 1.6:  # the window
        glass = float(rng.uniform(0.02, 0.35))
        top, low = -up + 0.15, -up + rng.uniform(0.5, 1.1)
        pane = [
            at(-left + slope + 0.2, top),
            at(right - slope - 0.2, top),
            at(right - 0.25, low),
            at(-left + 0.25, low),
        ]
        cv2.fillPoly(picture, [np.array(pane)], (glass, glass, glass * 1.1), cv2.LINE_AA)
    for side in (-left, right):  # lights
        inner = side * rng.uniform(0.55, 0.8)
        y = -rng.uniform(0.1, 1.2)
        lamp = (0.7, 0.05, 0.05) if rng.random() < 0.5 else (0.85, 0.85, 0.8)
        box(inner, y, side * 0.97, y - rng.uniform(0.15, 0.5), lamp)
    bumper = rng.uniform(-0.35, 0.35)
    shade = float(rng.uniform(0.5, 1.0)) if rng.random() < 0.6 else float(rng.uniform(0, 0.4))
    box(-left, bumper, right, bumper + rng.uniform(0.3, 0.9), colour(shade))
    for _ in range(int(rng.integers(1, 6))):  # creases, grille, gaps
        y = rng.uniform(-0.9 * up, down)
        half = rng.uniform(0.5, 1.0)
        tone = float(rng.uniform(0, 1))
        cv2.line(picture, at(-left * half, y), at(right * half, y), (tone, tone, tone), max(1, round(width * 0.02)))
    if rng.random() < 0.4:
        for step in range(int(rng.integers(3, 7))):
            y = -0.35 - 0.08 * step
            cv2.line(picture, at(-0.8, y), at(0.8, y), (0.05, 0.05, 0.05), max(1, round(0.03 * width)))
    if rng.random() < 0.6:  # the name of the model
        text = "".join(LETTERS[i] for i in rng.integers(0, 26, int(rng.integers(3, 9))))
        scale = width * rng.uniform(0.004, 0.012)
        tone = float(rng.choice([rng.uniform(0.6, 1), rng.uniform(0, 0.3)]))
        place = at(rng.uniform(-left, 0.6 * right), -rng.uniform(0.35, 0.9))
        put_text(picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, (tone, tone, tone), max(1, round(scale * 1.5)))
    for _ in range(rng.poisson(1.6)):
        spot = np.array(centre) + width * np.array([rng.uniform(-left, right), -rng.uniform(0.3, up)])
        emblem(picture, spot, width * rng.uniform(0.06, 0.45), rng)
    if rng.random() < 0.5:  # the recess that the plate lies in
        margin = rng.uniform(0.03, 0.25)
        fill = colour(rng.uniform(0.4, 1.2)) if rng.random() < 0.5 else (0.04, 0.04, 0.04)
        box(-0.5 - margin, -0.17 - margin, 0.5 + margin, 0.17 + margin, fill)
    shadow = round(0.12 * width)
    cv2.rectangle(picture, at(-left, down - 0.05), at(right, down + 0.1), (0.03, 0.03, 0.03), max(shadow, 1))


def emblem(picture: Picture, centre: NDArray[np.float64], size: float, rng: np.random.Generator) -> None:
    """A maker's badge, a lock, a name in a few letters: what sits on cars beside plates, and is none.

    Args:
        picture: float32[H, W, 3]; drawn into.
        centre: in pixels.
        size: half of its width, in pixels.
        rng: of everything.
    """
    x, y = (round(float(value)) for value in centre)
    wide, tall = max(round(size), 2), max(round(size * rng.uniform(0.35, 1.0)), 2)
    metal = float(rng.uniform(0.55, 1.0))
    ground = random_colour(rng)
    rim = max(1, round(size * rng.uniform(0.06, 0.2)))
    kind = rng.random()
    thick = max(1, round(size * rng.uniform(0.08, 0.16)))
    if kind < 0.45:  # an oval with a rim
        cv2.ellipse(picture, (x, y), (wide, tall), 0, 0, 360, ground, -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, y), (wide, tall), 0, 0, 360, (metal,) * 3, rim, cv2.LINE_AA)
        if rng.random() < 0.3:
            cv2.ellipse(picture, (x, y), (wide // 2, tall // 2), 0, 0, 360, (metal,) * 3, rim, cv2.LINE_AA)
    elif kind < 0.65:  # a shield or a bar
        box = [(x - wide, y - tall), (x + wide, y - tall), (x + wide, y + tall // 2), (x, y + tall), (x - wide, y)]
        cv2.fillPoly(picture, [np.array(box, np.int32)], ground, cv2.LINE_AA)
        cv2.polylines(picture, [np.array(box, np.int32)], True, (metal,) * 3, rim, cv2.LINE_AA)
    if rng.random() < 0.65:  # its name
        text = "".join(LETTERS[i] for i in rng.integers(0, 36, int(rng.integers(1, 10))))
        scale = 1.5 * size / (14 * len(text))
        (across, down), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
        tone = (metal,) * 3 if rng.random() < 0.7 else random_colour(rng)
        put_text(picture, text, (x - across // 2, y + down // 2), cv2.FONT_HERSHEY_DUPLEX, scale, tone, thick)
    else:  # its sign: a few strokes
        ends = rng.uniform(-0.8, 0.8, (int(rng.integers(3, 6)), 2)) * [wide, tall] + [x, y]
        cv2.polylines(picture, [ends.astype(np.int32)], False, (metal,) * 3, thick, cv2.LINE_AA)
