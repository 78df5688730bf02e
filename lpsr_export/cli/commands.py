"""lpsr-export: weights to ONNX graphs, graphs to the precision a machine wants."""

from __future__ import annotations

from lpsr_core.command_line import command_group
from lpsr_core.errors import run_command
from lpsr_export.cli.build import build
from lpsr_export.cli.calibrate import calibrate
from lpsr_export.cli.onnx import locator, onnx
from lpsr_export.cli.plugin import plugin
from lpsr_export.cli.restore import restore
from lpsr_export.cli.routes import adopt, graph
from lpsr_export.cli.verify import verify

app = command_group(
    "lpsr-export", "Export trained weights to ONNX, and build FP16 and INT8 graphs and TensorRT engines."
)

for command in (onnx, locator, build, calibrate, restore, verify, graph, adopt, plugin):
    app.command()(command)


def main() -> None:
    """Entry point of the command."""
    run_command(app)
