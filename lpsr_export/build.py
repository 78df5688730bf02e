"""`lpsr-export build`: released FP32 graphs to the precision and the runtime that a machine wants."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from lpsr_core.cards import PLATE_ROLES, ModelCard, Precision, Role, graph_name, load_verified, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plans import PlanCard
from lpsr_export.checks.compare import Agreement, CheckedGraph
from lpsr_export.checks.crops import CALIBRATION_SEED, CHECK_SEED, folder_crops, rendered_crops
from lpsr_export.checks.gate import GATES, Gate, Reference
from lpsr_export.graph.deform import lower
from lpsr_export.graph.fp16 import to_fp16
from lpsr_export.graph.graphs import GraphSession, load_graph, make_writable, opset, save_graph, staged
from lpsr_export.int8.search import quantise
from lpsr_export.progress import Report, parts, silent
from lpsr_export.tensorrt.build import BuilderOptions
from lpsr_export.tensorrt.engines import (
    Derived,
    EngineConfig,
    Machine,
    PlanSession,
    PluginChoice,
    build_engine,
    prepare,
    this_machine,
)
from lpsr_export.tensorrt.plugin import PluginConfig
from lpsr_export.tensorrt.rtx_build import build_rtx_engine, prepare_rtx

if TYPE_CHECKING:
    import onnx

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
    machine, wanted, note = _engines(config, say)
    rtx = prepare_rtx(config.profile, config.plugin_config.sms) if config.target == "tensorrt-rtx" else None
    portable = config.target in ("auto", "onnxruntime")
    count = len(PLATE_ROLES) * sum((portable, wanted is not None, rtx is not None))
    stages = iter(parts(say, count, begin=_PREPARED))
    make_writable(config.out)
    say("preparing crops", 0.0)
    patterns = trained_patterns(cards["generator"])
    crops = rendered_crops(config.check_crops, CHECK_SEED, patterns)
    reference = Reference(sources, crops)
    calibration: Reference | None = None
    if config.precision == "int8":
        chosen = (
            folder_crops(config.calibration, config.calibration_crops)
            if config.calibration
            else rendered_crops(config.calibration_crops, CALIBRATION_SEED, patterns)
        )
        calibration = Reference(sources, chosen)
    graphs: list[CheckedGraph] = []
    if portable:
        with staged(config.out) as folder:
            for role in PLATE_ROLES:
                source, card = sources[role], cards[role]
                if config.precision == "fp32" and not config.lower_deform_conv:
                    graphs.append(_copy(config, role, source, card, reference, folder))
                else:
                    graphs.append(_build_one(config, role, source, card, reference, calibration, folder, next(stages)))
    engines = []
    if machine is not None and wanted is not None:

        def judge(session: PlanSession, role: Role) -> Agreement:
            return config.gate.check(reference.compare(session, role), session.name)

        for role in PLATE_ROLES:
            stage = next(stages)
            derived = _derive(config, role, sources[role], calibration, True, stage)
            engines.append(build_engine(wanted, machine, derived, cards[role], config.out, judge, stage))
    if rtx is not None:

        def judge_graph(model: onnx.ModelProto, role: Role) -> Agreement:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{role}.onnx"
                save_graph(model, path)
                return config.gate.check(reference.compare(GraphSession(path, role), role), f"the {role}'s graph")

        for role in PLATE_ROLES:
            stage = next(stages)
            derived = _derive(config, role, sources[role], calibration, True, stage)
            engines.append(build_rtx_engine(rtx, derived, cards[role], config.out, judge_graph, stage))
    return Built(graphs, engines, note)


def _engines(config: BuildConfig, say: Report) -> tuple[Machine | None, EngineConfig | None, str]:
    """What engines are built on and with, or why there are none; nothing that takes long comes before it."""
    if config.target in ("onnxruntime", "tensorrt-rtx"):
        return None, None, ""
    choice = PluginChoice(config.lower_deform_conv, config.plugin, config.plugin_config)
    try:
        machine = this_machine()
        return machine, prepare(machine, config.profile, config.builder, choice, say), ""
    except UsageError:
        raise
    except LpsrError as error:
        if config.target == "tensorrt":
            raise
        return None, None, f"no TensorRT engine was built: {error}"


def trained_patterns(card: ModelCard) -> tuple[str, ...]:
    """Patterns of the texts that a model was trained on, as its card tells; none for each country's own."""
    words = str(card.made_by.get("training", {}).get("layouts", "")).split(",")
    return tuple(word for word in words if word)


def _copy(
    config: BuildConfig, role: Role, source: Path, card: ModelCard, reference: Reference, folder: Path
) -> CheckedGraph:
    """The FP32 graph itself, in another folder if one was given."""
    if not _same(config.out, source.parent):
        shutil.copyfile(source, folder / source.name)
        card.save(folder)
    return CheckedGraph(config.out / source.name, card, reference.compare(GraphSession(source, role), role))


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _derive(
    config: BuildConfig,
    role: Role,
    source: Path,
    calibration: Reference | None,
    for_tensorrt: bool,
    say: Report,
) -> Derived:
    """The graph at the build's precision; TensorRT's INT8 graph is FP16 between its Q/DQ pairs."""
    if calibration is None:
        model = load_graph(source)
        return Derived(to_fp16(model) if config.precision == "fp16" else model, config.precision)
    choice = quantise(source, role, config.gate, calibration, for_tensorrt, say)
    kept = {name: float(f"{harm:.3g}") for name, harm in choice.kept.items()}
    model = to_fp16(choice.model) if for_tensorrt else choice.model
    return Derived(model, "int8", kept, choice.layers, calibration.digest)


def _build_one(
    config: BuildConfig,
    role: Role,
    source: Path,
    card: ModelCard,
    reference: Reference,
    calibration: Reference | None,
    folder: Path,
    say: Report,
) -> CheckedGraph:
    path = folder / graph_name(config.name, role, config.precision)
    say(f"{config.precision} {role}", 0.0)
    made_by: dict[str, Any] = {"from": {"file": source.name, "sha256": card.sha256}, "build": config.as_dict()}
    made = _derive(config, role, source, calibration, False, say)
    if config.precision == "int8":
        made_by["floating_point_layers"], made_by["layers"] = made.floating_point, made.layers
    if config.lower_deform_conv:
        made = replace(made, model=lower(made.model))
    save_graph(made.model, path)
    agreement = config.gate.check(reference.compare(GraphSession(path, role), role), path.name)
    derived = ModelCard(
        name=card.name,
        role=role,
        precision=config.precision,
        file=path.name,
        sha256=sha256(path),
        parameters=card.parameters,
        opset=opset(made.model),
        made_by=made_by,
        metrics={"against_fp32": agreement.as_dict()},
        calibration=card.calibration,
    )
    derived.save(folder)
    return CheckedGraph(config.out / path.name, derived, agreement)
