"""TensorRT's module and the plugin, for those who build engines and those who run them; imported when first needed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_core.plugin_library import PluginLibrary

PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE = "LpsrDeformConv", "1", "lpsr"
"""Of the plugin's creator, as engines/plugin/tensorrt/attributes.h has them."""


def import_tensorrt() -> Any:
    """Return the tensorrt module.

    Raises:
        MissingExtraError: it is not installed.
        LpsrError: its libraries do not load.
    """
    return _imported("tensorrt", "tensorrt")


def import_tensorrt_rtx() -> Any:
    """Return the module of TensorRT for RTX: same interface, engines for all GeForce and RTX GPUs, no plugins.

    Raises:
        MissingExtraError: it is not installed.
        LpsrError: its libraries do not load.
    """
    return _imported("tensorrt_rtx", "rtx")


def _imported(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise MissingExtraError(name, extra) from None
    except (ImportError, OSError) as error:
        raise LpsrError(f"TensorRT does not load: {str(error).splitlines()[0]}") from None


def load_plugin(path: Path, digest: str = "") -> None:
    """Register the plugin library with TensorRT, before anything that holds its nodes is parsed or loaded.

    Args:
        path: of the library.
        digest: sha256 that its bytes must have, where that is known.

    Raises:
        LpsrError: there is no such file, it is another than it should be or for another TensorRT, or TensorRT refuses
            it; none of these is loaded.
    """
    trt = import_tensorrt()
    library = PluginLibrary.read(path)
    if digest and library.sha256 != digest:
        raise LpsrError(
            f"{path}: not the plugin that the engine was built with (sha256 {library.sha256[:12]} instead of "
            f"{digest[:12]}); copy the engine's folder whole, or build the engine again"
        )
    library.check(str(trt.__version__))
    registry = trt.get_plugin_registry()
    if registry.get_creator(PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE) is not None:
        return
    if registry.load_library(str(path)) is None:
        raise LpsrError(f"{path}: TensorRT {trt.__version__} refuses this plugin; build it again: lpsr-export plugin")
