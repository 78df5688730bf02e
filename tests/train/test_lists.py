"""Lists of pairs: written and read back, checked line by line, trained and evaluated on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from street_pictures import save, street_picture
from typer.testing import CliRunner

from lpsr_core.alphabet import decode_indices
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import HR_SIZE, LR_SIZE, padded_hr, padded_lr, to_hr, to_lr
from lpsr_core.labelled import read_picture
from lpsr_train.config import TrainConfig
from lpsr_train.data.labels import read_fields
from lpsr_train.data.lists import read_list, repeated_plates, write_list
from lpsr_train.data.pool import RECORD, UNKNOWN
from lpsr_train.data.records import PairPool
from lpsr_train.data.sources import SPLITS

TEXTS = ("ABC1234", "XYZ1A23", "QWE0B99")


@pytest.fixture(scope="module")
def networks() -> None:
    """A run of a command in a process of its own is loaded here."""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A list of three pairs, one for each split."""
    entries = []
    for number, (text, split) in enumerate(zip(TEXTS, SPLITS, strict=True)):
        image = street_picture(number).image[60:100, 80:200]
        hr = save(tmp_path / "hr" / f"{number}.png", image)
        lr = save(tmp_path / "lr" / f"{number}.png", cv2.resize(image, (42, 14), interpolation=cv2.INTER_AREA))
        hr.with_suffix(".txt").write_text(f"type: car\nplate: {text}\n")
        entries.append((hr, lr, split))
    write_list(tmp_path / "pairs.txt", entries)
    return tmp_path / "pairs.txt"


def test_what_is_written_is_read_back(pairs: Path) -> None:
    assert pairs.read_text().splitlines()[1] == "hr/1.png;lr/1.png;validation"
    found = read_list(pairs)
    assert [pair.text for pair in found] == list(TEXTS)
    assert [pair.split for pair in found] == list(SPLITS)
    assert [pair.text for pair in read_list(pairs, "testing")] == ["QWE0B99"]
    write_list(pairs, [(pair.hr, pair.lr, pair.split) for pair in found], absolute=True)
    assert pairs.read_text().startswith("/")
    assert [pair.text for pair in read_list(pairs)] == list(TEXTS), "absolute paths are taken as they are"
    assert not list(pairs.parent.glob("*.part"))


def test_lists_of_other_systems_are_read(pairs: Path) -> None:
    lines = pairs.read_text().replace(";", " ; ").replace("\n", "\r\n\r\n")
    pairs.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert len(read_list(pairs)) == 3


def test_a_split_becomes_records_at_the_networks_sizes(pairs: Path) -> None:
    pool = PairPool.from_pairs(read_list(pairs, "validation"))
    (record,) = pool.take(np.arange(len(pool)))
    assert record.dtype == RECORD
    assert record["hr"].shape == (HR_SIZE[1], HR_SIZE[0], 3)
    assert record["lr"].shape == (LR_SIZE[1], LR_SIZE[0], 3)
    assert (record["hr"] == to_hr(read_picture(pairs.parent / "hr" / "1.png"))).all()
    assert (record["lr"] == to_lr(read_picture(pairs.parent / "lr" / "1.png"))).all()
    assert decode_indices(record["text"]) == "XYZ1A23"
    assert record["method"] == UNKNOWN


def test_batches_are_those_of_a_pool(pairs: Path) -> None:
    pairs.write_text(pairs.read_text().replace("validation", "training").replace("testing", "training"))
    pool = PairPool.from_pairs(read_list(pairs, "training"))
    batches = map(pool.take, pool.orders(1, seed=4))
    first = [decode_indices(next(batches)["text"][0]) for _ in range(6)]
    assert set(first[:3]) == set(first[3:]) == set(TEXTS), "each pass shows every pair once"
    resumed = map(pool.take, pool.orders(1, seed=4, start=2))
    assert [decode_indices(next(resumed)["text"][0]) for _ in range(4)] == first[2:]
    with pytest.raises(LpsrError, match="more than the pool"):
        next(map(pool.take, pool.orders(4, seed=4)))


def test_a_split_becomes_samples(pairs: Path) -> None:
    pytest.importorskip("torch", reason="the evaluation needs PyTorch (the train extra)")
    from lpsr_train.data.samples import samples_of

    (sample,) = samples_of(PairPool.from_pairs(read_list(pairs, "testing")))
    assert sample.text == "QWE0B99"
    assert (sample.hr == to_hr(read_picture(pairs.parent / "hr" / "2.png"))).all()
    assert (sample.lr == to_lr(read_picture(pairs.parent / "lr" / "2.png"))).all()


