"""Finds the graphs that a user names: a released one, or a file of the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lpsr_core.cards import (
    PRECISIONS,
    Calibration,
    ModelCard,
    Precision,
    Role,
    card_path,
    graph_name,
    load_verified,
    released_folder,
    sha256,
)
from lpsr_core.errors import LpsrError, UsageError

DEFAULT_MODEL = "lite"
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])(.{1,127})", re.DOTALL)
"""An entry's key, the length of its value, and the value with what follows it."""


@dataclass(frozen=True)
class Model:
    """A graph file that was found.

    Attributes:
        role: what it serves as.
        path: the .onnx file.
        sha256: of its bytes.
        card: what is known about it; None for a user's own graph without a card.
        data: sha256 of each file of weights beside the graph, by name.
    """

    role: Role
    path: Path
    sha256: str
    card: ModelCard | None
    data: dict[str, str] = field(default_factory=dict)

    @property
    def calibration(self) -> Calibration:
        """Of a reader, as its card has it."""
        return self.card.calibration if self.card is not None and self.card.calibration is not None else Calibration()

    @property
    def name(self) -> str:
        """For reports: the released name with its precision, or the file's name."""
        return f"{self.card.name} {self.card.precision}" if self.card else self.path.name


def models_folder() -> Path:
    """Where the released graphs lie: in the installed package, or in a checkout at engines/models."""
    return released_folder()


def released(role: Role, folder: Path | None = None) -> list[tuple[str, Precision]]:
    """Names and precisions of the released graphs of a role, sorted."""
    found: list[tuple[str, Precision]] = []
    for path in sorted((folder or models_folder()).glob("*.onnx")):
        for precision in PRECISIONS:
            name = path.name.removesuffix(graph_name("", role, precision))
            if name and name != path.name:
                found.append((name, precision))
    return found


def find_model(choice: str, role: Role, precision: Precision = "fp32", folder: Path | None = None) -> Model:
    """The graph that a user means, checked against its card.

    Args:
        choice: a path of an .onnx file, or the name of a released model such as `lite`.
        role: what the graph must do.
        precision: which variant of a released model; a path speaks for itself.
        folder: where the released graphs lie; default `models_folder()`.

    Raises:
        UsageError: there is no such file or released model.
        LpsrError: the file differs from what its card describes, or the card gives it another role.
    """
    if choice.endswith(".onnx") or "/" in choice:
        path = Path(choice)
        if not path.is_file():
            raise UsageError(f"{choice}: no such model file")
        return _checked(path, role)
    path = (folder or models_folder()) / graph_name(choice, role, precision)
    if not path.is_file():
        there = released(role, folder)
        if (choice, "fp32") in there:
            how = f"lpsr-export build --{precision}"
            raise UsageError(f"the {role} {choice!r} is not here at {precision}; make it with: {how}")
        known = ", ".join(f"{name} ({kind})" for name, kind in there) or "none here"
        raise UsageError(
            f"no released {role} {choice!r} at {precision}; released: {known}; or give the path of an .onnx file"
        )
    return _checked(path, role, card_needed=True)


def _checked(path: Path, role: Role, card_needed: bool = False) -> Model:
    if not card_needed and not card_path(path).is_file():
        return Model(role, path, sha256(path), None, external_data(path))
    card = load_verified(path)
    if card.role != role:
        raise LpsrError(f"{path}: its card says that it is a {card.role}, not a {role}")
    return Model(role, path, card.sha256, card, external_data(path))


def external_data(path: Path) -> dict[str, str]:
    """The sha256 of each file of weights that a graph names and that is there, by name.

    ONNX names them by entries of the key `location` in its tensors (protobuf's StringStringEntryProto).
    """
    try:
        names = {found[2][: found[1][0]] for found in _LOCATION.finditer(path.read_bytes())}
    except OSError:
        return {}
    files = {name.decode("utf-8", "surrogateescape") for name in names}
    return {name: sha256(path.parent / name) for name in sorted(files) if (path.parent / name).is_file()}
