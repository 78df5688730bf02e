"""The cameras file: TOML, with secrets in environment variables or files of their own."""

from __future__ import annotations

import math
import re
from pathlib import Path

from lpsr_core.errors import UsageError
from lpsr_core.layouts import Layout, parse_layouts
from lpsr_run.cameras.polygon import Polygon, parse_polygon
from lpsr_run.cameras.schedule import parse_schedule
from lpsr_run.cameras.settings import Camera, CamerasFile, Zone
from lpsr_run.sources.decoding import PIXEL_ASPECTS
from lpsr_run.sources.options import DECODERS
from lpsr_run.tomlfile import Table, read_toml

_NAME = re.compile(r"[\w][\w .-]{0,63}")
_OWN = ("name", "address", "password", "password_file", "zone", "mask", "enabled")
_SHARED = (
    *("layouts", "locator_threshold", "min_confidence", "pixel_aspect", "stream", "stride", "decode"),
    *("silence", "give_up", "schedule", "sinks", "zones_only"),
)
_DAY = 86400.0


def load_cameras(path: Path) -> CamerasFile:
    """Read a cameras file.

    Paths in it are taken from its own folder.

    Raises:
        UsageError: it cannot be read, or says something that cannot be meant; the line names file, line and key.
    """
    document = read_toml(path)
    root = document.root
    root.only("camera", "defaults")
    defaults = root.table("defaults")
    if defaults is not None:
        defaults.only(*_SHARED)
    cameras: list[Camera] = []
    for table in root.tables("camera"):
        camera = _camera(Table(document, table.key, table.values, defaults))
        if any(camera.name == other.name for other in cameras):
            raise table.error("name", f"{camera.name!r} is the name of another camera; give each its own")
        cameras.append(camera)
    if not cameras:
        raise UsageError(f"{path}: holds no cameras; write [[camera]] with a name and an address for each")
    if not any(camera.enabled for camera in cameras):
        raise UsageError(f"{path}: no camera is enabled; remove enabled = false from at least one")
    return CamerasFile(path, tuple(cameras))


def _camera(table: Table) -> Camera:
    table.only(*_OWN, *_SHARED)
    name = table.text("name")
    if not _NAME.fullmatch(name):
        raise table.error("name", f"{name!r} has other characters than letters, digits, spaces and ._-, or over 64")
    enabled = table.flag("enabled", True)
    schedule = table.table("schedule")
    aspect = table.number("pixel_aspect", 1.0, *PIXEL_ASPECTS) if table.has("pixel_aspect") else None
    zones = tuple(_zone(zone) for zone in table.tables("zone"))
    twice = {zone.name for zone in zones if sum(zone.name == other.name for other in zones) > 1}
    if twice:
        raise table.error("zone", f"two zones are called {min(twice)!r}; give each its own name")
    zones_only = table.flag("zones_only")
    if "zones_only" in table.values and zones_only and not zones:
        raise table.error("zones_only", "needs zones; write [[camera.zone]] with a name and a polygon")
    return Camera(
        name,
        _address(table) if enabled else table.text("address"),
        zones,
        zones_only and bool(zones),
        tuple(_polygon(mask) for mask in table.tables("mask")),
        _layouts(table),
        table.number("locator_threshold", 0.0, 0.0, 0.999) if table.has("locator_threshold") else None,
        table.number("min_confidence", 0.0, 0.0, 1.0) if table.has("min_confidence") else None,
        aspect,
        table.whole("stream", 0, 0, 1000) if table.has("stream") else None,
        table.whole("stride", 1, 1, 10**6),
        table.choice("decode", DECODERS, "software"),
        table.number("silence", 30.0, 0.1, _DAY),
        table.number("give_up", 0.0, 0.0, math.inf),
        None if schedule is None else parse_schedule(schedule),
        table.texts("sinks"),
        enabled,
    )


def _address(table: Table) -> str:
    """The address with its credentials. A path of a file is taken from the folder of the cameras file."""
    address = table.address()
    if address == "-":
        raise table.error("address", "standard input is no camera; give it to --video")
    if "://" in address or address.startswith("gst:") or address.isdigit():
        return address
    return str(table.document.beside(address))


def _layouts(table: Table) -> tuple[Layout, ...] | None:
    words = table.texts("layouts")
    if words is None:
        return None
    files = tuple(str(table.document.beside(word)) if word.lower().endswith(".toml") else word for word in words)
    with table.about("layouts"):
        return parse_layouts(files)


def _zone(table: Table) -> Zone:
    table.only("name", "polygon")
    return Zone(table.text("name"), _polygon(table))


def _polygon(table: Table) -> Polygon:
    table.only("name", "polygon")
    if not table.has("polygon"):
        raise table.error("", "polygon is missing")
    with table.about("polygon"):
        return parse_polygon(table.get("polygon"))