def test_the_papers_tables_pad_the_pairs_of_a_list(pairs: Path) -> None:
    pytest.importorskip("torch", reason="the evaluation needs PyTorch (the train extra)")
    from lpsr_train.evaluation.plates import ListedPlates

    hr, lr = (np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8) for size in ((40, 60), (20, 30)))
    for role, picture in (("hr", hr), ("lr", lr)):
        cv2.imwrite(str(pairs.parent / role / "2.png"), picture[..., ::-1])
    (sample,) = ListedPlates("pairs", read_list(pairs, "testing")).gather(lambda done, total: None)
    assert (sample.hr == padded_hr(hr)).all()
    assert (sample.lr == padded_lr(lr)).all()
    assert not (sample.hr == to_hr(hr)).all()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hr/1.png;lr/1.png;validation", "hr/1.png;lr/1.png", "line 2: a line is HR;LR;split, not 'hr/1.png;lr/1.png'"),
        ("hr/1.png;lr/1.png;validation", "hr/1.png;;validation", "line 2: a line is HR;LR;split"),
        ("validation", "val", "line 2: 'val' is not a split; there are: training, validation, testing"),
        ("hr/1.png", "hr/9.png", "line 2: no picture .*9.png"),
        ("lr/1.png", "lr", "line 2: no picture .*lr"),
        ("validation", "training", "no pairs of the split validation, only 2 of training, 1 of testing"),
    ],
)
def test_wrong_lines_are_named(pairs: Path, old: str, new: str, words: str) -> None:
    pairs.write_text(pairs.read_text().replace(old, new))
    with pytest.raises(LpsrError, match=words) as error:
        read_list(pairs, "validation")
    assert str(pairs) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (None, "line 2: .*1.txt: this label file is missing"),
        ("plaque: ABC1234\n", "line 2: .*1.txt: has no line 'plate: ABC1D23'"),
        ("plate: ABC123\n", "line 2: .*1.txt: plate text 'ABC123' has 6 characters"),
        ("plate: ABC12?4\n", "line 2: .*1.txt: plate text .* the alphabet"),
        (b"\xff\xfe\xfa", "line 2: .*1.txt: cannot be read"),
    ],
)
def test_wrong_labels_are_named(pairs: Path, label: str | bytes | None, words: str) -> None:
    path = pairs.parent / "hr" / "1.txt"
    path.unlink()
    if label is not None:
        path.write_bytes(label if isinstance(label, bytes) else label.encode())
    with pytest.raises(LpsrError, match=words) as error:
        read_list(pairs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((240, 80), "line 2: HR is 120x40 and LR 240x80 pixels; the order"),
        ((42, 42), "the same plate in the same shape"),
    ],
)
def test_pictures_that_are_no_pair_are_named(pairs: Path, size: tuple[int, int], words: str) -> None:
    save(pairs.parent / "lr" / "1.png", np.zeros((size[1], size[0], 3), np.uint8))
    with pytest.raises(LpsrError, match=words):
        PairPool.from_pairs(read_list(pairs, "validation"))
    (pairs.parent / "lr" / "1.png").write_bytes(b"broken")
    with pytest.raises(LpsrError, match=r"line 2: .*1.png: not a picture"):
        PairPool.from_pairs(read_list(pairs, "validation"))


