"""What a cameras file says, as frozen objects."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_run.cameras.polygon import Polygon
from lpsr_run.cameras.schedule import Schedule
from lpsr_run.redact import redact


@dataclass(frozen=True)
class Zone:
    """A named part of a camera's picture.

    Attributes:
        name: that reads are told.
        polygon: holds the centres of its plates.
    """

    name: str
    polygon: Polygon


@dataclass(frozen=True)
class Camera:
    """One camera.

    Attributes:
        name: unique within the file; what its reads, states and logs call it.
        address: a URL with user and password, a file, a camera number or a GStreamer pipeline. Never print it; see
            `shown`.
        zones: in the order in which they are asked; of overlapping ones the first counts.
        zones_only: whether plates outside all zones are ignored.
        masks: painted over before anything looks at a frame, so that they are in no picture either.
        layouts: that its plates may follow; None for those of the run.
        locator_threshold: least score of a plate, 0..1; None for that of the run.
        min_confidence: lowest confidence of a read, 0..1; None for that of the run.
        pixel_aspect: width of a pixel divided by its height; None believes the camera.
        stream: number of the stream to read; None takes the largest.
        stride: every so many frames.
        decode: what decodes, see `lpsr_run.sources.options.DECODERS`.
        silence: seconds without a frame after which it is connected anew.
        give_up: seconds without a frame after which it fails; 0 never does.
        schedule: when it is read; None for always. Recordings are read at any time.
        sinks: names of the alert sinks that may get its reads; None for all.
        enabled: whether it is read at all.
    """

    name: str
    address: str = field(repr=False)
    zones: tuple[Zone, ...] = ()
    zones_only: bool = False
    masks: tuple[Polygon, ...] = ()
    layouts: tuple[Layout, ...] | None = None
    locator_threshold: float | None = None
    min_confidence: float | None = None
    pixel_aspect: float | None = None
    stream: int | None = None
    stride: int = 1
    decode: str = "software"
    silence: float = 30.0
    give_up: float = 0.0
    schedule: Schedule | None = None
    sinks: tuple[str, ...] | None = None
    enabled: bool = True

    @property
    def shown(self) -> str:
        """The address without its credentials."""
        return redact(self.address)


def topic_name(camera: str) -> str:
    """A camera's name as a part of an MQTT topic, and of the identifiers that Home Assistant takes.

    What is not of ASCII is left out; a name of which nothing would be left gets a digest.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", camera).strip("_").lower()
    return name or f"camera_{sha256(camera.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class CamerasFile:
    """The cameras of a file, in its order.

    Attributes:
        path: of the file.
        cameras: at least one; also those that are not enabled.
    """

    path: Path
    cameras: tuple[Camera, ...]

    @property
    def enabled(self) -> tuple[Camera, ...]:
        """The cameras that are to be read."""
        return tuple(camera for camera in self.cameras if camera.enabled)

    def layouts(self, others: tuple[Layout, ...] = DEFAULT_LAYOUTS) -> tuple[Layout, ...]:
        """All layouts that some camera's plates may follow, each pattern once; `others` are of cameras without any."""
        found = [layout for camera in self.enabled for layout in camera.layouts or others]
        return tuple({layout.pattern: layout for layout in reversed(found)}.values())[::-1]

    def find(self, name: str) -> Camera | None:
        """The camera of a name."""
        return next((camera for camera in self.cameras if camera.name == name), None)
