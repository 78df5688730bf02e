"""For NVIDIA's Triton: a model repository of generator, reader, and an ensemble of both."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.cards import PLATE_ROLES, Precision, Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import UsageError
from lpsr_core.plans import PlanCard, plan_card_path, plan_name
from lpsr_export.graph.graphs import save_graph
from lpsr_export.routes.source import RouteConfig

_DELAY_MICROSECONDS = 2000
"""That a request waits for others at most: a tenth of a frame's time."""


@dataclass(frozen=True)
class Plans:
    """Engines in place of graphs.

    Attributes:
        folder: of `lpsr-export build --target tensorrt`.
        precision: of them.
    """

    folder: Path
    precision: Precision


def write(config: RouteConfig, plans: Plans | None = None) -> list[str]:
    """Writes the repository: folders `lpsr_generator`, `lpsr_reader` and `lpsr`, each with its config.pbtxt.

    Args:
        config: of the route; its graphs hold native operators alone, which any ONNX Runtime of Triton's runs.
        plans: engines to serve in their place.

    Returns:
        The line that serves it.

    Raises:
        UsageError: a graph or engine is missing, or an engine needs a plugin beside it: Triton opens such a library
            without registering what is in it.
        LpsrError: an engine's card cannot be read.
    """
    config.check()
    code = False
    usual, largest = config.profile.batch[1:]
    for role in PLATE_ROLES:
        folder = config.out / model_name(role)
        (folder / "1").mkdir(parents=True, exist_ok=True)
        if plans is None:
            save_graph(config.graph(role), folder / "1" / "model.onnx")
        else:
            card = _plan(plans, config.name, role, folder / "1" / "model.plan")
            usual, largest = (int(size) for size in card.config.profile["batch"][1:])
            code = code or card.config.carries_code
        platform = "onnxruntime_onnx" if plans is None else "tensorrt_plan"
        (folder / "config.pbtxt").write_text(network(role, platform, largest, usual), encoding="utf-8")
    (config.out / "lpsr" / "1").mkdir(parents=True, exist_ok=True)
    (config.out / "lpsr" / "config.pbtxt").write_text(ensemble(largest), encoding="utf-8")
    allowed = " --backend-config=tensorrt,version-compatible=true" if code else ""
    return [f"tritonserver --model-repository={config.out.resolve()}{allowed}"]


def model_name(role: Role) -> str:
    """Triton's name for a network."""
    return f"lpsr_{role}"


def _plan(plans: Plans, name: str, role: Role, to: Path) -> PlanCard:
    path = plans.folder / plan_name(name, role, plans.precision)
    if not path.is_file():
        raise UsageError(f"{path}: no engine here; build it with: lpsr-export build --{plans.precision}")
    card = PlanCard.load(plan_card_path(path))
    if card.plugin_file:
        raise UsageError(
            f"{path}: Triton cannot give it its plugin; build it with --embed-plugin or --lower-deform-conv"
        )
    shutil.copyfile(path, to)
    return card


def network(role: Role, platform: str, largest: int, usual: int) -> str:
    """config.pbtxt of one network."""
    contract = CONTRACTS[role]
    return f"""\
name: "{model_name(role)}"
platform: "{platform}"
max_batch_size: {largest}
{_tensor("input", contract.input, contract.input_shape)}
{_tensor("output", contract.output, contract.output_shape)}
dynamic_batching {{
  preferred_batch_size: [ {usual}, {largest} ]
  max_queue_delay_microseconds: {_DELAY_MICROSECONDS}
}}
"""


def ensemble(largest: int) -> str:
    """config.pbtxt of both together: LR pictures to SR pictures and log-probabilities."""
    generator, reader = (CONTRACTS[role] for role in ("generator", "reader"))
    return f"""\
name: "lpsr"
platform: "ensemble"
max_batch_size: {largest}
{_tensor("input", generator.input, generator.input_shape)}
{_tensor("output", generator.output, generator.output_shape)}
{_tensor("output", reader.output, reader.output_shape)}
ensemble_scheduling {{
  step [
    {{
      model_name: "{model_name("generator")}"
      model_version: -1
      input_map {{ key: "{generator.input}" value: "{generator.input}" }}
      output_map {{ key: "{generator.output}" value: "{generator.output}" }}
    }},
    {{
      model_name: "{model_name("reader")}"
      model_version: -1
      input_map {{ key: "{reader.input}" value: "{generator.output}" }}
      output_map {{ key: "{reader.output}" value: "{reader.output}" }}
    }}
  ]
}}
"""


def _tensor(kind: str, name: str, shape: tuple[int, ...]) -> str:
    dims = ", ".join(map(str, shape))
    return f'{kind} [ {{ name: "{name}" data_type: TYPE_FP32 dims: [ {dims} ] }} ]'
