"""`lpsr-export build` where TensorRT is: plans of generator and reader, each held to the FP32 graph first."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import ModelCard, Precision, Role, sha256
from lpsr_core.contracts import CONTRACTS, direct_size
from lpsr_core.cuda import Gpu
from lpsr_core.errors import need
from lpsr_core.files import replace_file
from lpsr_core.plans import PlanCard, PlanConfig, current_gpu
from lpsr_core.plugin_library import PluginLibrary
from lpsr_core.tensorrt import import_tensorrt
from lpsr_export.checks.compare import Agreement
from lpsr_export.checks.gate import Session
from lpsr_export.graph.deform import lower, to_plugin
from lpsr_export.tensorrt.build import BuilderOptions, Say, build_plan, one_line
from lpsr_export.tensorrt.inspection import check_types, inspect_types, plan_runtime
from lpsr_export.tensorrt.plugin import PluginConfig, plugin_for
from lpsr_export.tensorrt.profiles import Profile, load_profile, profile_for

if TYPE_CHECKING:
    import onnx

Judge = Callable[[Session, Role, str], Agreement]
"""Compares a session of a role with the FP32 graph; raises, with the name given, when it is too far from it."""


@dataclass(frozen=True)
class Machine:
    """What plans are built on: TensorRT's version, and the GPU."""

    tensorrt: str
    gpu: Gpu


def this_machine() -> Machine:
    """What plans would be built on here.

    Raises:
        MissingExtraError: TensorRT, Polygraphy, or a package that asks the GPU's driver, is not installed.
        LpsrError: there is no GPU, or it is not supported.
    """
    machine = Machine(str(import_tensorrt().__version__), current_gpu())
    # JetPack brings TensorRT itself, and the other extra would install another beside it.
    jetson = profile_for(machine.gpu).name.startswith("jetson")
    need("polygraphy", "polygraphy", "jetson" if jetson else "tensorrt")
    return machine


@dataclass(frozen=True)
class EngineConfig:
    """A build of engines.

    Attributes:
        machine: that builds them, and will run them.
        profile: of the target.
        options: of the builder.
        plugin: the library; None takes native operators in its place.
    """

    machine: Machine
    profile: Profile
    options: BuilderOptions
    plugin: PluginLibrary | None


def prepare(
    profile: str, options: BuilderOptions, lowered: bool, plugin: Path | None, plugin_config: PluginConfig, say: Say
) -> EngineConfig:
    """Finds all that engines are built with, so that what is missing is told before any long work.

    Args:
        profile: of the target, by name or TOML file; the GPU's own when empty.
        options: of the builder.
        lowered: native operators in place of the plugin, for machines without a compiler.
        plugin: a library to take; one that was built before, or a new one, when None.
        plugin_config: what a new one is built with.
        say: told what is being done.

    Raises:
        MissingExtraError: a package is not installed.
        UsageError: there is no such profile, or it is for other GPUs.
        LpsrError: there is no GPU, or the plugin is for another TensorRT or GPU, or cannot be built.
    """
    machine = this_machine()
    found = load_profile(profile) if profile else profile_for(machine.gpu)
    found.check(machine.gpu)
    if lowered:
        return EngineConfig(machine, found, options, None)
    wanted = replace(plugin_config, more_sms=found.sms)
    return EngineConfig(machine, found, options, plugin_for(machine.tensorrt, machine.gpu.sm, wanted, plugin, say=say))


@dataclass(frozen=True)
class Derived:
    """A graph at some precision, typed throughout: what TensorRT's types follow from.

    Attributes:
        model: with standard DeformConv nodes.
        precision: of it.
        floating_point: layers that INT8 leaves out, with the error that each makes when it alone is quantised.
        layers: how many INT8 had to choose from.
        calibration: sha256 of the data that INT8's ranges rest on.
    """

    model: onnx.ModelProto
    precision: Precision
    floating_point: dict[str, float] = field(default_factory=dict)
    layers: int = 0
    calibration: str = ""

    def plan_config(self, card: ModelCard, model: bytes, **built: Any) -> PlanConfig:
        """Describe what a plan of this graph is built from.

        Args:
            card: of the released graph that it was derived from.
            model: ONNX bytes as the builder takes them.
            **built: the other fields of `PlanConfig`: what it is built with and for.
        """
        return PlanConfig(
            name=card.name,
            role=card.role,
            precision=self.precision,
            graph=hashlib.sha256(model).hexdigest(),
            source=card.sha256,
            calibration=self.calibration,
            **built,
        )


