"""Recordings as recorders and phones leave them: pixel shapes, fields, variable rates, several streams, odd names."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT, Command, save_image, save_video, scene

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.sinks.annotate import VideoSink
from lpsr_run.sources import Frame, open_source
from lpsr_run.sources.video import VideoFileSource

av: Any = pytest.importorskip("av")

GATE = ROOT / "examples" / "gate.mp4"


def encode(
    path: Path,
    streams: Sequence[Sequence[np.ndarray]],
    codec: str = "libx264",
    times: Sequence[float] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    interlaced: bool = False,
) -> Path:
    """A file of one or more video streams; `times` are in seconds, 1/10 apart by default."""
    clock = 1000 if codec != "mpeg2video" else 25
    with av.open(f"file:{path}", "w") as container:
        made = []
        for pictures in streams:
            stream = container.add_stream(codec, rate=25 if clock == 25 else 10)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if clock != 25:
                stream.codec_context.time_base = Fraction(1, clock)
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if rotation:
                stream.set_display_rotation(rotation)
            if interlaced:
                stream.codec_context.flags |= 1 << 18 | 1 << 29  # DCT and motion estimation of fields
            made.append(stream)
        for index in range(len(streams[0])):
            for stream, pictures in zip(made, streams, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pictures[index]), format="rgb24")
                seconds = index / (25 if clock == 25 else 10) if times is None else times[index]
                frame.pts, frame.time_base = round(seconds * clock), Fraction(1, clock)
                container.mux(stream.encode(_fields(frame) if interlaced else frame))
        for stream in made:
            container.mux(stream.encode(None))
    return path


def _fields(frame: Any) -> Any:
    """The frame, marked as two fields, the top one first."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    marks, sink = graph.add("setfield", "mode=tff"), graph.add("buffersink")
    source.link_to(marks)
    marks.link_to(sink)
    graph.configure()
    graph.push(frame)
    return graph.pull()


def frames_of(spec: object, stride: int = 1) -> tuple[list[Frame], list[str], list[str]]:
    """The frames of a source, its failures and its notes."""
    failures: list[str] = []
    notes: list[str] = []
    return list(open_source(str(spec), failures.append, stride, note=notes.append).frames()), failures, notes


@pytest.fixture(scope="module")
def gate() -> list[np.ndarray]:
    """The first two plates of the example, 960x540."""
    return [frame.image for frame in itertools.islice(VideoFileSource(GATE).frames(), 60)]


@pytest.mark.parametrize("pyav", [True, False], ids=["pyav", "opencv"])
@pytest.mark.parametrize(("aspect", "size"), [((8, 11), (64, 66)), ((3, 2), (96, 48)), ((1, 90), (64, 48))])
def test_pixels_become_square(
    tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int], pyav: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "v.mp4", [[np.full((48, 64, 3), 90, np.uint8)] * 3], aspect=Fraction(*aspect))
    if not pyav:
        monkeypatch.setitem(sys.modules, "av", None)
    frames = list(VideoFileSource(path).frames())
    assert {frame.image.shape[1::-1] for frame in frames} == {size}


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_phone_that_was_turned_gives_upright_pictures(tmp_path: Path, rotation: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:16, :16] = 255
    path = encode(tmp_path / "v.mp4", [[picture] * 3], rotation=rotation)
    capture = cv2.VideoCapture(str(path))
    _, wanted = capture.read()
    found = frames_of(path)[0][0].image
    assert np.abs(found.astype(int) - wanted).mean() < 2


def test_fields_are_taken_apart(tmp_path: Path) -> None:
    pictures, upright = [], np.zeros((96, 256, 3), np.uint8)
    for step in range(12):
        fields = [upright.copy(), upright.copy()]
        for number, field in enumerate(fields):
            left = 20 + 16 * step + 8 * number
            field[:, left : left + 24] = 230
        woven = fields[0].copy()
        woven[1::2] = fields[1][1::2]
        pictures.append(woven)
    path = encode(tmp_path / "v.mpg", [pictures], codec="mpeg2video", interlaced=True)
    frames, failures, _ = frames_of(path)
    assert not failures
    assert len(frames) == len(pictures)
    assert [frame.milliseconds for frame in frames] == pytest.approx([40 * n for n in range(12)], abs=1)

    def comb(image: np.ndarray) -> float:
        grey = image[..., 1].astype(int)
        return float(np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean())

    woven_comb = np.mean([comb(picture) for picture in pictures[2:-2]])
    assert np.mean([comb(frame.image) for frame in frames[2:-2]]) < woven_comb / 5


