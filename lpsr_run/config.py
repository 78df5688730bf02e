"""The configuration of a run: one frozen object, from defaults, a TOML file and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from lpsr_core.cards import PRECISIONS, Precision
from lpsr_core.decode import CERTAIN, MIN_PLATE
from lpsr_core.errors import UsageError, need
from lpsr_core.layouts import parse_layouts
from lpsr_core.tomlfile import read_toml
from lpsr_core.views import SUPER_RESOLVE, VIEWS, SuperResolve, Views
from lpsr_run.engines.backends import BACKENDS, Backend, is_triton
from lpsr_run.locate.region import parse_region
from lpsr_run.redact import redact, redact_address, shown
from lpsr_run.retention.policy import WHEN_FULL, Retention, parse_bytes
from lpsr_run.secrets import Scrubber, header, is_reference, redact_header, redact_option, resolve
from lpsr_run.sources.decoding import PIXEL_ASPECTS
from lpsr_run.sources.options import DECODERS
from lpsr_run.sources.raw import parse_raw

LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)
_DAY = 86400.0
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
_KINDS: dict[str, type] = {"stream": int, "pixel_aspect": float}
"""Types of those that are no strings and None by default."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run does.

    Attributes:
        video: frames: files, folders of images, globs, URLs or camera numbers. Either this or `crops`.
        cameras: TOML file of cameras, in place of `video`.
        name: names of the sources, one for each of `video`; without any they are named by their paths and addresses.
        crops: images that are plates already: a file, folder or glob.
        fuse: images of one plate that are read as one: files, folders or globs. In place of `video` and `crops`.
        out: folder for reads.jsonl, run.json and pictures.
        super_resolve: which crops go through the generator.
        views: `auto` reads crops in further views where the first look is not sure, `one` takes one look at each.
        generator, reader: a released model's name or the path of an .onnx file.
        precision: variant of a released model.
        backend: what runs the models: a runtime, or the URL of a Triton server.
        device: of the OpenVINO backend: CPU, GPU, NPU or AUTO; its CPU when empty.
        threads: CPU threads of the models; 0 lets the runtime choose.
        batch: most crops in one forward pass.
        locator: what finds plates: `auto` takes the released network, or `classical` where there is none; a released
            name, or the path of an .onnx file.
        locator_threshold: least score of a plate, 0..1, of the network or the detector; 0 takes its own.
        detector: a user's own .onnx of the YOLO or RT-DETR family in place of the locator.
        region: the part of each frame that is searched, `x,y,width,height` in pixels or in shares; None for all of it.
        layouts: names or patterns that plates may follow.
        min_confidence: reads below are dropped, 0..1; crops are always read.
        min_plate: plate score below which nothing counts as a plate, 0..1; 0 shows all.
        certain: probability below which a character is `?` in the certain text, 0..1.
        min_frames: frames that a track of a video needs, unless its confidence is at least `sure`.
        sure: confidence from which a single frame of a video suffices, 0..1.
        raw: form of the raw frames on standard input (`-` among the videos), as `1280x720@25`.
        stride: of a video, every so many frames.
        explain: whether every track that does not become a read is told on standard error, with the reason.
        annotate: where to write a video with boxes and texts; None for none.
        stream: number of the stream that is read of files and network streams; None takes the largest.
        pixel_aspect: width of a pixel divided by its height, where the video says it wrongly; None believes it.
        decode: what decodes videos, see `DECODERS`.
        early: whether plates of live sources are told while they are still seen, and again at their end.
        overwrite: whether an existing video may be replaced by the annotated one.
        pictures: whether to keep the pictures of each read.
        csv: file that reads are appended to as a table; None for none.
        store: SQLite database, or `postgresql://` address of one, that reads are added to; None for none.
        keep_days, keep_reads, keep_bytes: what each of the outputs keeps (reads, table, store, pictures, evidence,
            spools): reads not older than so many days, the newest so many, and a size such as `20G`; 0 for all.
        webhook: http or https address that each read is posted to, or `@FILE` or `env:NAME` that holds it; None for
            none.
        webhook_header: `Name: value`, whose words may be `@FILE` or `env:NAME`.
        mqtt: `mqtt://host/topic` that each read is published to, or where that is; None for none.
        spool_limit: size such as `500M` that each spool may grow to; 0 for any.
        spool_full: `drop` removes the oldest reads of a full spool, `stop` ends the run.
        evidence: folder of a folder a read with pictures, full frame and digests; None for none.
        sign: file of the Ed25519 key that signs the evidence, made where it is missing; None for none.
        blur: blurs everything outside the plate in the full frames of the evidence.
        alerts: TOML file of watch lists and alert sinks; None for none.
        watch_list: file of texts; all others are told as digests, without pictures. None tells all.
        status: file that holds the run's state, replaced every second; None for none.
        log: file that events are appended to as JSON lines; None for none.
        log_format: `json` prints events and reads as JSON lines on standard output in place of messages and table.
        give_up: seconds without a frame after which a live source fails; 0 never does.
        silence: seconds without a frame after which a live source is connected anew, unless it has shown to be slow.
        watchdog: seconds that the work on one frame may take before the run ends with exit code 75; 0 for any time.
    """

    video: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    crops: str | None = None
    fuse: tuple[str, ...] = ()
    cameras: str | None = None
    out: str = "runs/latest"
    super_resolve: SuperResolve = "auto"
    views: Views = "auto"
    generator: str = "lite"
    reader: str = "lite"
    precision: Precision = "fp32"
    backend: Backend = "auto"
    device: str = ""
    threads: int = 0
    batch: int = 16
    locator: str = "auto"
    locator_threshold: float = 0.0
    detector: str | None = None
    region: str | None = None
    layouts: tuple[str, ...] = ("brazilian", "mercosur")
    min_confidence: float = 0.3
    min_plate: float = MIN_PLATE
    certain: float = CERTAIN
    min_frames: int = 2
    sure: float = 0.9
    raw: str | None = None
    stride: int = 1
    explain: bool = False
    stream: int | None = None
    pixel_aspect: float | None = None
    decode: str = "software"
    early: bool = True
    annotate: str | None = None
    overwrite: bool = False
    pictures: bool = True
    csv: str | None = None
    store: str | None = None
    keep_days: float = 0.0
    keep_reads: int = 0
    keep_bytes: str = "0"
    webhook: str | None = None
    webhook_header: tuple[str, ...] = ()
    mqtt: str | None = None
    spool_limit: str = "0"
    spool_full: str = "drop"
    evidence: str | None = None
    sign: str | None = None
    blur: bool = False
    alerts: str | None = None
    watch_list: str | None = None
    status: str | None = None
    log: str | None = None
    log_format: LogFormat = "text"
    give_up: float = 0.0
    silence: float = 30.0
    watchdog: float = 0.0

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
                    raise UsageError(f"{_option(name)} is for --video; {where}")
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
        for name, choices in (
            ("super_resolve", SUPER_RESOLVE),
            ("views", VIEWS),
            ("precision", PRECISIONS),
            ("backend", (self.backend,) if is_triton(self.backend) else (*BACKENDS, "triton://HOST:PORT")),
            ("decode", DECODERS),
            ("spool_full", WHEN_FULL),
            ("log_format", LOG_FORMATS),
        ):
            if getattr(self, name) not in choices:
                raise UsageError(f"{_option(name)} is one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if self.device and self.backend != "openvino":
            raise UsageError("--device names one of OpenVINO's; give --backend openvino with it")
        for name, least in (("threads", 0), ("batch", 1), ("min_frames", 1), ("stride", 1), ("keep_reads", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{_option(name)} is at least {least}, not {getattr(self, name)}")
        for name in ("min_confidence", "min_plate", "certain", "sure"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{_option(name)} is between 0 and 1, not {getattr(self, name)}")
        if not 0 <= self.locator_threshold < 1:
            raise UsageError(f"--locator-threshold is at least 0 and less than 1, not {self.locator_threshold}")
        for name in ("keep_days", "give_up", "watchdog"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{_option(name)} is at least 0, not {getattr(self, name)}")
        if self.stream is not None and self.stream < 0:
            raise UsageError(f"--stream is at least 0, not {self.stream}")
        if self.pixel_aspect is not None and not PIXEL_ASPECTS[0] <= self.pixel_aspect <= PIXEL_ASPECTS[1]:
            raise UsageError(
                f"--pixel-aspect is between {PIXEL_ASPECTS[0]} and {PIXEL_ASPECTS[1]}: a pixel's width by its height"
            )
        if not 0 < self.silence <= _DAY:
            raise UsageError(f"--silence is more than 0 seconds and at most a day, not {self.silence}")
        parse_layouts(self.layouts)
        for name in ("keep_bytes", "spool_limit"):
            parse_bytes(getattr(self, name), _option(name))
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
    """A configuration from a TOML file whose keys are the attributes of `RunConfig`.

    Raises:
        UsageError: it is missing, not TOML, or holds a key or a type that the configuration has not.
    """
    values = read_toml(path)
    defaults = RunConfig()
    known = {entry.name for entry in fields(RunConfig)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise UsageError(f"{path}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return replace(defaults, **{name: _typed(path, name, value) for name, value in values.items()})


def _typed(path: Path, name: str, value: Any) -> Any:
    """The value in the type of the attribute; TOML has no tuples, and writes a whole 1 for 1.0."""
    default = getattr(RunConfig(), name)
    kind: type = _KINDS.get(name, str) if default is None else type(default)
    if kind is float and type(value) is int:
        return float(value)
    if name != "video" and kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if name == "video" and not isinstance(value, bool):  # one of them, or a camera's number
        values = value if isinstance(value, list) else [value]
        if all(type(item) in (str, int) for item in values):
            return tuple(map(str, values))
    if type(value) is not kind:
        wanted = "list of strings" if kind is tuple else kind.__name__
        raise UsageError(f"{path}: {name} is a {wanted}, not {value!r}")
    return value


def _twice(names: Sequence[str]) -> str | None:
    """A name that comes more than once."""
    return next((name for index, name in enumerate(names) if name in names[:index]), None)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
