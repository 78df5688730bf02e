"""Opens the networks that a user names: a released one or a file, in the runtime that fits the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lpsr_core.cards import PRECISIONS, ModelCard, Precision, Role, card_path
from lpsr_core.errors import LpsrError
from lpsr_core.extras import is_installed
from lpsr_core.model_folders import find_graph, user_folder
from lpsr_core.plans import PlanConfig, PlanRuntime, plan_name
from lpsr_run.engines.backends import Backend, is_triton, open_engine
from lpsr_run.engines.base import Engine
from lpsr_run.engines.models import Model, find_model
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine
from lpsr_run.engines.rtx_engine import TensorRtRtxEngine
from lpsr_run.engines.tensorrt_engine import TensorRtEngine
from lpsr_run.engines.trial import faster, openvino_is_worth_a_trial
from lpsr_run.engines.triton_engine import TritonEngine


@dataclass(frozen=True)
class Opened:
    """A network that is ready to run.

    Attributes:
        model: the file that was opened.
        engine: that runs it.
        why: of the runtime, where it was chosen; empty where the user named it.
    """

    model: Model
    engine: Engine
    why: str = ""


def open_network(
    choice: str,
    role: Role,
    precision: Precision,
    backend: Backend,
    threads: int = 0,
    folder: Path | None = None,
    device: str = "",
) -> Opened:
    """Finds and opens a network.

    Args:
        choice: a released name such as `lite`, or the path of an .onnx or .plan file.
        role: what it must do.
        precision: variant of a released model; a path speaks for itself.
        backend: runtime; `auto` takes a TensorRT engine where one was built for this machine, then CUDA, then the CPU
            by ONNX Runtime, or by OpenVINO where that is installed, the processor is Intel's and a trial is won.
            `triton://HOST:PORT` is a server that runs it.
        threads: of the processor; 0 for as many as there are cores.
        folder: where the released graphs and the engines built from them lie.
        device: of OpenVINO's; its CPU when empty.

    Raises:
        UsageError: there is no such model.
        LpsrError: it cannot be loaded, or the runtime that was asked for is not there.
    """
    if choice.endswith((".plan", ".rtx")):
        plan_engine = _ENGINES["tensorrt-rtx" if choice.endswith(".rtx") else "tensorrt"](Path(choice))
        plan_card = plan_engine.card
        if plan_card.config.role != role:
            raise LpsrError(f"{choice}: its card says that it is a {plan_card.config.role}, not a {role}")
        return Opened(Model(role, Path(choice), plan_card.sha256, _source_card(plan_card.config)), plan_engine)
    named = not choice.endswith(".onnx") and "/" not in choice
    if is_triton(backend):
        # What is known of the network, its calibration above all, lies here; the server knows its own precision.
        model = find_model(choice, role, "fp32" if named else precision, folder)
        return Opened(model, TritonEngine(backend, role))
    runtime: PlanRuntime = "tensorrt-rtx" if backend == "tensorrt-rtx" else "tensorrt"
    why = ""
    if backend in _ENGINES or (backend == "auto" and named):
        source = find_model(choice, role, "fp32" if named else precision, folder)
        if source.card is None:
            raise LpsrError(f"{choice}: TensorRT runs engines; give a released name, or a .plan of lpsr-export build")
        name = source.card.name
        plan = _plan_beside(source, plan_name(name, role, precision, runtime), named and folder is None)
        if backend in _ENGINES:
            return _open_plan(plan, source, precision, name, runtime)
        if plan.is_file():
            try:
                return replace(_open_plan(plan, source, precision, name, runtime), why=f"{plan.name} fits this machine")
            except LpsrError as error:
                why = str(error)
        elif is_installed("tensorrt"):
            why = f"no TensorRT engine {plan.name} here"
    model = find_model(choice, role, precision, folder)
    engine = open_engine(model.path, backend, threads, rows=True, device=device)
    on_processor = isinstance(engine, OnnxRuntimeEngine) and engine.device == "cpu"
    if backend == "auto" and on_processor and openvino_is_worth_a_trial():
        engine, found = faster(engine, model.path, threads)
        why = "; ".join(part for part in (why, found) if part)
    return Opened(model, engine, why)


_ENGINES: dict[str, type[TensorRtEngine]] = {"tensorrt": TensorRtEngine, "tensorrt-rtx": TensorRtRtxEngine}


def _source_card(plan: PlanConfig) -> ModelCard | None:
    """Return the card of the graph that an engine was built from, for its calibration; None where that is not here."""
    graph = find_graph(plan.name, plan.role)
    if graph is None or not card_path(graph).is_file():
        return None
    card = ModelCard.load(card_path(graph))
    return card if card.sha256 == plan.source else None


def _plan_beside(source: Model, name: str, in_user_folder: bool) -> Path:
    """Return where the engine of a graph is, or is to be: in the user's folder, or beside the graph."""
    beside, own = source.path.with_name(name), user_folder() / name
    return own if in_user_folder and (own.is_file() or not beside.is_file()) else beside


def _open_plan(plan: Path, source: Model, precision: Precision, name: str, runtime: PlanRuntime) -> Opened:
    if not plan.is_file():
        kinds = [kind for kind in PRECISIONS if plan.with_name(plan_name(name, source.role, kind, runtime)).is_file()]
        hint = f"; there is one at {kinds[0]}: give --precision {kinds[0]}" if kinds else ""
        raise LpsrError(
            f"{plan}: no such engine; build it with: lpsr-export build --{precision} --target {runtime}{hint}"
        )
    engine = _ENGINES[runtime](plan, source.sha256)
    return Opened(Model(source.role, plan, engine.card.sha256, source.card), engine)
