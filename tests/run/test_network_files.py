"""Recordings on web servers, HLS, and streams that cannot be reached: all of them read, or a reason that helps."""

from __future__ import annotations

import itertools
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera import Camera
from conftest import Command, save_video, scene
from rtsp_camera import RtspCamera
from test_containers import encode
from web import Web

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.sources import open_source
from lpsr_run.sources.live import LiveSource, Retry
from lpsr_run.sources.options import VideoOptions
from lpsr_run.sources.web import _redirected

av: Any = pytest.importorskip("av")

QUICK = Retry(first=0.05, longest=0.1, give_up=0.3)
GREYS = [np.full((48, 64, 3), 5 * n, np.uint8) for n in range(40)]


def test_a_file_on_a_web_server_is_read_whole_at_its_own_times(tmp_path: Path) -> None:
    save_video(tmp_path / "clip.mp4", GREYS)
    with Web(tmp_path) as web:
        source = open_source(f"{web.url}/clip.mp4", lambda line: None, retry=QUICK)
        frames = []
        for frame in source.frames():
            frames.append(frame)
            time.sleep(0.002)  # a reader that is slow loses nothing
        assert web.asked.count("clip.mp4") < 10, "and it ends"
    assert not source.live
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.milliseconds for frame in frames] == pytest.approx([100 * n for n in range(40)], abs=1)
    assert {frame.taken for frame in frames} == {None}


def test_a_run_over_a_file_on_a_web_server(here: Command, options: list[str], detector: Path, tmp_path: Path) -> None:
    save_video(tmp_path / "clip.mp4", [scene("ABC1D34")] * 60)
    with Web(tmp_path) as web:
        done = here("--video", f"{web.url}/clip.mp4", "--detector", detector, "--out", tmp_path / "o", *options)
    assert done.returncode == 0, done.stderr
    (line,) = (tmp_path / "o" / "reads.jsonl").read_text().splitlines()
    assert '"frames": 60' in line
    assert '"event": "final"' in line


