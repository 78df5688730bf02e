"""Photographed plates that pairs can be made of: RodoSol-ALPR as it is delivered, or a folder with labels.

RodoSol-ALPR is a folder with `split.txt`, a line `images/cars-br/img_000001.jpg;training` for each picture, and a
label file beside each picture (see `labels`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image
from lpsr_core.labelled import LABELS, list_labelled, read_whole
from lpsr_core.layouts import layout_of
from lpsr_train.data.crops import Place, cut
from lpsr_train.data.labels import LABEL, quad_of, read_fields, text_of

Split = Literal["training", "validation", "testing"]
SPLITS: tuple[Split, ...] = get_args(Split)
RODOSOL_SPLIT = "split.txt"
SHARES = (0.4, 0.2, 0.4)
"""Of training, validation and testing: RodoSol-ALPR's protocol."""
_SMALLEST = (24, 8)


@dataclass(frozen=True)
class SourcePlate:
    """A plate in a photograph.

    Attributes:
        path: the photograph.
        name: what its pair is called, e.g. `cars-br/img_000001`; no two plates of a source share one.
        text: seven characters.
        split: which part of the data it belongs to.
        place: where the plate is in it.
        fields: `type` and `layout` for the label file, where they are known.
    """

    path: Path
    name: str
    text: str
    split: Split
    place: Place = None
    fields: dict[str, str] = field(default_factory=dict)

    def crop(self) -> Image:
        """The HR crop at its own resolution, uint8[H, W, 3].

        Raises:
            LpsrError: the photograph cannot be read, or the plate is outside it or too small to degrade.
        """
        image = cut(read_whole(self.path), self.place, str(self.path))
        if image.shape[1] < _SMALLEST[0] or image.shape[0] < _SMALLEST[1]:
            raise LpsrError(
                f"{self.path}: the plate is {image.shape[1]}x{image.shape[0]} pixels; an HR picture needs at least "
                f"{_SMALLEST[0]}x{_SMALLEST[1]}"
            )
        return image


