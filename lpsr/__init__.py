"""The Python interface: licence plates made readable, and read.

>>> import lpsr
>>> reader = lpsr.Reader()
>>> for plate in reader.read_crops(["examples/plates/APF5C22.jpg"]):
...     print(plate.text, plate.certain)
APF5C22 APF5C22

`Reader` reads photographs, crops and streams, `SuperResolver` makes the enlarged pictures alone, `forensic_report`
makes a report of one vehicle's frames, and `Plate` is what was read. Whatever goes wrong is an `LpsrError` of one clear
sentence, and a `UsageError` where the call was wrong.

Importing this package loads nothing else; OpenCV and the runtime are loaded when a class is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lpsr_core import __version__

if TYPE_CHECKING:
    from lpsr.images import ImageLike
    from lpsr.plate import Plate
    from lpsr.reader import Reader
    from lpsr.super_resolver import SuperResolver
    from lpsr_core.decode import Alternative, Candidate
    from lpsr_core.errors import LpsrError, UsageError
    from lpsr_forensic.report import forensic_report

__all__ = [
    "Alternative",
    "Candidate",
    "ImageLike",
    "LpsrError",
    "Plate",
    "Reader",
    "SuperResolver",
    "UsageError",
    "__version__",
    "forensic_report",
]

_HOMES = {
    "Alternative": "lpsr_core.decode",
    "Candidate": "lpsr_core.decode",
    "ImageLike": "lpsr.images",
    "LpsrError": "lpsr_core.errors",
    "Plate": "lpsr.plate",
    "Reader": "lpsr.reader",
    "SuperResolver": "lpsr.super_resolver",
    "UsageError": "lpsr_core.errors",
    "forensic_report": "lpsr_forensic.report",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
