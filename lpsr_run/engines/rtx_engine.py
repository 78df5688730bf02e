"""Engines of TensorRT for RTX: run as TensorRT's are, and compiled to the end at a machine's first start.

What that compiles is kept in a cache file of the user's, so that later starts are fast.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from lpsr_core.files import replace_file
from lpsr_core.model_folders import cache_folder
from lpsr_core.plans import PlanRuntime
from lpsr_core.tensorrt import import_tensorrt_rtx
from lpsr_run.engines.tensorrt_engine import TensorRtEngine


class TensorRtRtxEngine(TensorRtEngine):
    """A plan that TensorRT for RTX runs; see `TensorRtPlan`."""

    runtime: PlanRuntime = "tensorrt-rtx"
    _config: Any = None
    _cache: Any = None

    def keep(self) -> None:
        """Writes what was compiled for this GPU, for the next start; the CUDA context must be current."""
        if self._cache is None:
            return
        data = bytes(self._cache.serialize())
        path = self.cache_file
        with contextlib.suppress(OSError):  # a cache is no reason to fail
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, data)

    @property
    def cache_file(self) -> Path:
        """Where it is kept; one for each engine, version and GPU."""
        return cache_folder("rtx") / f"{self.card.sha256[:16]}-{self._gpu.sm}-{self._gpu.multiprocessors}.cache"

    def _module(self) -> Any:
        return import_tensorrt_rtx()

    def _context(self) -> Any:
        if self._config is None:
            trt = self._trt
            self._config = self._engine.create_runtime_config()
            self._config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
            self._cache = self._config.create_runtime_cache()
            with contextlib.suppress(OSError):
                self._cache.deserialize(self.cache_file.read_bytes())  # refuses what another GPU or driver left
            self._config.set_runtime_cache(self._cache)
        return self._engine.create_execution_context(self._config)
