"""`lpsr-export build`: released FP32 graphs to the precision and the runtime that a machine wants."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import ROLES, ModelCard, Precision, Role, graph_name, load_verified, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image
from lpsr_export.compare import Agreement, CheckedGraph, compare_pictures, compare_readings, texts
from lpsr_export.crops import CALIBRATION_SEED, CHECK_SEED, folder_crops, hr_batch, lr_batch, rendered_crops
from lpsr_export.fp16 import to_fp16
from lpsr_export.graphs import GraphSession, opset, save_graph, staged
from lpsr_export.int8 import Choice, Quantiser, choose_layers

if TYPE_CHECKING:
    import onnx

Target = Literal["onnxruntime", "tensorrt"]
TARGETS: tuple[Target, ...] = get_args(Target)


@dataclass(frozen=True)
class Gate:
    """What a derived graph must reach against FP32 to be kept.

    Attributes:
        psnr: least PSNR of the SR pictures, in dB.
        strings: least share of crops that read the same.
    """

    psnr: float
    strings: float

    def passes(self, agreement: Agreement) -> bool:
        """Whether the graph is near enough."""
        return agreement.strings >= self.strings and (agreement.psnr is None or agreement.psnr >= self.psnr)


_CALIBRATED, _MEASURED = 256, 64
"""Crops that ranges are found on, and on which each layer's harm is measured."""
_MARGIN = 0.005
"""Of strings, so that what passes on the calibration crops passes on those of the check as well."""

GATES: dict[Precision, Gate] = {
    "fp16": Gate(45.0, 0.98),
    "int8": Gate(35.0, 0.98),
}


@dataclass(frozen=True)
class BuildConfig:
    """One build.

    Attributes:
        name: of the released models.
        precision: what to make.
        target: the runtime to make it for.
        models: folder of the FP32 graphs.
        out: folder to write to.
        calibration: folder of plate crops for INT8; None renders some.
        calibration_crops: how many.
        check_crops: how many crops the comparison with FP32 rests on.
    """

    name: str
    precision: Precision
    target: Target
    models: Path
    out: Path
    calibration: Path | None = None
    calibration_crops: int = 256
    check_crops: int = 256

    def as_dict(self) -> dict[str, str | int | None]:
        """For the card."""
        return {
            "precision": self.precision,
            "target": self.target,
            "calibration": str(self.calibration) if self.calibration else f"rendered, seed {CALIBRATION_SEED}",
            "calibration_crops": self.calibration_crops if self.precision == "int8" else None,
        }


def build(config: BuildConfig, say: Callable[[str], None] = lambda _: None) -> list[CheckedGraph]:
    """Makes generator and reader in one precision, and holds them to the FP32 graphs.

    Args:
        config: the build.
        say: told what is being done.

    Raises:
        UsageError: there are no released graphs of that name.
        LpsrError: TensorRT is asked for, or a graph misses its gate; then it is not left behind.
    """
    if config.target == "tensorrt":
        raise LpsrError("TensorRT engines are not built by this version yet; use --target onnxruntime")
    sources = {role: config.models / graph_name(config.name, role) for role in ROLES}
    for path in sources.values():
        if not path.is_file():
            raise UsageError(f"{path}: no released graph here; export one with: lpsr-export onnx --out {config.models}")
    cards = {role: load_verified(path) for role, path in sources.items()}
    say("preparing crops")
    patterns = trained_patterns(cards["generator"])
    crops = rendered_crops(config.check_crops, CHECK_SEED, patterns)
    reference = _Reference(sources, crops)
    calibration: _Reference | None = None
    if config.precision == "int8":
        chosen = (
            folder_crops(config.calibration, config.calibration_crops)
            if config.calibration
            else rendered_crops(config.calibration_crops, CALIBRATION_SEED, patterns)
        )
        calibration = _Reference(sources, chosen)
    with staged(config.out) as folder:
        if config.precision == "fp32":
            return [_copy(config, role, sources[role], cards[role], reference, folder) for role in ROLES]
        return [
            _build_one(config, role, sources[role], cards[role], reference, calibration, folder, say) for role in ROLES
        ]


def trained_patterns(card: ModelCard) -> tuple[str, ...]:
    """Patterns of the texts that a model was trained on, as its card tells; none for each country's own."""
    words = str(card.made_by.get("training", {}).get("layouts", "")).split(",")
    return tuple(word for word in words if word)


