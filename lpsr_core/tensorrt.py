"""TensorRT's module and the plugin, for those who build engines and those who run them; imported when first needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, MissingExtraError

PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE = "LpsrDeformConv", "1", "lpsr"
"""Of the plugin's creator, as engines/plugin/tensorrt/attributes.h has them."""


def import_tensorrt() -> Any:
    """The tensorrt module.

    Raises:
        MissingExtraError: it is not installed.
        LpsrError: its libraries do not load.
    """
    try:
        import tensorrt
    except ModuleNotFoundError:
        raise MissingExtraError("tensorrt", "tensorrt") from None
    except (ImportError, OSError) as error:
        raise LpsrError(f"TensorRT does not load: {str(error).splitlines()[0]}") from None
    return tensorrt


def load_plugin(path: Path) -> None:
    """Registers the plugin library with TensorRT; before anything that holds its nodes is parsed or loaded.

    Raises:
        LpsrError: there is no such file, or TensorRT refuses it.
    """
    trt = import_tensorrt()
    if not path.is_file():
        raise LpsrError(f"{path}: no such plugin; build it with: lpsr-export plugin")
    registry = trt.get_plugin_registry()
    if registry.get_creator(PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE) is not None:
        return
    if registry.load_library(str(path)) is None:
        major = str(trt.__version__).split(".")[0]
        raise LpsrError(f"{path}: TensorRT {major} refuses this plugin; build it again with: lpsr-export plugin")
