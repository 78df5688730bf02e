"""What commands share: options, checks of what they need, the words by which a model is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.cards import Role, graph_name
from lpsr_core.errors import need
from lpsr_core.model_folders import user_folder

Models = Annotated[
    Path | None,
    typer.Option(help="Folder of the FP32 graphs (default: where the model of that name is)."),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Output folder (default: LPSR_MODELS, or ~/.local/share/lpsr)."),
]
Sms = Annotated[
    list[int] | None,
    typer.Option(
        help="Compute capability to build for, such as 87 for 8.7. Repeatable (default: this machine's "
        "GPUs; all for tensorrt-rtx)"
    ),
]
Headers = Annotated[
    Path | None,
    typer.Option(help="Folder of TensorRT or of its headers (default: the usual system folders)"),
]
Compiler = Annotated[Path | None, typer.Option(help="CUDA compiler (default: nvcc)")]
Store = Annotated[
    str,
    typer.Option(help="Storage type of the weights: float32, float16 or int8. They are converted to FP32 when loaded."),
]


def need_export(*, fp16: bool = False) -> None:
    """Make sure of the packages that graphs are derived and checked with, with `fp16` also those for half precision."""
    need("onnx", "onnx", "export")
    if fp16:
        need("onnxconverter_common", "onnxconverter-common", "export")
    need("onnxruntime", "onnxruntime", "cpu")


def need_training() -> None:
    """Make sure of the packages that weights become graphs with."""
    need("torch", "PyTorch", "train")
    need("onnxscript", "onnxscript", "train")
    need_export()


def chosen(name: str, role: Role, folder: Path) -> str:
    """Return what names a model for `lpsr-run`: its name when it is in the user's folder, or else its path."""
    return name if folder.resolve() == user_folder().resolve() else str(folder / graph_name(name, role))
