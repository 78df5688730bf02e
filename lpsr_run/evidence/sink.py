"""Evidence: a folder a read with its pictures, the full frame, what each frame said, and what ties them together."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpsr_core.files import sync_folder
from lpsr_run.evidence.chain import Chain
from lpsr_run.evidence.contents import MANIFEST, PART, files_of, manifest_of
from lpsr_run.evidence.signing import Signer
from lpsr_run.sinks.base import DurableSink, Fault, Record, Result, write_failed, writing
from lpsr_run.sinks.files import made_folder
from lpsr_run.sinks.folder import make_folder

_STALE_SECONDS = 600.0


class EvidenceSink(DurableSink):
    """Writes a folder of its own for every read; it appears whole or not at all.

    It is written aside before the read is recorded, and gets its name, and its line in the run's chain, after that.

    Args:
        folder: of the folders.
        made_by: what made the reads, for the manifests.
        blurred: blurs everything outside the plate in the full frame.
        signer: signs the chain; None for none.
        fault: told when somebody deleted or moved the folder.

    Raises:
        LpsrError: the folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        made_by: Mapping[str, Any],
        blurred: bool = False,
        signer: Signer | None = None,
        fault: Fault = lambda line: None,
    ) -> None:
        self._folder, self._made_by, self._blurred = folder, dict(made_by), blurred
        self._signer, self._fault = signer, fault
        self._chain: Chain | None = None
        self._prepared: set[str] = set()
        self.name = f"evidence:{folder.absolute()}"
        make_folder(folder)

    def __exit__(self, *failure: object) -> None:
        if not any(failure):
            super().__exit__(*failure)

    def close(self) -> None:
        """Closes the chain, and removes what earlier runs began and did not finish."""
        with writing(self._folder):
            if self._chain is not None and not self._prepared:  # or the next run brings what is left
                self._chain.close()
            for leftover in self._folder.glob(f"{PART}*"):
                if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:  # not another run's that is just writing
                    shutil.rmtree(leftover, ignore_errors=True)

    def prepare(self, result: Result) -> None:
        """Write the folder aside."""
        if result.hidden:
            return
        read = result.read
        part = self._folder / f"{PART}{read.key}"
        self.check()
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            files = files_of(result, self._blurred)
            chain = self._chain_of(read.run)
            manifest = manifest_of(result, files, self._made_by, self._blurred, chain.next)
            for file, data in {**files, MANIFEST: manifest}.items():
                with (part / file).open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
            sync_folder(part)
            chain.take(manifest)
            self._prepared.add(read.key)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise write_failed(self._folder / read.key, error) from None

    def deliver(self, record: Record, again: bool = False) -> None:
        """Give the folder its name; a read that is told in private has none."""
        part = self._folder / f"{PART}{record.key}"
        final = self._folder / folder_name(record)
        with writing(final):
            if not part.is_dir():
                if record.key in self._prepared and not final.is_dir():
                    self._fault(f"{final}: the evidence of this read was deleted or moved before it was finished")
                self._prepared.discard(record.key)
                return
            manifest = (part / MANIFEST).read_bytes()
            chain = Chain(self._folder, record.run, self._signer) if again else self._chain_of(record.run)
            chain.add(final.name, manifest, again)
            part.rename(final)
            sync_folder(self._folder)
            self._prepared.discard(record.key)

    def check(self) -> None:
        if not self._folder.is_dir():
            self._fault(f"{self._folder}: was deleted or moved while the run wrote it; it is made anew")
            with writing(self._folder):
                made_folder(self._folder)

    def _chain_of(self, run: str) -> Chain:
        if self._chain is None or run != self._chain.run:
            self._chain = Chain(self._folder, run, self._signer)
        return self._chain


def folder_name(record: Record) -> str:
    """`RUN-NUMBER-TEXT`, which is unique for ever."""
    return f"{record.key}-{re.sub(r'[^A-Za-z0-9]+', '_', str(record.fields['text']))[:17]}"
