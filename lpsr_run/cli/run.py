"""The command line of `lpsr-run`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_core.errors import LpsrError, run_command

# Plain text: usage errors and help stay readable in logs and in narrow terminals.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-run {__version__}")
        raise typer.Exit


@app.command()
def read_plates(
    video: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="Video file, image, folder of images, glob, stream URL or camera number. Repeatable.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Name of the source in reads, state and logs. One per --video, in the same order."
        ),
    ] = None,
    cameras: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="TOML file of cameras, with zones, masks and hours; SIGHUP reloads it. Not with --video.",
        ),
    ] = None,
    crops: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Images already cropped to one plate each: folder, glob or file. Excludes --video."
        ),
    ] = None,
    fuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Crops of one plate, read as one: a folder, glob or file; repeat it for several. Not with --video.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Output folder for reads.jsonl, run.json and pictures. Results of an earlier run are "
            "moved to earlier-N inside it (default: runs/latest)",
        ),
    ] = None,
    super_resolve: Annotated[
        str | None,
        typer.Option(
            metavar="auto|always|never",
            help="Which plates are super-resolved. auto: plates narrower than 64 pixels, and others with "
            "an uncertain result (default: auto)",
        ),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            metavar="auto|one",
            help="auto: read a plate again from other crops when the first result is uncertain. one: read "
            "once (default: auto)",
        ),
    ] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model name or .onnx file (default: lite)")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model name or .onnx file (default: lite)")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="fp32|fp16|int8", help="Precision of named models (default: fp32)")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Inference backend: onnxruntime, cuda, tensorrt, tensorrt-rtx, openvino, "
            "triton://HOST:PORT, or auto for the fastest one available (default: auto)",
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="CPU|GPU|NPU", help="OpenVINO device (default: CPU)")] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Number of CPU threads for inference (default: one per core)")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Maximum number of plates per forward pass (default: 16)")
    ] = None,
    locator: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Plate locator: auto, classical, a model name or an .onnx file (default: auto)"
        ),
    ] = None,
    locator_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Minimum score of a detection. Lower values find more plates and more false detections "
            "(default: the locator's own)",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Region of the frame to search, in pixels or in fractions of the frame (default: the whole frame)",
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="ONNX detector (YOLO, RT-DETR) that replaces the built-in locator."),
    ] = None,
    layouts: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Allowed plate layouts: names, patterns such as LLDDDLL, or a TOML file (default: brazilian,mercosur)",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(metavar="P", help="Minimum confidence of a read. Ignored with --crops (default: 0.3)"),
    ] = None,
    min_plate: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Minimum score of a plate; lower ones are not reported. 0 keeps everything (default: 0.3)"
        ),
    ] = None,
    certain: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Minimum probability of a character in `certain`; others are shown as ? (default: 0.6)"
        ),
    ] = None,
    min_frames: Annotated[
        int | None,
        typer.Option(metavar="N", help="Minimum number of frames of a track, unless one frame is certain (default: 2)"),
    ] = None,
    raw: Annotated[
        str | None,
        typer.Option(metavar="WxH@RATE", help="Size and rate of raw RGB frames on standard input (--video -)."),
    ] = None,
    stride: Annotated[
        int | None, typer.Option(metavar="N", help="Process every Nth frame of a video (default: 1)")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Report each track that did not become a read, with the reason.")
    ] = False,
    stream: Annotated[
        int | None,
        typer.Option(metavar="N", help="Index of the video stream in the file (default: the largest stream)"),
    ] = None,
    pixel_aspect: Annotated[
        float | None,
        typer.Option(metavar="R", help="Pixel aspect ratio (width / height), to override a wrong one in the file."),
    ] = None,
    decode: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Video decoder: software, auto, or a device such as cuda (default: software)"
        ),
    ] = None,
    early: Annotated[
        bool | None,
        typer.Option(
            "--early/--no-early",
            help="Report plates of live sources as soon as the read is certain, and again when the track "
            "ends (default: yes)",
            show_default=False,
        ),
    ] = None,
    annotate: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write an .mp4 video with boxes and texts.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Allow --annotate to replace an existing file.")
    ] = False,
    pictures: Annotated[
        bool | None,
        typer.Option("--pictures/--no-pictures", help="Save the crops of reads (default: yes)", show_default=False),
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Append reads to a CSV file.")] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Insert reads into an SQLite database (a file) or a PostgreSQL database (postgresql://).",
        ),
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Delete reads after N days from all outputs: reads, table, store, pictures, evidence, "
            "spool (default: never)",
        ),
    ] = None,
    keep_reads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Maximum number of reads in each of these outputs; the oldest are deleted (default: no limit)",
        ),
    ] = None,
    keep_bytes: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Maximum size of each of these outputs, such as 20G (default: no limit)"),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="POST each read as JSON. Reads that cannot be delivered are queued in OUT/spool. The "
            "URL may be @FILE or env:NAME, as for --video and --mqtt, to keep secrets out of the "
            "process list.",
        ),
    ] = None,
    webhook_header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEADER", help="Additional HTTP header, such as 'Authorization: Bearer @FILE'. Repeatable."
        ),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Publish each read to mqtt://host/topic. Reads that cannot be delivered are queued in OUT/spool-mqtt.",
        ),
    ] = None,
    spool_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Maximum size of a spool, such as 500M (default: no limit)")
    ] = None,
    spool_full: Annotated[
        str | None,
        typer.Option(
            metavar="drop|stop", help="When a spool is full: drop the oldest reads and count them, or stop the run."
        ),
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Write one evidence folder per read: pictures, full frame and digests."),
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Ed25519 key that signs the evidence chain. Created if it does not exist."),
    ] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Blur everything outside the plate in evidence frames.")] = False,
    alerts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="TOML file of watch lists and alert sinks; SIGHUP reloads lists and rules."),
    ] = None,
    watch_list: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="File of plate texts to report in clear. All other plates are reported as digests, without pictures.",
        ),
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the state of the run as JSON every second.")
    ] = None,
    log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Append events to a log file, one JSON object per line.")
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option(
            metavar="text|json",
            help="json: print events and reads as JSON lines instead of messages and a table (default: text)",
        ),
    ] = None,
    give_up: Annotated[
        float | None,
        typer.Option(metavar="S", help="End a live source after S seconds without a frame (default: never)"),
    ] = None,
    silence: Annotated[
        float | None,
        typer.Option(metavar="S", help="Reconnect to a live source after S seconds without a frame (default: 30)"),
    ] = None,
    watchdog: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Exit with code 75 when the work on one frame takes longer than S seconds (default: no limit)",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file with these options. Options on the command line override it."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show neither progress nor results on the terminal.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Read licence plates in videos, streams and pictures.

    Exit codes: 0 done, 1 something failed or was skipped, 2 wrong usage, 75 hung (--watchdog), 130 interrupted.
    """
    given: dict[str, Any] = {
        "video": tuple(video) if video else None,
        "name": tuple(name) if name else None,
        "cameras": cameras,
        "crops": crops,
        "fuse": tuple(fuse) if fuse else None,
        "out": out,
        "super_resolve": super_resolve,
        "views": views,
        "generator": generator,
        "reader": reader,
        "precision": precision,
        "backend": backend,
        "device": device,
        "threads": threads,
        "batch": batch,
        "locator": locator,
        "locator_threshold": locator_threshold,
        "detector": detector,
        "region": region,
        "layouts": None if layouts is None else tuple(word for word in layouts.split(",") if word.strip()),
        "min_confidence": min_confidence,
        "min_plate": min_plate,
        "certain": certain,
        "min_frames": min_frames,
        "raw": raw,
        "stride": stride,
        "explain": explain or None,
        "stream": stream,
        "pixel_aspect": pixel_aspect,
        "decode": decode,
        "early": early,
        "annotate": annotate,
        "overwrite": overwrite or None,
        "pictures": pictures,
        "csv": csv,
        "store": store,
        "keep_days": keep_days,
        "keep_reads": keep_reads,
        "keep_bytes": keep_bytes,
        "webhook": webhook,
        "webhook_header": tuple(webhook_header) if webhook_header else None,
        "spool_limit": spool_limit,
        "spool_full": spool_full,
        "mqtt": mqtt,
        "evidence": evidence,
        "sign": sign,
        "blur": blur or None,
        "alerts": alerts,
        "watch_list": watch_list,
        "status": status,
        "log": log,
        "log_format": log_format,
        "give_up": give_up,
        "silence": silence,
        "watchdog": watchdog,
    }
    code = _execute(given, config, quiet)
    raise typer.Exit(code)


