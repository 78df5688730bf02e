"""What a peer is; and readers of others, where they are installed, which get the LR picture enlarged bicubically."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_core.geometry import Image

_ENLARGED = 4


@dataclass(frozen=True)
class Peer:
    """Something that reads plates, or super-resolves them.

    Attributes:
        name: for the table.
        what: what its time covers, e.g. `crop to string`.
        read: texts of LR pictures, uint8[16, 48, 3] each, one picture in a forward pass; or None where it only makes
            pictures.
    """

    name: str
    what: str
    read: Callable[[Sequence[Image]], list[str] | None]


def enlarged(lr: Image) -> Image:
    """uint8[16, 48, 3] -> uint8[64, 192, 3]."""
    height, width = lr.shape[:2]
    return cv2.resize(lr, (_ENLARGED * width, _ENLARGED * height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def plain(text: str) -> str:
    """A text without hyphens, dots and blanks, in capitals."""
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def rapidocr() -> Peer:
    """The recogniser of rapidocr with the models of its wheel.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise MissingExtraError("rapidocr", "peers") from None
    from importlib.metadata import version

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    engine: Any = RapidOCR(params={"Global.log_level": "error"})

    def read(crops: Sequence[Image]) -> list[str]:
        found = []
        for crop in crops:
            bgr = np.ascontiguousarray(enlarged(crop)[..., ::-1])
            result = engine(bgr, use_det=False, use_cls=False, use_rec=True)
            found.append(plain("".join(result.txts or ())))
        return found

    return Peer(f"rapidocr {version('rapidocr')} (recogniser)", "crop to string", read)


def fast_plate_ocr(model: str | None) -> Peer:
    """fast-plate-ocr with a model file of the user's; its configuration lies beside it, `.yaml` for `.onnx`.

    Raises:
        UsageError: no model was given, or its configuration is missing.
        MissingExtraError: it is not installed.
        LpsrError: it does not take the model.
    """
    if model is None:
        raise UsageError("it brings no model: give --peer fast-plate-ocr=MODEL.onnx")
    path = Path(model)
    settings = next((path.with_suffix(end) for end in (".yaml", ".yml") if path.with_suffix(end).is_file()), None)
    if settings is None:
        raise UsageError(f"{path}: no .yaml of the same name beside it, which tells the plates' alphabet and size")
    try:
        from fast_plate_ocr import LicensePlateRecognizer
    except ImportError:
        raise MissingExtraError("fast-plate-ocr", "peers") from None
    try:
        recogniser: Any = LicensePlateRecognizer(onnx_model_path=path, plate_config_path=settings)
    except Exception as error:
        raise LpsrError(f"{path}: fast-plate-ocr does not take it: {str(error).splitlines()[0]}") from error

    def read(crops: Sequence[Image]) -> list[str]:
        return [plain(_text(recogniser.run(enlarged(crop)))) for crop in crops]

    return Peer(f"fast-plate-ocr, {path.name}", "crop to string", read)


def _text(result: Any) -> str:
    """Releases differ in what they give: a list of strings, or of objects that hold a plate."""
    first = result[0] if isinstance(result, (list, tuple)) else result
    return str(getattr(first, "plate", first))


NEED_FILE = ("fast-plate-ocr",)
READERS: dict[str, Callable[[str | None], Peer]] = {
    "rapidocr": lambda _: rapidocr(),
    "fast-plate-ocr": fast_plate_ocr,
}
