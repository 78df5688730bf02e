"""Encoded live video: silence, bursts, ends, and servers that have no TCP or take no password."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pytest
from camera import Camera
from conftest import save_video
from rtsp_camera import RtspCamera
from test_containers import encode
from web import Web

from lpsr_core.errors import LpsrError
from lpsr_run.sources.decoding import Decoded, Promise
from lpsr_run.sources.live import LiveSource, Retry

pytest.importorskip("av", reason="needs PyAV")

GREYS = [np.full((48, 64, 3), 5 * n, np.uint8) for n in range(40)]


class FallsSilent(Camera):
    """Sends H.264 in MPEG-TS on every connection, and then nothing more without hanging up.

    Attributes:
        data: what it sends.
    """

    data = b""

    def talk(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self.connections += 1
        while reader.readline().strip():
            pass
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + self.data)
        writer.flush()
        self._gone.wait(60)


def test_a_camera_that_falls_silent_is_missed_as_soon_every_time(tmp_path: Path) -> None:
    """Decoders hold frames back, which come when the silence is over: they are no sign of a slow camera."""
    camera = FallsSilent(lambda number: GREYS[0])
    camera.data = encode(tmp_path / "v.ts", [GREYS * 3], codec="libx264").read_bytes()
    why: list[str] = []

    def notice(happening: str, line: str, delay: float) -> None:
        if happening == "lost":
            why.append(line)

    with camera:
        source = LiveSource(camera.url, retry=Retry(first=0.05, longest=0.1, silence=1.0), notice=notice)
        for _ in source.frames():
            if len(why) == 3:
                break
    assert [line.rpartition(": ")[2] for line in why] == ["no answer within 1 s"] * 3


class Connected:
    """A connection that gives frames and ends."""

    recorded = still = False
    nothing = "opened, but no frame came"
    lost = "the stream ended"

    def __init__(self, times: list[float], promise: Promise, bursts: bool = False) -> None:
        self.times, self.promise, self.bursts = times, promise, bursts

    def close(self) -> None:
        pass

    def frames(self) -> Iterator[Decoded]:
        for seconds in self.times:
            yield Decoded(1000 * seconds, lambda: GREYS[0])


def connected(monkeypatch: pytest.MonkeyPatch, connection: Connected, stop: threading.Event) -> LiveSource:
    monkeypatch.setattr(LiveSource, "_open", lambda self: connection)
    return LiveSource("rtsp://127.0.0.1/x", retry=Retry(first=0.02, longest=0.02), stop=stop)


def test_a_stream_with_a_length_is_whole_only_if_one_connection_gave_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the connections before it lasted: file-backed servers announce a length, too."""
    stop = threading.Event()
    source = connected(monkeypatch, Connected([0, 0.1], Promise(0, 0.5, 25)), stop)
    frames, begun = [], time.monotonic()
    for frame in source.frames():
        frames.append(frame)
        if time.monotonic() - begun > 1.0:
            stop.set()
    assert sum(frame.gap for frame in frames) > 5


def test_frames_that_come_in_bursts_are_given_at_the_pace_of_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    times = [0, 0.2, 0.4, 0.6, 7000, 7000.2, 3, float("nan"), 3.2]
    source = connected(monkeypatch, Connected(times, Promise(0, 0, 5), bursts=True), stop)
    frames = list(itertools.islice(source.frames(), len(times)))
    steps = np.diff([frame.milliseconds for frame in frames])
    assert (steps[[0, 1, 2, 4]] >= 190).all()
    assert steps[3] < 10_000, "times that jump are followed from where they are"
    assert steps[5] < 10_000


@pytest.mark.parametrize("name", ["v.ts", "v.h264"])
def test_a_recording_without_a_duration_ends(tmp_path: Path, name: str) -> None:
    encode(tmp_path / name, [GREYS], codec="libx264")
    with Web(tmp_path) as web:
        web.ranges = False
        source = LiveSource(f"{web.url}/{name}", retry=Retry(first=0.05))
        count = sum(1 for _ in source.frames())
    assert (count, source.live) == (len(GREYS), False)


def test_a_recording_whose_index_is_last_needs_ranges(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    save_video(tmp_path / "v.mp4", [noise.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(40)])
    with Web(tmp_path) as web:
        web.ranges = False
        with pytest.raises(LpsrError, match="no frame that can be decoded; does its server allow"):
            list(LiveSource(f"{web.url}/v.mp4", retry=Retry(first=0.05)).frames())


@pytest.mark.parametrize("name", ["snapshot.jpg", "snapshot"])
def test_a_single_picture_is_read_once_and_said_to_be_one(tmp_path: Path, name: str) -> None:
    data = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8))[1]
    (tmp_path / name).write_bytes(data.tobytes())
    notes: list[str] = []
    with Web(tmp_path) as web:
        source = LiveSource(f"{web.url}/{name}", retry=Retry(first=0.05), note=notes.append)
        assert sum(1 for _ in source.frames()) == 1
    (note,) = notes
    assert "is a single picture and read once" in note


def test_a_refused_password_is_not_tried_again_at_once() -> None:
    """Cameras lock an account after a few attempts."""
    delays: list[float] = []
    stop = threading.Event()

    def notice(happening: str, line: str, delay: float) -> None:
        delays.append(delay)
        stop.set()

    with RtspCamera(lambda number: GREYS[0]) as camera:
        wrong = camera.url.replace("hunter2", "wrong")
        assert list(LiveSource(wrong, retry=Retry(first=0.01, longest=30), notice=notice, stop=stop).frames()) == []
    assert delays == [30]


def test_a_server_without_tcp_is_asked_for_udp() -> None:
    with RtspCamera(lambda number: GREYS[0]) as camera:
        camera.refused_transport = "RTP/AVP/TCP"
        with pytest.raises(LpsrError):
            list(LiveSource(camera.url, retry=Retry(first=0.05, give_up=0.01)).frames())
        first, second, *_ = camera.transports
    assert first.startswith("RTP/AVP/TCP")
    assert second.startswith("RTP/AVP/UDP")
