"""Evidence that was deleted because it was too old or too much, and the note that it was."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from lpsr_run.evidence.chain import SUFFIX, append
from lpsr_run.evidence.contents import MANIFEST, digest
from lpsr_run.evidence.signing import Signer, Verifier
from lpsr_run.retention.policy import Entry, Retention, superfluous
from lpsr_run.retention.sweeper import Sweep

DELETED = ".deleted.jsonl"
"""Ends the name of a run's note of what retention deleted."""


def sweep_evidence(folder: Path, signer: Signer | None) -> Sweep:
    """Deletes folders of reads, each named in its run's note before it goes.

    Args:
        folder: of the evidence.
        signer: signs the note; None for none.
    """

    def sweep(rule: Retention, now: float) -> int:
        gone = list(superfluous(list(_entries(folder)), rule, now))
        for entry in gone:
            run = entry.path.name.split("-", 1)[0]
            manifest = digest((entry.path / MANIFEST).read_bytes())
            signature = None
            if signer is not None:
                signature = base64.b64encode(signer.sign(_signed(run, entry.path.name, manifest))).decode()
            told = {"folder": entry.path.name, "manifest": manifest, "time": round(time.time()), "signature": signature}
            append(folder / f"{run}{DELETED}", (json.dumps(told) + "\n").encode())
            shutil.rmtree(entry.path)
        return len(gone)

    return sweep


def deleted(folder: Path, run: str, verifier: Verifier | None) -> dict[str, str]:
    """The folders that a run's note says were deleted by retention, with the digest of each manifest.

    With a verifier only those whose line is signed with its key.
    """
    path = folder / f"{run}{DELETED}"
    found: dict[str, str] = {}
    if not path.is_file():
        return found
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
            name, manifest = str(told["folder"]), str(told["manifest"])
            signature = None if told["signature"] is None else base64.b64decode(told["signature"])
        except (ValueError, KeyError, TypeError):
            continue
        if verifier is None or (signature and verifier.holds(signature, _signed(run, name, manifest))):
            found[name] = manifest
    return found


def _entries(folder: Path) -> Iterator[Entry]:
    for path in folder.iterdir():
        if path.name.startswith(".") or not (path / MANIFEST).is_file():
            continue
        # Only what a chain names: a folder that is just being finished is not in it yet.
        if (folder / f"{path.name.split('-', 1)[0]}{SUFFIX}").exists():
            size = sum(file.stat().st_size for file in path.iterdir())
            yield Entry(path, path.name, (path / MANIFEST).stat().st_mtime, size)


def _signed(run: str, name: str, manifest: str) -> bytes:
    return json.dumps(["deleted", run, name, manifest]).encode()