def test_a_server_that_breaks_off_is_asked_for_the_rest(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    save_video(tmp_path / "clip.avi", [noise.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(40)])
    failures: list[str] = []
    with Web(tmp_path) as web:
        web.cut = (tmp_path / "clip.avi").stat().st_size // 2
        count = len(list(open_source(f"{web.url}/clip.avi", failures.append, retry=QUICK).frames()))
    assert (count, failures) == (40, [])


def hls(folder: Path, count: int = 40) -> Path:
    """A list of one-second parts of a stream of ten frames a second."""
    with av.open(str(folder / "list.m3u8"), "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"}) as out:
        stream = out.add_stream("libx264", rate=10, options={"g": "10", "keyint_min": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in GREYS[:count]:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return folder / "list.m3u8"


def test_a_list_of_hls_that_is_closed_is_a_recording(tmp_path: Path) -> None:
    assert "#EXT-X-ENDLIST" in hls(tmp_path).read_text()
    with Web(tmp_path) as web:
        source = open_source(f"{web.url}/list.m3u8", lambda line: None, retry=QUICK)
        frames = list(source.frames())
    assert not source.live
    assert len(frames) == 40
    assert frames[-1].milliseconds == pytest.approx(3900, abs=60)


def test_a_list_of_hls_that_grows_is_live(tmp_path: Path) -> None:
    lines = hls(tmp_path).read_text().replace("#EXT-X-ENDLIST\n", "").splitlines()
    parts = [index for index, line in enumerate(lines) if line.endswith(".ts")]
    start = time.monotonic()

    def grown() -> bytes:
        shown = min(2 + int((time.monotonic() - start) / 0.5), len(parts))
        return ("\n".join(lines[: parts[shown - 1] + 1]) + "\n").encode()

    with Web(tmp_path) as web:
        web.made["live.m3u8"] = grown
        source = LiveSource(f"{web.url}/live.m3u8", retry=Retry(first=0.05, silence=5))
        frames = source.frames()
        taken = list(itertools.islice(frames, 25))
        frames.close()  # type: ignore[attr-defined]
    assert source.live
    assert len(taken) == 25
    assert all(frame.taken is not None for frame in taken)


def test_interlaced_live_streams_are_deinterlaced(tmp_path: Path) -> None:
    pictures = []
    for step in range(30):
        fields = [np.zeros((96, 256, 3), np.uint8) for _ in range(2)]
        for number, field in enumerate(fields):
            left = 10 + (8 * (2 * step + number)) % 200
            field[:, left : left + 24] = 230
        fields[0][1::2] = fields[1][1::2]
        pictures.append(fields[0])
    data = encode(tmp_path / "v.mpg", [pictures], codec="mpeg2video", interlaced=True).read_bytes()

    class Plain(Camera):
        """Sends a stream without a length, as a camera does."""

        def talk(self, reader: Any, writer: Any) -> None:
            while reader.readline().strip():
                pass
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mpeg\r\n\r\n" + data)

    with Plain(lambda n: pictures[0]) as camera:
        source = LiveSource(camera.url)
        frames = list(source.frames())
    assert source.live
    assert len(frames) > 20

    def comb(image: np.ndarray) -> float:
        grey = image[..., 1].astype(int)
        return float(np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean())

    woven = np.mean([comb(picture) for picture in pictures[2:-2]])
    assert np.mean([comb(frame.image) for frame in frames[2:-2]]) < woven / 4


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def why(address: str) -> str:
    with pytest.raises(LpsrError) as caught:
        list(LiveSource(address, retry=QUICK).frames())
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_what_refuses_is_told(scheme: str) -> None:
    assert "the connection was refused" in why(f"{scheme}://user:hunter2@127.0.0.1:{free_port()}/x")


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_name_that_nobody_knows_is_told(scheme: str) -> None:
    assert "its name cannot be resolved" in why(f"{scheme}://user:hunter2@camera.invalid/x")


def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    with RtspCamera(lambda n: GREYS[0]) as camera:
        assert "(401)" in why(camera.url.replace("hunter2", "wrong"))
    with Web(tmp_path) as web:
        web.password = "user:hunter2"
        assert "(401)" in why(f"{web.url}/x.mp4")


@pytest.mark.parametrize(("status", "words"), [(404, "(404)"), (403, "(403)"), (503, "(5xx)")])
def test_what_a_server_answers_is_told(tmp_path: Path, status: int, words: str) -> None:
    with Web(tmp_path) as web:
        web.status = status
        assert words in why(f"{web.url}/x.mp4")


def test_what_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("<html>" + "not a video " * 5000)
    with Web(tmp_path) as web:
        assert "no video" in why(f"{web.url}/x.html")


def test_a_redirect_to_another_kind_of_stream_is_followed(tmp_path: Path) -> None:
    with RtspCamera(lambda n: GREYS[n % 40]) as camera, Web(tmp_path) as web:
        web.password = "user:hunter2"
        web.redirects["x"] = "/y"
        web.redirects["y"] = camera.url  # with its password: the other's goes to no other port
        source = LiveSource(web.url.replace("//", "//user:hunter2@") + "/x", retry=QUICK)
        frames = source.frames()
        taken = list(itertools.islice(frames, 3))
        frames.close()  # type: ignore[attr-defined]
    assert [frame.image.shape for frame in taken] == [(48, 64, 3)] * 3
    assert source.live


def test_a_password_goes_to_no_other_host(tmp_path: Path) -> None:
    with RtspCamera(lambda n: GREYS[0]) as camera, Web(tmp_path) as web:
        web.redirects["x"] = camera.url.replace("user:hunter2@", "")
        assert "(401)" in why(web.url.replace("127.0.0.1", "user:hunter2@localhost") + "/x")


@pytest.mark.parametrize(
    ("address", "location", "goes"),
    [
        ("http://cam/x", "/y", True),
        ("http://cam/x", "http://cam:80/y", True),
        ("http://cam/x", "https://cam/y", True),
        ("https://cam:8443/x", "https://cam:8443/y", True),
        ("rtsp://cam/x", "rtsp://cam:554/y", True),
        ("http://cam/x", "http://cam:8080/y", False),
        ("https://cam/x", "https://cam:8443/y", False),
        ("https://cam/x", "http://cam/y", False),
        ("https://cam:443/x", "http://cam:443/y", False),
        ("https://cam:443/x", "rtsp://cam:443/y", False),
        ("http://cam/x", "https://other/y", False),
    ],
)
def test_a_password_goes_along_where_it_is_safe(address: str, location: str, goes: bool) -> None:
    assert ("me:secret@" in _redirected(address.replace("//", "//me:secret@"), location)) is goes


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/x", "it redirects in a circle"),
        ("file:///etc/passwd", "it redirects to file://, which cannot be read; known: rtsp"),
        ("ftp://user:hunter2@127.0.0.1/x", "it redirects to ftp://, which cannot be read; known: rtsp"),
        ("rtsp://127.0.0.1:1/x", "the connection was refused"),
        ("http://[x", "invalid"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_told(tmp_path: Path, target: str, words: str) -> None:
    with Web(tmp_path) as web:
        web.redirects["x"] = target
        assert f"cannot be opened: {words}" in why(f"{web.url}/x")


def test_text_before_the_first_picture_of_a_stream_is_passed_over() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 1), np.uint8).repeat(3, axis=2)

    class Wordy(Camera):
        """Greets before it sends pictures."""

        greeting = b"This camera greets you.\r\n"

    with Wordy(lambda n: noise) as camera:
        source = LiveSource(camera.url, retry=QUICK)
        frames = source.frames()
        taken = list(itertools.islice(frames, 5))
        frames.close()  # type: ignore[attr-defined]
    assert source.live
    assert [frame.index for frame in taken] == list(range(5))
    assert all(np.abs(frame.image.astype(int) - noise).mean() < 10 for frame in taken)


def test_a_first_connection_that_fails_says_that_it_goes_on_trying(
    lpsr_run: Command, options: list[str], detector: Path, tmp_path: Path
) -> None:
    address = f"rtsp://user:hunter2@127.0.0.1:{free_port()}/x"
    given = ["--detector", detector, "--out", tmp_path / "o", "--quiet", *options]
    done = lpsr_run("--video", address, *given, "--give-up", 1.5)
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    assert "the connection was refused" in first
    assert "attempt 2 in" in first
    assert "hunter2" not in done.stderr


def test_a_stream_of_a_file_is_chosen_by_its_number(tmp_path: Path) -> None:
    small, large = [np.full((h, w, 3), 90, np.uint8) for h, w in ((48, 64), (240, 320))]
    path = encode(tmp_path / "v.mkv", [[small] * 4, [large] * 4])
    for number, shape in ((0, (48, 64, 3)), (1, (240, 320, 3))):
        source = open_source(str(path), lambda line: None, options=VideoOptions(stream=number))
        assert {frame.image.shape for frame in source.frames()} == {shape}
    with pytest.raises(LpsrError, match=r"no video stream 2 \(--stream\); it has stream 0 \(64x48 h264\), stream 1"):
        list(open_source(str(path), lambda line: None, options=VideoOptions(stream=2)).frames())


@pytest.mark.parametrize("pyav", [True, False], ids=["pyav", "opencv"])
def test_a_pixel_aspect_that_a_recorder_forgot(tmp_path: Path, pyav: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_video(tmp_path / "v.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3)
    if not pyav:
        monkeypatch.setitem(__import__("sys").modules, "av", None)
    source = open_source(str(path), lambda line: None, options=VideoOptions(pixel_aspect=1.5))
    assert {frame.image.shape[1::-1] for frame in source.frames()} == {(96, 48)}


def test_a_device_that_is_not_there_is_told_and_auto_falls_back(tmp_path: Path) -> None:
    path = save_video(tmp_path / "v.mp4", GREYS[:5])
    frames = list(open_source(str(path), lambda line: None, options=VideoOptions(decode="auto")).frames())
    assert len(frames) == 5
    with pytest.raises(LpsrError, match="--decode d3d11va: no such device here"):
        list(open_source(str(path), lambda line: None, options=VideoOptions(decode="d3d11va")).frames())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pixel-aspect", "9"], "--pixel-aspect is"),
        (["--pixel-aspect", "nan"], "--pixel-aspect is"),
        (["--stream", "-1"], "--stream is at least 0"),
        (["--decode", "magic"], "--decode is one of software"),
    ],
)
def test_bad_options_are_one_line(here: Command, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = here("--video", tmp_path / "x.mp4", "--out", tmp_path / "o", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr


def test_a_camera_has_no_streams_to_choose_from() -> None:
    with pytest.raises(UsageError, match="--stream needs PyAV"):
        list(LiveSource(77, options=VideoOptions(stream=1)).frames())
