"""`lpsr-train pairs`: from photographs in RodoSol-ALPR's form, or labelled ones, to pairs and their list."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from street_pictures import save, street_picture, write_rodosol
from typer.testing import CliRunner, Result

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Quad, rectify
from lpsr_core.metrics import ssim
from lpsr_train.cli import app
from lpsr_train.data.sources import SPLITS, find_plates, labelled_plates


def pairs(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["pairs", *map(str, arguments)])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def rodosol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rodosol")
    write_rodosol(folder)
    return folder


@pytest.fixture(scope="module")
def made(rodosol: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    done = pairs("--data", rodosol, "--out", folder, "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "6 pairs (training 2, validation 2, testing 2)" in done.output
    return folder


def test_cars_become_rectified_crops_and_what_is_left_of_them_below_the_target(made: Path, rodosol: Path) -> None:
    lines = [line.split(";") for line in (made / "pairs.txt").read_text().splitlines()]
    assert [split for _, _, split in lines] == ["training", "validation", "testing"] * 2
    for number, (hr_name, lr_name, _) in enumerate(lines):
        truth = street_picture(number)
        hr, lr = cv2.imread(str(made / hr_name)), cv2.imread(str(made / lr_name))
        assert abs(hr.shape[1] / hr.shape[0] - 400 / 130) < 0.2, "the plate's own shape"
        assert lr.shape == hr.shape
        assert ssim(lr, hr, data_range=1.0) < 0.12
        straight = rectify(truth.image, Quad.from_points(truth.corners.tolist()))
        expected = cv2.resize(straight, (hr.shape[1], hr.shape[0]))[..., ::-1]
        soft = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.5).ravel() for image in (hr, expected)]
        assert np.corrcoef(soft)[0, 1] > 0.95, "by its corners, in whatever order they were written"
        label = (made / hr_name).with_suffix(".txt").read_text()
        assert f"plate: {truth.text}\n" in label, "what the authors' loader looks for"
        assert label.startswith("type: car\n")


def test_two_rows_are_taken_when_asked_for(rodosol: Path, tmp_path: Path) -> None:
    done = pairs(
        "--data", rodosol, "--out", tmp_path / "out", "--motorcycles", "--workers", 1, "--degradation", "camera"
    )
    assert done.exit_code == 0, done.output
    last = (tmp_path / "out" / "pairs.txt").read_text().splitlines()[-1]
    assert last.startswith("hr/motorcycles-")
    hr = cv2.imread(str(tmp_path / "out" / last.split(";")[0]))
    lr = cv2.imread(str(tmp_path / "out" / last.split(";")[1]))
    assert hr.shape[1] / hr.shape[0] < 1.4
    assert lr.shape[1] <= 56


def test_processes_and_interruptions_change_nothing(rodosol: Path, tmp_path: Path) -> None:
    options = ("--data", rodosol, "--degradation", "noise", "--ssim", 0.3, "--seed", 5)
    alone, several = tmp_path / "alone", tmp_path / "several"
    assert pairs(*options, "--out", alone, "--workers", 1).exit_code == 0
    assert pairs(*options, "--out", several, "--workers", 2).exit_code == 0
    assert files(alone) == files(several)

    lost = sorted((several / "lr").rglob("*.png"))[0]
    kept = sorted((several / "lr").rglob("*.png"))[1]
    lost.unlink()
    (several / "hr" / "cars-br" / "left.png.part").write_bytes(b"half a picture")
    before = kept.stat().st_mtime_ns
    assert pairs(*options, "--out", several, "--workers", 1).exit_code == 0
    assert files(several) == files(alone)
    assert kept.stat().st_mtime_ns == before, "what is there is not made again"


def test_control_c_leaves_whole_files_and_a_second_call_goes_on(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    picture = street_picture(1)
    for number in range(80):
        save(data / f"{number:03d}.jpg", picture.image[60:120, 80:260])
    rows = "".join(f"{number:03d}.jpg,{picture.text}\n" for number in range(80))
    (data / "labels.csv").write_text("file,text\n" + rows)
    arguments = ["-m", "lpsr_train", "pairs", "--data", data, "--out", out, "--workers", "2", "--degradation", "noise"]
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(out.rglob("*.png")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "run the same command again" in errors
    assert not list(out.rglob("*.part"))
    assert not (out / "pairs.txt").exists(), "no list of half the pairs"
    count = len(list(out.rglob("*.png")))
    assert 2 <= count < 160
    assert all(cv2.imread(str(path)) is not None for path in out.rglob("*.png"))
    done = pairs("--data", data, "--out", out, "--degradation", "noise", "--workers", 1)
    assert done.exit_code == 0, done.output
    assert len((out / "pairs.txt").read_text().splitlines()) == 80


def test_other_settings_and_other_folders_are_refused(made: Path, rodosol: Path, tmp_path: Path) -> None:
    before = files(made)
    done = pairs("--data", rodosol, "--out", made, "--seed", 9)
    assert isinstance(done.exception, LpsrError)
    assert "another source, seed or settings" in str(done.exception)
    (tmp_path / "letter.txt").write_text("mine")
    done = pairs("--data", rodosol, "--out", tmp_path)
    assert "other files" in str(done.exception)
    other = tmp_path / "other"
    write_rodosol(other, cars=2, motorcycles=0)
    label = other / "images" / "cars-br" / "img_000001.txt"
    label.write_text(label.read_text().replace("plate: ", "plate: ZZZ1111\nwas: "))
    done = pairs("--data", other, "--out", made)
    assert "another plate" in str(done.exception)
    assert files(made) == before


def test_a_picture_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    write_rodosol(tmp_path / "data", cars=3, motorcycles=0)
    (tmp_path / "data" / "images" / "cars-br" / "img_000001.jpg").write_bytes(b"broken")
    done = pairs("--data", tmp_path / "data", "--out", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 1
    assert "img_000001.jpg: not a picture" in done.output
    assert len((tmp_path / "out" / "pairs.txt").read_text().splitlines()) == 2


def test_a_picture_without_its_end_is_left_out_and_counted(tmp_path: Path) -> None:
    write_rodosol(tmp_path / "data", cars=3, motorcycles=0)
    picture = tmp_path / "data" / "images" / "cars-br" / "img_000001.jpg"
    picture.write_bytes(picture.read_bytes()[: picture.stat().st_size * 2 // 3])
    assert cv2.imread(str(picture)) is not None, "OpenCV fills the rest up"
    done = pairs("--data", tmp_path / "data", "--out", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 1
    assert "img_000001.jpg: only the beginning of this picture is there" in done.output
    assert "1 of 3 pictures left out" in done.output
    assert len((tmp_path / "out" / "pairs.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("plate", "ABC123", "img_000000.txt: plate text 'ABC123' has 6 characters"),
        ("plate", "ABC1?34", "alphabet"),
        ("type", "boat", "car or motorcycle"),
        ("corners", "1,2 3,4 5,6", "four corners"),
        ("corners", "1,2 3,x 5,6 7,8", "four corners"),
        ("corners", "5,5 5,5 5,5 5,5", "enclose no plate"),
    ],
)
def test_wrong_labels_stop_before_anything_is_made(tmp_path: Path, field: str, value: str, words: str) -> None:
    write_rodosol(tmp_path / "data", cars=1, motorcycles=0)
    (label,) = (tmp_path / "data").rglob("img_000000.txt")
    lines = [line if not line.startswith(field) else f"{field}: {value}" for line in label.read_text().splitlines()]
    label.write_text("\n".join(lines))
    done = pairs("--data", tmp_path / "data", "--out", tmp_path / "out")
    assert isinstance(done.exception, LpsrError)
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("images/cars-me/img_000000.jpg\n", "split.txt, line 1: a line is picture;split"),
        ("\nimages/nowhere.jpg;training\n", "split.txt, line 2: no picture"),
        ("images/cars-me/img_000000.jpg;train\n", "'train' is not a split"),
        ("\n", "names no cars"),
    ],
)
def test_wrong_split_files_name_their_line(tmp_path: Path, split: str, words: str) -> None:
    write_rodosol(tmp_path, cars=1, motorcycles=0)
    (tmp_path / "split.txt").write_text(split)
    with pytest.raises(LpsrError, match=words) as error:
        find_plates(tmp_path)
    assert error.value.exit_code == 1


def test_places_outside_a_picture_are_said_of_that_picture(tmp_path: Path) -> None:
    write_rodosol(tmp_path / "data", cars=2, motorcycles=0)
    (label,) = (tmp_path / "data").rglob("img_000000.txt")
    text = label.read_text()
    for corners, words in (
        ("900,10 990,10 990,40 900,40", "not inside"),
        ("0,0 9e9,0 9e9,9e9 0,9e9", "not inside"),
        ("10,10 30,10 30,14 10,14", "20x4 pixels"),
    ):
        label.write_text(text[: text.index("corners")] + f"corners: {corners}\n")
        with pytest.raises(LpsrError, match=words):
            find_plates(tmp_path / "data")[0].crop()


def test_any_labelled_folder_is_divided_by_texts(tmp_path: Path) -> None:
    rows = ["file,text,x,y,width,height"]
    for number in range(20):
        picture = street_picture(number % 10)
        save(tmp_path / "data" / f"{number}.v1.png", picture.image)
        left, top = picture.corners.min(axis=0)
        right, bottom = picture.corners.max(axis=0)
        rows.append(f"{number}.v1.png,{picture.text},{left},{top},{right - left},{bottom - top}")
    rows.append(rows[-1])  # a second plate in one picture
    (tmp_path / "data" / "labels.csv").write_text("\n".join(rows))
    plates = labelled_plates(tmp_path / "data", (40, 20, 40), seed=3)
    assert len({plate.name for plate in plates}) == 21
    splits = {plate.text: {other.split for other in plates if other.text == plate.text} for plate in plates}
    assert len(splits) == 10
    assert all(len(parts) == 1 for parts in splits.values()), "no text in two splits"
    done = pairs("--data", tmp_path / "data", "--out", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "hr" / "0.v1.txt").read_text().startswith("plate: ")


def test_plates_that_are_added_move_no_others(tmp_path: Path) -> None:
    texts = [f"ABC{number:04d}" for number in range(400)]
    rows = [f"{save(tmp_path / f'{text}.png', np.zeros((8, 24, 3), np.uint8)).name},{text}" for text in texts]

    def divided(count: int, seed: int = 0) -> dict[str, str]:
        (tmp_path / "labels.csv").write_text("\n".join(("file,text", *rows[:count])))
        return {plate.text: plate.split for plate in labelled_plates(tmp_path, (40, 20, 40), seed)}

    few, many = divided(150), divided(400)
    assert all(many[text] == split for text, split in few.items())
    counts = [list(many.values()).count(split) for split in SPLITS]
    assert counts == pytest.approx([160, 80, 160], abs=32), "the shares hold on average"
    assert divided(400, seed=1) != many
    alone = {plate.split for plate in labelled_plates(tmp_path, (3, 0.5, 0))}
    assert alone == {"training", "validation"}


def test_a_folder_that_was_divided_otherwise_is_not_continued(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    name = save(data / "0.png", street_picture(0).image).name
    (data / "labels.csv").write_text(f"file,text\n{name},ABC1234\n")
    options = ("--data", data, "--out", out, "--degradation", "camera", "--workers", 1)
    done = pairs(*options)
    assert done.exit_code == 0, done.output
    assert "note: no plate fell to " in done.output
    note, before = out / "pairs.json", (out / "pairs.txt").read_bytes()
    note.write_text(json.dumps({key: value for key, value in json.loads(note.read_text()).items() if key != "split"}))
    assert "choose another folder" in str(pairs(*options).exception)
    assert (out / "pairs.txt").read_bytes() == before


def test_a_table_may_divide_the_plates_itself(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", street_picture(number).image)
    table = tmp_path / "labels.csv"
    table.write_text("file,text,split\n0.png,ABC1234,testing\n1.png,ABC1234,training\n2.png,ABC1234,testing\n")
    assert [plate.split for plate in find_plates(tmp_path)] == ["testing", "training", "testing"]
    table.write_text("file,text,split\n0.png,ABC1234,testing\n1.png,ABC1234,\n")
    with pytest.raises(LpsrError, match="'' is not a split"):
        find_plates(tmp_path)
    table.write_text("file,text,split\n0.png,ABC1234,\n1.png,ABC1234,testing\n")
    with pytest.raises(LpsrError, match="give all plates one, or none"):
        find_plates(tmp_path)


def test_a_table_that_tests_with_plates_it_trains_on_is_noted(tmp_path: Path) -> None:
    data = tmp_path / "plates"
    for number in range(4):
        save(data / f"{number}.png", street_picture(number).image[60:100, 80:200])
    rows = ("0.png,ABC1234,training", "1.png,ABC1234,testing", "2.png,XYZ1A23,testing", "3.png,QWE0B99,training")
    (data / "labels.csv").write_text("\n".join(("file,text,split", *rows)))
    command = ["pairs", "--data", str(data), "--out", str(tmp_path / "out"), "--degradation", "none", "--workers", "1"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "note: 1 plate is in the training split and in another one, too (ABC1234)" in done.stderr


def test_names_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "a;b.png", street_picture(0).image)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "labels.csv").write_text('file,text\n"../a;b.png",ABC1234\n')
    (plate,) = find_plates(tmp_path / "data")
    assert plate.name == "a_b"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--degradation", "fog"), "unknown degradation"),
        (("--degradation", "camera", "--ssim", 0.2), "does not stop"),
        (("--shares", "1,2"), "three numbers"),
        (("--shares", "a,b,c"), "three numbers"),
        (("--shares", "nan,1,1"), "three numbers"),
    ],
)
def test_wrong_options_are_usage(tmp_path: Path, arguments: tuple[object, ...], words: str) -> None:
    save(tmp_path / "data" / "ABC1234.png", street_picture(0).image)
    done = pairs("--data", tmp_path / "data", "--out", tmp_path / "out", *arguments)
    assert isinstance(done.exception, UsageError)
    assert words in str(done.exception)


def test_wrong_folders_are_usage(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    assert "split.txt" in str(pairs("--data", tmp_path, "--out", tmp_path.parent / "out").exception)
    assert "no such folder" in str(pairs("--data", tmp_path / "x", "--out", tmp_path / "out").exception)
    assert "lies in the data" in str(pairs("--data", tmp_path, "--out", tmp_path / "out").exception)


def test_the_command_ends_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lpsr_train", "pairs", "--data", str(tmp_path / "x"), "--out", str(tmp_path / "y")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'x'}: no such folder\n"
