"""For NVIDIA's DeepStream: generator and reader as one graph, nvinfer's configuration, and notes for the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lpsr_core.alphabet import ALPHABET, PLATE_LENGTH
from lpsr_core.cards import graph_name
from lpsr_core.contracts import CONTRACTS
from lpsr_export.graph.graphs import save_graph
from lpsr_export.routes.source import RouteConfig

if TYPE_CHECKING:
    import onnx

CONFIG = "config_infer_secondary_lpsr.txt"
NOTES = "parser.md"


def write(config: RouteConfig) -> list[str]:
    """Writes the folder.

    Args:
        config: of the route; its graphs hold native operators alone, since nvinfer loads no plugin before it parses.

    Returns:
        Lines on what to do with it.
    """
    config.check()
    graph = graph_name(config.name, "reader", config.precision).replace("-reader", "")
    save_graph(joined(config.graph("generator"), config.graph("reader")), config.out / graph)
    (config.out / CONFIG).write_text(nvinfer(config, graph), encoding="utf-8")
    (config.out / NOTES).write_text(_NOTES, encoding="utf-8")
    return [f"add {CONFIG} as a secondary nvinfer after a detector of plates", f"decode its tensors as {NOTES} says"]


def joined(generator: onnx.ModelProto, reader: onnx.ModelProto) -> onnx.ModelProto:
    """Both networks as one: LR pictures to SR pictures and log-probabilities."""
    from onnx import compose

    first, second = CONTRACTS["generator"], CONTRACTS["reader"]
    version = max(generator.ir_version, reader.ir_version)
    generator.ir_version = reader.ir_version = version
    reader = compose.add_prefix(reader, "reader/", rename_inputs=False, rename_outputs=False)
    generator = compose.add_prefix(generator, "generator/", rename_inputs=False, rename_outputs=False)
    pairs = [(first.output, second.input)]
    return compose.merge_models(generator, reader, pairs, outputs=[first.output, second.output])


def nvinfer(config: RouteConfig, graph: str) -> str:
    """nvinfer's configuration of the joined graph."""
    channels, height, width = CONTRACTS["generator"].input_shape
    return f"""\
# Reads plates that a primary detector found. Every crop is stretched to {width}x{height}, not padded: that is what the
# networks were trained on. Tensors are attached to each object (output-tensor-meta); see {NOTES}.
[property]
gpu-id=0
onnx-file={graph}
model-engine-file={graph}_b{config.profile.batch[1]}.engine
network-mode={2 if config.precision == "fp16" else 0}
batch-size={config.profile.batch[1]}
infer-dims={channels};{height};{width}
net-scale-factor=0.00392156862745098
model-color-format=0
process-mode=2
network-type=100
output-tensor-meta=1
maintain-aspect-ratio=0
input-object-min-width=16
input-object-min-height=6
secondary-reinfer-interval=0
workspace-size={config.profile.workspace_mib}
"""


_NOTES = f"""\
# Decoding the tensors

Each object's NvDsInferTensorMeta has two output layers, both FP32:

- `sr`: 3x32x96, RGB in 0..1, the super-resolved plate: for display, not evidence.
- `log_probs`: {PLATE_LENGTH}x{len(ALPHABET)}, natural logarithms of each position's probabilities. Class 0 to 35 are
  `{ALPHABET}`.

1. Sum `log_probs` over the frames of an object's track (NvDsObjectMeta.object_id); do not vote on texts.
2. For each layout (Brazilian LLLDDDD, Mercosur LLLDLDD; L a letter, D a digit) take the likeliest letter or digit at
   each position, and add up their values; the layout with the largest sum is the read.
3. A confidence is that sum, less the logarithm of what all texts of the layouts have together; over several frames it
   needs the temperature of the reader's card (`calibration`), or it is too high.
4. Drop what the layouts together give less than half of the probability to: it is no plate.
"""
