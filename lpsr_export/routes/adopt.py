"""A card for an engine that another tool built, once it was held to the FP32 graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lpsr_core.cards import PLATE_ROLES, Precision, Role, graph_name, load_verified
from lpsr_core.errors import UsageError
from lpsr_core.plans import PlanCard, PlanConfig
from lpsr_core.plugin_library import PluginLibrary
from lpsr_core.tensorrt import load_plugin
from lpsr_export.checks.compare import Agreement
from lpsr_export.checks.crops import CHECK_SEED, rendered_crops
from lpsr_export.checks.gate import GATES, Reference, Session
from lpsr_export.tensorrt.engines import this_machine, write_plan
from lpsr_export.tensorrt.profiles import profile_for

_CROPS = 256


def adopt(
    plan: Path,
    role: Role,
    precision: Precision,
    plugin: Path | None,
    models: Path,
    out: Path,
    name: str,
    say: Callable[[str], None],
) -> tuple[Path, PlanCard]:
    """Compare an engine with the FP32 graph, and write it and its card where the runtime finds them.

    Args:
        plan: the file.
        role, precision: of it.
        plugin: the library that it needs; None where it needs none or carries it.
        models, name: folder and name of the FP32 graphs.
        out: folder to write to.
        say: told what is being done.

    Returns:
        The engine's path, under the name that the runtime looks for, and its card.

    Raises:
        UsageError: there is no such engine or graph.
        LpsrError: the engine does not load here, has other types than said, or is too far from the FP32 graph; then
            nothing is written.
    """
    sources = {each: models / graph_name(name, each) for each in PLATE_ROLES}
    for path in (plan, *sources.values()):
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    library = None if plugin is None else PluginLibrary.read(plugin)
    source = load_verified(sources[role])
    load_verified(sources["reader"])
    machine = this_machine()
    if library is not None:
        library.check(machine.tensorrt, machine.gpu.sm)
        load_plugin(library.path, library.sha256)

    def judge(session: Session, role: Role, name: str) -> Agreement:
        say("comparing it with the FP32 graph")
        reference = Reference(sources, rendered_crops(_CROPS, CHECK_SEED))
        return GATES[precision].check(reference.compare(session, role), name)

    config = PlanConfig(
        name=name,
        role=role,
        precision=precision,
        graph="",
        source=source.sha256,
        plugin=library.sha256 if library else "",
        tensorrt=machine.tensorrt,
        gpu=machine.gpu,
        profile=profile_for(machine.gpu).as_dict(),
        options={"adopted": True},
    )
    path = out / config.file
    say("inspecting it")
    return path, write_plan(plan.read_bytes(), config, path, plan.name, judge, library, say)
