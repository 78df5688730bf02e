"""Draws docs/demo.webp: plates of examples/gate.mp4 as they come nearer, with crop, super-resolved picture and read.

    python -m tools.demo [--out docs/demo.webp]

Each frame is read alone, so the animation shows what one picture gives; lpsr-run fuses the frames of a track.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import lpsr

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "demo.webp"
WIDTH, HEIGHT = 720, 270
VIEW = (400, 225)
"""Width and height of the street in the animation."""
SHRINK = 0.75
"""Of the video's frames, so that plates begin at 33 pixels of width."""
PLATES, FRAMES, STEP = 3, 12, 2
"""Plates shown, frames of each, and every how manieth of the video."""
GROUND, INK, PALE, MARK = (17, 20, 24), (236, 239, 241), (144, 156, 165), (255, 196, 0)


def frames() -> Iterator[tuple[np.ndarray, bool]]:
    """Yield the frames to show, RGB, and whether each is the last of its plate."""
    video = cv2.VideoCapture(str(ROOT / "examples" / "gate.mp4"))
    per_plate = 36
    for number in range(PLATES * per_plate):
        ok, frame = video.read()
        if not ok:
            return
        at = number % per_plate
        if at % STEP == 0 and at < FRAMES * STEP:
            small = cv2.resize(frame, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA)
            yield cv2.cvtColor(small, cv2.COLOR_BGR2RGB), at == (FRAMES - 1) * STEP


def draw(frame: np.ndarray, plate: lpsr.Plate | None) -> Image.Image:
    """Return one picture of the animation: street, crop, super-resolved crop, text with its confidence."""
    page = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    pen = ImageDraw.Draw(page)
    scale = VIEW[0] / frame.shape[1]
    page.paste(Image.fromarray(frame).resize(VIEW, Image.Resampling.LANCZOS), (16, 22))
    small, large = ImageFont.load_default(14), ImageFont.load_default(38)
    if plate is None or plate.corners is None:
        return page
    corners = [(16 + x * scale, 22 + y * scale) for x, y in plate.corners]
    pen.polygon(corners, outline=MARK, width=2)
    left, size = 440, (264, 72)
    height, width = plate.lr_image.shape[:2]
    pen.text((left, 16), f"crop, {width} x {height} pixels", PALE, small)
    page.paste(Image.fromarray(plate.lr_image).resize(size, Image.Resampling.NEAREST), (left, 34))
    if plate.sr_image is not None:
        pen.text((left, 114), "super-resolved", PALE, small)
        page.paste(Image.fromarray(plate.sr_image).resize(size, Image.Resampling.BICUBIC), (left, 132))
    pen.text((left, 210), plate.certain, INK if "?" not in plate.certain else MARK, large)
    pen.text((left + 186, 232), f"{100 * plate.confidence:.0f} %", PALE, ImageFont.load_default(18))
    return page


def main() -> int:
    """Write the animation; returns the exit code."""
    out = Path(sys.argv[sys.argv.index("--out") + 1]) if "--out" in sys.argv else OUT
    reader = lpsr.Reader(super_resolve="always", min_confidence=0.0)
    pages, times = [], []
    for frame, last in frames():
        plates = reader.read(frame)
        pages.append(draw(frame, max(plates, key=lambda plate: plate.plate_score) if plates else None))
        times.append(1600 if last else 220)
    pages[0].save(out, save_all=True, append_images=pages[1:], duration=times, loop=0, quality=72, method=6)
    print(f"{out}: {len(pages)} pictures, {out.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
