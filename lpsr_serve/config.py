"""The configuration of a server: one frozen object, whose fields are the options of `lpsr-serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lpsr_core.errors import UsageError
from lpsr_core.options import check_options, option

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ServeConfig:
    """Everything that decides what a server does, beside how plates are read (`RunConfig`).

    The help of each option says what its field means.
    """

    store: Path = option("Folder of reads, pictures, uploads and jobs.", "DIR")
    host: str = option("Address to listen on.", "ADDRESS", "127.0.0.1")
    port: int = option("TCP port; 0 takes a free one.", "N", 8080, least=0, most=65535)
    cameras: Path | None = option("TOML file of cameras; SIGHUP reads it again.", "FILE", None, "--config")
    run: Path | None = option(
        "TOML file of lpsr-run options: networks, acceptance, webhook, MQTT, evidence, alerts.", "FILE", None
    )
    api_key_file: Path | None = option(
        "File of API keys, one a line; made with a new key where it is missing. Keys in LPSR_API_KEYS, separated by "
        "commas, are accepted too.",
        "FILE",
        None,
    )
    media: Path | None = option("Folder whose files may be added as sources through the API.", "DIR", None)
    open_metrics: bool = option("Serve /metrics without a key.", default=False)
    workers: int = option("Threads that read uploaded pictures.", "N", 2, least=1)
    queue: int = option("Requests that wait for a worker; more get 429.", "N", 32, least=1)
    timeout: float = option("Seconds that a request waits for its reads.", "S", 30.0, more_than=0)
    rate: float = option("Requests per second and key; more get 429.", "R", 20.0, more_than=0)
    burst: int = option("Requests of a key that may come at once.", "N", 40, least=1)
    max_image_mb: int = option("Largest body with pictures, in MiB.", "N", 32, least=1)
    max_video_mb: int = option("Largest video, in MiB.", "N", 2048, least=1)
    max_pixels: float = option("Largest picture, in millions of pixels.", "N", 50.0, more_than=0)
    max_crops: int = option("Most pictures in one request of crops.", "N", 64, least=1)
    max_jobs: int = option("Videos that wait or are read; more get 429.", "N", 16, least=1)
    max_events: int = option("Clients that follow events at a time.", "N", 64, least=1)
    max_sources: int = option("Cameras at a time.", "N", 64, least=1)
    keep_days: float = option("Delete reads and pictures after so many days; 0 keeps them.", "N", 0.0, least=0)
    keep_reads: int = option("Keep the newest N reads; 0 keeps all.", "N", 0, least=0)
    frames: bool = option("Keep a small copy of each read's frame.", default=True)

    def check(self) -> None:
        """Validate the values.

        Raises:
            UsageError: with the option and what it takes.
        """
        check_options(self)
        if self.media is not None and not self.media.is_dir():
            raise UsageError(f"--media {self.media}: no such folder")
