"""The cameras file: what it may say, and how it is told that something cannot be meant."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from lpsr_core.errors import UsageError
from lpsr_run.cameras import Schedule, load_cameras
from lpsr_run.cameras.polygon import parse_polygon
from lpsr_run.cameras.settings import topic_name
from lpsr_run.cameras.source import masked
from lpsr_run.tomlfile.lines import key_lines, line_of

TWO = """
[defaults]
layouts = ["mercosur",
           "brazilian"]  # both
stride = 2

[[camera]]
name = "gate"
address = "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.7/live?token=${CAM_TOKEN}"
min_confidence = 0.5

[camera.schedule]
hours = ["22:00-06:00"]
days = "mon-fri"
time_zone = "America/Sao_Paulo"

[[camera.zone]]
name = "entry"
polygon = [
  [0, 0], [0.5, 0],
  [0.5, 1],
]

[[camera.mask]]
polygon = "0,0,10,0,10,10,0,10"

[[camera]]
name = "yard"
address = "clips/yard.mp4"
stride = 3
sinks = ["guard"]
"""


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CAM_USER", "me"), ("CAM_PASSWORD", "a@b/c"), ("CAM_TOKEN", "t1")):
        monkeypatch.setenv(name, value)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    return path


def test_cameras_have_what_the_file_says_and_what_its_defaults_say(tmp_path: Path) -> None:
    gate, yard = load_cameras(written(tmp_path, TWO)).cameras
    assert gate.address == "rtsp://me:a%40b%2Fc@10.0.0.7/live?token=t1"
    assert "a%40b" not in repr(gate)
    assert "a%40b" not in gate.shown
    assert [layout.name for layout in gate.layouts or ()] == ["mercosur", "brazilian"]
    assert (gate.stride, yard.stride, gate.min_confidence, yard.min_confidence) == (2, 3, 0.5, None)
    assert (gate.sinks, yard.sinks) == (None, ("guard",))
    assert yard.address == str(tmp_path / "clips/yard.mp4"), "paths are those of the file's folder"
    assert gate.zones[0].name == "entry"
    assert len(gate.masks) == 1
    assert gate.schedule == Schedule(((22 * 60, 6 * 60),), frozenset(range(5)), "America/Sao_Paulo")


def test_the_example_is_one() -> None:
    file = load_cameras(ROOT / "examples" / "cameras.toml")
    assert [camera.name for camera in file.enabled] == ["gate", "left lane"]
    assert all(Path(camera.address).is_file() for camera in file.enabled)


def test_names_in_another_script_have_topics_of_their_own() -> None:
    topics = [topic_name(name) for name in ("Вход", "Выход", "门1", "Portão")]
    assert topics[2:] == ["1", "port_o"]
    assert topics[0] != topics[1]
    assert all(re.fullmatch("camera_[0-9a-f]{8}", topic) for topic in topics[:2])


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("min_confidence = 0.5", "min_confidance = 0.5", 10, "unknown key; did you mean 'min_confidence'?"),
        ("min_confidence = 0.5", "min_confidence = 1.5", 10, "is between 0 and 1, not 1.5"),
        ("min_confidence = 0.5", 'min_confidence = "high"', 10, "is a number, not 'high'"),
        ('name = "yard"', 'name = "gate"', 28, "is the name of another camera"),
        ('name = "yard"', 'name = "a/b"', 28, "letters, digits"),
        ("[0.5, 1],", '[0.5, "x"],', 19, "is a list of at least three [x, y]"),
        ("[0.5, 1],", "[0.25, 0],", 19, "has no area"),
        ("[0.5, 1],", "[0.5, -1],", 19, "coordinates of 0 and more"),
        ("America/Sao_Paulo", "America/Sao_Paolo", 15, "is unknown here"),
        ('"mon-fri"', '"mun-fri"', 14, "did you mean 'sun'?"),
        ('"mon-fri"', '"monkey"', 14, "'monkey' is unknown; did you mean 'mon'?"),
        ("22:00-06:00", "22-6", 13, "is not of the form 06:00-22:00"),
        ('"brazilian"]', '"brasilian"]', 3, "unknown layout 'brasilian'"),
        ("stride = 3", 'stride = 3\ndecode = "cude"', 31, "did you mean 'cuda'?"),
        ("${CAM_PASSWORD}", "hunter2", 9, "holds a password; write ${NAME}"),
        ("${CAM_TOKEN}", "hunter2", 9, "holds a password; write ${NAME}"),
        ("${CAM_PASSWORD}", "${CAM_PASWORD}", 9, "the environment variable CAM_PASWORD is not set"),
        ("stride = 3", "stride = 3\nzones_only = true", 31, "needs zones"),
        ("[[camera.mask]]", "[[camera.zone]]", 24, "name is missing"),
        ("[defaults]", "[default]", 2, "unknown key; did you mean 'defaults'?"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in TWO
    path = written(tmp_path, TWO.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_cameras(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no cameras"),
        ("[[camera]]\nname = 'a'\naddress = 'x'\nenabled = false", "no camera is enabled"),
        ("[camera]\nname = 'a'", "is written as [[camera]] for each"),
        ("[[camera]\n", "not TOML"),
    ],
)
def test_a_file_without_cameras_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_cameras(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_password_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "gate.secret").write_text("p w\n")
    text = '[[camera]]\nname = "gate"\naddress = "rtsp://me@cam/1"\npassword_file = "gate.secret"\n'
    (camera,) = load_cameras(written(tmp_path, text)).cameras
    assert camera.address == "rtsp://me:p%20w@cam/1"
    with pytest.raises(UsageError, match=r"line 4: camera.password_file: .*none.secret: the secret cannot be read"):
        load_cameras(written(tmp_path, text.replace("gate.secret", "none.secret")))
    with pytest.raises(UsageError, match=r"line 4: camera.password_file: needs a user in the address"):
        load_cameras(written(tmp_path, text.replace("me@", "")))


def test_a_camera_that_is_not_enabled_needs_no_secrets(tmp_path: Path) -> None:
    text = TWO.replace("min_confidence = 0.5", "enabled = false").replace("CAM_USER", "NOBODY")
    assert [camera.name for camera in load_cameras(written(tmp_path, text)).enabled] == ["yard"]


def test_lines_of_keys_are_found_whatever_values_hold() -> None:
    text = "\n".join(
        [
            'a = """',
            "[[b]]",
            'c = 1 \\"""',
            '"""  # [x]',
            "[[b]]",
            "d.'e f' = '''",
            "g = 1'''",
            "h = [ # ]",
            '  "]", { i = "}" },',
            "]",
            "[b.j]",
            "k = 'a#b'",
            "[[b]]",
            "d = 2",
        ]
    )
    lines = key_lines(text)
    assert {".".join(map(str, key)): line for key, line in lines.items()} == {
        "a": 1,
        "b.0": 5,
        "b.0.d": 6,
        "b.0.d.e f": 6,
        "b.0.h": 8,
        "b.0.j": 11,
        "b.0.j.k": 12,
        "b.1": 13,
        "b.1.d": 14,
    }
    assert line_of(lines, ("b", 0, "h", 1, "i")) == 8


