"""The authors' pair lists: a line `HR;LR;split` for each pair, and the text in a label file beside the HR picture.

Paths are taken from the list's folder unless they are absolute. `HR` with the suffix `.txt` names the label file (see
`labels`). The splits are training, validation and testing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.files import replace_file
from lpsr_core.geometry import Image
from lpsr_core.labelled import read_whole
from lpsr_train.data.labels import LABEL, read_fields, text_of
from lpsr_train.data.sources import Split, read_lines, split_of, trained_on_too

_DISTORTION = 1.25
"""How much the two pictures of a pair may differ in their ratio of width to height: they show one plate."""


@dataclass(frozen=True)
class ListedPair:
    """A checked line of a list.

    Attributes:
        hr, lr: paths of the pictures; both exist.
        split: which part of the data it belongs to.
        text: seven characters.
        where: file and line, to lead a message.
    """

    hr: Path
    lr: Path
    split: Split
    text: str
    where: str

    def read(self) -> tuple[Image, Image]:
        """HR and LR, each uint8[H, W, 3] at its own resolution.

        Raises:
            IncompletePictureError: only the beginning of one is there.
            LpsrError: one is not a picture, or they cannot be a pair.
        """
        try:
            hr, lr = read_whole(self.hr), read_whole(self.lr)
        except LpsrError as error:
            raise type(error)(f"{self.where}: {error}") from None
        (high, wide), (low, narrow) = hr.shape[:2], lr.shape[:2]
        sizes = f"HR is {wide}x{high} and LR {narrow}x{low} pixels"
        if low > high and narrow > wide:
            raise LpsrError(f"{self.where}: {sizes}; the order of a line is HR;LR;split")
        # Half a pixel either way is what rounding makes of a small picture.
        if not (low - 0.5) / _DISTORTION <= narrow * high / wide <= (low + 0.5) * _DISTORTION:
            raise LpsrError(f"{self.where}: {sizes}; the two must show the same plate in the same shape")
        return hr, lr


def write_list(path: Path, entries: Iterable[tuple[Path, Path, Split]], absolute: bool = False) -> None:
    """Writes a list, whole or not at all.

    Args:
        path: of the list; the pictures are below its folder.
        entries: paths of HR and LR, and the split, of each line.
        absolute: write absolute paths, for the authors' loader, which takes relative ones from where it is started.

    Raises:
        LpsrError: a path holds a semicolon or a line break.
    """
    lines = []
    for hr, lr, split in entries:
        paths = [
            str(picture.resolve()) if absolute else picture.relative_to(path.parent).as_posix() for picture in (hr, lr)
        ]
        for name in paths:
            if set(name) & set(";\r\n"):
                raise LpsrError(f"{name!r}: a list cannot hold a path with a semicolon or a line break; rename it")
        lines.append(";".join((*paths, split)) + "\n")
    replace_file(path, "".join(lines).encode())


def read_list(path: Path, split: Split | None = None) -> list[ListedPair]:
    """Reads and checks a list; pictures must exist, and are looked into by `ListedPair.read`.

    Args:
        path: of the list.
        split: only this one is checked and given; None for all.

    Raises:
        UsageError: the list does not exist.
        LpsrError: a line is malformed, a file missing, a label not a plate's text, or the split empty; the message
            names the list and the line.
    """
    found: list[ListedPair] = []
    splits: Counter[Split] = Counter()
    for where, (hr, lr, word) in read_lines(path, ("HR", "LR", "split")):
        of = split_of(word, where)
        splits[of] += 1
        if split is None or of == split:
            found.append(_check(path.parent / hr, path.parent / lr, of, where))
    if not found:
        others = ", ".join(f"{count} of {name}" for name, count in splits.items())
        raise LpsrError(f"{path}: no pairs of the split {split}, only {others}" if others else f"{path}: no pairs")
    return found


def repeated_plates(path: Path, split: Split | None = None, known: Iterable[ListedPair] = ()) -> list[str]:
    """Texts of plates that are in the training split and in another one as well; labels that are missing do not count.

    Args:
        path: of the list.
        split: the other one; None for any.
        known: pairs of this list that were read already, so that their labels are not read again.

    Raises:
        UsageError, LpsrError: a line is malformed, as for `read_list`.
    """
    found: list[tuple[str, Split]] = []
    texts = {pair.where: pair.text for pair in known}
    for where, (hr, _, word) in read_lines(path, ("HR", "LR", "split")):
        of = split_of(word, where)
        if split is not None and of not in ("training", split):
            continue
        label = (path.parent / hr).with_suffix(LABEL)
        try:
            found.append((texts.get(where) or text_of(read_fields(label), label), of))
        except LpsrError:  # of a split that is not used now
            continue
    return trained_on_too(found)


def _check(hr: Path, lr: Path, split: Split, where: str) -> ListedPair:
    for picture in (hr, lr):
        if not picture.is_file():
            raise LpsrError(f"{where}: no picture {picture}; paths are taken from the list's folder")
    label = hr.with_suffix(LABEL)
    try:
        text = text_of(read_fields(label), label)
    except LpsrError as error:
        raise LpsrError(f"{where}: {error}") from None
    return ListedPair(hr, lr, split, text, where)


def describe_list(path: Path) -> str:
    """A list's name and the beginning of its sha256, by which a run remembers what it was trained on.

    Raises:
        UsageError: the list does not exist.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such pair list")
    return f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
