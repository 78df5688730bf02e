"""The text file beside a picture, as RodoSol-ALPR and the authors' pair lists have it: lines of `field: value`.

    type: car
    plate: ABC1D23
    layout: Mercosur
    corners: 558,438 687,439 687,482 558,481

The authors' loader looks only for the line `plate: ` with letters and digits behind it.
"""

from __future__ import annotations

from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Quad
from lpsr_core.labelled import plate_text

LABEL = ".txt"


def read_fields(path: Path) -> dict[str, str]:
    """The fields of a label file; lines without a colon are left out.

    Raises:
        LpsrError: the file is missing or not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise LpsrError(f"{path}: this label file is missing; it needs the line 'plate: ABC1D23'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LpsrError(f"{path}: cannot be read: {error}") from None
    split = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in split}


def text_of(fields: dict[str, str], path: Path) -> str:
    """The plate's text.

    Raises:
        LpsrError: there is none, or it is not a plate's.
    """
    if "plate" not in fields:
        raise LpsrError(f"{path}: has no line 'plate: ABC1D23'")
    return plate_text(fields["plate"], str(path))


def quad_of(fields: dict[str, str], path: Path) -> Quad:
    """The plate's corners in its picture, in any order in the file.

    Raises:
        LpsrError: there are not four, or they enclose no plate.
    """
    try:
        points = [[float(number) for number in point.split(",")] for point in fields.get("corners", "").split()]
        quad = Quad.from_points(points)
    except ValueError:
        raise LpsrError(f"{path}: needs four corners, 'corners: x,y x,y x,y x,y'") from None
    if not (quad.width >= 1 and quad.height >= 1):  # NaN as well
        raise LpsrError(f"{path}: its corners enclose no plate")
    return quad


def label_text(text: str, fields: dict[str, str]) -> str:
    """Return a label file for a crop, with `type` and `layout` where they are known, in RodoSol-ALPR's order."""
    kept = {"type": fields.get("type"), "plate": text, "layout": fields.get("layout")}
    return "".join(f"{name}: {value}\n" for name, value in kept.items() if value)
