"""Options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Sms = Annotated[
    Optional[list[int]],  # noqa: UP045
    typer.Option(help="Compute capability to build for, as 87 for 8.7; repeatable [this machine's GPUs; for RTX all]."),
]
Headers = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Folder of TensorRT, or of its headers alone [the usual places]."),
]
Compiler = Annotated[Optional[Path], typer.Option(help="CUDA compiler [nvcc].")]  # noqa: UP045
Store = Annotated[
    str, typer.Option(help="How the file holds weights: float32, float16 or int8; they are FP32 again when loaded.")
]
