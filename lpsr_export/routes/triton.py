"""For NVIDIA's Triton: a model repository of generator, reader, and an ensemble of both."""

from __future__ import annotations

import shutil
from pathlib import Path

from lpsr_core.cards import PLATE_ROLES, Role
from lpsr_core.contracts import CONTRACTS, triton_model
from lpsr_core.errors import UsageError
from lpsr_core.plans import PlanCard, plan_card_path, plan_name
from lpsr_export.graph.graphs import load_graph, save_graph
from lpsr_export.routes.source import RouteConfig

_DELAY_MICROSECONDS = 2000
"""That a request waits for others at most: a tenth of a frame's time."""


def write(config: RouteConfig, plans: Path | None = None) -> list[str]:
    """Writes the repository: folders `lpsr_generator`, `lpsr_reader` and `lpsr`, each with its config.pbtxt.

    Args:
        config: of the route; its graphs hold native operators alone, which any ONNX Runtime of Triton's runs.
        plans: folder of `lpsr-export build --target tensorrt`, whose engines are served in their place.

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
        folder = config.out / triton_model(role)
        (folder / "1").mkdir(parents=True, exist_ok=True)
        if plans is None:
            save_graph(config.graph(role), folder / "1" / "model.onnx")
        else:
            card = _copy_plan(plans, config, role, folder / "1" / "model.plan")
            usual, largest = (int(size) for size in card.config.profile["batch"][1:])
            code = code or card.config.carries_code
        platform = "onnxruntime_onnx" if plans is None else "tensorrt_plan"
        shape = input_shape(config.source(role))
        (folder / "config.pbtxt").write_text(network(role, platform, shape, largest, usual), encoding="utf-8")
    (config.out / "lpsr" / "1").mkdir(parents=True, exist_ok=True)
    (config.out / "lpsr" / "config.pbtxt").write_text(ensemble(largest), encoding="utf-8")
    allowed = " --backend-config=tensorrt,version-compatible=true" if code else ""
    return [f"tritonserver --model-repository={config.out.resolve()}{allowed}"]


def _copy_plan(plans: Path, config: RouteConfig, role: Role, to: Path) -> PlanCard:
    path = plans / plan_name(config.name, role, config.precision)
    if not path.is_file():
        raise UsageError(f"{path}: no engine here; build it with: lpsr-export build --{config.precision}")
    card = PlanCard.load(plan_card_path(path))
    if card.plugin_file:
        raise UsageError(
            f"{path}: Triton cannot give it its plugin; build it with --embed-plugin or --lower-deform-conv"
        )
    shutil.copyfile(path, to)
    return card


def input_shape(graph: Path) -> tuple[int, ...]:
    """Sizes of a graph's input without the batch axis; -1 where a size is free, as in a reader of larger crops."""
    (tensor,) = load_graph(graph).graph.input
    return tuple(dim.dim_value or -1 for dim in tensor.type.tensor_type.shape.dim[1:])


def network(role: Role, platform: str, shape: tuple[int, ...], largest: int, usual: int) -> str:
    """Return config.pbtxt of one network: its runtime's name, the input's `input_shape`, and rows of a batch."""
    contract = CONTRACTS[role]
    return f"""\
name: "{triton_model(role)}"
platform: "{platform}"
max_batch_size: {largest}
{_tensor("input", contract.input, shape)}
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
{_step("generator", generator.input)},
{_step("reader", generator.output)}
  ]
}}
"""


def _step(role: Role, takes: str) -> str:
    """One network of an ensemble; `takes` is what the ensemble calls its input."""
    contract = CONTRACTS[role]
    return f"""\
    {{
      model_name: "{triton_model(role)}"
      model_version: -1
      input_map {{ key: "{contract.input}" value: "{takes}" }}
      output_map {{ key: "{contract.output}" value: "{contract.output}" }}
    }}"""


def _tensor(kind: str, name: str, shape: tuple[int, ...]) -> str:
    dims = ", ".join(map(str, shape))
    return f'{kind} [ {{ name: "{name}" data_type: TYPE_FP32 dims: [ {dims} ] }} ]'
