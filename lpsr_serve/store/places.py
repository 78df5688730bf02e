"""Where things lie in the server's folder."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import date, datetime, timezone
from pathlib import Path

from lpsr_run.sinks import make_folder


class Places:
    """Paths within the folder of `--store`.

    Attributes:
        root: the folder itself; `reads.jsonl` and the outputs' spools lie in it.
        database: SQLite database of reads.
        pictures: pictures of reads, in a folder for each day (UTC).
        search: the search index, which can be deleted and is then made anew.
        uploads: bodies of requests while they are being served.
        jobs: a folder for each video that was sent.
        sources: sources that were added through the API, with their passwords, and which are paused.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "reads.sqlite"
        self.pictures = root / "plates"
        self.search = root / "search"
        self.uploads = root / "uploads"
        self.jobs = root / "jobs"
        self.sources = root / "private" / "sources.json"

    def make(self) -> None:
        """Make the folders. Another process may hold them: nothing in them is touched.

        Raises:
            LpsrError: one cannot be made or written.
        """
        for folder in (self.root, self.pictures, self.uploads, self.jobs, self.sources.parent):
            make_folder(folder)
        with suppress(OSError):  # a file system without modes
            self.sources.parent.chmod(0o700)

    def clear(self) -> None:
        """Delete uploads that an earlier process left behind; to be called by who holds the folder.

        Raises:
            LpsrError: their folder cannot be made.
        """
        shutil.rmtree(self.uploads, ignore_errors=True)
        make_folder(self.uploads)

    def day(self, seconds: float) -> Path:
        """The folder of pictures of a moment, in seconds since 1970."""
        return self.pictures / datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()

    def prune(self, oldest: float) -> None:
        """Delete the pictures of the days before a moment, in seconds since 1970."""
        first = datetime.fromtimestamp(oldest, timezone.utc).date()
        for folder in self.pictures.iterdir():
            with suppress(ValueError):
                if date.fromisoformat(folder.name) < first:
                    shutil.rmtree(folder, ignore_errors=True)

    def picture(self, relative: str) -> Path | None:
        """The file of a picture that a read names; None for one that is gone, or lies elsewhere."""
        path = (self.root / relative).resolve()
        return path if path.is_relative_to(self.root.resolve()) and path.is_file() else None


def frame_beside(lr_image: str, key: str) -> str:
    """The name of a read's frame, which lies beside its other pictures."""
    return (Path(lr_image).parent / f"{key}-frame.jpg").as_posix()
