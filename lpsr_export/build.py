"""`lpsr-export build`: released FP32 graphs to the precision and the runtime that a machine wants."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lpsr_core.cards import PLATE_ROLES, ModelCard, Precision, Role, graph_name, load_verified, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plans import PlanCard
from lpsr_export.checks.compare import Agreement, CheckedGraph
from lpsr_export.checks.crops import CALIBRATION_SEED, CHECK_SEED, folder_crops, rendered_crops
from lpsr_export.checks.gate import GATES, Gate, Reference, Session
from lpsr_export.graph.deform import lower
from lpsr_export.graph.fp16 import to_fp16
from lpsr_export.graph.graphs import GraphSession, load_graph, make_writable, opset, save_graph, staged
from lpsr_export.int8.search import quantise
from lpsr_export.progress import Report, parts, silent
from lpsr_export.tensorrt.build import BuilderOptions
from lpsr_export.tensorrt.engines import Derived, EngineConfig, build_engine, prepare
from lpsr_export.tensorrt.plugin import PluginConfig
from lpsr_export.tensorrt.rtx_build import RtxConfig, build_rtx_engine, prepare_rtx

Target = Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"]
TARGETS: tuple[Target, ...] = get_args(Target)
_PREPARED = 0.1
"""Fraction of a build that rendering crops and running the FP32 graphs over them takes, for the bar."""


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
        strings: least share of them, 0..1, that must read as FP32 reads them; None for the precision's own.
        profile: of the engines, see `profiles`; the GPU's own when empty.
        lower_deform_conv: GridSample in place of DeformConv, for runtimes without it; engines need no plugin then.
        builder: what TensorRT is told.
        plugin: a library for the engines; one that was built before, or a new one, when None.
        plugin_config: what a new one is built with.
    """

    name: str
    precision: Precision
    target: Target
    models: Path
    out: Path
    calibration: Path | None = None
    calibration_crops: int = 512
    check_crops: int = 256
    strings: float | None = None
    profile: str = ""
    lower_deform_conv: bool = False
    builder: BuilderOptions = field(default_factory=BuilderOptions)
    plugin: Path | None = None
    plugin_config: PluginConfig = field(default_factory=PluginConfig)

    @property
    def gate(self) -> Gate:
        """What derived graphs and engines are held to."""
        gate = GATES[self.precision]
        return gate if self.strings is None else replace(gate, strings=self.strings)

    def as_dict(self) -> dict[str, str | int | float | None]:
        """For the card."""
        return {
            "precision": self.precision,
            "target": self.target,
            "lowered": self.lower_deform_conv,
            "least_strings_percent": 100 * self.gate.strings,
            "calibration": str(self.calibration) if self.calibration else f"rendered, seed {CALIBRATION_SEED}",
            "calibration_crops": self.calibration_crops if self.precision == "int8" else None,
        }


@dataclass(frozen=True)
class Built:
    """What a build left.

    Attributes:
        graphs: portable ones.
        engines: plans of TensorRT, or of TensorRT for RTX, and their cards.
        note: why there are no engines, where they were not insisted on; empty otherwise.
    """

    graphs: list[CheckedGraph]
    engines: list[tuple[Path, PlanCard]]
    note: str = ""


def build(config: BuildConfig, say: Report = silent) -> Built:
    """Makes generator and reader in one precision, and holds them to the FP32 graphs.

    Args:
        config: the build.
        say: told what is being done, and what fraction of the build is done.

    Raises:
        UsageError: there are no released graphs of that name.
        LpsrError: engines are insisted on and cannot be built, or a graph or engine misses its gate; then it is not
            left behind.
    """
    if config.precision == "fp32" and config.lower_deform_conv and _same(config.out, config.models):
        raise UsageError("lowered FP32 graphs would replace those that they come from; give another folder with --out")
    sources = {role: config.models / graph_name(config.name, role) for role in PLATE_ROLES}
    for path in sources.values():
        if not path.is_file():
            raise UsageError(
                f"{path}: no such FP32 graph; export one with: lpsr-export onnx --weights RUN --name {config.name}"
            )
    cards = {role: load_verified(path) for role, path in sources.items()}
    own_crops = folder_crops(config.calibration, config.calibration_crops) if config.calibration else None
    target, note = _engines(config, say)
    portable = config.target in ("auto", "onnxruntime")
    stages = iter(parts(say, len(PLATE_ROLES) * (portable + (target is not None)), begin=_PREPARED))
    make_writable(config.out)
    say("preparing crops", 0.0)
    patterns = trained_patterns(cards["generator"])
    reference = Reference(sources, rendered_crops(config.check_crops, CHECK_SEED, patterns))
    calibration: Reference | None = None
    if config.precision == "int8":
        chosen = own_crops or rendered_crops(config.calibration_crops, CALIBRATION_SEED, patterns)
        calibration = Reference(sources, chosen)
    work = _Work(config, sources, cards, reference, calibration)
    graphs: list[CheckedGraph] = []
    if portable:
        with staged(config.out) as folder:
            for role in PLATE_ROLES:
                if config.precision == "fp32" and not config.lower_deform_conv:
                    graphs.append(work.copy(role, folder))
                else:
                    graphs.append(work.build(role, folder, next(stages)))
    engines: list[tuple[Path, PlanCard]] = []
    if target is not None:
        for role in PLATE_ROLES:
            stage = next(stages)
            what = (work.derive(role, True, stage), cards[role], config.out, work.judge, stage)
            if isinstance(target, RtxConfig):
                engines.append(build_rtx_engine(target, *what))
            else:
                engines.append(build_engine(target, *what))
    return Built(graphs, engines, note)