def build_engine(
    config: EngineConfig, derived: Derived, card: ModelCard, out: Path, judge: Judge, say: Say
) -> tuple[Path, PlanCard]:
    """Builds the plan of one graph, or finds it up to date.

    Args:
        config: the build.
        derived: the graph to build.
        card: of the released graph that it was derived from.
        out: folder of plans.
        judge: compares the plan with the FP32 graph.
        say: told what is being done.

    Returns:
        The plan's path and card.

    Raises:
        LpsrError: the plan cannot be built, has other types than asked for, or is too far from the FP32 graph; then
            nothing of it is left behind.
    """
    plugin, machine = config.plugin, config.machine
    model = (to_plugin if plugin else lower)(derived.model).SerializeToString()
    plan_config = derived.plan_config(
        card,
        model,
        plugin=plugin.sha256 if plugin else "",
        tensorrt=machine.tensorrt,
        gpu=machine.gpu,
        profile=config.profile.as_dict(),
        options=asdict(config.options),
    )
    path = out / plan_config.file
    found = PlanCard.up_to_date(path, plan_config)
    if found:
        say(f"{path.name} is up to date")
        return path, found
    say(f"building {path.name}")
    library = plugin.path if plugin else None
    log, cache = path.with_suffix(".log"), out / f"timing-{machine.tensorrt}-sm{machine.gpu.sm}.cache"
    plan, seconds = build_plan(
        model, card.role, config.profile, config.options, library, cache, log, lambda what: say(f"{path.name}: {what}")
    )
    card_written = write_plan(
        plan,
        plan_config,
        path,
        path.name,
        judge,
        None if config.options.embed_plugin else plugin,
        say,
        seconds=seconds,
        floating_point_layers=derived.floating_point,
    )
    return path, card_written


def write_plan(
    plan: bytes,
    config: PlanConfig,
    path: Path,
    name: str,
    judge: Judge,
    plugin: PluginLibrary | None,
    say: Say,
    **built: Any,
) -> PlanCard:
    """Writes a plan with its card, once it has been held to its precision and to the FP32 graph.

    Args:
        plan: its bytes; the plugin that it needs is loaded.
        config: what it was built from.
        path: of the file.
        name: of the plan, for errors.
        judge: compares it with the FP32 graph.
        plugin: the library that is to lie beside it.
        say: told what TensorRT does not tell.
        **built: further fields of `PlanCard.of`.

    Raises:
        LpsrError: it does not load, has other types than asked for, or is too far from the FP32 graph; then nothing is
            written.
    """
    _, usual, largest = config.profile["batch"]
    types = inspect_types(plan, config.role, usual, config.carries_code)
    note = check_types(types, config.precision, name)
    if note:
        say(note)
    agreement = judge(PlanSession(plan, config.role, largest, config.carries_code), config.role, name)
    metrics = {"against_fp32": agreement.as_dict(), **({"types_note": note} if note else {})}
    plugin_file = _beside(plugin, path.parent) if plugin else ""
    card = PlanCard.of(config, plan, types, metrics, plugin_file, **built)
    card.write(path, plan)
    return card


def _beside(plugin: PluginLibrary, folder: Path) -> str:
    """Copies the plugin's library to where the plan will lie, so that the two travel together; its name there."""
    path = folder / f"lpsr-plugin-{plugin.sha256[:16]}.so"
    if not path.is_file() or sha256(path) != plugin.sha256:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, plugin.path.read_bytes())
    return path.name


class PlanSession:
    """A plan on this machine's GPU, to check it with: called as a graph's session is.

    Args:
        plan: its bytes; the plugin that it needs is loaded.
        role: what it does.
        batch: the most crops at a time.
        host_code: the plan carries code for the processor.

    Raises:
        LpsrError: it does not load.
    """

    def __init__(self, plan: bytes, role: Role, batch: int, host_code: bool) -> None:
        from polygraphy.backend.trt import EngineFromBytes, TrtRunner

        self._role, self._contract, self._batch = role, CONTRACTS[role], batch
        self._runner: Any = TrtRunner(EngineFromBytes(plan, runtime=plan_runtime(host_code)))
        with one_line(f"the {role}'s plan does not load"):
            self._runner.activate()
        # It holds memory of the GPU, and warns on standard output when it goes without having given that back.
        weakref.finalize(self, self._runner.deactivate)
        self.direct = direct_size(self._runner.get_input_metadata()[self._contract.input].shape)
        """Width and height of the crops that a reader takes directly."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The engine's output for N inputs.

        Raises:
            LpsrError: a pass fails.
        """
        parts = []
        with one_line(f"the {self._role}'s engine does not run"):
            for start in range(0, len(batch), self._batch):
                inputs = {self._contract.input: np.ascontiguousarray(batch[start : start + self._batch])}
                parts.append(np.array(self._runner.infer(inputs)[self._contract.output]))
        return np.concatenate(parts)
