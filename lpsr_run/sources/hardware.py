"""Devices that decode videos in place of the processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lpsr_core.errors import LpsrError


def find_hardware(decode: str, name: str, note: Callable[[str], None]) -> Any:
    """PyAV's description of the device that decodes, or None for the processor.

    Frames come back into the processor's memory; what a device cannot decode the processor does.

    Args:
        decode: one of `DECODERS`.
        name: of the source, as it may be shown.
        note: told which device decodes, where one was searched for.

    Raises:
        LpsrError: the device that is asked for is not there.
    """
    if decode == "software":
        return None
    from av.codec.hwaccel import HWAccel, hwdevices_available

    known = hwdevices_available()
    for device in known if decode == "auto" else (decode,):
        if device in known and _works(device):
            note(f"{name}: decoded by {device} where it can")
            return HWAccel(device_type=device, allow_software_fallback=True)
    if decode == "auto":
        return None
    raise LpsrError(
        f"{name}: --decode {decode}: no such device here; this FFmpeg knows {', '.join(known) or 'none'}, "
        "and --decode auto takes the first that works"
    )


def _works(device: str) -> bool:
    from av.codec import Codec
    from av.codec.hwaccel import HWAccel

    try:
        HWAccel(device_type=device, allow_software_fallback=False).create(Codec("h264", "r"))
    except Exception:  # of whatever kind a driver's absence is
        return False
    return True
