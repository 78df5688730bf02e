"""Labelled plates: names, tables, and one line for everything that is wrong with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.labelled import IncompletePictureError, load_labelled, read_whole


def write(path: Path, shade: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((30, 90, 3), shade, np.uint8))
    return path


def test_names_are_texts(tmp_path: Path) -> None:
    write(tmp_path / "abc-1d23.png")
    (plate,) = load_labelled(tmp_path)
    assert plate.text == "ABC1D23"
    assert plate.crop.shape == (30, 90, 3)


def test_a_table_as_spreadsheets_save_it_cuts_boxes(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "1.png")
    rows = "file,text,x,y,width,height\n1.png,ABC1234,10,5,30,10\n"
    (tmp_path / "labels.csv").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    (plate,) = load_labelled(tmp_path)
    assert plate.crop.shape == (10, 30, 3)
    assert plate.crop.base is None, "the frame is not kept alive"


def test_a_table_with_semicolons_has_decimal_commas(tmp_path: Path) -> None:
    write(tmp_path / "1.tif")
    (tmp_path / "labels.csv").write_text("File;Text;x;y;width;height\n1.tif;ABC1234;10,0;5;30,2;10\n")
    (plate,) = load_labelled(tmp_path)
    assert (plate.text, plate.crop.shape) == ("ABC1234", (10, 30, 3))


def test_pictures_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1.png", 50)
    write(tmp_path / "b" / "1.png", 200)
    (tmp_path / "labels.csv").write_text("file,text\na/1.png,ABC1234\nb/1.png,XYZ1234\n")
    first, second = load_labelled(tmp_path)
    assert first.crop.mean() < 100 < second.crop.mean()
    (tmp_path / "labels.csv").write_text("file,text\n1.png,ABC1234\n")
    with pytest.raises(LpsrError, match="2 pictures are named"):
        load_labelled(tmp_path)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,text\n2.png,ABC1234\n", "no picture"),
        ("file,text\n1.png,ABC123\n", "has 6 characters"),
        ("file,text\n1.png,ABC12?4\n", "alphabet"),
        ("file,text,x,y,width,height\n1.png,ABC1234,a,b,c,d\n", "numbers"),
        ("file,text\n", "no labelled pictures"),
        ("picture,text\n1.png,ABC1234\n", "line 1: has no column called file"),
        ('file,text\n"1.png,ABC1234\n', "a quotation mark left open?"),
    ],
)
def test_wrong_tables_are_one_line(tmp_path: Path, table: str, words: str) -> None:
    write(tmp_path / "1.png")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(LpsrError, match=words.replace("?", r"\?")) as error:
        load_labelled(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_folders_and_broken_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_labelled(tmp_path / "nowhere")
    (tmp_path / "ABC1234.png").write_bytes(b"not a picture")
    with pytest.raises(LpsrError, match="not a picture"):
        load_labelled(tmp_path)


@pytest.fixture
def photograph() -> bytes:
    """A JPEG file of a textured picture."""
    grain = np.random.default_rng(0).integers(0, 256, (12, 36, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(grain, (90, 30), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def test_incomplete_pictures_are_left_out_and_named(tmp_path: Path, photograph: bytes) -> None:
    (tmp_path / "ABC1234.jpg").write_bytes(photograph[: len(photograph) // 2])
    told: list[str] = []
    with pytest.raises(LpsrError, match="only the beginning of each picture"):
        load_labelled(tmp_path, told.append)
    write(tmp_path / "XYZ1234.png")
    (plate,) = load_labelled(tmp_path, told.append)
    assert plate.text == "XYZ1234"
    assert all("ABC1234.jpg: only the beginning of this picture is there" in line for line in told)
    with pytest.raises(IncompletePictureError, match=r"ABC1234\.jpg"):
        load_labelled(tmp_path)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_picture_that_lacks_its_end_marker_alone_is_whole(tmp_path: Path, photograph: bytes, missing: int) -> None:
    path = tmp_path / "ABC1234.jpg"
    path.write_bytes(photograph)
    whole = read_whole(path)
    path.write_bytes(photograph[:-missing])
    assert (read_whole(path) == whole).all()
    for lost in (16, 60, len(photograph) // 3):
        path.write_bytes(photograph[:-lost])
        with pytest.raises(IncompletePictureError):
            read_whole(path)


def test_a_progressive_picture_may_lack_whole_scans(tmp_path: Path, photograph: bytes) -> None:
    picture = cv2.imdecode(np.frombuffer(photograph, np.uint8), cv2.IMREAD_COLOR)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    path = tmp_path / "ABC1234.jpg"
    path.write_bytes(data[: data.rindex(b"\xff\xda")])
    with pytest.raises(IncompletePictureError):
        read_whole(path)
