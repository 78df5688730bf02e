"""What every route starts from: the released graphs at some precision, in the form that its runtime takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lpsr_core.cards import PLATE_ROLES, Precision, Role, graph_name, load_verified
from lpsr_core.errors import UsageError
from lpsr_export.graph.deform import lower, to_plugin
from lpsr_export.graph.fp16 import to_fp16
from lpsr_export.graph.graphs import load_graph
from lpsr_export.tensorrt.profiles import Profile

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class RouteConfig:
    """What a route is made of.

    Attributes:
        name: of the released models.
        precision: `fp32` or `fp16`.
        models: folder of the FP32 graphs.
        out: folder to write to.
        profile: batches of the engines.
        plugin: nodes for the plugin; native operators otherwise.
    """

    name: str
    precision: Precision
    models: Path
    out: Path
    profile: Profile
    plugin: bool

    def check(self) -> None:
        """Makes sure that it can be made.

        Raises:
            UsageError: there are no such graphs.
        """
        for role in PLATE_ROLES:
            if not self.source(role).is_file():
                raise UsageError(f"{self.source(role)}: no released graph here; name their folder with --models")

    def source(self, role: Role) -> Path:
        """The released graph of a role."""
        return self.models / graph_name(self.name, role)

    def graph(self, role: Role) -> onnx.ModelProto:
        """The graph of a role as the route's runtime takes it.

        Raises:
            LpsrError: the released graph is not the one that its card describes.
        """
        load_verified(self.source(role))
        model = load_graph(self.source(role))
        model = to_fp16(model) if self.precision == "fp16" else model
        return to_plugin(model) if self.plugin else lower(model)

    def file(self, role: Role) -> str:
        """Name of the graph's file."""
        return graph_name(self.name, role, self.precision)
