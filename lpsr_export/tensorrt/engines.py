"""`lpsr-export build` where TensorRT is: plans of generator and reader, each held to the FP32 graph first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import ModelCard, Precision, Role, sha256
from lpsr_core.contracts import CONTRACTS, direct_size
from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_core.files import replace_file
from lpsr_core.plans import PlanCard, PlanConfig, current_gpu
from lpsr_core.plugin_library import PluginLibrary
from lpsr_core.tensorrt import import_tensorrt, load_plugin
from lpsr_export.checks.compare import Agreement
from lpsr_export.graph.deform import lower, to_plugin
from lpsr_export.tensorrt.build import BuilderOptions, build_plan
from lpsr_export.tensorrt.inspection import check_types, inspect_types
from lpsr_export.tensorrt.plugin import PluginConfig, plugin_for
from lpsr_export.tensorrt.profiles import Profile, load_profile, profile_for

if TYPE_CHECKING:
    import onnx

Say = Callable[[str], None]
Judge = Callable[["PlanSession", Role], Agreement]


@dataclass(frozen=True)
class EngineConfig:
    """A build of engines.

    Attributes:
        profile: of the target.
        options: of the builder.
        plugin: the library; None takes native operators in its place.
    """

    profile: Profile
    options: BuilderOptions = field(default_factory=BuilderOptions)
    plugin: PluginLibrary | None = None


@dataclass(frozen=True)
class Machine:
    """What plans are built on.

    Attributes:
        tensorrt: its version.
        gpu: the GPU.
    """

    tensorrt: str
    gpu: Gpu


def this_machine() -> Machine:
    """What plans would be built on here.

    Raises:
        MissingExtraError: TensorRT, or a package that asks the GPU's driver, is not installed.
        LpsrError: there is no GPU.
    """
    return Machine(str(import_tensorrt().__version__), current_gpu())


@dataclass(frozen=True)
class PluginChoice:
    """Where a build's plugin comes from.

    Attributes:
        lower: native operators in place of the plugin, for machines without a compiler.
        given: a library to take; one that was built before, or a new one, when None.
        config: what a new one is built with.
    """

    lower: bool = False
    given: Path | None = None
    config: PluginConfig = field(default_factory=PluginConfig)


def prepare(
    machine: Machine, profile: str, options: BuilderOptions, choice: PluginChoice, say: Say = lambda _: None
) -> EngineConfig:
    """Finds all that engines are built with, so that what is missing is told before any long work.

    Args:
        machine: that builds.
        profile: of the target, by name or TOML file; the GPU's own when empty.
        options: of the builder.
        choice: of the plugin.
        say: told what is being done.

    Raises:
        MissingExtraError: Polygraphy is not installed.
        UsageError: there is no such profile, or it is for other GPUs.
        LpsrError: the plugin is for another TensorRT or GPU, or cannot be built.
    """
    if find_spec("polygraphy") is None:
        raise MissingExtraError("polygraphy", "tensorrt")
    found = profile_for(machine.gpu)
    if profile:
        found = load_profile(profile)
        found.check(machine.gpu)
    if choice.lower:
        return EngineConfig(found, options)
    sm = machine.gpu.sm
    wanted = replace(choice.config, sms=tuple(dict.fromkeys((*choice.config.sms, sm))), more_sms=found.sms)
    return EngineConfig(found, options, plugin_for(machine.tensorrt, sm, wanted, choice.given, say=say))


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
    config: EngineConfig,
    machine: Machine,
    derived: Derived,
    card: ModelCard,
    out: Path,
    judge: Judge,
    say: Say = lambda _: None,
) -> tuple[Path, PlanCard]:
    """Builds the plan of one graph, or finds it up to date.

    Args:
        config: the build.
        machine: that builds it, and will run it.
        derived: the graph to build.
        card: of the released graph that it was derived from.
        out: folder of plans.
        judge: compares a plan with the FP32 graph; raises when it is too far from it.
        say: told what is being done.

    Returns:
        The plan's path and card.

    Raises:
        LpsrError: plugin or plan cannot be built, has other types than asked for, or is too far from the FP32 graph;
            then nothing of it is left behind.
    """
    plugin = config.plugin
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
    out.mkdir(parents=True, exist_ok=True)
    library = plugin.path if plugin else None
    log, cache = path.with_suffix(".log"), out / f"timing-{machine.tensorrt}-sm{machine.gpu.sm}.cache"
    plan, seconds = build_plan(
        model, card.role, config.profile, config.options, library, cache, log, lambda what: say(f"{path.name}: {what}")
    )
    # The plugin was loaded to build it; the plan may carry code for the processor, which a runtime must allow.
    host_code = plan_config.carries_code
    types = inspect_types(plan, card.role, config.profile.batch[1], host_code)
    note = check_types(types, derived.precision, path.name)
    if note:
        say(note)
    session = PlanSession(plan, card.role, library, config.profile.batch[2], path.name, host_code)
    agreement = judge(session, card.role)
    described = PlanCard.of(
        plan_config,
        plan,
        types,
        metrics={"against_fp32": agreement.as_dict(), **({"types_note": note} if note else {})},
        plugin_file=beside(plugin, out) if plugin and not config.options.embed_plugin else "",
        seconds=seconds,
        floating_point_layers=derived.floating_point,
    )
    described.write(path, plan)
    return path, described


def beside(plugin: PluginLibrary, folder: Path) -> str:
    """Copies the plugin's library to where the plan will lie, so that the two travel together; its name there."""
    path = folder / f"lpsr-plugin-{plugin.sha256[:16]}.so"
    if not path.is_file() or sha256(path) != plugin.sha256:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, plugin.path.read_bytes())
    return path.name


class PlanSession:
    """A plan on this machine's GPU, to check it with: called as a graph's session is.

    Args:
        plan: its bytes.
        role: what it does.
        plugin: the library that it needs, unless it carries it.
        batch: the most crops at a time.
        name: for errors.
        host_code: the plan carries code for the processor.

    Raises:
        MissingExtraError: Polygraphy is not installed.
        LpsrError: it does not load.
    """

    def __init__(
        self, plan: bytes, role: Role, plugin: Path | None, batch: int, name: str = "", host_code: bool = False
    ) -> None:
        try:
            from polygraphy.backend.trt import EngineFromBytes, TrtRunner
            from polygraphy.exception import PolygraphyException
        except ImportError:
            raise MissingExtraError("polygraphy", "tensorrt") from None
        if plugin is not None:
            load_plugin(plugin)
        self.name, self._contract, self._batch = name, CONTRACTS[role], batch
        trt = import_tensorrt()
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        if host_code:
            runtime.engine_host_code_allowed = True
        self._runner: Any = TrtRunner(EngineFromBytes(plan, runtime=runtime))
        try:
            self._runner.activate()
        except PolygraphyException as error:
            raise LpsrError(f"the {role}'s plan does not load: {str(error).strip().splitlines()[0]}") from None
        self.direct = direct_size(self._runner.get_input_metadata()[self._contract.input].shape)
        """Width and height of the crops that a reader takes directly."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The engine's output for N inputs."""
        contract = self._contract
        starts = range(0, len(batch), self._batch)
        parts = [
            np.array(
                self._runner.infer({contract.input: np.ascontiguousarray(batch[start : start + self._batch])})[
                    contract.output
                ]
            )
            for start in starts
        ]
        return np.concatenate(parts)