def test_progressive_frames_pass_unchanged(
    tmp_path: Path, gate: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "v.mpg", [gate[:6]], codec="mpeg2video")
    ours = list(VideoFileSource(path).frames())
    monkeypatch.setitem(sys.modules, "av", None)
    theirs = list(VideoFileSource(path).frames())
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.image.astype(int), other.image, atol=2)


TIMES = [*(0.1 * n for n in range(10)), *(1.0 + 5.0 * n for n in range(4))]


@pytest.mark.parametrize("name", ["v.mkv", "v.mp4"])
def test_a_variable_rate_is_whole_and_has_its_own_times(tmp_path: Path, name: str) -> None:
    pictures = [np.full((48, 64, 3), 10 * n, np.uint8) for n in range(len(TIMES))]
    frames, failures, _ = frames_of(encode(tmp_path / name, [pictures], times=TIMES))
    assert failures == []
    assert [frame.milliseconds for frame in frames] == pytest.approx([1000 * time for time in TIMES], abs=2)


@pytest.mark.parametrize("streams", [1, 2])
def test_a_file_that_is_cut_off_is_still_told(tmp_path: Path, gate: list[np.ndarray], streams: int) -> None:
    data = encode(tmp_path / "whole.mkv", [gate[:40]] * streams).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    frames, (line,), _ = frames_of(tmp_path / "cut.mkv")
    assert 5 < len(frames) < 36
    assert "cut.mkv: broke off after" in line


