"""Pictures that would take gigabytes: refused by their header, and nobody else waits for them."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pytest
from camera import Camera
from conftest import ROOT, save_image, scene

from lpsr_core.errors import LpsrError
from lpsr_run.sources import open_source, read_image
from lpsr_run.sources.live import LiveSource, Retry
from lpsr_run.sources.merge import Merged
from lpsr_run.sources.size import encoded_too_large
from lpsr_run.state import RunState, SourceState


def png(width: int, height: int) -> bytes:
    """A PNG of zeros, small whatever it unfolds to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(1 + width)) for _ in range(min(height, 64))) + rows.flush()
    head = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(40000, 40000), (65000, 8), (8, 65000), (200000, 200000)])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "a.png").write_bytes(png(width, height))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        LpsrError, match=r"a.png: (\d+x\d+|\d+ million) pixels are too many, at most 134 million"
    ) as caught:
        read_image(tmp_path / "a.png")
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "KiB"


def test_a_bomb_in_a_folder_costs_itself(tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        save_image(tmp_path / name, scene("ABC1D34"))
    (tmp_path / "b.png").write_bytes(png(60000, 60000))
    failures: list[str] = []
    frames = list(open_source(str(tmp_path), failures.append).frames())
    assert [Path(frame.source).name for frame in frames] == ["a.png", "c.png"]
    assert len(failures) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif", ".gif", ".pgm", ".jp2"])
def test_sizes_are_told_by_headers(suffix: str) -> None:
    done, data = cv2.imencode(suffix, np.zeros((300, 500) if suffix == ".pgm" else (300, 500, 3), np.uint8))
    assert done
    assert (
        encoded_too_large(data.tobytes(), 149_999) == "500x300 pixels are too many, at most 0 million and 32768 a side"
    )
    assert encoded_too_large(data.tobytes(), 150_000) is None
    assert encoded_too_large(b"nonsense" * 10, 1) is None


class Giant(Camera):
    """Sends the same enormous JPEG over and over."""

    data, asked = b"", 0

    def talk(self, reader: BinaryIO, writer: BinaryIO) -> None:
        while reader.readline().strip():
            pass
        self.asked += 1
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.data)}\r\n\r\n".encode()
        while not self._gone.is_set():
            writer.write(head + self.data + b"\r\n")
            time.sleep(0.2)


_ENCODE = (
    "import cv2, numpy, sys; sys.stdout.buffer.write(cv2.imencode('.jpg', numpy.full((16000, 16000), 90, 'u1'))[1])"
)


def test_a_camera_of_enormous_pictures_takes_nothing_from_six_others() -> None:
    pytest.importorskip("av", reason="OpenCV decodes before it tells the size")
    # In a process of its own: the picture itself takes the memory that is measured here.
    Giant.data = subprocess.run([sys.executable, "-c", _ENCODE], capture_output=True, check=True, cwd=ROOT).stdout
    assert encoded_too_large(Giant.data, 1 << 26) == "256 million pixels are too many, at most 67 million"

    cameras = [Camera(lambda n: np.full((240, 320, 3), 90, np.uint8), pause=0.1) for _ in range(6)]
    cameras += [Giant(lambda n: np.zeros((8, 8, 3), np.uint8))]
    state = RunState([SourceState("c", True) for _ in cameras])
    retry = Retry(first=0.05, longest=0.1, silence=1)
    sources = [open_source(camera.url, lambda line: None, retry=retry) for camera in cameras]
    deadline = time.monotonic() + 60

    def enough() -> bool:
        seen = min(source.frames for source in state.sources[:6])
        return (seen >= 30 and cameras[6].asked >= 3) or time.monotonic() > deadline

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in Merged(sources, state, threading.Event(), enough):
        pass
    for camera in cameras:
        camera.stop()
    assert min(source.frames for source in state.sources[:6]) >= 30
    assert all(source.dropped == 0 for source in state.sources[:6])
    assert cameras[6].asked >= 3
    assert state.sources[6].decoded == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "KiB; one such picture takes 768,000"


def test_its_frames_are_told_to_be_too_large() -> None:
    pytest.importorskip("av", reason="OpenCV decodes before it tells the size")
    Giant.data = cv2.imencode(".jpg", np.full((8200, 8200), 90, np.uint8))[1].tobytes()
    with Giant(lambda n: np.zeros((8, 8, 3), np.uint8)) as camera:
        retry = Retry(first=0.05, longest=0.1, give_up=0.1, silence=1)
        with pytest.raises(
            LpsrError, match="its frames are too large: 8200x8200 pixels are too many, at most 67 million"
        ):
            list(LiveSource(camera.url, retry=retry).frames())
