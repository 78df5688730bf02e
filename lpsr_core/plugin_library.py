"""The plugin's library as a file: what it was built for is read from its bytes, before anything is loaded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.errors import LpsrError

_MARK = re.compile(rb"LPSR plugin for TensorRT (\d+\.\d+\.\d+); compute capabilities ([\d,]+); source (\w+)\0")
"""As engines/plugin/tensorrt/exports.cpp writes it."""
_JETSONS = (72, 87, 110)
"""Compute capabilities of Jetsons: neither runs code of other GPUs, nor they its."""


@dataclass(frozen=True)
class PluginLibrary:
    """A plugin library.

    Attributes:
        path: of the file.
        tensorrt: version of the headers that it was built against; it serves that major version.
        sms: compute capabilities that it holds code for, as 87 for 8.7.
        source: digest of the source that it was built from; `unknown` where the build did not tell.
        sha256: of its bytes.
    """

    path: Path
    tensorrt: str
    sms: tuple[int, ...]
    source: str
    sha256: str

    @classmethod
    def read(cls, path: Path) -> PluginLibrary:
        """Read what a library says of itself.

        Raises:
            LpsrError: there is no such file, or it is no plugin of ours.
        """
        try:
            data = path.read_bytes()
        except OSError:
            raise LpsrError(f"{path}: no such plugin; build it with: lpsr-export plugin") from None
        found = _MARK.search(data)
        if found is None:
            raise LpsrError(f"{path}: not the plugin's library; build it with: lpsr-export plugin")
        tensorrt, sms, source = (part.decode() for part in found.groups())
        numbers = tuple(int(sm) for sm in sms.split(","))
        return cls(path, tensorrt, numbers, source, hashlib.sha256(data).hexdigest())

    def check(self, tensorrt: str, sm: int | None = None) -> None:
        """Make sure that a TensorRT can load it and that a GPU can run it.

        Args:
            tensorrt: version that will load it.
            sm: compute capability of the GPU that will run it, where that matters.

        Raises:
            LpsrError: it cannot; the line says which it is for.
        """
        if _major(self.tensorrt) != _major(tensorrt):
            raise LpsrError(
                f"{self.path}: this plugin is for TensorRT {_major(self.tensorrt)}, and this is TensorRT {tensorrt}; "
                f"build it with TensorRT {_major(tensorrt)}'s headers: lpsr-export plugin --tensorrt DIR"
            )
        if sm is not None and not self.runs_on(sm):
            held = ", ".join(f"sm_{each}" for each in self.sms)
            raise LpsrError(
                f"{self.path}: this plugin holds code for {held}, and the GPU is sm_{sm}; "
                f"build it with: lpsr-export plugin --sm {sm}"
            )

    def runs_on(self, sm: int) -> bool:
        """Return whether it holds code for a GPU: its own or, except on Jetsons, an older one of the same major."""
        if sm in self.sms or sm in _JETSONS:
            return sm in self.sms
        return any(each // 10 == sm // 10 and each < sm and each not in _JETSONS for each in self.sms)


def _major(version: str) -> str:
    return version.split(".")[0]
