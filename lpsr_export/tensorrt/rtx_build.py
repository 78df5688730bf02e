"""Engines of TensorRT for RTX, for GeForce and RTX GPUs on Linux and Windows.

Its builder needs no GPU, and its engines serve every GPU of the compute capabilities that they were built for: the last
step of compilation is the runtime's, at its first start on a machine. It takes no plugins, so deformable convolutions
are lowered to native operators; precision is the graph's, as in TensorRT 11.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.cards import ModelCard, Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plans import PlanCard
from lpsr_core.tensorrt import import_tensorrt_rtx
from lpsr_export.graph.deform import lower
from lpsr_export.graph.graphs import GraphSession
from lpsr_export.tensorrt.build import Say, input_shapes
from lpsr_export.tensorrt.engines import Derived, Judge
from lpsr_export.tensorrt.inspection import check_types
from lpsr_export.tensorrt.profiles import GENERIC, Profile, load_profile

NOT_RUN = "the graph, in ONNX Runtime: the engine needs a GPU to run"
_KINDS = {"FLOAT": "fp32", "HALF": "fp16", "INT8": "int8"}


@dataclass(frozen=True)
class RtxConfig:
    """A build for RTX.

    Attributes:
        profile: batches and workspace.
        sms: compute capabilities to build for, as 89 for 8.9.
        version: of TensorRT for RTX.
    """

    profile: Profile
    sms: tuple[int, ...]
    version: str


def prepare_rtx(profile: str, sms: tuple[int, ...]) -> RtxConfig:
    """Finds what engines for RTX are built with.

    Args:
        profile: by name or TOML file; the generic one when empty.
        sms: to build for; all that this version knows when none.

    Raises:
        MissingExtraError: TensorRT for RTX is not installed.
        UsageError: there is no such profile, or this version does not build for a compute capability.
    """
    trt = import_tensorrt_rtx()
    known = tuple(
        sorted(int(name[2:]) for name in dir(trt.ComputeCapability) if name[:2] == "SM" and name[2:].isdigit())
    )
    unknown = [sm for sm in sms if sm not in known]
    if unknown:
        there = ", ".join(str(sm) for sm in known)
        raise UsageError(f"TensorRT for RTX {trt.__version__} does not build for sm_{unknown[0]}; --sm takes {there}")
    return RtxConfig(load_profile(profile or GENERIC), sms or known, str(trt.__version__))


def build_rtx_engine(
    config: RtxConfig, derived: Derived, card: ModelCard, out: Path, judge: Judge, say: Say
) -> tuple[Path, PlanCard]:
    """Builds the engine of one graph, or finds it up to date; as `build_engine` does.

    What is judged is the lowered graph, since the engine cannot run without a GPU.

    Raises:
        LpsrError: it cannot be built, has other types than asked for, or its graph is too far from the FP32 graph.
    """
    lowered = lower(derived.model)
    model = lowered.SerializeToString()
    plan_config = derived.plan_config(
        card,
        model,
        plugin="",
        tensorrt=config.version,
        gpu=None,
        profile=config.profile.as_dict(),
        options={"sms": list(config.sms)},
        runtime="tensorrt-rtx",
    )
    path = out / plan_config.file
    found = PlanCard.up_to_date(path, plan_config)
    if found:
        say(f"{path.name} is up to date")
        return path, found
    agreement = judge(GraphSession(lowered, card.role), card.role, f"the {card.role}'s graph")
    say(f"building {path.name}")
    plan, types, seconds = _build(model, card.role, config, lambda what: say(f"{path.name}: {what}"))
    check_types(types, derived.precision, path.name)
    described = PlanCard.of(
        plan_config,
        plan,
        types,
        metrics={"against_fp32": agreement.as_dict(), "measured_on": NOT_RUN},
        seconds=seconds,
        floating_point_layers=derived.floating_point,
    )
    described.write(path, plan)
    return path, described


def _build(model: bytes, role: Role, config: RtxConfig, say: Say) -> tuple[bytes, dict[str, int], float]:
    """The plan, the types of its network's outputs, and the seconds that it took."""
    trt = import_tensorrt_rtx()
    log = _log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    start = time.monotonic()
    if not parser.parse(model):
        why = parser.get_error(0).desc() if parser.num_errors else log.last
        raise LpsrError(f"TensorRT for RTX does not take the {role}'s graph: {' '.join(str(why).split())}")
    types: Counter[str] = Counter()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        for output in range(layer.num_outputs):
            types[_KINDS.get(str(layer.get_output(output).dtype).rsplit(".", 1)[-1], "other")] += 1
    options = builder.create_builder_config()
    options.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, config.profile.workspace_mib << 20)
    options.num_compute_capabilities = len(config.sms)
    for index, sm in enumerate(config.sms):
        options.set_compute_capability(getattr(trt.ComputeCapability, f"SM{sm}"), index)
    profile = builder.create_optimization_profile()
    profile.set_shape(CONTRACTS[role].input, *input_shapes(model, role, config.profile))
    options.add_optimization_profile(profile)
    say(f"{network.num_layers} layers for " + ", ".join(f"sm_{sm}" for sm in config.sms))
    plan = builder.build_serialized_network(network, options)
    if plan is None:
        raise LpsrError(f"TensorRT for RTX did not build the {role}: {log.last or 'no reason given'}")
    return bytes(plan), dict(types), time.monotonic() - start


def _log(trt: Any) -> Any:
    """A logger that keeps the last error and prints nothing."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, msg: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.last = " ".join(msg.split())

    return Log()
