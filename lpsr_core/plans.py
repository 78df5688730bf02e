"""TensorRT plans: the card beside each, and on which machine it may run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from lpsr_core.cards import PRECISIONS, ROLES, Precision, Role, graph_name, sha256
from lpsr_core.cuda import Gpu, driver
from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file
from lpsr_core.jsonfile import write_json

PlanRuntime = Literal["tensorrt", "tensorrt-rtx"]
SCHEMA = 2
_SUFFIX: dict[PlanRuntime, str] = {"tensorrt": ".plan", "tensorrt-rtx": ".rtx"}


def current_gpu() -> Gpu:
    """Return the first GPU of this machine.

    Raises:
        MissingExtraError: no package that asks its driver is installed.
        LpsrError: there is no GPU, or its driver does not answer.
    """
    return driver().gpu()


@dataclass(frozen=True)
class PlanConfig:
    """Everything that a plan depends on; its key is the digest of all of it, so that nothing can be forgotten.

    Attributes:
        name, role, precision: of the graph.
        graph: sha256 of the ONNX bytes that TensorRT parsed.
        source: sha256 of the released graph that those were derived from.
        plugin: sha256 of the plugin library; empty when deformable convolutions were lowered.
        tensorrt: version.
        gpu: it was built on; None for any of the compute capabilities in `options["sms"]`.
        profile: of the target (see `lpsr_export.tensorrt.profiles`).
        options: of the builder, by name.
        calibration: what INT8 ranges rest on; empty otherwise.
        runtime: that runs it.
    """

    name: str
    role: Role
    precision: Precision
    graph: str
    source: str
    plugin: str
    tensorrt: str
    gpu: Gpu | None
    profile: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    calibration: str = ""
    runtime: PlanRuntime = "tensorrt"

    @property
    def key(self) -> str:
        """Hexadecimal sha256 of the configuration."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def file(self) -> str:
        """Name of the plan's file."""
        return plan_name(self.name, self.role, self.precision, self.runtime)

    @property
    def version_compatible(self) -> bool:
        """Whether other TensorRT versions of the same major may run it."""
        return bool(self.options.get("version_compatible"))

    @property
    def carries_code(self) -> bool:
        """Whether it holds code for the processor, which a runtime must be told to allow."""
        return any(self.options.get(name) for name in ("version_compatible", "embed_plugin", "adopted"))


def plan_name(name: str, role: Role, precision: Precision, runtime: PlanRuntime = "tensorrt") -> str:
    """Return the file name of a plan: `lite-generator-fp16.plan`, or `.rtx` for TensorRT for RTX."""
    return Path(graph_name(name, role, precision)).with_suffix(_SUFFIX[runtime]).name


