"""The pictures of reads, as PNG files."""

from __future__ import annotations

import re
from pathlib import Path

import cv2

from lpsr_core.files import replace_file
from lpsr_core.geometry import Image
from lpsr_run.sinks.base import write_failed


class PictureStore:
    """The pictures of reads, as PNG files in a folder.

    Args:
        folder: made when the first picture comes.
        root: what the returned paths are relative to.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root

    def save(self, key: str, source: str, lr: Image, sr: Image | None) -> tuple[str, str | None]:
        """Writes what was cut from a read's frame, and the generator's picture of it; both are on the disk then.

        Args:
            key: of the read; begins the files' names, which are unique for ever.
            source: ends them.
            lr: uint8[h, w, 3] as cut.
            sr: uint8[32, 96, 3], or None.

        Returns:
            Their paths, relative to the root.

        Raises:
            LpsrError: they could not be written.
        """
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(source).stem or "source")[-60:]
        small = self._write(f"{key}-{stem}-lr.png", lr)
        return small, None if sr is None else self._write(f"{key}-{stem}-sr.png", sr)

    def _write(self, name: str, image: Image) -> str:
        path = self._folder / name
        _, data = cv2.imencode(".png", image[..., ::-1])
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, data.tobytes(), synced=True)
        except OSError as error:
            raise write_failed(path, error) from None
        return path.relative_to(self._root).as_posix()
