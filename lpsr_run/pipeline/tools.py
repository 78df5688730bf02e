"""The models and the locator that a configuration names, opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.cards import Calibration, Role
from lpsr_core.errors import UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_run.config import RunConfig
from lpsr_run.engines.backends import Backend, is_triton, open_engine
from lpsr_run.engines.base import Engine
from lpsr_run.engines.models import DEFAULT_MODEL, Model, find_model
from lpsr_run.engines.opening import open_network
from lpsr_run.locate.base import Locator
from lpsr_run.locate.detector import DetectorLocator
from lpsr_run.locate.network import THRESHOLD, NetworkLocator
from lpsr_run.locate.region import RegionLocator, parse_region
from lpsr_run.pipeline.plate_reader import PlateReader


@dataclass(frozen=True)
class Tools:
    """What the configuration names, opened.

    Attributes:
        reader: generator and reader.
        calibration: of the reader.
        locator: None when the images are plates already.
        models: the graphs' files, by role.
        engines: the engines' names, by role.
        why: those engines, by role, where the runtime was chosen.
    """

    reader: PlateReader
    calibration: Calibration
    locator: Locator | None
    models: dict[str, Model]
    engines: dict[str, str]
    why: dict[str, str]


def open_tools(config: RunConfig, note: Callable[[str], None] | None = None) -> Tools:
    """Opens the models and the locator that a configuration names.

    Args:
        config: checked.
        note: takes a line where the region to search lies outside a frame.

    Raises:
        UsageError: there is no such model.
        LpsrError: a model cannot be loaded or has another form.
    """
    wanted: list[tuple[Role, str]] = [("reader", config.reader)]
    if config.super_resolve != "never":
        wanted.append(("generator", config.generator))
    models: dict[str, Model] = {}
    engines: dict[str, Engine] = {}
    why: dict[str, str] = {}
    for role, choice in wanted:
        opened = open_network(choice, role, config.precision, config.backend, config.threads, device=config.device)
        models[role], engines[role] = opened.model, opened.engine
        if opened.why:
            why[role] = opened.why
    calibration = models["reader"].calibration
    reader = PlateReader(
        engines["reader"],
        engines.get("generator"),
        config.super_resolve,
        config.batch,
        calibration=calibration,
        layouts=parse_layouts(config.layouts),
        views=config.views,
    )
    locator = None if config.crop_specs else _open_locator(config, models, engines, note)
    return Tools(reader, calibration, locator, models, {role: engine.name for role, engine in engines.items()}, why)


def _open_locator(
    config: RunConfig,
    models: dict[str, Model],
    engines: dict[str, Engine],
    note: Callable[[str], None] | None,
) -> Locator:
    """What finds plates; its model and engine are added to the others."""
    if config.detector is not None:
        if not Path(config.detector).is_file():
            raise UsageError(f"{config.detector}: no such model file")
        engines["detector"] = open_engine(Path(config.detector), _without_engine(config.backend), config.threads)
        given = {"confidence": config.locator_threshold} if config.locator_threshold else {}
        locator: Locator = DetectorLocator(engines["detector"], **given)
    else:
        opened = open_locator(config.locator, config.backend, config.threads, config.locator_threshold)
        locator, models["locator"], engines["locator"] = opened
    return locator if config.region is None else RegionLocator(locator, parse_region(config.region), note)


def open_locator(
    choice: str, backend: Backend = "auto", threads: int = 0, threshold: float = 0.0
) -> tuple[Locator, Model, Engine]:
    """The network that finds plates, by name, with its model and engine.

    Args:
        choice: `auto` takes the released network; or a released name, or the path of an .onnx file.
        backend: runtime of the network.
        threads: of the processor; 0 lets the runtime choose.
        threshold: least score of a plate; 0 for the network's own.

    Raises:
        UsageError: there is no such model.
        LpsrError: it cannot be loaded.
    """
    if choice == "classical":
        raise UsageError("--locator classical is gone, since the built-in network finds more; leave --locator out")
    model = find_model(DEFAULT_MODEL if choice == "auto" else choice, "locator")
    engine = open_engine(model.path, _without_engine(backend), threads)
    return NetworkLocator(engine, threshold or THRESHOLD), model, engine


def _without_engine(backend: Backend) -> Backend:
    """Engines are built from released readers and generators, and served; what finds plates runs in ONNX Runtime."""
    return "auto" if backend in ("tensorrt", "tensorrt-rtx") or is_triton(backend) else backend