def test_pairs_with_a_picture_without_its_end_are_left_out_and_counted(pairs: Path) -> None:
    whole = cv2.imencode(".jpg", street_picture(1).image[60:100, 80:200])[1].tobytes()
    for role in ("hr", "lr"):
        (pairs.parent / role / "1.png").write_bytes(whole[: len(whole) * 2 // 3])
    pairs.write_text(pairs.read_text().replace("validation", "training"))
    pool = PairPool.from_pairs(read_list(pairs, "training"))
    assert len(pool) == 1
    (problem,) = pool.left_out
    assert problem.startswith(f"{pairs}, line 2: ")
    assert "1.png: only the beginning of this picture is there" in problem
    pairs.write_text(pairs.read_text().replace("training", "testing", 1))
    with pytest.raises(LpsrError, match=r"line 2: .*only the beginning"):
        PairPool.from_pairs(read_list(pairs, "training"))


def test_plates_that_are_trained_on_and_tested_with_are_named(pairs: Path) -> None:
    assert repeated_plates(pairs) == []
    (pairs.parent / "hr" / "2.txt").write_text(f"plate: {TEXTS[0]}\n")
    assert repeated_plates(pairs) == [TEXTS[0]]
    assert repeated_plates(pairs, "testing") == [TEXTS[0]]
    assert repeated_plates(pairs, "validation") == []
    (pairs.parent / "hr" / "2.txt").unlink()
    assert repeated_plates(pairs) == [], "labels of other splits may be missing"


def test_missing_empty_and_unwritable_lists(pairs: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_list(pairs.parent / "nowhere.txt")
    before = pairs.read_bytes()
    bad = save(pairs.parent / "hr" / "a;b.png", np.zeros((9, 27, 3), np.uint8))
    with pytest.raises(LpsrError, match="semicolon"):
        write_list(pairs, [(bad, bad, "training")])
    assert pairs.read_bytes() == before, "what was there stays"
    pairs.write_text("\n")
    with pytest.raises(LpsrError, match="no pairs"):
        read_list(pairs)


def test_evaluate_takes_a_list(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line, with stand-ins for a run's networks."""
    torch = pytest.importorskip("torch", reason="the evaluation needs PyTorch (the train extra)")
    from lpsr_train.cli import app
    from lpsr_train.evaluation import contenders
    from lpsr_train.validation.rates import enlarge

    class Enlarge(torch.nn.Module):
        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            return enlarge(lr)

    class Stutter(torch.nn.Linear):
        """Reads A as if it were everywhere."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(len(images), 7, 36)
            scores[..., 10] = 5
            return scores.log_softmax(2)

    networks = SimpleNamespace(reader=Stutter(1, 1), generator=Enlarge(), step=7, config=TrainConfig())
    monkeypatch.setattr(contenders, "load_trained", lambda folder: networks)
    figures = pairs.parent / "figures.json"
    arguments = ["evaluate", "--weights", "run", "--list", str(pairs), "--split", "training", "--json", str(figures)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(figures.read_text())
    assert found["plates"] == 1
    assert found["title"] == f"{pairs}, training, read by the reader that guided the first run"
    assert found["rows"][-1]["pictures"] == "LR + SR (run at step 7)"
    wrong = CliRunner().invoke(app, [*arguments, "--split", "test"])
    assert "unknown split 'test'" in str(wrong.exception)


def test_fit_reads_each_label_once_and_says_what_it_leaves_out(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")
    from tiny_networks import tiny_networks

    from lpsr_train.cli import app
    from lpsr_train.data import lists
    from lpsr_train.training import fitting

    picture = cv2.imencode(".jpg", street_picture(0).image[60:100, 80:200])[1].tobytes()
    save(pairs.parent / "hr" / "3.png", street_picture(0).image).write_bytes(picture[: len(picture) * 2 // 3])
    (pairs.parent / "hr" / "3.txt").write_text("plate: ABC1234\n")
    pairs.write_text(pairs.read_text() + "hr/3.png;lr/0.png;training\n")
    read: list[str] = []

    def counted(path: Path) -> dict[str, str]:
        read.append(path.name)
        return read_fields(path)

    monkeypatch.setattr(lists, "read_fields", counted)
    monkeypatch.setattr(fitting, "train", lambda *_: 0)
    with tiny_networks():
        command = ["fit", "--list", str(pairs), "--out", str(tmp_path / "run"), "--batch", "4"]
        done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert sorted(read) == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert f"note: 1 pair is left out: {pairs}, line 4: " in done.stderr


def test_fit_trains_on_a_list_and_knows_it_again(pairs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")
    from lpsr_train.training.trainer import load_trained

    lines = pairs.read_text().splitlines()
    pairs.write_text("\n".join([*lines, next(line for line in lines if line.endswith("training"))]) + "\n")
    options = tmp_path / "run.toml"
    options.write_text("warmup = 1\nvalidate_every = 1\nreal = 0.5\nbf16 = false\n")
    command = [sys.executable, "-m", "lpsr_train", "fit", "--list", str(pairs), "--out", str(tmp_path / "run")]
    command += ["--config", str(options), "--steps", "1", "--batch", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trained = load_trained(tmp_path / "run")
    assert trained.step == 1
    assert trained.config.data.startswith(pairs.name + " sha256:")
    assert set(trained.history[-1]["rates"]) == {"sr, validation", "hr"}
    pairs.write_text(pairs.read_text() + "\n")
    changed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert changed.returncode == 1
    assert "another data" in changed.stderr


def test_incomplete_photographs_are_left_out_of_an_evaluation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the evaluation needs PyTorch (the train extra)")
    from lpsr_train.evaluation.plates import DegradedPlates

    whole = cv2.imencode(".jpg", street_picture(1).image[60:100, 80:200])[1].tobytes()
    (tmp_path / "ABC1234.jpg").write_bytes(whole)
    (tmp_path / "XYZ1234.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (sample,) = DegradedPlates(str(tmp_path), "none", 1, 0).gather(lambda done, total: None)
    assert sample.text == "ABC1234"
    error = capsys.readouterr().err
    assert error.startswith(f"note: 1 picture is left out: {tmp_path / 'XYZ1234.jpg'}: only the beginning")
