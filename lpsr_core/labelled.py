"""Labelled plates of the user's own: a folder of pictures and their texts."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import PIL.Image

from lpsr_core.alphabet import encode, normalise
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Box, Image
from lpsr_core.spreadsheet import rows_of

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
LABELS = "labels.csv"
_END = b"\xff\xd9"
"""Marker at the end of a JPEG file."""


class IncompletePictureError(LpsrError):
    """A picture of which only the beginning is there."""


@dataclass(frozen=True)
class Labelled:
    """A plate crop, uint8[H, W, 3] RGB, its text, and the file that it comes from."""

    crop: Image
    text: str
    path: Path


@dataclass(frozen=True)
class Label:
    """A labelled plate whose picture is not read yet.

    Attributes:
        path: the picture.
        text: the plate's text.
        box: where the plate is in a larger picture; None when the picture is the plate.
        split: what the table's column `split` says, or nothing.
    """

    path: Path
    text: str
    box: Box | None = None
    split: str = ""

    def read(self) -> Labelled:
        """The plate.

        Raises:
            LpsrError: as `read_whole`.
        """
        image = read_whole(self.path)
        return Labelled(image if self.box is None else self.box.crop(image).copy(), self.text, self.path)


def load_labelled(folder: Path, leave_out: Callable[[str], None] | None = None) -> list[Labelled]:
    """Read labelled plates.

    Args:
        folder: of pictures and labels.
        leave_out: takes a line for each incomplete picture, which is then left out; when None it is an error.

    Raises:
        UsageError: the folder does not exist.
        LpsrError: as `list_labelled` and `read_whole`, or every picture is incomplete.
    """
    found = []
    for label in list_labelled(folder):
        try:
            found.append(label.read())
        except IncompletePictureError as error:
            if leave_out is None:
                raise
            leave_out(str(error))
    if not found:
        raise LpsrError(f"{folder}: only the beginning of each picture is there; copy the pictures again")
    return found


def list_labelled(folder: Path) -> list[Label]:
    """Find labelled plates without reading their pictures.

    With a `labels.csv` (columns `file` and `text`, with commas or semicolons; for plates inside larger pictures `x`,
    `y`, `width` and `height` in pixels; for plates divided already `split`), files are looked for in the folder and
    below it. Without one, every picture's name is its text: `ABC1D23.png`.

    Raises:
        UsageError: the folder does not exist.
        LpsrError: it holds no picture, its table cannot be read, a label is not a plate's text, or a file that a
            label names is missing.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    table = folder / LABELS
    try:
        found = _from_table(folder, table) if table.is_file() else _from_names(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise LpsrError(f"{folder}: cannot be read: {error}") from None
    if not found:
        raise LpsrError(f"{folder}: no labelled pictures; name them after their plates, or add a {LABELS}")
    return found


def _from_names(folder: Path) -> list[Label]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return [Label(path, plate_text(path.stem, str(path))) for path in paths]


def _from_table(folder: Path, table: Path) -> list[Label]:
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            files.setdefault(path.name, []).append(path)
    found = []
    for number, row in rows_of(table.read_text(encoding="utf-8-sig"), ("file", "text"), str(table)):
        where = f"{table}, line {number}"
        path = _find(folder, row["file"], files, where)
        box = None
        if row.get("width"):
            try:  # a spreadsheet of Brazil or Europe writes 12,5
                numbers = [float(row[key].replace(",", ".")) for key in ("x", "y", "width", "height")]
            except (KeyError, ValueError):
                numbers = [math.nan]
            if not all(map(math.isfinite, numbers)):
                raise LpsrError(f"{where}: x, y, width and height must all be numbers")
            box = Box(*numbers)
        found.append(Label(path, plate_text(row["text"], where), box, row.get("split", "")))
    return found


def _find(folder: Path, name: str, files: dict[str, list[Path]], where: str) -> Path:
    """The picture that a label names: by its path from the folder, or by a name that is there once."""
    if name and (folder / name).is_file():
        return folder / name
    candidates = files.get(Path(name).name, [])
    if not candidates:
        raise LpsrError(f"{where}: no picture {name!r} in {folder} or below it")
    if len(candidates) > 1:
        raise LpsrError(f"{where}: {len(candidates)} pictures are named {name!r}; give the path from {folder}")
    return candidates[0]


def plate_text(label: str, where: str) -> str:
    """Return a label in the project's form.

    Args:
        label: as people write it, e.g. `abc-1d23`.
        where: leads the message, e.g. file and line.

    Raises:
        LpsrError: it is not a plate's text.
    """
    text = normalise(label)
    try:
        encode(text)
    except LpsrError as error:
        raise LpsrError(f"{where}: {error}") from None
    return text


def read_picture(path: Path) -> Image:
    """Read a picture as RGB, uint8[H, W, 3].

    Raises:
        LpsrError: the file is missing or not a picture.
    """
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # e.g. more pixels than OpenCV accepts
        image = None
    if image is None:
        raise LpsrError(f"{path}: not a picture that can be read")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def read_whole(path: Path) -> Image:
    """Read a picture as RGB, uint8[H, W, 3].

    Raises:
        IncompletePictureError: it is a JPEG file that was cut short, which OpenCV fills up with grey.
        LpsrError: the file is missing or not a picture.
    """
    image = read_picture(path)
    try:
        with PIL.Image.open(path, formats=("JPEG",)) as picture:
            picture.load()
    except (PIL.UnidentifiedImageError, PIL.Image.DecompressionBombError):
        pass  # of another format, whose incomplete files OpenCV does not read; or larger than Pillow looks at
    except (OSError, SyntaxError) as error:
        if not _lacks_its_end_alone(path.read_bytes()):
            raise IncompletePictureError(f"{path}: only the beginning of this picture is there ({error})") from None
    return image


def _lacks_its_end_alone(data: bytes) -> bool:
    """Whether a JPEG file holds all of its scan: then no bytes between that and an end marker change the picture."""
    ends = (data.rstrip(b"\xff") + between + _END for between in (b"", 64 * b"\xa5"))
    try:
        first, second = (PIL.Image.open(io.BytesIO(ended)) for ended in ends)
        # A progressive picture may lack whole scans.
        return "progressive" not in first.info and first.tobytes() == second.tobytes()
    except (OSError, SyntaxError):
        return False
