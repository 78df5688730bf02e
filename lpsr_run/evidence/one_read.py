"""Whether the evidence of one read is what was written, with the chain beside it where there is one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.evidence.chain import SUFFIX, Entry
from lpsr_run.evidence.contents import MANIFEST, SAID, digest
from lpsr_run.evidence.signing import Verifier
from lpsr_run.evidence.verify import (
    Finding,
    changed_files,
    entries_of,
    line_otherwise,
    manifest_otherwise,
    said_otherwise,
)

NO_CHAIN = (
    f"The {MANIFEST} could not be checked against a chain, since none that names it lies beside the folder: a change "
    "of its source or times would not be seen."
)


@dataclass(frozen=True)
class Checked:
    """What was checked of one read's evidence.

    Attributes:
        altered: a line for each thing that is not as it was written.
        chained: whether a chain beside the folder is of its run.
        how: what was checked, as a sentence.
    """

    altered: tuple[str, ...]
    chained: bool
    how: str


@dataclass(frozen=True)
class _Place:
    """Where a chain names a folder: `entries[place]` of `path`."""

    path: Path
    entries: list[Entry]
    place: int

    @property
    def entry(self) -> Entry:
        return self.entries[self.place]

    @property
    def run(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    @property
    def previous(self) -> str:
        return self.entries[self.place - 1].manifest if self.place else digest(self.run.encode())


def check_read(folder: Path, public: Path | None = None) -> Checked:
    """Check the files of one read against its manifest, the manifest against the chain, and the text against both.

    What was added to the folder is no fault: nothing is computed from it.

    Args:
        folder: of the read.
        public: PEM file of the key that the chain must be signed with; None checks no signature.

    Raises:
        UsageError: the key is none, or there is no chain whose signature it could check.
        LpsrError: the manifest cannot be read.
    """
    verifier = None if public is None else Verifier(public)
    folder = folder.resolve()  # also `.` has a name then
    data, told = _manifest(folder)
    files, read = dict(told["files"]), dict(told["read"])
    place = _place(folder)
    own = [run for run in {str(read.get("run")), folder.name.split("-", 1)[0]} if _chain(folder, run).is_file()]
    findings: list[Finding] = []
    if place is not None:
        entry, chain = place.entry, told.get("chain")
        findings += line_otherwise(entry, place.place, place.run, folder.name, verifier)
        said = chain if isinstance(chain, dict) else {}
        findings += manifest_otherwise(folder.name, data, said, read, entry, place.run, place.previous)
    if place is None and own:
        findings.append(
            Finding(folder.name, f"is not named by {own[0]}{SUFFIX}: it was added, or the chain was changed")
        )
    if place is None and not own and public is not None:
        raise UsageError(f"{folder}: no chain that names it lies beside it; leave --public out, or put it back")
    findings += changed_files(folder, files)
    if SAID in files and (folder / SAID).is_file():
        findings += said_otherwise(folder, told, read)
    return Checked(tuple(each.what for each in findings), place is not None or bool(own), _how(place, own, public))


def _manifest(folder: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        data = (folder / MANIFEST).read_bytes()
        told: dict[str, Any] = json.loads(data)
        dict(told["files"]), dict(told["read"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LpsrError(f"{folder}: its {MANIFEST} cannot be read: {error}") from None
    return data, told


def _chain(folder: Path, run: str) -> Path:
    return folder.parent / f"{Path(run).name}{SUFFIX}"


def _place(folder: Path) -> _Place | None:
    for path in sorted(folder.parent.glob(f"*{SUFFIX}")):
        entries = entries_of(path)[0]
        for place, entry in enumerate(entries):
            if entry.folder == folder.name:
                return _Place(path, entries, place)
    return None


def _how(place: _Place | None, own: list[str], public: Path | None) -> str:
    if place is None:
        return f"Compared with {own[0]}{SUFFIX}, which does not name it." if own else NO_CHAIN
    where = f"The {MANIFEST} was checked against {place.path.name}"
    if public is not None:
        return f"{where}, and the signature there with {public.name}."
    if place.entry.signature is not None:
        return f"{where}; the signature there was not checked, since no public key was given."
    return f"{where}, which is not signed: whoever computes its digests anew can change both unseen."