def _engines(config: BuildConfig, say: Report) -> tuple[EngineConfig | RtxConfig | None, str]:
    """What engines are built on and with, or why there are none; nothing that takes long comes before it."""
    if config.target == "onnxruntime":
        return None, ""
    if config.target == "tensorrt-rtx":
        return prepare_rtx(config.profile, config.plugin_config.sms), ""
    try:
        lowered, plugin = config.lower_deform_conv, config.plugin
        return prepare(config.profile, config.builder, lowered, plugin, config.plugin_config, say), ""
    except UsageError:
        raise
    except LpsrError as error:
        if config.target == "tensorrt":
            raise
        return None, f"no TensorRT engine was built: {error}"


def trained_patterns(card: ModelCard) -> tuple[str, ...]:
    """Patterns of the texts that a model was trained on, as its card tells; none for each country's own."""
    words = str(card.made_by.get("training", {}).get("layouts", "")).split(",")
    return tuple(word for word in words if word)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


@dataclass(frozen=True)
class _Work:
    """A build under way: FP32 graphs, their cards, and what they make of crops to check and to calibrate with."""

    config: BuildConfig
    sources: dict[Role, Path]
    cards: dict[Role, ModelCard]
    reference: Reference
    calibration: Reference | None

    def judge(self, session: Session, role: Role, name: str) -> Agreement:
        """How near a graph or engine is to the FP32 graph; an error when that is not near enough."""
        return self.config.gate.check(self.reference.compare(session, role), name)

    def copy(self, role: Role, folder: Path) -> CheckedGraph:
        """The FP32 graph itself, in another folder if one was given."""
        source, card = self.sources[role], self.cards[role]
        if not _same(self.config.out, source.parent):
            shutil.copyfile(source, folder / source.name)
            card.save(folder)
        agreement = self.reference.compare(GraphSession(source, role), role)
        return CheckedGraph(self.config.out / source.name, card, agreement)

    def derive(self, role: Role, for_tensorrt: bool, say: Report) -> Derived:
        """The graph at the build's precision; TensorRT's INT8 graph is FP16 between its Q/DQ pairs."""
        source, precision = self.sources[role], self.config.precision
        if self.calibration is None:
            model = load_graph(source)
            return Derived(to_fp16(model) if precision == "fp16" else model, precision)
        choice = quantise(source, role, self.config.gate, self.calibration, for_tensorrt, say)
        kept = {name: float(f"{harm:.3g}") for name, harm in choice.kept.items()}
        model = to_fp16(choice.model) if for_tensorrt else choice.model
        return Derived(model, precision, kept, choice.layers, self.calibration.digest)

    def build(self, role: Role, folder: Path, say: Report) -> CheckedGraph:
        """A graph of the build's precision with its card."""
        config, source, card = self.config, self.sources[role], self.cards[role]
        path = folder / graph_name(config.name, role, config.precision)
        say(f"{config.precision} {role}", 0.0)
        made_by: dict[str, Any] = {"from": {"file": source.name, "sha256": card.sha256}, "build": config.as_dict()}
        made = self.derive(role, False, say)
        if config.precision == "int8":
            made_by["floating_point_layers"], made_by["layers"] = made.floating_point, made.layers
        model = lower(made.model) if config.lower_deform_conv else made.model
        save_graph(model, path)
        agreement = self.judge(GraphSession(path, role), role, path.name)
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
            calibration=card.calibration,
        )
        derived.save(folder)
        return CheckedGraph(config.out / path.name, derived, agreement)
