"""The configuration of a server: one frozen object, from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lpsr_core.errors import UsageError

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ServeConfig:
    """Everything that decides what a server does, beside how plates are read (`RunConfig`).

    Attributes:
        store: folder of reads, pictures, uploads and jobs.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        cameras: TOML file of cameras; None starts without any.
        run: TOML file of `lpsr-run` options: networks, acceptance, webhook, MQTT, evidence; None takes the defaults.
        api_key_file: file of API keys; None leaves `LPSR_API_KEYS`.
        media: folder whose files may be added as sources through the API; None allows streams and devices alone.
        open_metrics: whether `/metrics` needs no key.
        workers: threads that decode and read uploaded pictures.
        queue: requests that wait for a worker.
        timeout: seconds that a request waits for its reads.
        rate: requests per second and key; `burst` may come at once.
        burst: requests of a key that may come at once.
        max_image_mb: largest body of a request with pictures, in MiB.
        max_video_mb: largest video, in MiB.
        max_pixels: largest picture, in millions of pixels.
        max_crops: most pictures in one request of crops.
        max_jobs: videos that wait or are being read.
        max_events: clients that follow events at a time.
        max_sources: cameras at a time.
        keep_days: days after which reads and their pictures are deleted; 0 keeps them.
        keep_reads: newest reads that are kept; 0 keeps all.
        frames: whether a small copy of each read's frame is kept.
    """

    store: Path
    host: str = "127.0.0.1"
    port: int = 8080
    cameras: Path | None = None
    run: Path | None = None
    api_key_file: Path | None = None
    media: Path | None = None
    open_metrics: bool = False
    workers: int = 2
    queue: int = 32
    timeout: float = 30.0
    rate: float = 20.0
    burst: int = 40
    max_image_mb: int = 32
    max_video_mb: int = 2048
    max_pixels: float = 50.0
    max_crops: int = 64
    max_jobs: int = 16
    max_events: int = 64
    max_sources: int = 64
    keep_days: float = 0.0
    keep_reads: int = 0
    frames: bool = True

    def check(self) -> None:
        """Validate the values.

        Raises:
            UsageError: with the option and what it takes.
        """
        for name, least in (
            *(("workers", 1), ("queue", 1), ("burst", 1), ("max_image_mb", 1), ("max_video_mb", 1), ("max_crops", 1)),
            *(("max_jobs", 1), ("max_events", 1), ("max_sources", 1), ("keep_reads", 0)),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"{_option(name)} is at least {least}, not {getattr(self, name)}")
        for name in ("timeout", "rate", "max_pixels"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{_option(name)} is more than 0, not {getattr(self, name)}")
        if not self.keep_days >= 0:
            raise UsageError(f"--keep-days is at least 0, not {self.keep_days}")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port is between 0 and 65535, not {self.port}")
        if self.media is not None and not self.media.is_dir():
            raise UsageError(f"--media {self.media}: no such folder")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
