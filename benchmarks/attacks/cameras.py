"""Cameras that are dead, silent, broken or enormous, beside one that works; and streams that nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.attacks.arena import TEXTS, Arena, Outcome
from benchmarks.attacks.outputs import _Raw
from benchmarks.servers import ROOT, Camera
from lpsr_run.sources import open_source
from lpsr_run.sources.base import Frame
from lpsr_run.sources.live import LiveSource, Retry
from lpsr_run.sources.merge import Merged
from lpsr_run.state import RunState, SourceState

Attack = Callable[[Arena], Outcome]
_SECONDS = 6.0


def _longest_gap(other: str | None) -> tuple[int, float]:
    """Frames of a good camera beside another one, and the longest time between two of them."""
    from toy_models import scene

    state, stop = RunState(), threading.Event()
    with Camera(lambda number: scene(TEXTS[0]), pause=0.1) as good:
        addresses = [good.url, *([other] if other else [])]
        state.sources = [SourceState(address) for address in addresses]
        retry = Retry(first=0.1, longest=0.5, silence=1.0)
        sources = [open_source(address, lambda line: None, retry=retry, stop=stop) for address in addresses]
        assert all(isinstance(source, LiveSource) for source in sources)
        until, last, longest, count = time.monotonic() + _SECONDS, None, 0.0, 0
        for item in Merged(sources, state, stop, lambda: time.monotonic() > until):
            if isinstance(item, Frame) and item.stream == 0:
                now = time.monotonic()
                longest, last, count = max(longest, now - (last or now)), now, count + 1
    return count, longest


def _beside(talk: Callable[[], tuple[str | None, Callable[[], object]]]) -> Attack:
    """Another camera, and what ends it."""

    def attack(arena: Arena) -> Outcome:
        address, end = talk()
        try:
            count, longest = _longest_gap(address)
        finally:
            end()
        return Outcome(1, int(count < 5), longest, f"{count} frames of the good camera")

    return attack


def _raw(talk: Callable[..., object]) -> Callable[[], tuple[str, Callable[[], object]]]:
    def start() -> tuple[str, Callable[[], object]]:
        server = _Raw(talk)
        return f"http://127.0.0.1:{server.port}/live.mjpg", server.stop

    return start


def _frames(picture: Callable[[int], np.ndarray], **options: float) -> Callable[[], tuple[str, Callable[[], object]]]:
    def start() -> tuple[str, Callable[[], object]]:
        camera = Camera(picture, **options)  # type: ignore[arg-type]
        return camera.url, camera.stop

    return start


def _garbage(one: object) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
    one.sendall(head)  # type: ignore[attr-defined]
    noise = np.random.default_rng(0).bytes(20_000)
    while True:
        part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 20000\r\n\r\n"
        one.sendall(part + noise + b"\r\n")  # type: ignore[attr-defined]
        time.sleep(0.02)


def _streams(shell: str) -> Attack:
    """A run whose standard streams are broken."""

    def attack(arena: Arena) -> Outcome:
        from toy_models import paint, save_image

        for number, text in enumerate(TEXTS):
            save_image(arena.folder / "in" / f"{number:02d}.png", paint(text))
        (arena.folder / "in" / "bad.png").write_bytes(b"no picture")
        models = ["--generator", arena.models / "generator.onnx", "--reader", arena.models / "reader.onnx"]
        command = [sys.executable, "-m", "lpsr_run", "--crops", arena.folder / "in", "--out", arena.out, *models]
        start = time.monotonic()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command += ["--backend", "onnxruntime", "--threads", "1"]
        done = subprocess.run(
            ["sh", "-c", f'"$@" {shell}', "sh", *map(str, command)], env=environment, timeout=300, capture_output=True
        )
        found = arena.texts()
        lost = sum(text not in found for text in TEXTS)
        return Outcome(len(TEXTS), lost, time.monotonic() - start, f"exit code {done.returncode}")

    return attack


CAMERAS: dict[str, Attack] = {
    "no second camera, for comparison": _beside(lambda: (None, lambda: None)),
    "camera that refuses": _beside(lambda: ("http://127.0.0.1:9/live.mjpg", lambda: None)),
    "camera that takes connections and says nothing": _beside(_raw(lambda one: time.sleep(30))),
    "camera that sends noise as JPEG": _beside(_raw(_garbage)),
    "camera that hangs up after every third frame": _beside(
        _frames(lambda number: np.full((240, 320, 3), 90, np.uint8), frames=3, pause=0.05)
    ),
    "camera of 16 million pixels": _beside(_frames(lambda number: np.full((4000, 4000, 3), 90, np.uint8), pause=0.0)),
    "standard error full": _streams("2>/dev/full"),
    "standard output and error closed": _streams("1>&- 2>&-"),
}
if not Path("/dev/full").exists():
    del CAMERAS["standard error full"]
