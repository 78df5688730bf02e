"""Makes HR-LR pairs of photographed plates, as section IV-A of the paper does of RodoSol-ALPR.

    OUT/pairs.txt            the list: HR;LR;split, with paths from OUT
    OUT/hr/NAME.png, .txt    the crop, rectified where corners are known, and its label
    OUT/lr/NAME.png          the same, degraded
    OUT/pairs.json           what the folder is made of

Crops stay at their own resolution: resizing belongs to whoever loads them, here as with the authors, so the
pairs outlive a network's size, and `blur` and `noise` stop at an SSIM that was measured at that resolution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lpsr_core.degradation import SSIM_TARGET, Method, degrade
from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file, replacing
from lpsr_train.data.labels import LABEL, label_text
from lpsr_train.data.lists import write_list
from lpsr_train.data.manifest import keep_manifest
from lpsr_train.data.parallel import in_processes
from lpsr_train.data.sources import SourcePlate
from lpsr_train.validation.pictures import write_png

LIST = "pairs.txt"
_NOTE = "pairs.json"


@dataclass(frozen=True)
class PairSettings:
    """How the LR pictures are made.

    Attributes:
        degradation: see `lpsr_core.degradation`.
        target: SSIM that blur and noise fall below.
        seed: of all that is random; each pair's own seed comes from it and the pair's name.
    """

    degradation: Method = "blur"
    target: float = SSIM_TARGET
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """A pair that exists now; or, with a problem, why it could not be made."""

    plate: SourcePlate
    problem: str = ""


def make_pairs(folder: Path, plates: Sequence[SourcePlate], settings: PairSettings, workers: int = 1) -> Iterator[Made]:
    """Makes the pairs that a folder lacks, and yields for every plate that it is done, those from before first.

    The same plates of one source, settings and seed give the same files, in any order and by any number of processes.
    Each file is there whole or not at all, so an interrupted call is continued by another one.

    Raises:
        LpsrError: the folder holds something else, or pairs of other settings; or a process died.
    """
    strangers = folder.is_dir() and any(path.suffix != ".part" for path in folder.iterdir())
    if strangers and not (folder / _NOTE).is_file():
        raise LpsrError(f"{folder}: holds other files; give an empty folder or a new one")
    folder.mkdir(parents=True, exist_ok=True)
    # Folders of earlier versions were divided otherwise: plates that were trained on must not become ones to test with.
    keep_manifest(folder / _NOTE, {**asdict(settings), "split": "by text"})
    for leftover in folder.rglob("*.part"):
        leftover.unlink()
    missing = []
    for plate in plates:
        if _is_made(folder, plate):
            yield Made(plate)
        else:
            missing.append((folder, plate, settings))
    yield from in_processes(_make_pair, missing, workers, str(folder))


def write_pairs_list(folder: Path, plates: Sequence[SourcePlate], absolute: bool = False) -> Path:
    """Write the list of pairs that were made, in the order of the plates (see `write_list`), and return its path."""
    path = folder / LIST
    files = ((_files(folder, plate), plate.split) for plate in plates)
    write_list(path, ((hr, lr, split) for (hr, _, lr), split in files), absolute)
    return path


def _files(folder: Path, plate: SourcePlate) -> tuple[Path, Path, Path]:
    """HR, its label, LR; names may hold dots, so suffixes are appended."""
    hr = folder / "hr" / f"{plate.name}.png"
    return hr, hr.with_suffix(LABEL), folder / "lr" / f"{plate.name}.png"


def _is_made(folder: Path, plate: SourcePlate) -> bool:
    hr, label, lr = _files(folder, plate)
    if not (hr.is_file() and label.is_file() and lr.is_file()):
        return False
    if label.read_text(encoding="utf-8") != label_text(plate.text, plate.fields):
        raise LpsrError(f"{label}: is the label of another plate than {plate.path}; choose another folder")
    return True


def _make_pair(job: tuple[Path, SourcePlate, PairSettings]) -> Made:
    folder, plate, settings = job
    try:
        crop = plate.crop()
    except LpsrError as error:
        return Made(plate, str(error))
    own = int.from_bytes(hashlib.sha256(plate.name.encode()).digest()[:8], "big")
    low = degrade(crop, settings.degradation, np.random.default_rng([settings.seed, own]), settings.target)
    hr, label, lr = _files(folder, plate)
    for path, image in ((hr, crop), (lr, low)):
        with replacing(path) as part:
            write_png(part, image)
    replace_file(label, label_text(plate.text, plate.fields).encode())
    return Made(plate)
