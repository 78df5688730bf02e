"""Cameras of a file in one run: zones and masks, hours, and changes while they run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from camera import Camera
from conftest import Command, save_video, scene
from watcher import Watcher

from lpsr_core.geometry import Box, Quad
from lpsr_run.cameras.polygon import parse_polygon
from lpsr_run.cameras.settings import Camera as Settings
from lpsr_run.cameras.settings import Zone
from lpsr_run.cameras.source import CameraSource
from lpsr_run.cameras.zones import ZoneLocator
from lpsr_run.locate.base import Location
from lpsr_run.sources.base import Frame
from lpsr_run.state import SourceState


@pytest.fixture
def given(options: list[str], detector: Path) -> list[str]:
    return [*options, "--detector", str(detector), "--quiet"]


def reads(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]


def entry(name: str, address: str, more: str = "") -> str:
    return f'[[camera]]\nname = "{name}"\naddress = "{address}"\n{more}\n'


def zone(name: str, polygon: str) -> str:
    return f'[[camera.zone]]\nname = "{name}"\npolygon = {polygon}\n'


LEFT, RIGHT = "[[0, 0], [0.45, 0], [0.45, 1], [0, 1]]", "[[0.45, 0], [1, 0], [1, 1], [0.45, 1]]"


def test_reads_are_told_their_zone_and_masks_and_thresholds_hide_plates(
    tmp_path: Path, given: list[str], here: Command
) -> None:
    # The plate's centre is at 160, 80 of 320x240.
    save_video(tmp_path / "a.mp4", [scene("ABC1D23")] * 4)
    cameras = tmp_path / "cameras.toml"
    cameras.write_text(
        entry("zoned", "a.mp4", zone("left", LEFT) + zone("right", RIGHT))
        + entry("plain", "a.mp4")
        + entry("masked", "a.mp4", "[[camera.mask]]\npolygon = [[90, 50], [230, 50], [230, 110], [90, 110]]\n")
        + entry("strict", "a.mp4", "locator_threshold = 0.95\n")
        + entry("foreign", "a.mp4", 'layouts = ["LLDDDLL"]\n')
        + entry("off", "nothing.mp4", "enabled = false\n")
    )
    done = here("--cameras", cameras, "--out", tmp_path / "out", *given)
    assert done.returncode == 0, done.stderr
    found = {read["source"]: (read["text"], read["zone"], read["layout"]) for read in reads(tmp_path / "out")}
    assert found["zoned"] == ("ABC1D23", "right", "mercosur")
    assert found["plain"] == ("ABC1D23", None, "mercosur")
    assert found.keys() <= {"zoned", "plain", "foreign"}
    assert found.get("foreign", (..., ..., "LLDDDLL"))[2] == "LLDDDLL"


def test_only_zones_are_searched_where_that_is_asked_for() -> None:
    searched = []

    class Corners:
        """Finds a plate of 20x10 pixels in the middle of each quarter of a frame of 200x100, where it looks."""

        def locate(self, frame: np.ndarray) -> list[Location]:
            searched.append(frame.shape)
            seen = {(round(x), round(y)) for y, x in np.argwhere(frame[..., 0])}
            return [Location(Quad.from_box(Box(x - 10, y - 5, 20, 10)), 0.9) for x, y in sorted(seen)]

    frame = np.zeros((100, 200, 3), np.uint8)
    for x, y in ((50, 25), (150, 25), (50, 75), (150, 75)):
        frame[y, x] = 255
    zones = (Zone("left", parse_polygon([[0, 0], [0.45, 0], [0.45, 0.45], [0, 0.45]])),)
    told = [(one.zone, one.quad.box.centre) for one in ZoneLocator(Corners(), zones).locate(frame)]
    assert told == [("left", (50, 25)), (None, (50, 75)), (None, (150, 25)), (None, (150, 75))]
    told = [(one.zone, one.quad.box.centre) for one in ZoneLocator(Corners(), zones, only=True).locate(frame)]
    assert told == [("left", (50, 25))]
    assert searched == [(100, 200, 3), (55, 110, 3)]
    lines: list[str] = []
    zones += (Zone("lost", parse_polygon([[500, 0], [600, 0], [600, 50]])),)
    # The box around this one and the frame overlap, and the polygon lies beyond the frame's corner.
    zones += (Zone("beyond", parse_polygon([[450, 0], [450, 250], [0, 230]])),)
    locator = ZoneLocator(Corners(), zones, note=lines.append)
    assert len(locator.locate(frame)) == len(locator.locate(frame)) == 4
    assert lines == [f"zone {name!r} lies outside the frame of 200x100 pixels" for name in ("lost", "beyond")]


def test_masks_outside_the_frame_are_told_once() -> None:
    class Pictures:
        """Two frames of 200x100."""

        live, total = False, 2

        def frames(self) -> Iterator[Frame]:
            for index in range(2):
                yield Frame("a.mp4", index, 40.0 * index, np.full((100, 200, 3), 255, np.uint8), False)

    masks = ([[0, 0], [50, 0], [50, 50], [0, 50]], [[500, 0], [600, 0], [600, 50]])
    camera = Settings("gate", "a.mp4", masks=tuple(map(parse_polygon, masks)))
    lines: list[str] = []
    source = CameraSource(camera, lambda now, stop: Pictures(), Event(), SourceState("gate"), lines.append)
    assert [frame.image.min() for frame in source.frames()] == [114, 114]
    assert lines == ["camera 'gate': mask 2 lies outside the frame of 200x100 pixels"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--region", "0,0,1,1"], "--region is for --video; give the camera a"),
        (["--stride", "2"], "--stride is for --video; cameras have theirs"),
        (["--video", "x.mp4"], "give exactly one of --video, --cameras, --crops and --fuse"),
    ],
)
def test_options_of_single_sources_are_refused(tmp_path: Path, here: Command, more: list[str], message: str) -> None:
    (tmp_path / "cameras.toml").write_text(entry("a", "a.mp4"))
    done = here("--cameras", tmp_path / "cameras.toml", *more)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_camera_that_is_not_there_is_told_and_no_secret_with_it(
    tmp_path: Path, here: Command, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P", "hunter2")
    (tmp_path / "cameras.toml").write_text(entry("a", "a.mp4") + entry("b", "rtsp://me:${P}@127.0.0.1:9/x"))
    done = here("--cameras", tmp_path / "cameras.toml", "--out", tmp_path / "out", *given)
    assert done.returncode == 2
    assert f"{tmp_path / 'a.mp4'}: no such file or folder" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no SIGHUP")
def test_the_file_is_read_again_and_only_cameras_that_changed_are_restarted(
    tmp_path: Path, given: list[str], here: Command
) -> None:
    cameras, out = tmp_path / "cameras.toml", tmp_path / "out"
    with (
        Camera(lambda number: scene("ABC1D23")) as steady,
        Camera(lambda number: scene("ABC1D23")) as moving,
        Camera(lambda number: scene("XYZ9876")) as other,
    ):
        password = "password_file = 'secret'\n"
        (tmp_path / "secret").write_text("hunter2\n")

        def address(camera: Camera) -> str:
            return camera.url.replace(":hunter2@", "@")

        first = entry("steady", address(steady), password) + entry("moving", address(moving), password)
        cameras.write_text(first)

        def script(watcher: Watcher) -> None:
            def frames(told: list[dict], name: str) -> int:
                return sum(source["frames"] for source in told if source["name"] == name)

            watcher.until(lambda told: frames(told, "steady") > 3 and frames(told, "moving") > 3)
            cameras.write_text("nonsense")
            os.kill(os.getpid(), signal.SIGHUP)
            seen = watcher.until(lambda told: True)
            watcher.until(lambda told: frames(told, "steady") > frames(seen, "steady") + 3)
            changed = entry("steady", address(steady), password) + entry("moving", address(other), password)
            cameras.write_text(changed + entry("new", address(other), password))
            os.kill(os.getpid(), signal.SIGHUP)
            watcher.until(lambda told: frames(told, "new") > 3 and other.connections >= 2)
            cameras.write_text(entry("steady", address(steady), password) + entry("new", address(other), password))
            os.kill(os.getpid(), signal.SIGHUP)
            watcher.until(lambda told: any(one["name"] == "moving" and one["status"] == "ended" for one in told))
            seen = watcher.until(lambda told: True)
            watcher.until(lambda told: frames(told, "steady") > frames(seen, "steady") + 3)
            watcher.seen["steady"] = steady.connections

        with Watcher(out / "status.json", script) as watcher:
            done = here("--cameras", cameras, "--out", out, "--status", out / "status.json", *given)
    assert done.returncode in (0, 143), done.stderr
    assert watcher.seen["steady"] == 1, "the camera that did not change kept its connection"
    assert "not TOML" in done.stderr
    assert "the cameras go on as they were" in done.stderr
    assert "read again; changed: moving; added: new" in done.stderr
    assert "removed: moving" in done.stderr
    texts = {(read["source"], read["text"]) for read in reads(out)}
    assert {("moving", "ABC1D23"), ("moving", "XYZ9876"), ("steady", "ABC1D23"), ("new", "XYZ9876")} <= texts
    assert "hunter2" not in done.stderr + (out / "run.json").read_text()


class Endless:
    """A live source of one grey picture."""

    total, live = None, True

    def __init__(self, stop) -> None:
        self._stop = stop

    def frames(self):
        number = 0
        while not self._stop.is_set():
            yield Frame("x", number, 10.0 * number, scene("ABC1D23"), False, number == 0, 1.0)
            number += 1


def test_a_camera_outside_its_hours_is_closed_until_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    hours = {"open": True}
    monkeypatch.setattr("lpsr_run.cameras.source._open_now", lambda camera: hours["open"])
    stop, opened = threading.Event(), []

    def opener(camera: Settings, until: threading.Event) -> Endless:
        opened.append(until)
        return Endless(until)

    state = SourceState("gate")
    source = CameraSource(Settings("gate", "x"), opener, stop, state)
    frames = source.frames()
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    hours["open"] = False
    told: list[str | None] = []

    def begin() -> None:
        told.append(state.error)
        hours["open"] = True

    timer = threading.Timer(0.8, begin)
    timer.start()
    frame = next(frames)  # waits until they begin
    timer.join()
    assert told == ["outside its hours"]
    assert (frame.index, frame.gap, frame.source) == (3, True, "gate"), "numbered through, and parted"
    source.change(None)
    assert list(frames) == []
    assert source.ended
