"""Tracks of real pairs: folders as LRLPR-26 has them, and this project's own table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from street_pictures import save, write_track

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.labelled import read_picture
from lpsr_train.data.tracks import find_tracks


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    for number in range(2):
        write_track(tmp_path / "Scenario-A" / "Brazilian" / f"track_{number:05d}", number)
    return tmp_path


def test_folders_are_tracks(tracks: Path) -> None:
    first, second = find_tracks(tracks)
    assert first.name == "Scenario-A/Brazilian/track_00000"
    assert first.text == "KTM7D81"
    assert second.text != first.text
    assert len(first.lr) == len(first.corners) == 3
    for crop in first.lr_crops():
        assert abs(crop.shape[1] / crop.shape[0] - 400 / 130) < 0.5, "rectified"


def test_tracks_to_be_read_blindly_have_lr_frames_alone(tmp_path: Path) -> None:
    write_track(tmp_path / "track_00007", 7, annotated=False)
    (track,) = find_tracks(tmp_path)
    assert track.text is None
    assert track.corners == (None, None, None)
    assert (track.lr_crops()[0] == read_picture(track.lr[0])).all()
    (alone,) = find_tracks(tmp_path / "track_00007")
    assert alone.name == "track_00007"


def test_a_table_lists_frames(tracks: Path) -> None:
    folder = "Scenario-A/Brazilian/track_00000"
    table = tracks / "tracks.csv"
    rows = [f"gate-17,{folder}/hr-00{n}.png,{folder}/lr-00{n}.png,ktm-7d81" for n in (1, 2)]
    table.write_text("\n".join(["track,hr,lr,text", *rows, f"other,,{folder}/lr-003.png,"]))
    first, second = find_tracks(table)
    assert (first.name, first.text, len(first.lr)) == ("gate-17", "KTM7D81", 2)
    assert (second.text, len(second.lr)) == (None, 1)
    assert first.corners == (None, None)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("track,lr\n", "line 1: has no column called hr; it needs track, hr, lr, text"),
        ("track,hr,lr,text\na,,x.png,ABC1234\n", "line 2: no picture"),
        ("track,hr,lr,text\na,,1.png,ABC123\n", "line 2: .*6 characters"),
        ("track,hr,lr,text\na,,1.png,ABC1234\na,,1.png,ABC1235\n", "line 3: track 'a' has one text"),
        ("track,hr,lr,text\na,1.png,1.png,ABC1234\na,,1.png,ABC1234\n", "line 3: track 'a' has one text, and HR"),
        ("track,hr,lr,text\n,,1.png,ABC1234\n", "line 2: needs the name"),
        ("track,hr,lr,text\na\n", "line 2: needs the name"),
        ("track,hr,lr,text\n", "holds no tracks"),
    ],
)
def test_wrong_tables_are_one_line(tmp_path: Path, rows: str, words: str) -> None:
    save(tmp_path / "1.png", np.zeros((9, 27, 3), np.uint8))
    table = tmp_path / "tracks.csv"
    table.write_text(rows)
    with pytest.raises(LpsrError, match=words) as error:
        find_tracks(table)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plate_text": "ABC123"}, "annotations.json, plate_text: .*6 characters"),
        ({"plate_text": None}, "annotations.json, plate_text"),
        ({"corners": [1, 2]}, "corners must name frames"),
        ({"corners": {"lr-001.png": {"top-left": [1, 2]}}}, "the corners of lr-001.png must be top-left"),
        ({"corners": {"lr-001.png": {n: [5, 5] for n in ("top-left", "top-right", "bottom-right", "bottom-left")}}},
         "enclose no plate"),
    ],
)  # fmt: skip
def test_wrong_annotations_are_one_line(tmp_path: Path, change: dict, words: str) -> None:
    write_track(tmp_path, 1)
    notes = tmp_path / "annotations.json"
    notes.write_text(json.dumps({**json.loads(notes.read_text()), **change}))
    with pytest.raises(LpsrError, match=words):
        find_tracks(tmp_path)


def test_missing_frames_and_folders(tracks: Path, tmp_path: Path) -> None:
    folder = tracks / "Scenario-A" / "Brazilian" / "track_00001"
    (folder / "hr-002.png").unlink()
    with pytest.raises(LpsrError, match="track_00001: its 3 LR and 2 HR frames"):
        find_tracks(tracks)
    (folder / "annotations.json").write_text("{")
    for number in (1, 3):
        (folder / f"hr-00{number}.png").unlink()
    with pytest.raises(LpsrError, match="not readable as JSON"):
        find_tracks(tracks)
    with pytest.raises(UsageError, match="no such folder or file"):
        find_tracks(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LpsrError, match="holds no tracks"):
        find_tracks(tmp_path / "empty")


def test_pictures_that_break_are_named_with_their_track(tracks: Path) -> None:
    folder = tracks / "Scenario-A" / "Brazilian" / "track_00001"
    (folder / "lr-002.png").write_bytes(b"broken")
    first, second = find_tracks(tracks)
    assert len(first.lr_crops()) == 3
    with pytest.raises(LpsrError, match=r"track_00001: .*lr-002.png: not a picture"):
        second.lr_crops()
