"""Model cards: the JSON beside every graph that says what it is and what made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import DIRECT_WIDTH
from lpsr_core.jsonfile import write_json
from lpsr_core.settings import PRECISIONS as PRECISIONS
from lpsr_core.settings import Precision as Precision

Role = Literal["generator", "reader", "locator"]
ROLES: tuple[Role, ...] = ("generator", "reader", "locator")
PLATE_ROLES: tuple[Role, ...] = ("generator", "reader")
"""Of the networks that see crops of plates, whose graphs are derived at other precisions and built as engines."""
SCHEMA = 1


@dataclass(frozen=True)
class Calibration:
    """How a reader's log-probabilities become confidences.

    Attributes:
        temperature: that they are divided by.
        power: the sum over n frames of a track is divided by n to this power: 1 would take frames that share their
            blur and mistakes for one, 0 for independent ones.
        narrow: factor on the temperature for crops narrower than `DIRECT_WIDTH`, on which readers are surer than right.
        views: factor on the temperature of a mean over several views, which is less sure than it is right.
    """

    temperature: float = 1.0
    power: float = 0.5
    narrow: float = 1.0
    views: float = 1.0

    def temperatures(self, widths: Sequence[float] | NDArray[np.floating]) -> NDArray[np.float64]:
        """Return float64[N, 1, 1]: the divisors of the log-probabilities of N crops of these `plate_width`s."""
        narrow = np.asarray(widths) < DIRECT_WIDTH
        return (self.temperature * np.where(narrow, self.narrow, 1.0))[:, None, None]


@dataclass(frozen=True)
class ModelCard:
    """What a graph file is.

    Attributes:
        name: e.g. `lite`; the file is `<name>-<role>[-<precision>].onnx`.
        role: what the graph does, and with it its contract (see `lpsr_core.contracts`).
        precision: the type of its arithmetic.
        file: the graph's file name, beside the card.
        sha256: of the graph's bytes, in hexadecimal.
        parameters: number of trained values.
        opset: of the ONNX graph.
        made_by: the configuration that produced it, whatever the producing command takes.
        metrics: measured figures, each with what it was measured on.
        calibration: of a reader, what makes its probabilities those of being right (see `Calibration`).
        schema: version of this form.
    """

    name: str
    role: Role
    precision: Precision
    file: str
    sha256: str
    parameters: int
    opset: int
    made_by: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    schema: int = SCHEMA

    def save(self, folder: Path) -> Path:
        """Write the card beside its graph, replacing an older one atomically; returns its path."""
        path = card_path(folder / self.file)
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> ModelCard:
        """Read a card.

        Raises:
            LpsrError: it is missing, not JSON, or not a card of this schema.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LpsrError(f"{path}: no model card here; a graph travels with the .json of the same name") from None
        except (OSError, ValueError) as error:
            raise LpsrError(f"{path}: not a readable model card: {error}") from None
        known = {entry.name for entry in fields(cls)}
        required = {"name", "role", "precision", "file", "sha256", "parameters", "opset"}
        if not isinstance(values, dict) or not required <= values.keys() or values.get("schema") != SCHEMA:
            raise LpsrError(f"{path}: not a model card of schema {SCHEMA}; export the model again")
        if values["role"] not in ROLES or values["precision"] not in PRECISIONS:
            raise LpsrError(f"{path}: role {values['role']!r} or precision {values['precision']!r} is unknown")
        try:
            if values.get("calibration") is not None:
                values["calibration"] = Calibration(**values["calibration"])
        except TypeError:
            raise LpsrError(f"{path}: its calibration is of another form; run lpsr-export calibrate again") from None
        return cls(**{name: value for name, value in values.items() if name in known})


def card_path(graph: Path) -> Path:
    """Return the path of a graph's card."""
    return graph.with_suffix(".json")


def graph_name(name: str, role: Role, precision: Precision = "fp32") -> str:
    """Return the file name of a graph: `lite-generator.onnx`, `lite-generator-fp16.onnx`."""
    return f"{name}-{role}.onnx" if precision == "fp32" else f"{name}-{role}-{precision}.onnx"


def released_folder() -> Path:
    """Return the folder of the released graphs: in the installed package, or engines/models of a checkout."""
    root = Path(__file__).resolve().parent.parent
    packaged = root / "lpsr_run" / "models"
    return packaged if any(packaged.glob("*.onnx")) else root / "engines" / "models"


def sha256(path: Path) -> str:
    """Return the hexadecimal digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def load_verified(graph: Path) -> ModelCard:
    """Load the card of a graph, after checking that the graph's bytes match its digest.

    Raises:
        LpsrError: graph or card is missing or unreadable, or the bytes differ.
    """
    if not graph.is_file():
        raise LpsrError(f"{graph}: no such model file")
    card = ModelCard.load(card_path(graph))
    if sha256(graph) != card.sha256:
        raise LpsrError(
            f"{graph}: the file is not the one its card describes (sha256 differs); export or fetch it again"
        )
    return card
