"""Finds the graphs that a user names: a released one, or a file of the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lpsr_core.cards import Calibration, ModelCard, Precision, Role, card_path, graph_name, load_verified, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.model_folders import find_graph, named_graphs

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


def find_model(choice: str, role: Role, precision: Precision = "fp32", folder: Path | None = None) -> Model:
    """Return the graph that a user means, checked against its card.

    Args:
        choice: a path of an .onnx file, or the name of a released model such as `lite` or of one in the user's folder.
        role: what the graph must do.
        precision: which variant of a named model; a path speaks for itself.
        folder: the only one to look in for names; the released models and the user's folder when None.

    Raises:
        UsageError: there is no such file or named model.
        LpsrError: the file differs from what its card describes, the card gives it another role, or it was derived from
            another FP32 graph than the one of its name.
    """
    if choice.endswith(".onnx") or "/" in choice:
        path = Path(choice)
        if not path.is_file():
            raise UsageError(f"{choice}: no such model file")
        return _checked(path, role)
    named = find_graph(choice, role, precision) if folder is None else folder / graph_name(choice, role, precision)
    if named is None or not named.is_file():
        there = list(named_graphs(role, folder))
        if (choice, "fp32") in there:
            how = _build_command(choice, precision)
            raise UsageError(f"the {role} {choice!r} is not here at {precision}; make it with: {how}")
        known = ", ".join(f"{name} ({kind})" for name, kind in there) or "none"
        raise UsageError(f"no {role} {choice!r} at {precision}; available: {known}; or give the path of an .onnx file")
    model = _checked(named, role, card_needed=True)
    if folder is None and precision != "fp32":
        _check_source(model, choice, role, precision)
    return model


def _check_source(model: Model, name: str, role: Role, precision: Precision) -> None:
    """Make sure that a derived graph belongs to the FP32 graph of its name, which an update may have replaced."""
    source, card = find_graph(name, role), model.card
    made_from = card.made_by.get("from", {}) if card is not None else {}
    if source is not None and made_from and made_from.get("sha256") != load_verified(source).sha256:
        raise LpsrError(
            f"{model.path}: made from another {role} {name!r} than {source}; "
            f"make it again with: {_build_command(name, precision)}"
        )


def _build_command(name: str, precision: Precision) -> str:
    return f"lpsr-export build --{precision}" + ("" if name == DEFAULT_MODEL else f" --name {name}")


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
