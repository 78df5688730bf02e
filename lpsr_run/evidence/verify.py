"""Whether evidence is what was written: every digest, every link of the chain, every signature."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.decode import decode
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_run.evidence.chain import SUFFIX, Entry, parse_entry
from lpsr_run.evidence.contents import MANIFEST, PART, SAID, digest, read_history
from lpsr_run.evidence.retention import deleted
from lpsr_run.evidence.signing import Verifier


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where; a remark is no fault of the evidence."""

    where: str
    what: str
    remark: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Verdict:
    """What was looked at and what was found.

    Attributes:
        folders: number of reads.
        runs: number of chains.
        signed: whether all signatures were checked with a key.
        findings: in the order of the chains.
    """

    folders: int
    runs: int
    signed: bool
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.remark for finding in self.findings)


def verify(folder: Path, public: Path | None = None) -> Verdict:
    """Checks a folder of evidence.

    Without a public key this tells mistakes and changes by whoever did not compute the digests anew; with it, any
    change by whoever has not the private key.

    Args:
        folder: of the evidence.
        public: PEM file of the key that the chain must be signed with; None checks no signature.

    Raises:
        UsageError: it is no folder of evidence, or the key is none.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of evidence")
    if (folder / MANIFEST).is_file():
        raise UsageError(f"{folder}: is the evidence of one read; give the folder that it lies in, {folder.parent}")
    verifier = None if public is None else Verifier(public)
    chains = sorted(folder.glob(f"*{SUFFIX}"))
    entries = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not chains and not entries:
        raise UsageError(f"{folder}: holds no evidence")
    findings: list[Finding] = []
    named: set[str] = set()
    for chain in chains:
        findings += _chain(chain, folder, verifier, named)
    for path in entries:
        if path.name not in named:
            findings.append(Finding(path.name, "is named by no chain: it was added, or the chain was changed"))
    return Verdict(len(entries), len(chains), verifier is not None, tuple(findings))


def _chain(path: Path, folder: Path, verifier: Verifier | None, named: set[str]) -> Iterator[Finding]:
    run = path.name.removesuffix(SUFFIX)
    entries, unreadable = entries_of(path)
    for number in unreadable:
        yield Finding(path.name, f"line {number} cannot be read")
    removed = deleted(folder, run, verifier)
    previous, closed = digest(run.encode()), False
    for place, entry in enumerate(entries):
        yield from line_otherwise(entry, place, run, entry.folder or path.name, verifier)
        if entry.folder is None:
            closed = True
            if entry.manifest != previous:
                yield Finding(path.name, "is closed after another folder than its last one")
            continue
        named.add(entry.folder)
        if removed.get(entry.folder) == entry.manifest and not (folder / entry.folder).exists():
            yield Finding(entry.folder, "was deleted by the run's retention (--keep-…)", True)
        else:
            yield from _folder(folder / entry.folder, entry, run, previous)
        previous = entry.manifest
    if not closed:
        yield Finding(path.name, "was never closed: its run was killed, or still runs, or its end was cut off", True)


def entries_of(path: Path) -> tuple[list[Entry], list[int]]:
    """The lines of a chain, and the numbers of those that cannot be read."""
    entries, unreadable = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            entries.append(parse_entry(line))
        except ValueError:
            unreadable.append(number)
    return entries, unreadable


def line_otherwise(entry: Entry, place: int, run: str, shown: str, verifier: Verifier | None) -> Iterator[Finding]:
    """Whether a line stands where it was made for, and is signed."""
    if entry.index != place:
        yield Finding(shown, f"stands at place {place} of its chain and was made for place {entry.index}")
    if verifier is not None:
        if entry.signature is None:
            yield Finding(shown, "its line in the chain is not signed")
        elif not verifier.holds(entry.signature, entry.signed(run)):
            yield Finding(shown, "its line in the chain was not signed with this key, or was changed")


def _folder(path: Path, entry: Entry, run: str, previous: str) -> Iterator[Finding]:
    name = path.name
    if Path(name) != Path(str(entry.folder)) or not path.is_dir():
        aside = path.parent / f"{PART}{'-'.join(name.split('-')[:2])}"
        hint = "; it was not finished, and the next run in its --out finishes it" if aside.is_dir() else ""
        yield Finding(name, f"is missing{hint}")
        return
    try:
        data = (path / MANIFEST).read_bytes()
        told: dict[str, Any] = json.loads(data)
        files, read, chain = dict(told["files"]), dict(told["read"]), dict(told["chain"])
    except (OSError, ValueError, KeyError, TypeError):
        yield Finding(name, f"its {MANIFEST} cannot be read")
        return
    yield from manifest_otherwise(name, data, chain, read, entry, run, previous)
    yield from changed_files(path, files)
    for other in sorted(entry.name for entry in path.iterdir()):
        if other not in files and other != MANIFEST:
            yield Finding(name, f"{other} was added")
    if SAID in files and (path / SAID).is_file():
        yield from said_otherwise(path, told, read)


def manifest_otherwise(
    name: str,
    data: bytes,
    chain: Mapping[str, Any],
    read: Mapping[str, Any],
    entry: Entry,
    run: str,
    previous: str,
) -> Iterator[Finding]:
    """Whether a manifest is the one that its line of the chain names.

    Args:
        name: of its folder.
        data: its bytes.
        chain, read: what it says.
        entry: that names its folder.
        run: of the chain.
        previous: digest of the manifest before it.
    """
    if digest(data) != entry.manifest:
        yield Finding(name, f"its {MANIFEST} is not what the chain says: something in it was changed")
    if chain.get("index") != entry.index or chain.get("previous") != previous:
        yield Finding(name, "follows another folder than it was made after: the order was changed, or one was removed")
    if read.get("run") != run:
        yield Finding(name, "is of another run than its chain")


def changed_files(path: Path, files: Mapping[str, str]) -> Iterator[Finding]:
    """What of the files that a manifest names is missing or was changed."""
    for file, wanted in files.items():
        try:
            found = digest((path / Path(file).name).read_bytes())
        except OSError:
            yield Finding(path.name, f"{file} is missing")
            continue
        if found != wanted:
            yield Finding(path.name, f"{file} was changed: it is not the file that the manifest names")


def said_otherwise(path: Path, told: Mapping[str, Any], read: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the read follows from what its frames said."""
    try:
        layouts = parse_layouts(tuple(told["made_by"]["config"]["layouts"]))
        reading = decode(read_history((path / SAID).read_bytes()).tempered(), layouts)
    except (LpsrError, OSError, ValueError, KeyError, TypeError) as error:
        yield Finding(path.name, f"what its frames said cannot be decoded: {error}")
        return
    if not str(read.get("text")).startswith("#") and reading.text != read.get("text"):
        yield Finding(path.name, f"says {read.get('text')}, and its frames say {reading.text}")
    elif round(reading.confidence, 4) != read.get("confidence"):
        yield Finding(path.name, f"says {read.get('confidence')}, and its frames {round(reading.confidence, 4)}")
