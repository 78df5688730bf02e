"""What a run of months meets, in minutes: a camera, a webhook and a broker that come and go, and little disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from benchmarks.servers import Broker, Camera, Receiver
from lpsr_core.geometry import Image

_AWAY, _THERE = 8.0, 20.0
"""Seconds for which each of them is gone, and there."""
KEPT_READS, KEPT_BYTES = 150, 5_000_000


class World:
    """Servers of 127.0.0.1 that come and go in a thread of their own; a context manager.

    Args:
        frames: of the camera, uint8[H, W, 3] each, shown again and again.
        rate: frames a second.
    """

    def __init__(self, frames: list[Image], rate: float) -> None:
        self._picture: Callable[[int], np.ndarray] = lambda number: frames[number % len(frames)]
        self._pause = 1 / rate
        self.camera = Camera(self._picture, pause=self._pause)
        self.url = self.camera.url
        self.receiver, self.brokers = Receiver(), [Broker()]
        self.losses = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> World:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.camera.stop()
        self.receiver.stop()
        self.brokers[-1].stop()

    def options(self, out: Path) -> list[str]:
        """Options of a run with the camera and all sinks."""
        files = {name: str(out / file) for name, file in _FILES.items()}
        servers = {
            "--video": self.url,
            "--webhook": self.receiver.plain,
            "--mqtt": f"mqtt://127.0.0.1:{self.brokers[0].port}/plates",
        }
        rule = {"--keep-days": "1", "--keep-reads": str(KEPT_READS), "--keep-bytes": f"{KEPT_BYTES // 10**6}M"}
        limits = {"--spool-limit": "20M", "--silence": "5", "--watchdog": "300"}
        return [word for pair in {**files, **servers, **rule, **limits}.items() for word in pair]

    def calm(self) -> None:
        """Let everything be there, for the end."""
        self._over.set()
        self._thread.join()

    def delivered(self) -> dict[str, int]:
        """Number of different reads that each server has."""
        texts = {text for broker in self.brokers for _, text in broker.got}
        return {"webhook": len({key for _, key in self.receiver.got}), "mqtt_texts": len(texts)}

    def _run(self) -> None:
        turn = 0
        while not self._over.wait(_THERE):
            gone, back = (self._lose_camera, self._lose_webhook, self._lose_broker)[turn % 3]()
            gone()
            self.losses += 1
            self._over.wait(_AWAY)
            back()
            turn += 1

    def _lose_camera(self) -> tuple[Callable[[], None], Callable[[], None]]:
        def back() -> None:
            self.camera = Camera(self._picture, port=self.camera.port, pause=self._pause)

        return self.camera.stop, back

    def _lose_webhook(self) -> tuple[Callable[[], None], Callable[[], None]]:
        return self.receiver.silent.set, self.receiver.silent.clear

    def _lose_broker(self) -> tuple[Callable[[], None], Callable[[], None]]:
        port = self.brokers[-1].port

        def back() -> None:
            while not self._over.is_set():
                with suppress(OSError):  # the old one's connections are just being closed
                    self.brokers.append(Broker(port))
                    return
                self._over.wait(0.5)

        return self.brokers[-1].stop, back


_FILES = {"--csv": "reads.csv", "--evidence": "evidence", "--log": "log.jsonl"}


def disk_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