def _copy(
    config: BuildConfig, role: Role, source: Path, card: ModelCard, reference: _Reference, folder: Path
) -> CheckedGraph:
    """The FP32 graph itself, in another folder if one was given."""
    if config.out.resolve() != source.parent.resolve():
        shutil.copyfile(source, folder / source.name)
        card.save(folder)
    return CheckedGraph(config.out / source.name, card, reference.compare(GraphSession(source, role), role))


class _Reference:
    """What the FP32 graphs make of the crops."""

    def __init__(self, sources: dict[Role, Path], crops: list[Image]) -> None:
        self.read = GraphSession(sources["reader"], "reader")
        self.lr = lr_batch(crops)
        self.sr: NDArray[np.float32] = GraphSession(sources["generator"], "generator")(self.lr)
        # The reader sees SR pictures and, as at run time, large crops directly.
        self.images = np.concatenate([self.sr, hr_batch(crops)])
        self.log_probs = self.read(self.images)

    def compare(self, session: GraphSession, role: Role) -> Agreement:
        if role == "generator":
            sr = session(self.lr)
            return compare_pictures(sr, self.sr, texts(self.read(sr)), texts(self.log_probs[: len(self.sr)]))
        return compare_readings(session(self.images), self.log_probs)


def _build_one(
    config: BuildConfig,
    role: Role,
    source: Path,
    card: ModelCard,
    reference: _Reference,
    calibration: _Reference | None,
    folder: Path,
    say: Callable[[str], None],
) -> CheckedGraph:
    path = folder / graph_name(config.name, role, config.precision)
    say(f"{config.precision} {role}")
    gate = GATES[config.precision]
    made_by: dict[str, Any] = {"from": {"file": source.name, "sha256": card.sha256}, "build": config.as_dict()}
    if calibration is None:
        model = to_fp16(source)
    else:
        choice = _quantise(source, role, gate, calibration, folder, say)
        model = choice.model
        made_by["floating_point_layers"] = {name: float(f"{harm:.3g}") for name, harm in choice.kept.items()}
        made_by["layers"] = choice.layers
    save_graph(model, path)
    agreement = reference.compare(GraphSession(path, role), role)
    if not gate.passes(agreement):
        wanted = f"at least {gate.psnr:g} dB and " if agreement.psnr is not None else "at least "
        raise LpsrError(
            f"{path.name}: {agreement} against FP32; {wanted}{100 * gate.strings:g} % are wanted, "
            "so nothing was written"
        )
    derived = ModelCard(
        name=card.name,
        role=role,
        precision=config.precision,
        file=path.name,
        sha256=sha256(path),
        parameters=card.parameters,
        opset=opset(model),
        made_by=made_by,
        metrics={"against_fp32": agreement.as_dict()},
    )
    derived.save(folder)
    return CheckedGraph(config.out / path.name, derived, agreement)


def _quantise(
    source: Path, role: Role, gate: Gate, calibration: _Reference, folder: Path, say: Callable[[str], None]
) -> Choice:
    """The INT8 graph that passes the gate on the calibration crops, with as few layers left out as that takes."""
    inputs = calibration.lr if role == "generator" else calibration.images
    quantiser = Quantiser(source, role, inputs[np.random.default_rng(0).permutation(len(inputs))[:_CALIBRATED]])
    trial = folder / "trial.onnx"
    wanted = replace(gate, strings=min(gate.strings + _MARGIN, 1.0), psnr=gate.psnr + 1)

    def session(model: onnx.ModelProto) -> GraphSession:
        save_graph(model, trial)
        return GraphSession(trial, role)

    def error(model: onnx.ModelProto) -> float:
        made, expected = session(model), calibration.sr if role == "generator" else np.exp(calibration.log_probs)
        some = slice(None, None, max(len(inputs) // _MEASURED, 1))
        found = made(np.ascontiguousarray(inputs[some]))
        found = found if role == "generator" else np.exp(found)
        return float(np.mean((found - expected[some]) ** 2))

    def good(model: onnx.ModelProto) -> bool:
        return wanted.passes(calibration.compare(session(model), role))

    try:
        return choose_layers(quantiser, error, good, lambda what: say(f"int8 {role}, {what}"))
    finally:
        trial.unlink(missing_ok=True)
