"""The command line of `lpsr-run`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_core.errors import run_command

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
            help="Video file, image, folder of images, glob, stream URL or camera number; repeat it for several.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name of a source in the reads; one for each --video, in order."),
    ] = None,
    crops: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Images that are plates already: a folder, glob or file. Not with --video."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where reads.jsonl, run.json and pictures go (default runs/latest). What an earlier run left there "
            "is moved to earlier-N inside it.",
        ),
    ] = None,
    super_resolve: Annotated[
        str | None,
        typer.Option(
            metavar="auto|always|never",
            help="Which plates the generator enlarges; auto: those below 64 pixels, and others that are not sure.",
        ),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            metavar="auto|one",
            help="Look at a plate again, cut otherwise, where the first look is not sure (default auto).",
        ),
    ] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Released name or .onnx file (default lite).")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Released name or .onnx file (default lite).")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="fp32|fp16|int8", help="Variant of the released models (default fp32).")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What runs the models: onnxruntime, cuda, tensorrt, tensorrt-rtx, openvino, or auto: the fastest.",
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="CPU|GPU|NPU", help="OpenVINO device (default CPU).")] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="CPU threads of the models; 0 lets the runtime choose.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Most plates in one forward pass (default 16).")
    ] = None,
    locator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What finds plates: auto, classical, a released name or an .onnx file."),
    ] = None,
    locator_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Least score of what is read as a plate; lower finds more plates, and more that are none."
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Part of the frame to search, in pixels or in shares of it."),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Your own .onnx detector (YOLO, RT-DETR) instead of the built-in."),
    ] = None,
    layouts: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Layouts that plates may follow, e.g. brazilian,mercosur (default) or LLDDDLL."
        ),
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(metavar="P", help="Drop reads below this confidence (default 0.3; not --crops).")
    ] = None,
    min_plate: Annotated[
        float | None,
        typer.Option(metavar="P", help="Skip what looks less like a plate than this (default 0.3; 0 shows all)."),
    ] = None,
    certain: Annotated[
        float | None,
        typer.Option(metavar="P", help="Characters below this probability are ? in `certain` (default 0.6)."),
    ] = None,
    min_frames: Annotated[
        int | None,
        typer.Option(metavar="N", help="Frames of a video that must show a plate, unless one is sure (default 2)."),
    ] = None,
    raw: Annotated[
        str | None,
        typer.Option(metavar="WxH@RATE", help="Form of raw RGB frames on standard input, which is --video -."),
    ] = None,
    stride: Annotated[
        int | None, typer.Option(metavar="N", help="Look at every Nth frame of a video (default 1).")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell each plate that was seen but not reported, and why.")
    ] = False,
    stream: Annotated[
        int | None, typer.Option(metavar="N", help="Stream of the video to read, by its number (default the largest).")
    ] = None,
    pixel_aspect: Annotated[
        float | None,
        typer.Option(metavar="R", help="Width of a pixel by its height, where the video says it wrongly."),
    ] = None,
    decode: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What decodes videos: software (default), auto, or a device such as cuda."),
    ] = None,
    early: Annotated[
        bool | None,
        typer.Option(
            "--early/--no-early",
            help="Report plates of live sources as soon as they are sure, and again at their end (default yes).",
            show_default=False,
        ),
    ] = None,
    annotate: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the frames with boxes and texts as an .mp4 video.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let --annotate replace an existing file.")] = False,
    pictures: Annotated[
        bool | None,
        typer.Option("--pictures/--no-pictures", help="Keep the pictures of reads (default yes).", show_default=False),
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Append reads to a CSV table.")] = None,
    store: Annotated[str | None, typer.Option(metavar="FILE", help="Add reads to an SQLite database.")] = None,
    keep_days: Annotated[
        float | None, typer.Option(metavar="N", help="Delete reads from the store after so many days (default never).")
    ] = None,
    keep_reads: Annotated[
        int | None, typer.Option(metavar="N", help="Keep the newest N reads in the store (default all).")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Post each read as JSON; what cannot be sent waits in DIR/spool."),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Publish each read: mqtt://host/topic; what cannot be sent waits likewise."),
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="A folder a read: pictures, full frame, and their digests."),
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Ed25519 key that signs the evidence; a missing one is made."),
    ] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Blur everything outside plates in the evidence.")] = False,
    watch_list: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Texts to look for; all others become digests, without pictures."),
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the run's state as JSON every second.")
    ] = None,
    log: Annotated[str | None, typer.Option(metavar="FILE", help="Append events as JSON lines.")] = None,
    give_up: Annotated[
        float | None,
        typer.Option(metavar="S", help="End a live source after so many seconds without a frame (default never)."),
    ] = None,
    silence: Annotated[
        float | None,
        typer.Option(metavar="S", help="Connect anew after so many seconds without a frame (default 30)."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with these options; the command line wins.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar and no table.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Reads licence plates in videos, streams and pictures.

    Exit codes: 0 done, 1 something failed or was skipped, 2 wrong usage, 130 interrupted.
    """
    given: dict[str, Any] = {
        "video": tuple(video) if video else None,
        "name": tuple(name) if name else None,
        "crops": crops,
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
        "webhook": webhook,
        "mqtt": mqtt,
        "evidence": evidence,
        "sign": sign,
        "blur": blur or None,
        "watch_list": watch_list,
        "status": status,
        "log": log,
        "give_up": give_up,
        "silence": silence,
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
    if given["video"] is not None or given["crops"] is not None:
        config = config.without_source()
    config = config.changed(given)
    config.check()
    silence_opencv()
    try:
        from lpsr_run.pipeline.run import run

        summary = run(config, quiet)
    except KeyboardInterrupt:
        return 130
    if not quiet:
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