@pytest.mark.parametrize("pyav", [True, False], ids=["pyav", "opencv"])
def test_a_drawn_video_keeps_the_time(tmp_path: Path, pyav: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not pyav:
        monkeypatch.setitem(sys.modules, "av", None)
    with VideoSink(tmp_path / "drawn.mp4") as sink:
        for time in TIMES:
            sink.show(np.full((48, 64, 3), 90, np.uint8), [], 1000 * time)
    capture = cv2.VideoCapture(str(tmp_path / "drawn.mp4"))
    lasts = capture.get(cv2.CAP_PROP_FRAME_COUNT) / capture.get(cv2.CAP_PROP_FPS)
    assert lasts == pytest.approx(TIMES[-1], abs=1.5)


def test_the_largest_stream_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    small, large = [np.full((h, w, 3), 90, np.uint8) for h, w in ((48, 64), (240, 320))]
    path = encode(tmp_path / "v.mkv", [[small] * 4, [large] * 4])
    frames, failures, notes = frames_of(path)
    assert {frame.image.shape for frame in frames} == {(240, 320, 3)}
    assert failures == []
    assert notes == [f"{path}: reading stream 1 (320x240 h264); not stream 0 (64x48 h264)"]


@pytest.mark.parametrize("pyav", [True, False], ids=["pyav", "opencv"])
def test_a_codec_that_nobody_knows_is_one_line(tmp_path: Path, pyav: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "v.mkv", [[np.full((48, 64, 3), 90, np.uint8)] * 3])
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_NOBODY/KNO/WS"))
    if not pyav:
        monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(LpsrError, match="no decoder for its codec" if pyav else "not a video") as caught:
        list(VideoFileSource(path).frames())
    assert "\n" not in str(caught.value)


def test_a_codec_that_opencv_cannot_decode_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        path = encode(tmp_path / "v.mp4", [[np.full((64, 64, 3), 90, np.uint8)] * 3], codec="libsvtav1")
    except (ValueError, LookupError):
        pytest.skip("this FFmpeg has no encoder for AV1")
    assert len(list(VideoFileSource(path).frames())) == 3
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if capture.isOpened() and capture.grab():
        pytest.skip("this OpenCV decodes AV1")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(LpsrError, match="its codec is AV01; PyAV decodes more: pip install av"):
        list(VideoFileSource(path).frames())


NAMES = ["10:30:00.mp4", "a [1] %d  b.mp4", "concat:x.mp4"]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"c\xe2mera.mp4")])
@pytest.mark.parametrize("pyav", [True, False], ids=["pyav", "opencv"])
def test_whatever_a_file_is_called(tmp_path: Path, name: str, pyav: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not pyav:
        monkeypatch.setitem(sys.modules, "av", None)
    made = save_video(tmp_path / "v.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3)
    try:
        shutil.move(made, tmp_path / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    monkeypatch.chdir(tmp_path)
    frames, failures, _ = frames_of(name)
    assert len(frames) == 3
    assert not failures
    assert frames[0].source.encode().decode() == frames[0].source


def test_a_run_over_names_that_are_not_utf8(
    tmp_path: Path, detector: Path, options: list[str], lpsr_run: Command
) -> None:
    folder, odd = tmp_path / "in", os.fsdecode(b"c\xe2mera")
    save_image(folder / "a.png", scene("ABC1D23"))
    save_image(folder / "z.png", scene("ABC1D34"))
    try:
        shutil.copy(folder / "a.png", folder / f"{odd}.png")
    except OSError:
        pytest.skip("this file system takes no such name")
    out = tmp_path / "out"
    done = lpsr_run("--video", folder, "--detector", detector, "--out", out, *options)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]
    assert [read["source"].rpartition("/")[2] for read in found] == ["a.png", "c\\xe2mera.png", "z.png"]
    save_video(tmp_path / "v.mp4", [scene("ABC1D23")] * 3).rename(tmp_path / f"{odd}.mp4")
    drawn = tmp_path / f"{odd} drawn.mp4"
    arguments = ["--detector", detector, "--out", tmp_path / odd, "--annotate", drawn, *options]
    done = lpsr_run("--video", tmp_path / f"{odd}.mp4", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / odd / "run.json").read_text())["reads"] == 1
    assert drawn.stat().st_size > 0


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    data = encode(tmp_path / "v.mkv", [[np.full((48, 64, 3), 90, np.uint8)] * 5]).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writer.start()
    assert len(frames_of(pipe)[0]) == 5
    writer.join(5)


def test_a_pipe_that_nobody_writes_into_yet_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.sources.names.PATIENCE", 0.05)
    data = encode(tmp_path / "v.mkv", [[np.full((48, 64, 3), 90, np.uint8)] * 5]).read_bytes()
    pipe, told = tmp_path / "pipe", threading.Event()
    os.mkfifo(pipe)

    def write() -> None:
        assert told.wait(10)
        pipe.write_bytes(data)

    def note(line: str) -> None:
        assert line == f"{pipe}: waiting for somebody to write into this pipe"
        told.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert len(list(VideoFileSource(pipe, note=note).frames())) == 5
    writer.join(5)


def test_devices_are_named_for_what_they_are() -> None:
    with pytest.raises(LpsrError, match="neither a file nor a named pipe"):
        frames_of("/dev/null")
    with pytest.raises(UsageError, match="no such camera"):
        frames_of("/dev/video9999")


def test_every_page_is_read(tmp_path: Path) -> None:
    pages = [np.full((40, 60, 3), 50 * n, np.uint8) for n in range(3)]
    assert cv2.imwritemulti(str(tmp_path / "p.tif"), pages)
    frames, _, _ = frames_of(tmp_path / "p.tif")
    assert [(frame.index, int(frame.image.mean()), frame.still) for frame in frames] == [
        (0, 0, True),
        (1, 50, True),
        (2, 100, True),
    ]


@pytest.mark.skipif(not hasattr(cv2, "imencodeanimation"), reason="this OpenCV writes no animations")
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("count", [1, 20])
def test_an_animation_is_a_short_film_and_one_picture_is_still(tmp_path: Path, suffix: str, count: int) -> None:
    film = cv2.Animation()
    film.frames = [np.full((40, 60, 3), 10 * n, np.uint8) for n in range(count)]
    film.durations = np.full(count, 100, np.int32)
    data = np.asarray(cv2.imencodeanimation(suffix, film)[1], np.uint8)
    (tmp_path / f"p{suffix}").write_bytes(data.tobytes())
    frames, _, _ = frames_of(tmp_path / f"p{suffix}")
    assert [frame.milliseconds for frame in frames] == [100.0 * n for n in range(count)]
    assert {frame.still for frame in frames} == {count == 1}


def test_a_folder_says_what_it_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = save_image(tmp_path / "a.jpg", scene("ABC1D23"))
    shutil.copy(picture, tmp_path / "b.jfif")
    for name in ("c.mp4", "d.txt", ".hidden"):
        (tmp_path / name).write_text("?")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x1cftypheic" + bytes(40))
    frames, (heic,), (note,) = frames_of(tmp_path)
    assert [Path(frame.source).name for frame in frames] == ["a.jpg", "b.jfif"]
    assert "phone.heic: not a HEIC image" in heic
    assert note.endswith("c.mp4, d.txt")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    _, (heic,), _ = frames_of(tmp_path)
    assert "phone.heic: pillow-heif is not installed; install it with: pip install " in heic
    assert "[heic]" in heic


def test_a_phones_heic_is_read(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    image = scene("ABC1D23")
    heif.from_bytes("RGB", image.shape[1::-1], image.tobytes()).save(tmp_path / "p.heic", quality=90)
    (frame,), _, _ = frames_of(tmp_path / "p.heic")
    assert np.abs(frame.image.astype(int) - image).mean() < 12


@pytest.mark.parametrize("option", ["--annotate", "--status", "--log", "--csv", "--store"])
@pytest.mark.parametrize("way", ["itself", "link", "hard link", "glob", "folder"])
def test_no_output_destroys_what_is_read(tmp_path: Path, option: str, way: str, here: Command) -> None:
    video = save_video(tmp_path / "v.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3)
    picture = save_image(tmp_path / "folder" / "a.png", scene("ABC1D23"))
    held, picture_held = video.read_bytes(), picture.read_bytes()
    spec, output = video, tmp_path / "output"
    if way == "link":
        output.symlink_to(video)
    elif way == "hard link":
        output.hardlink_to(video)
    elif way == "folder":
        spec, output = tmp_path / "folder", picture
    else:
        output = video
    spec = tmp_path / "v*.mp4" if way == "glob" else spec
    done = here("--video", spec, option, output, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert f"{option} would overwrite" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (video.read_bytes(), picture.read_bytes()) == (held, picture_held)


def test_outputs_are_apart_and_pictures_of_a_run_stay(tmp_path: Path, here: Command) -> None:
    video = save_video(tmp_path / "v.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3)
    log = tmp_path / "log"
    done = here("--video", video, "--log", log, "--csv", log, "--out", tmp_path / "out")
    assert (done.returncode, "are one file" in done.stderr) == (2, True)
    save_image(tmp_path / "out" / "pictures" / "a.png", scene("ABC1D23"))
    (tmp_path / "out" / "reads.jsonl").write_text("{}\n")
    done = here("--crops", tmp_path / "out" / "pictures", "--out", tmp_path / "out")
    assert (done.returncode, "give another folder" in done.stderr) == (2, True)


def test_an_annotated_video_replaces_nothing_without_being_told_to(
    tmp_path: Path, detector: Path, options: list[str], here: Command
) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 6)
    drawn = tmp_path / "drawn.mp4"
    drawn.write_bytes(b"something of somebody")
    given = ["--video", video, "--detector", detector, "--annotate", drawn, "--out", tmp_path / "out", *options]
    done = here(*given)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "exists; give another file, or --overwrite" in done.stderr
    assert drawn.read_bytes() == b"something of somebody"
    assert here(*given, "--overwrite").returncode == 0
    assert len(frames_of(drawn)[0]) == 6


def test_an_annotated_video_plays_in_browsers_and_keeps_shape_and_duration(
    tmp_path: Path, gate: list[np.ndarray], detector: Path, options: list[str], here: Command
) -> None:
    squeezed = [cv2.resize(image, (704, 288)) for image in gate[:14]]
    path = encode(tmp_path / "v.mkv", [squeezed], times=TIMES, aspect=Fraction(8, 11))
    drawn = tmp_path / "drawn.mp4"
    given = ["--video", path, "--detector", detector, "--annotate", drawn, "--out", tmp_path / "out", *options]
    assert here(*given).returncode == 0
    data = drawn.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index is at the front"
    with av.open(str(drawn)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (704, 396)
        found = [1000 * frame.time for frame in container.decode(stream)]
    frames, _, _ = frames_of(path)
    assert found == pytest.approx([frame.milliseconds for frame in frames], abs=2)