def test_hours_go_by_the_wall_clock_and_over_midnight() -> None:
    schedule = Schedule(((22 * 60, 6 * 60),), frozenset({4}), "America/Sao_Paulo")  # Friday night, UTC-3
    friday = datetime(2026, 11, 27, 22, 0, tzinfo=timezone(timedelta(hours=-3)))
    assert schedule.open_at(friday)
    assert schedule.open_at(friday.astimezone(timezone.utc))
    assert not schedule.open_at(friday - timedelta(minutes=1))
    assert schedule.open_at(friday + timedelta(hours=7, minutes=59)), "Saturday's early morning belongs to Friday"
    assert not schedule.open_at(friday + timedelta(hours=8))
    assert not schedule.open_at(friday + timedelta(hours=24)), "Saturday night"
    assert Schedule((), frozenset({5})).open_at(datetime(2026, 11, 28, 12).astimezone())
    assert Schedule(((0, 24 * 60),)).open_at(friday)


def test_polygons_are_in_pixels_or_in_fractions() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    half = parse_polygon([[0, 0], [0.5, 0], [0.5, 1], [0, 1]])
    assert half.holds(frame, 99, 50)
    assert not half.holds(frame, 101, 50)
    pixels = parse_polygon("0,0,50,0,50,100,0,100")
    assert pixels.holds(frame, 49, 50)
    assert not pixels.holds(frame, 51, 50)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0, 0], [1, 0], [0, 1], [1, 1]], "crosses itself"),
        ([[0, 0], [0.5, 1], [1, 0], [0, 0.7], [1, 0.7]], "crosses itself"),
        ([[0, 0], [1e10, 0], [1e10, 1e10], [0, 1e10]], "over 100000"),
        ([[0, 0], [1.05, 0], [1.05, 1.05], [0, 1.05]], "is 1.05x1.05 pixels; where a number is larger than 1"),
        ([[0, 0.4], [640, 0.4], [640, 1], [0, 1]], "is 640x0.6 pixels"),
        ([[0, 0], [1, 1], [0, 0]], "has no area"),
    ],
)
def test_polygons_that_would_hide_or_hold_something_else_are_refused(points: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_polygon(points)


def test_a_polygon_may_be_closed_by_its_first_point_and_touch_itself() -> None:
    assert parse_polygon([[0, 0], [1, 0], [1, 1], [0, 0]]).points == ((0, 0), (1, 0), (1, 1))
    assert len(parse_polygon([[0, 0], [1, 0], [0.5, 0.5], [1, 1], [0, 1], [0.5, 0.5]]).points) == 6


def test_masks_are_painted_on_a_copy() -> None:
    frame = np.full((40, 40, 3), 200, np.uint8)
    painted = masked(frame, (parse_polygon([[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]),))
    assert (painted[:20, :20] == 114).all()
    assert (painted[22:, 22:] == 200).all()
    assert (frame == 200).all()
    assert masked(frame, ()) is frame