def find_plates(
    folder: Path, motorcycles: bool = False, shares: Sequence[float] = SHARES, seed: int = 0
) -> list[SourcePlate]:
    """Find the plates of a folder, in RodoSol-ALPR's form if it has a `split.txt`, else by its labels.

    `motorcycles` takes the two-row plates of RodoSol-ALPR as well, which the paper leaves out. The other arguments are
    those of `labelled_plates`.

    Raises:
        UsageError: the folder does not exist, or is RodoSol-ALPR without its `split.txt`.
        LpsrError: a label is wrong; the line names its file.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    if (folder / RODOSOL_SPLIT).is_file():
        return rodosol_plates(folder, motorcycles)
    if (folder / "images").is_dir() and not (folder / LABELS).is_file():
        raise UsageError(f"{folder}: has images/ but neither RodoSol-ALPR's {RODOSOL_SPLIT} nor a {LABELS}")
    return labelled_plates(folder, shares, seed)


def rodosol_plates(folder: Path, motorcycles: bool = False) -> list[SourcePlate]:
    """The plates of RodoSol-ALPR, in the order of its split file.

    Raises:
        LpsrError: a line, a picture or a label file is wrong or missing, or no plate is left.
    """
    table = folder / RODOSOL_SPLIT
    plates: list[SourcePlate] = []
    names: set[str] = set()
    for where, (name, split) in read_lines(table, ("picture", "split")):
        path = folder / name
        if not path.is_file():
            raise LpsrError(f"{where}: no picture {path}")
        label = path.with_suffix(LABEL)
        fields = read_fields(label)
        kind = fields.get("type", "").lower()
        if kind not in ("car", "motorcycle"):
            raise LpsrError(f"{label}: type is car or motorcycle, not {kind!r}")
        if kind == "motorcycle" and not motorcycles:
            continue
        text, quad = text_of(fields, label), quad_of(fields, label)
        plates.append(SourcePlate(path, _unique(path, folder, names), text, split_of(split, where), quad, fields))
    if not plates:
        raise LpsrError(f"{table}: names no cars; --motorcycles takes two-row plates as well")
    return plates


def labelled_plates(folder: Path, shares: Sequence[float] = SHARES, seed: int = 0) -> list[SourcePlate]:
    """The plates of a folder with labels (see `lpsr_core.labelled`).

    A table's column `split` says what each plate is for. Without it, each text is drawn into a split by itself (see
    `drawn_split`): the pictures of one text stay together, and plates that are added later move no others. The shares
    hold on average, so those of a few plates differ.

    Args:
        folder: where the pictures and labels are.
        shares: of training, validation and testing; they are divided by their sum.
        seed: of the draw.

    Raises:
        UsageError: the shares are not three numbers of which one is positive.
        LpsrError: as `list_labelled`; or only some plates have a split.
    """
    if len(shares) != len(SPLITS) or not all(0 <= share < np.inf for share in shares) or not sum(shares):
        raise UsageError(f"shares are three numbers, for {', '.join(SPLITS)}, e.g. 40,20,40")
    labels = list_labelled(folder)
    divided = bool(labels[0].split)
    names: set[str] = set()
    plates = []
    for label in labels:
        where = f"{folder / LABELS}: {label.path.name}"
        if label.split and not divided:
            raise LpsrError(f"{where} has a split where others have none; give all plates one, or none")
        split = split_of(label.split, where) if divided else drawn_split(label.text, shares, seed)
        layout = layout_of(label.text)
        fields = {"layout": layout.name.capitalize()} if layout else {}
        name = _unique(label.path, folder, names)
        plates.append(SourcePlate(label.path, name, label.text, split, label.box, fields))
    return plates


def split_of(word: str, where: str) -> Split:
    """A split by its name.

    Raises:
        LpsrError: there is none of this name.
    """
    for split in SPLITS:
        if word == split:
            return split
    raise LpsrError(f"{where}: {word!r} is not a split; there are: {', '.join(SPLITS)}")


def trained_on_too(plates: Iterable[tuple[str, Split]]) -> list[str]:
    """Return texts that are trained on and in another split as well, sorted: reading them there proves nothing."""
    texts: dict[bool, set[str]] = {True: set(), False: set()}
    for text, split in plates:
        texts[split == "training"].add(text)
    return sorted(texts[True] & texts[False])


def read_lines(path: Path, fields: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The lines of a file of fields with semicolons between them, each with `FILE, line N`; empty ones are left out.

    Raises:
        UsageError: the file does not exist.
        LpsrError: it is not text, or a line has another number of fields.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LpsrError(f"{path}: cannot be read: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        values = [value.strip() for value in line.split(";")]
        if values == [""]:
            continue
        where = f"{path}, line {number}"
        if len(values) != len(fields) or not all(values):
            raise LpsrError(f"{where}: a line is {';'.join(fields)}, not {line.strip()[:120]!r}")
        found.append((where, values))
    return found


def drawn_split(text: str, shares: Sequence[float], seed: int) -> Split:
    """Return the split of a text by a hash of text and seed alone; shares are of training, validation, testing."""
    digest = hashlib.sha256(f"{seed} {text}".encode()).digest()
    point = int.from_bytes(digest[:6], "big") / 2**48
    ends = np.cumsum(shares)
    return SPLITS[int(np.searchsorted(ends[:-1] / ends[-1], point, side="right"))]


def _unique(path: Path, folder: Path, taken: set[str]) -> str:
    """A pair's name from its picture's path: always below the output folder, without semicolons, not yet taken."""
    relative = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
    parts = [part for part in relative.with_suffix("").parts if part != ".."]
    if parts[0] == "images" and len(parts) > 1:
        parts = parts[1:]
    base = "/".join(parts).replace(";", "_").replace("\n", "_").replace("\r", "_")
    name, copy = base, 2
    while name.lower() in taken:
        name, copy = f"{base}-{copy}", copy + 1
    taken.add(name.lower())
    return name