@dataclass(frozen=True)
class PlanCard:
    """What a plan file is.

    Attributes:
        config: what it was built from and for.
        key: of that configuration.
        sha256: of the plan's bytes.
        plugin_file: name of the plugin's library beside the plan; empty where the plan needs none or carries it.
        types: layers' output types as the engine inspector reports them, and how many have each.
        seconds: that the build took.
        size: of the plan, in bytes.
        metrics: measured figures, against the FP32 graph.
        floating_point_layers: what INT8 left out, with the error that each layer makes when it alone is quantised.
        schema: version of this form.
    """

    config: PlanConfig
    key: str
    sha256: str
    plugin_file: str
    types: dict[str, int]
    seconds: float
    size: int
    metrics: dict[str, Any] = field(default_factory=dict)
    floating_point_layers: dict[str, float] = field(default_factory=dict)
    schema: int = SCHEMA

    @classmethod
    def of(
        cls,
        config: PlanConfig,
        plan: bytes,
        types: dict[str, int],
        metrics: dict[str, Any],
        plugin_file: str = "",
        seconds: float = 0.0,
        floating_point_layers: dict[str, float] | None = None,
    ) -> PlanCard:
        """Describe a plan that was built from a configuration; fields as above."""
        return cls(
            config=config,
            key=config.key,
            sha256=hashlib.sha256(plan).hexdigest(),
            plugin_file=plugin_file,
            types=types,
            seconds=round(seconds, 1),
            size=len(plan),
            metrics=metrics,
            floating_point_layers=floating_point_layers or {},
        )

    def write(self, path: Path, plan: bytes) -> None:
        """Write a plan and its card, each whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, plan)
        self.save(path.parent)

    @classmethod
    def up_to_date(cls, path: Path, config: PlanConfig) -> PlanCard | None:
        """Return the card of a complete plan that was built from exactly this; None for any other."""
        try:
            card = cls.load(plan_card_path(path))
            whole = path.stat().st_size == card.size and sha256(path) == card.sha256
        except (LpsrError, OSError):
            return None
        return card if whole and card.key == config.key == card.config.key else None

    def save(self, folder: Path) -> Path:
        """Write the card beside its plan, replacing an older one atomically; returns its path."""
        path = plan_card_path(folder / self.config.file)
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> PlanCard:
        """Read a card.

        Raises:
            LpsrError: it is missing, or not a plan's card of this schema.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LpsrError(f"{path}: no card here; a plan travels with the .plan.json of its name") from None
        except (OSError, ValueError) as error:
            raise LpsrError(f"{path}: not a readable plan's card: {error}") from None
        try:
            if values["schema"] != SCHEMA:
                raise ValueError("another schema")
            config = dict(values["config"])
            if config["role"] not in ROLES or config["precision"] not in PRECISIONS:
                raise ValueError("unknown role or precision")
            made = PlanConfig(**{**config, "gpu": Gpu(**config["gpu"]) if config["gpu"] else None})
            known = {entry.name for entry in fields(cls)} - {"config"}
            return cls(made, **{name: value for name, value in values.items() if name in known})
        except (KeyError, TypeError, ValueError):
            raise LpsrError(f"{path}: not a plan's card of schema {SCHEMA}; build the engine again") from None


def plan_card_path(plan: Path) -> Path:
    """Return the path of a plan's card."""
    return plan.with_name(plan.name + ".json")


def load_runnable(
    plan: Path, tensorrt: str, gpu: Gpu, source: str | None = None, runtime: PlanRuntime = "tensorrt"
) -> PlanCard:
    """Load the card of a plan, after checking that the plan may run here; foreign and stale plans are refused.

    Args:
        plan: the file.
        tensorrt: version of the TensorRT that will run it.
        gpu: that will run it.
        source: sha256 of the released graph that it must have been derived from, where that is known.
        runtime: that will run it.

    Raises:
        LpsrError: plan or card is missing or damaged, or it was built for another GPU, another TensorRT or from
            another graph; the line says which and how to build it again.
    """
    if not plan.is_file():
        raise LpsrError(f"{plan}: no such engine; build it with: lpsr-export build --target {runtime}")
    card = PlanCard.load(plan_card_path(plan))
    again = f"build it again: lpsr-export build --{card.config.precision} --target {card.config.runtime}"
    if plan.stat().st_size != card.size or sha256(plan) != card.sha256:
        raise LpsrError(f"{plan}: the file is not the one that its card describes, or was cut short; {again}")
    if card.config.key != card.key:
        raise LpsrError(f"{plan}: its card was changed; {again}")
    if card.config.runtime != runtime:
        raise LpsrError(f"{plan}: an engine of {card.config.runtime}; run it with --backend {card.config.runtime}")
    if card.config.gpu is None and gpu.sm not in card.config.options.get("sms", []):
        held = ", ".join(f"sm_{sm}" for sm in card.config.options.get("sms", []))
        raise LpsrError(f"{plan}: built for {held}, and this is {gpu}; {again} --sm {gpu.sm}")
    if card.config.gpu not in (None, gpu):
        raise LpsrError(f"{plan}: built for {card.config.gpu}, and this is {gpu}; {again}")
    if not _runs(card.config, tensorrt):
        raise LpsrError(f"{plan}: built with TensorRT {card.config.tensorrt}, and this is {tensorrt}; {again}")
    if source is not None and card.config.source != source:
        raise LpsrError(f"{plan}: built from an older graph; {again}")
    return card


def _runs(config: PlanConfig, tensorrt: str) -> bool:
    if config.tensorrt == tensorrt:
        return True
    return config.version_compatible and config.tensorrt.split(".")[0] == tensorrt.split(".")[0]
