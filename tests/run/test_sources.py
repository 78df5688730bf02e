from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import paint, save_image, save_video

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.redact import redact
from lpsr_run.sources import open_source, read_image
from lpsr_run.sources.live import LiveSource


def collect(spec: object, stride: int = 1) -> tuple[list[tuple[str, int, float]], list[str]]:
    failures: list[str] = []
    frames = open_source(str(spec), failures.append, stride).frames()
    return [(Path(frame.source).name, frame.index, frame.milliseconds) for frame in frames], failures


@pytest.fixture
def video(tmp_path: Path) -> Path:
    frames = [np.full((48, 64, 3), 20 * index, np.uint8) for index in range(12)]
    return save_video(tmp_path / "clip.mp4", frames)


def test_one_image_is_rgb(tmp_path: Path) -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[..., 0] = 200
    path = save_image(tmp_path / "réd [1].png", image)
    np.testing.assert_array_equal(read_image(path), image)
    assert collect(path)[0] == [(path.name, 0, 0.0)]


def test_a_folder_is_sorted_and_a_bad_file_is_skipped(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "c.png"):
        save_image(tmp_path / name, paint("ABC1234"))
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("no image")
    frames, failures = collect(tmp_path)
    assert [frame[0] for frame in frames] == ["a.jpg", "b.png", "c.png"]
    assert len(failures) == 2
    assert "bad.png: not an image" in failures[0]
    assert all("\n" not in line for line in failures)


def test_a_glob(tmp_path: Path, video: Path) -> None:
    save_image(tmp_path / "x1.png", paint("ABC1234"))
    save_image(tmp_path / "x2.png", paint("ABC1234"))
    assert [frame[0] for frame in collect(tmp_path / "x*.png")[0]] == ["x1.png", "x2.png"]
    frames, failures = collect(tmp_path / "*")
    assert {frame[0] for frame in frames} == {"clip.mp4", "x1.png", "x2.png"}
    assert not failures


def test_a_video_has_times_and_strides(video: Path) -> None:
    frames, failures = collect(video)
    assert [frame[1] for frame in frames] == list(range(12))
    assert [frame[2] for frame in frames] == pytest.approx([100 * index for index in range(12)], abs=1)
    assert not failures
    assert [frame[1] for frame in collect(video, stride=5)[0]] == [0, 5, 10]


def test_a_truncated_video_gives_what_it_has_or_fails_in_one_line(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    for share in (0.2, 0.6, 0.9):
        cut = tmp_path / f"cut{share}.mp4"
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(LpsrError) as caught:
            collect(cut)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: folder / "missing.mp4", UsageError, "no such file"),
        (lambda folder: folder / "none*.png", UsageError, "no file matches"),
        (lambda folder: folder, LpsrError, "no image in this folder"),
        (lambda folder: _bytes(folder / "empty.mp4", b""), LpsrError, "empty"),
        (lambda folder: _bytes(folder / "noise.mp4", bytes(range(256)) * 40), LpsrError, "not a video"),
        (lambda folder: _bytes(folder / "text.png", b"hello"), LpsrError, "not an image"),
        (lambda folder: _bytes(folder / "empty.png", b""), LpsrError, "empty"),
        (lambda folder: "ftp://host/video", UsageError, "not a kind of stream"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, make, error, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=words) as caught:
        collect(make(tmp_path))
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def _bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_stream_that_does_not_answer_hides_its_password() -> None:
    source = LiveSource("rtsp://admin:hunter2@127.0.0.1:9/live")
    with pytest.raises(LpsrError, match="cannot be opened") as caught:
        list(source.frames())
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.7:554/live", "rtsp://***@10.0.0.7:554/live"),
        ("rtsp://10.0.0.7/live?channel=1", "rtsp://10.0.0.7/live?channel=1"),
        ("http://cam/v?user=me&pwd=hunter2&channel=1", "http://cam/v?user=***&pwd=***&channel=1"),
        ("rtsp://a:p@ss:hunter2@host/x", "rtsp://***@host/x"),
        ("rtsp://admin:hunt/er2@host/x", "rtsp://***@host/x"),
        ("rtsp://admin:hunt?er2@host/x", "rtsp://***@host/x"),
        ("rtsp://[bad:hunter2@host", "rtsp://***"),
        ("rtsp://admin:my pass@host/x", "rtsp://***@host/x"),
        (
            "gst:rtspsrc location=rtsp://a:hunter2@h/x user-id=me user-pw=hunter2 latency=0 ! appsink",
            "gst:rtspsrc location=rtsp://***@h/x user-id=*** user-pw=*** latency=0 ! appsink",
        ),
        ("folder/video.mp4", "folder/video.mp4"),
    ],
)
def test_redaction(source: str, shown: str) -> None:
    assert redact(source) == shown
