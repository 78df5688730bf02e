"""Pictures, videos, names and models that are broken or hostile, beside good ones."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.attacks.arena import TEXTS, Arena, Outcome
from lpsr_core.geometry import Image
from lpsr_run.locate.base import Location
from lpsr_run.locate.detector import DetectorLocator
from lpsr_run.pipeline.plate_reader import PlateReader

Attack = Callable[[Arena], Outcome]


def _pictures(folder: Path) -> Path:
    from toy_models import paint, save_image

    for number, text in enumerate(TEXTS):
        save_image(folder / f"{number:02d}.png", paint(text))
    return folder


def _bomb(width: int, height: int, rows: int) -> bytes:
    """A PNG of zeros that says it has so many pixels, and holds so many rows of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    packed = zlib.compressobj(9)
    data = b"".join(packed.compress(bytes(1 + width)) for _ in range(rows)) + packed.flush()
    head = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _beside(make: Callable[[Path], object], *more: str) -> Attack:
    """Something among the pictures of a folder; `more` are texts that it adds."""

    def attack(arena: Arena) -> Outcome:
        folder = _pictures(arena.folder / "in")
        make(folder)
        return arena.run((*TEXTS, *more), crops=str(folder))

    return attack


def _hostile_names(folder: Path) -> None:
    from toy_models import paint, save_image

    good = save_image(folder / "zz.png", paint("NAM4E55")).read_bytes()
    for name in (b"a\xff\xfe.png", b"b\n\x1b[2J.png", b"=HYPERLINK(1).png", b"-rf.png", b"c\xe2\x80\xae.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(good)


def _cut_jpeg(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 900, 3), np.uint8)
    data = cv2.imencode(".jpg", noise)[1].tobytes()
    (folder / "03a.jpg").write_bytes(data[:100])


def _odd_entries(folder: Path) -> None:
    (folder / "00a.png").mkdir()
    os.mkfifo(folder / "01a.png")
    (folder / "02a.png").symlink_to("nowhere")
    (folder / "03a.png").symlink_to("03a.png")
    (folder / "04a.png").write_bytes(b"")
    (folder / "05a.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def _videos(arena: Arena, evil: bytes) -> Outcome:
    from toy_models import save_video, scene

    good = save_video(arena.folder / "good.mp4", [scene(TEXTS[0])] * 12 + [scene(TEXTS[1])] * 12)
    (arena.folder / "evil.mp4").write_bytes(evil)
    videos = (str(arena.folder / "evil.mp4"), str(good))
    return arena.run(TEXTS[:2], video=videos, detector=str(arena.models / "detector.onnx"))


def _broken_video(arena: Arena) -> Outcome:
    from toy_models import save_video, scene

    data = bytearray(save_video(arena.folder / "whole.mp4", [scene(TEXTS[0])] * 12).read_bytes())
    for place in range(64, len(data), 97):
        data[place] ^= 0xFF
    return _videos(arena, bytes(data))


def _no_video(arena: Arena) -> Outcome:
    return _videos(arena, b"nonsense" * 1000)


def _nonsense(values: list[float]) -> np.ndarray:
    """300 boxes after suppression, the first one a plate."""
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, :, :4], rows[0, :, 4] = values, 0.8
    rows[0, 0] = 200, 200, 440, 280, 0.9, 0
    return rows


def _many() -> np.ndarray:
    """A million boxes of a detector that suppresses by itself: a plate, and others that are small and less sure."""
    rows = np.zeros((1_000_000, 7), np.float32)
    rows[:, 1:3] = np.random.default_rng(0).uniform(20, 600, (1_000_000, 2))
    rows[:, 3:5] = rows[:, 1:3] + [30, 12]
    rows[:, 6] = 0.5
    rows[0] = 0, 200, 200, 440, 280, 0, 0.9
    return rows


def _detector(make: Callable[[], np.ndarray], frames: int = 6) -> Attack:
    """A detector that answers nonsense beside the plate."""

    def attack(arena: Arena) -> Outcome:
        from toy_models import make_detector, save_video, scene

        rows = make()
        detector = make_detector(arena.folder / "evil.onnx", rows)
        video = save_video(arena.folder / "v.mp4", [scene(TEXTS[0])] * frames)
        return arena.run(TEXTS[:1], video=(str(video),), detector=str(detector))

    return attack


def _locator_fails(arena: Arena) -> Outcome:
    from toy_models import save_video, scene

    video, real, count = save_video(arena.folder / "v.mp4", [scene(TEXTS[0])] * 24), DetectorLocator.locate, [0]

    def fails(self: DetectorLocator, frame: Image) -> list[Location]:
        count[0] += 1
        if count[0] % 3 == 0:
            raise RuntimeError("out of memory")
        return real(self, frame)

    DetectorLocator.locate = fails  # type: ignore[method-assign]
    try:
        return arena.run(TEXTS[:1], video=(str(video),), detector=str(arena.models / "detector.onnx"))
    finally:
        DetectorLocator.locate = real  # type: ignore[method-assign]


def _nan(value: float) -> Attack:
    """A reader whose answer for one crop of a batch is no number."""

    def attack(arena: Arena) -> Outcome:
        real = PlateReader._sound

        def spoiled(self: PlateReader, values: np.ndarray) -> np.ndarray:
            if len(values) > 2:
                values = values.copy()
                values[1, 3] = value
            return real(self, values)

        PlateReader._sound = spoiled  # type: ignore[method-assign]
        try:
            return arena.run([TEXTS[0], *TEXTS[2:]], crops=str(_pictures(arena.folder / "in")))
        finally:
            PlateReader._sound = real  # type: ignore[method-assign]

    return attack


INPUTS: dict[str, Attack] = {
    "nothing, for comparison": _beside(lambda folder: None),
    "PNG of 3,600 million pixels in a kilobyte": _beside(
        lambda folder: (folder / "00a.png").write_bytes(_bomb(60000, 60000, 8))
    ),
    "PNG of 100 million pixels, all there, in 100 kB": _beside(
        lambda folder: (folder / "00a.png").write_bytes(_bomb(10000, 10000, 10000))
    ),
    "JPEG cut off in its header": _beside(_cut_jpeg),
    "folder, pipe, dead and circular links, empty file as .png": _beside(_odd_entries),
    "names: not UTF-8, line break, ANSI escape, formula, -rf, bidi": _beside(_hostile_names, "NAM4E55"),
    "video with a flipped byte in every hundred": _broken_video,
    "video that is none": _no_video,
    "detector: 299 boxes of 1e30": _detector(lambda: _nonsense([-1e30, -1e30, 1e30, 1e30])),
    "detector: 299 boxes of NaN": _detector(lambda: _nonsense([float("nan")] * 4)),
    "detector: a million boxes": _detector(_many, frames=2),
    "locator that fails on every third frame": _locator_fails,
    "NaN in one crop's logits": _nan(float("nan")),
    "infinity in one crop's logits": _nan(float("inf")),
}
