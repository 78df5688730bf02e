"""The options of a run: of `lpsr-run`, of its TOML file and of `RunConfig`. Imports nothing heavy: help is quick."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from lpsr_core.options import option
from lpsr_core.settings import (
    CERTAIN,
    DECODERS,
    MIN_PLATE,
    PIXEL_ASPECTS,
    PRECISIONS,
    SUPER_RESOLVE,
    VIEWS,
    Precision,
    SuperResolve,
    Views,
)
from lpsr_run.retention.policy import WHEN_FULL

LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)
_DAY = 86400
_source = partial(option, panel="Sources")
_inference = partial(option, panel="Inference")
_location = partial(option, panel="Location")
_acceptance = partial(option, panel="Acceptance")
_output = partial(option, panel="Outputs")
_retention = partial(option, panel="Retention")
_delivery = partial(option, panel="Delivery")
_evidence = partial(option, panel="Evidence and privacy")
_operation = partial(option, panel="Operation")


@dataclass(frozen=True)
class RunOptions:
    """The options of a run, in the order of the help. What each one means is its help."""

    video: tuple[str, ...] = _source(
        "Video file, image, folder of images, glob, stream URL or camera number. Repeatable.",
        "SOURCE",
        (),
        single=True,
        example=("gate.mp4",),
    )
    name: tuple[str, ...] = _source(
        "Name of the source in reads, state and logs. One per --video, in the same order.",
        "NAME",
        (),
        example=("gate",),
    )
    cameras: str | None = _source(
        "TOML file of cameras, with zones, masks and hours; SIGHUP reloads it. Not with --video.",
        "FILE",
        None,
        example="cameras.toml",
    )
    crops: str | None = _source(
        "Images already cropped to one plate each: folder, glob or file. Excludes --video.",
        "PATH",
        None,
        example="plates",
    )
    fuse: tuple[str, ...] = _source(
        "Crops of one plate, read as one: a folder, glob or file; repeat it for several. Not with --video.",
        "PATH",
        (),
        example=("plates",),
    )
    out: str = _output(
        "Output folder for reads.jsonl, run.json and pictures. Results of an earlier run are moved to earlier-N "
        "inside it; a run over --crops that was stopped goes on.",
        "DIR",
        "runs/latest",
    )
    super_resolve: SuperResolve = _inference(
        "Which plates are super-resolved. auto: those of fewer pixels than 64 x 21, and those with an uncertain read.",
        default="auto",
        choices=SUPER_RESOLVE,
    )
    views: Views = _inference(
        "auto: read a plate again from other crops when the first result is uncertain. one: read once.",
        default="auto",
        choices=VIEWS,
    )
    generator: str = _inference("Model name or .onnx file.", "MODEL", "lite")
    reader: str = _inference("Model name or .onnx file.", "MODEL", "lite")
    precision: Precision = _inference("Precision of named models.", default="fp32", choices=PRECISIONS)
    backend: str = _inference(
        "Inference backend: onnxruntime, cuda, tensorrt, tensorrt-rtx, openvino, triton://HOST:PORT, or auto for the "
        "fastest one available.",
        "NAME",
        "auto",
    )
    device: str = _inference("OpenVINO device.", "CPU|GPU|NPU", "", default_words="CPU", example="CPU")
    threads: int = _inference("Number of CPU threads for inference.", "N", 0, least=0, default_words="one per core")
    batch: int = _inference("Maximum number of plates per forward pass.", "N", 16, least=1)
    locator: str = _location(
        "Plate locator: a model name or an .onnx file.", "NAME", "auto", default_words="the released one"
    )
    locator_threshold: float = _location(
        "Minimum score of a detection. Lower values find more plates and more false detections.",
        "P",
        0.0,
        least=0,
        less_than=1,
        default_words="the locator's own",
    )
    region: str | None = _location(
        "Region of the frame to search, in pixels or in fractions of the frame.",
        "X,Y,W,H",
        None,
        default_words="the whole frame",
        example="0,0.5,1,0.5",
    )
    detector: str | None = _location(
        "ONNX detector (YOLO, RT-DETR) that replaces the built-in locator.", "FILE", None, example="detector.onnx"
    )
    layouts: tuple[str, ...] = _acceptance(
        "Allowed plate layouts: names, patterns such as LLDDDLL, or a TOML file.",
        "LIST",
        ("brazilian", "mercosur"),
        separator=",",
    )
    min_confidence: float = _acceptance(
        "Minimum confidence of a read. Ignored with --crops.", "P", 0.3, least=0, most=1
    )
    min_plate: float = _acceptance(
        "Minimum score of a plate, less where the locator is sure; lower ones are not reported. 0 keeps everything.",
        "P",
        MIN_PLATE,
        least=0,
        most=1,
    )
    certain: float = _acceptance(
        "Minimum probability of a character in `certain`; others are shown as ?.", "P", CERTAIN, least=0, most=1
    )
    min_frames: int = _acceptance("Minimum number of frames of a track, unless one frame is certain.", "N", 2, least=1)
    sure: float = _acceptance(
        "Confidence from which one frame of a video suffices.", "P", 0.9, least=0, most=1, file_only=True
    )
    raw: str | None = _source(
        "Size and rate of raw RGB frames on standard input (--video -).", "WxH@RATE", None, example="1280x720@25"
    )
    stride: int = _source("Process every Nth frame of a video.", "N", 1, least=1)
    explain: bool = _operation("Report each track that did not become a read, with the reason.", default=False)
    stream: int | None = _source(
        "Index of the video stream in the file.", "N", None, least=0, default_words="the largest stream", example=0
    )
    pixel_aspect: float | None = _source(
        "Pixel aspect ratio (width / height), to override a wrong one in the file.",
        "R",
        None,
        least=PIXEL_ASPECTS[0],
        most=PIXEL_ASPECTS[1],
        example=1.5,
    )
    decode: str = _source(
        "Video decoder: software, auto, or a device such as cuda.", "NAME", "software", choices=DECODERS
    )
    early: bool = _output(
        "Report plates of live sources as soon as the read is certain, and again when the track ends.", default=True
    )
    annotate: str | None = _output("Write an .mp4 video with boxes and texts.", "FILE", None, example="seen.mp4")
    overwrite: bool = _output("Allow --annotate to replace an existing file.", default=False)
    pictures: bool = _output("Save the crops of reads.", default=True)
    csv: str | None = _output("Append reads to a CSV file.", "FILE", None, example="reads.csv")
    store: str | None = _output(
        "Insert reads into an SQLite database (a file) or a PostgreSQL database (postgresql://).",
        "FILE",
        None,
        example="reads.sqlite",
    )
    keep_days: float = _retention(
        "Delete reads after N days from all outputs: reads, table, store, pictures, evidence, spool.",
        "N",
        0.0,
        least=0,
        default_words="never",
    )
    keep_reads: int = _retention(
        "Maximum number of reads in each of these outputs; the oldest are deleted.",
        "N",
        0,
        least=0,
        default_words="no limit",
    )
    keep_bytes: str = _retention(
        "Maximum size of each of these outputs, such as 20G.", "SIZE", "0", default_words="no limit"
    )
    webhook: str | None = _delivery(
        "POST each read as JSON. Reads that cannot be delivered are queued in OUT/spool. The URL may be @FILE or "
        "env:NAME, as for --video and --mqtt, to keep secrets out of the process list.",
        "URL",
        None,
        example="https://host/reads",
    )
    webhook_header: tuple[str, ...] = _delivery(
        "Additional HTTP header, such as 'Authorization: Bearer @FILE'. Repeatable.",
        "HEADER",
        (),
        example=("X-Gate: north",),
    )
    mqtt: str | None = _delivery(
        "Publish each read to mqtt://host/topic. Reads that cannot be delivered are queued in OUT/spool-mqtt.",
        "URL",
        None,
        example="mqtt://host/plates",
    )
    spool_limit: str = _delivery("Maximum size of a spool, such as 500M.", "SIZE", "0", default_words="no limit")
    spool_full: str = _delivery(
        "When a spool is full: drop the oldest reads and count them, or stop the run.",
        default="drop",
        choices=WHEN_FULL,
    )
    evidence: str | None = _evidence(
        "Write one evidence folder per read: pictures, full frame and digests.", "DIR", None, example="evidence"
    )
    sign: str | None = _evidence(
        "Ed25519 key that signs the evidence chain. Created if it does not exist.", "KEY", None, example="evidence.key"
    )
    blur: bool = _evidence("Blur everything outside the plate in evidence frames.", default=False)
    alerts: str | None = _delivery(
        "TOML file of watch lists and alert sinks; SIGHUP reloads lists and rules.",
        "FILE",
        None,
        example="alerts.toml",
    )
    watch_list: str | None = _evidence(
        "File of plate texts to report in clear. All other plates are reported as digests, without pictures.",
        "FILE",
        None,
        example="watch.txt",
    )
    status: str | None = _operation(
        "Write the state of the run as JSON every second.", "FILE", None, example="status.json"
    )
    log: str | None = _operation(
        "Append events to a log file, one JSON object per line.", "FILE", None, example="events.jsonl"
    )
    log_format: LogFormat = _operation(
        "json: print events and reads as JSON lines instead of messages and a table.",
        default="text",
        choices=LOG_FORMATS,
    )
    give_up: float = _operation(
        "End a live source after S seconds without a frame.", "S", 0.0, least=0, default_words="never"
    )
    silence: float = _operation(
        "Reconnect to a live source after S seconds without a frame.", "S", 30.0, more_than=0, most=_DAY
    )
    watchdog: float = _operation(
        "Exit with code 75 when the work on one frame takes longer than S seconds.",
        "S",
        0.0,
        least=0,
        default_words="no limit",
    )
