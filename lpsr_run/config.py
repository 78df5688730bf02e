"""The configuration of a run: one frozen object, from defaults, a TOML file and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lpsr_core.errors import UsageError, need
from lpsr_core.layouts import parse_layouts
from lpsr_core.options import check_options, flag, load_options
from lpsr_run.engines.backends import BACKENDS, is_triton
from lpsr_run.locate.region import parse_region
from lpsr_run.options import RunOptions
from lpsr_run.redact import redact, redact_address, shown
from lpsr_run.retention.policy import Retention, parse_bytes
from lpsr_run.secrets import Scrubber, header, is_reference, redact_header, redact_option, resolve
from lpsr_run.sources.raw import parse_raw

_OF_CAMERAS = {
    "name": "cameras have theirs in the cameras file",
    "region": "give the camera a [[camera.zone]] and zones_only in the cameras file",
    "raw": "standard input is no camera",
    "annotate": "it shows one source; give that as --video",
    **dict.fromkeys(
        ("stream", "stride", "pixel_aspect", "decode", "give_up", "silence"),
        "cameras have theirs in the cameras file, or all of them in its [defaults]",
    ),
}
"""Options of single sources, and where a cameras file has them."""


@dataclass(frozen=True)
class RunConfig(RunOptions):
    """Everything that decides what a run does; the help of each option says what its field means."""

    def check(self) -> None:
        """Validate the values, and make sure of the packages that they need.

        Raises:
            UsageError: with the option and what it takes.
            MissingExtraError: an optional package is not installed.
        """
        sources = [bool(self.video), self.cameras is not None, self.crops is not None, bool(self.fuse)]
        if sources.count(True) != 1:
            raise UsageError("give exactly one of --video, --cameras, --crops and --fuse")
        if self.cameras is not None:
            for name, where in _OF_CAMERAS.items():
                if getattr(self, name) != getattr(RunConfig(), name):
                    raise UsageError(f"{flag(name)} is for --video; {where}")
        self.check_values()
        if self.mqtt is not None:
            need("paho", "paho-mqtt", "mqtt")
        if self.sign is not None:
            need("cryptography", "cryptography", "evidence")

    def check_values(self) -> None:
        """Validate everything but the presence of a source.

        Raises:
            UsageError: with the option and what it takes.
        """
        check_options(self)
        if self.name and len(self.name) != len(self.video):
            raise UsageError(
                f"--name: {len(self.name)} for {len(self.video)} --video; give one for each, in their order"
            )
        if (twice := _twice(self.source_names)) is not None:
            raise UsageError(f"two sources are called {twice}; give each its own --name")
        if any(not name.strip() or not name.isprintable() for name in self.name):
            raise UsageError("--name is a word that can be printed")
        if len(self.video) > 1 and self.annotate:
            raise UsageError("--annotate shows one source; give a single --video")
        if self.watch_list and self.annotate:
            raise UsageError("--annotate shows every plate; leave it out, or --watch-list")
        if self.watch_list and self.evidence and not self.blur:
            raise UsageError("--evidence holds frames with every plate in them; add --blur beside --watch-list")
        if self.sign and not self.evidence:
            raise UsageError("--sign is for the folders of --evidence")
        if self.blur and not self.evidence:
            raise UsageError("--blur is for the frames of --evidence")
        if self.crop_specs and (self.annotate or self.detector or self.region):
            raise UsageError("--annotate, --detector and --region need --video; crops are plates already")
        if self.crop_specs and self.locator_threshold:
            raise UsageError("--locator-threshold needs --video; crops are plates already")
        if self.region is not None:
            parse_region(self.region)
        if self.raw is not None:
            parse_raw(self.raw)
        if self.video.count("-") > 1:
            raise UsageError("standard input can be read once; give a single --video -")
        if not is_triton(self.backend) and self.backend not in BACKENDS:
            known = ", ".join((*BACKENDS, "triton://HOST:PORT"))
            raise UsageError(f"--backend is one of {known}, not {self.backend!r}")
        if self.device and self.backend != "openvino":
            raise UsageError("--device names one of OpenVINO's; give --backend openvino with it")
        parse_layouts(self.layouts)
        for name in ("keep_bytes", "spool_limit"):
            parse_bytes(getattr(self, name), flag(name))
        if self.webhook_header and self.webhook is None:
            raise UsageError("--webhook-header is for --webhook; give one")
        for value in (*self.video, self.webhook, self.mqtt):
            resolve(value or "")
        for text in self.webhook_header:
            header(text)

    @property
    def retention(self) -> Retention:
        """What each output keeps."""
        return Retention(
            self.keep_days or None, self.keep_reads or None, parse_bytes(self.keep_bytes, "--keep-bytes") or None
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """The videos themselves, where some say where they are (`@FILE`, `env:NAME`)."""
        return tuple(map(resolve, self.video))

    @property
    def scrubber(self) -> Scrubber:
        """Takes the secrets of this configuration out of texts."""
        headers = [word for text in self.webhook_header for word in header(text)[1]().split()]
        hooks = [resolve(value) for value in (self.webhook, self.mqtt) if value is not None]
        paths = [part for hook in hooks for part in urlsplit(hook).path.split("/")[2:]]
        return Scrubber((*self.addresses, *hooks), (*headers, *paths))

    @property
    def crop_specs(self) -> tuple[str, ...]:
        """Files, folders and globs of images that are plates already; empty where plates must be found."""
        return self.fuse if self.crops is None else (self.crops,)

    @property
    def source_names(self) -> tuple[str, ...]:
        """What the videos are called in reads, states and logs."""
        return self.name or tuple(map(redact_option, self.video))

    def changed(self, values: Mapping[str, Any]) -> RunConfig:
        """A copy with other values; None leaves a value as it is."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def without_source(self) -> RunConfig:
        """A copy that names no source."""
        return replace(self, video=(), name=(), crops=None, cameras=None, fuse=())

    def as_dict(self) -> dict[str, Any]:
        """For run.json, without credentials."""
        values = {name: shown(value) if isinstance(value, str) else value for name, value in asdict(self).items()}
        values["video"] = [redact_option(source) for source in self.video]
        values["webhook_header"] = [redact_header(text) for text in self.webhook_header]
        for name in ("store", "webhook", "mqtt"):
            if values[name] is not None and not is_reference(values[name]):
                values[name] = redact(values[name]) if name == "store" else redact_address(values[name])
        return values


def load_config(path: Path) -> RunConfig:
    """Read a configuration from a TOML file whose keys are the attributes of `RunConfig`.

    Raises:
        UsageError: it is missing, not TOML, or holds a key or a type that the configuration has not.
    """
    return load_options(RunConfig, path)


def _twice(names: Sequence[str]) -> str | None:
    """A name that comes more than once."""
    return next((name for index, name in enumerate(names) if name in names[:index]), None)