def _execute(given: dict[str, Any], config_file: Path | None, quiet: bool) -> int:
    """Runs with these options; returns the exit code."""
    from lpsr_run.process import few_arenas

    few_arenas()  # before anything imports what starts threads
    from lpsr_run.config import RunConfig, load_config
    from lpsr_run.process import silence_opencv
    from lpsr_run.redact import shown

    config = RunConfig() if config_file is None else load_config(config_file)
    # A source on the command line replaces the file's, of whichever kind that is.
    if any(given[name] is not None for name in ("video", "crops", "fuse", "cameras")):
        config = config.without_source()
    config = config.changed(given)
    config.check()
    silence_opencv()
    try:
        from lpsr_run.pipeline.run import run

        summary = run(config, quiet)
    except KeyboardInterrupt:
        return 130
    except LpsrError as error:  # libraries repeat addresses in what they say
        error.args = (config.scrubber(str(error)),)
        raise
    if not quiet and config.log_format == "text":
        what = "plate" if summary.reads == 1 else "plates"
        typer.echo(f"{summary.reads} {what} read in {summary.seconds:.1f} s; {shown(config.out)}/reads.jsonl")
        if summary.state.left_out:
            hint = "" if config.explain else "; --explain tells why"
            typer.echo(f"{summary.state.left_out} not reported{hint}")
    if summary.stopped_by is not None:
        return 128 + summary.stopped_by
    if summary.failures:
        count = len(summary.failures)
        typer.echo(f"error: {count} {'input' if count == 1 else 'inputs'} failed; the others were read", err=True)
    return 1 if summary.failures or summary.unwritten else 0


def main() -> None:
    """Entry point of `lpsr-run`."""
    run_command(app)
