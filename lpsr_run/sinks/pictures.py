"""The pictures of reads, as PNG files."""

from __future__ import annotations

import re
from pathlib import Path

import cv2

from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file
from lpsr_core.geometry import Image
from lpsr_core.wording import counted
from lpsr_run.sinks.base import Fault, writing
from lpsr_run.sinks.files import made_folder


class PictureStore:
    """The pictures of reads, as PNG files in a folder.

    Args:
        folder: made when the first picture comes.
        root: what the returned paths are relative to.
        fault: told when pictures cannot be written, and when somebody deleted or moved the folder.
    """

    def __init__(self, folder: Path, root: Path, fault: Fault = lambda line: None) -> None:
        self._folder, self._root, self._fault = folder, root, fault
        self._made, self._lost = False, 0

    def keep(self, key: str, source: str, lr: Image, sr: Image | None) -> tuple[str | None, str | None]:
        """Save the pictures of a read, see `save`; where that fails it is told, and the read goes on with None."""
        try:
            return self.save(key, source, lr, sr)
        except (LpsrError, cv2.error) as error:
            self._lost += 1
            if self._lost == 1:
                self._fault(f"{error}; reads go on without pictures")
            return None, None

    def close(self) -> None:
        """Tell how many reads have no pictures."""
        if self._lost > 1:
            self._fault(f"{self._folder}: no pictures of {counted(self._lost, 'read')}")

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
        with writing(path):
            if made_folder(self._folder) and self._made:
                self._fault(f"{self._folder}: was deleted or moved while the run wrote it; it is made anew")
            self._made = True
            replace_file(path, data.tobytes(), synced=True)
        return path.relative_to(self._root).as_posix()


def find_picture(root: Path, name: str) -> Path | None:
    """The picture that a read names, also where its run's files were set aside since; None where it is gone.

    Args:
        root: output folder of the read's run.
        name: relative to it.
    """
    places = (root / name, *root.glob(f"earlier-*/{name}"))
    return next((place for place in places if place.is_file()), None)
