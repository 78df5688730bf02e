"""`lpsr-export build`: released FP32 graphs to the precision and the runtime that a machine wants."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import ROLES, ModelCard, Precision, Role, graph_name, load_verified, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image
from lpsr_core.plans import PlanCard
from lpsr_export.compare import Agreement, CheckedGraph, compare_pictures, compare_readings, texts
from lpsr_export.crops import CALIBRATION_SEED, CHECK_SEED, folder_crops, hr_batch, lr_batch, rendered_crops
from lpsr_export.engines import EngineConfig, Machine, PlanSession, build_engine, this_machine
from lpsr_export.fp16 import to_fp16
from lpsr_export.graphs import GraphSession, opset, save_graph, staged
from lpsr_export.int8 import Choice, Quantiser, choose_layers
from lpsr_export.plugin import PluginConfig
from lpsr_export.profiles import load_profile, profile_for
from lpsr_export.tensorrt_build import BuilderOptions

if TYPE_CHECKING:
    import onnx

Target = Literal["auto", "onnxruntime", "tensorrt"]
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
    "fp32": Gate(60.0, 0.99),  # of engines, which sum in another order
    "fp16": Gate(45.0, 0.98),
    "int8": Gate(35.0, 0.98),
}


@dataclass(frozen=True)
class BuildConfig:
    """One build.

    Attributes:
        name: of the released models.
        precision: what to make.
        target: the runtime to make it for; `auto` makes portable graphs, and engines where TensorRT is.
        models: folder of the FP32 graphs.
        out: folder to write to.
        calibration: folder of plate crops for INT8; None renders some.
        calibration_crops: how many.
        check_crops: how many crops the comparison with FP32 rests on.
        profile: of the engines, see `profiles`; the GPU's own when empty.
        lower_deform_conv: engines of native operators, without the plugin.
        builder: what TensorRT is told.
        plugin: how the plugin is built.
    """

    name: str
    precision: Precision
    target: Target
    models: Path
    out: Path
    calibration: Path | None = None
    calibration_crops: int = 256
    check_crops: int = 256
    profile: str = ""
    lower_deform_conv: bool = False
    builder: BuilderOptions = field(default_factory=BuilderOptions)
    plugin: PluginConfig = field(default_factory=PluginConfig)

    def as_dict(self) -> dict[str, str | int | None]:
        """For the card."""
        return {
            "precision": self.precision,
            "target": self.target,
            "calibration": str(self.calibration) if self.calibration else f"rendered, seed {CALIBRATION_SEED}",
            "calibration_crops": self.calibration_crops if self.precision == "int8" else None,
        }


@dataclass(frozen=True)
class Built:
    """What a build left.

    Attributes:
        graphs: portable ones.
        engines: TensorRT's plans and their cards.
        note: why there are no engines, where they were not insisted on; empty otherwise.
    """

    graphs: list[CheckedGraph]
    engines: list[tuple[Path, PlanCard]]
    note: str = ""


def build(config: BuildConfig, say: Callable[[str], None] = lambda _: None) -> Built:
    """Makes generator and reader in one precision, and holds them to the FP32 graphs.

    Args:
        config: the build.
        say: told what is being done.

    Raises:
        UsageError: there are no released graphs of that name.
        LpsrError: engines are insisted on and cannot be built, or a graph or engine misses its gate; then it is not
            left behind.
    """
    machine, note = _machine(config)
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
    graphs: list[CheckedGraph] = []
    if config.target != "tensorrt":
        with staged(config.out) as folder:
            for role in ROLES:
                source, card = sources[role], cards[role]
                if config.precision == "fp32":
                    graphs.append(_copy(config, role, source, card, reference, folder))
                else:
                    graphs.append(_build_one(config, role, source, card, reference, calibration, folder, say))
    engines = []
    if machine is not None:
        profile = load_profile(config.profile) if config.profile else profile_for(machine.gpu)
        wanted = EngineConfig(profile, config.builder, config.lower_deform_conv, config.plugin)

        def judge(session: PlanSession, role: Role) -> Agreement:
            return _held_to(config, reference.compare(session, role), session.name)

        for role in ROLES:
            engines.append(
                build_engine(wanted, machine, sources[role], cards[role], config.precision, config.out, judge, say)
            )
    return Built(graphs, engines, note)


def _machine(config: BuildConfig) -> tuple[Machine | None, str]:
    """What engines are built on, or why there are none."""
    if config.target == "onnxruntime":
        return None, ""
    try:
        if config.precision == "int8":
            raise LpsrError("engines are built at fp32 and fp16 by this version")
        return this_machine(), ""
    except LpsrError as error:
        if config.target == "tensorrt":
            raise
        return None, f"no TensorRT engine was built: {error}"


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

    def compare(self, session: GraphSession | PlanSession, role: Role) -> Agreement:
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
    made_by: dict[str, Any] = {"from": {"file": source.name, "sha256": card.sha256}, "build": config.as_dict()}
    if calibration is None:
        model = to_fp16(source)
    else:
        choice = _quantise(source, role, GATES[config.precision], calibration, folder, say)
        model = choice.model
        made_by["floating_point_layers"] = {name: float(f"{harm:.3g}") for name, harm in choice.kept.items()}
        made_by["layers"] = choice.layers
    save_graph(model, path)
    agreement = _held_to(config, reference.compare(GraphSession(path, role), role), path.name)
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


def _held_to(config: BuildConfig, agreement: Agreement, name: str) -> Agreement:
    """The agreement itself, when it passes the gate of the precision."""
    gate = GATES[config.precision]
    if not gate.passes(agreement):
        wanted = f"at least {gate.psnr:g} dB and " if agreement.psnr is not None else "at least "
        raise LpsrError(
            f"{name}: {agreement} against FP32; {wanted}{100 * gate.strings:g} % are wanted, so nothing was written"
        )
    return agreement


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
