"""Whether half precision pays on a device."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch


@functools.cache
def has_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies in bfloat16 itself.

    Others emulate it: on a processor with AVX2 alone a training step takes ten times as long as in float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch before 2.11 has none
    return any(bool(capabilities.get(name)) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def autocast(device: torch.device, wanted: bool) -> torch.autocast:
    """Return the context of a forward pass: bfloat16 where it is wanted and the device has it, else float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and has_bf16(device))
