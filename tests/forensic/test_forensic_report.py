"""The report of one vehicle's frames: what the page holds, and what it never says."""

from __future__ import annotations

import base64
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from toy_models import ROOT, make_detector, paint, save_image, save_video, scene

import lpsr
from lpsr_core.errors import LpsrError, UsageError
from lpsr_forensic.page import percent, ratio
from lpsr_forensic.report import ForensicReport, forensic_report
from lpsr_forensic.validation import load_validation
from lpsr_run.config import RunConfig
from lpsr_run.evidence.contents import digest
from lpsr_run.pipeline.fusion import DIFFERENT

pytest.importorskip("jinja2", reason="the page is made with jinja2 (the evidence extra)")
PLATE = ROOT / "examples" / "plates" / "APF5C22.jpg"
Call = Callable[..., "tuple[int, str, str]"]


@pytest.fixture(scope="module")
def toys(models: Path) -> dict[str, Any]:
    return {
        "generator": f"{models}/generator.onnx",
        "reader": f"{models}/reader.onnx",
        "backend": "onnxruntime",
        "threads": 1,
    }


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of a rendered plate, with a name that is markup."""
    folder = tmp_path_factory.mktemp("frames")
    sharp = cv2.imread(str(PLATE))
    for at, width in enumerate((150, 140, 130)):
        small = cv2.resize(sharp, (width, round(width * sharp.shape[0] / sharp.shape[1])), interpolation=cv2.INTER_AREA)
        save_image(folder / f"<b>{at}.png", small[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def made(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ForensicReport, str]:
    """The report of the released networks, and its page."""
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    out = tmp_path_factory.mktemp("report") / "report.html"
    config = RunConfig(crops=".", threads=1)
    report = lpsr.forensic_report(frames, out, config=config, case="A & B", command="lpsr-evidence report <frames>")
    return report, out.read_text(encoding="utf-8")


def pictures(page: str) -> dict[str, np.ndarray]:
    """The embedded pictures by their alternative texts."""
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)"[^>]*alt="([^"]+)"', page)
    return {alt: cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 1)[..., ::-1] for data, alt in found}


def test_the_text_is_concluded_with_its_ratios(made: tuple[ForensicReport, str]) -> None:
    report, page = made
    assert (report.conclusion.kind, report.conclusion.text) == ("text", "APF5C22")
    assert report.candidates[0].text == "APF5C22"
    assert report.candidates[0].compared is not None
    assert report.candidates[0].compared.explained > 0.5
    assert report.average.frames == 3
    assert '<p class="plate">APF5C22</p>' in page
    assert ratio(report.candidates[1].log10_first) in page
    assert "632,736,000" in page
    assert "ENFSI Guideline" in page


def test_raw_pixels_are_enlarged_without_interpolation(made: tuple[ForensicReport, str]) -> None:
    report, page = made
    for exhibit in report.material.exhibits:
        shown = pictures(page)[f"{exhibit.name}, enlarged pixels"]
        factor = shown.shape[1] // exhibit.image.shape[1]
        np.testing.assert_array_equal(shown[::factor, ::factor], exhibit.image)
        np.testing.assert_array_equal(shown[factor - 1 :: factor, factor - 1 :: factor], exhibit.image)
        height, width = exhibit.image.shape[:2]
        assert f"{width} × {height} pixels, enlarged {factor} times" in page


def test_digests_are_those_of_the_files_and_pixels(made: tuple[ForensicReport, str], frames: Path) -> None:
    report, page = made
    for path, exhibit in zip(sorted(frames.iterdir()), report.material.exhibits, strict=True):
        assert digest(path.read_bytes()) in page
        pixels = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        assert digest(pixels.tobytes()) == exhibit.pixels_sha256
        assert exhibit.pixels_sha256 in page
    reader = json.loads((ROOT / "engines" / "models" / "lite-reader.json").read_text())
    assert reader["sha256"] in page
    assert "no photograph" in page


def test_the_networks_picture_is_watermarked_in_its_pixels(made: tuple[ForensicReport, str]) -> None:
    report, page = made
    picture = pictures(page)["MODEL OUTPUT, NOT EVIDENCE"]
    assert tuple(picture[2, 2]) == (150, 20, 20), "a bar above"
    assert tuple(picture[-3, 2]) == (150, 20, 20), "and below"
    factor = picture.shape[1] // 96
    bar = (picture.shape[0] - 32 * factor) // 2
    middle = picture[bar:-bar]
    plain = np.repeat(np.repeat(report.network, factor, axis=0), factor, axis=1)
    assert (middle != plain).any(axis=2).mean() > 0.02, "across it"


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(made: tuple[ForensicReport, str]) -> None:
    _, page = made
    assert not re.search(r"<script|<link[^>]+stylesheet|src=\"(?!data:)|url\(|@import", page)
    assert "<b>0.png" not in page
    assert "&lt;b&gt;0.png" in page
    assert "A &amp; B" in page
    assert "lpsr-evidence report &lt;frames&gt;" in page


def test_each_frame_tells_what_it_contributes(made: tuple[ForensicReport, str]) -> None:
    report, page = made
    rows = re.findall(r"<tr><td>Frame (\d)</td>", page)
    assert rows == ["1", "2", "3"]
    assert all(each.log_probs is not None for each in report.material.exhibits)
    assert "reference" in page


def test_noise_is_no_conclusion_and_no_text(toys: dict[str, Any], tmp_path: Path) -> None:
    noise = save_image(tmp_path / "noise.png", np.random.default_rng(0).integers(0, 255, (24, 72, 3), np.uint8))
    found = forensic_report(noise, tmp_path / "r.html", config=RunConfig(crops=".", threads=1))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (found.conclusion.kind, found.conclusion.text) == ("none", "")
    assert "<h2>No conclusion</h2>" in page
    assert '<p class="plate">' not in page


def test_another_plate_among_the_frames_is_told(toys: dict[str, Any], tmp_path: Path) -> None:
    for at, text in enumerate(("ABC1D34", "ABC1D34", "XYZ4321")):
        save_image(tmp_path / f"{at}.png", paint(text, 90 - at))
    told: list[str] = []
    found = forensic_report(tmp_path, config=RunConfig(crops=".", **toys), report=told.append)
    assert len(found.material.exhibits) == 2
    assert found.material.left_out == tuple(told)
    assert "2.png: shows another plate: XYZ4321" in told[0]
    assert found.candidates[0].text == "ABC1D34"


def test_different_plates_are_shown_and_never_concluded(toys: dict[str, Any], tmp_path: Path) -> None:
    for at, text in enumerate(("ABC1D34", "XYZ4321")):
        save_image(tmp_path / "in" / f"{at}.png", paint(text, 90 - at))
    told: list[str] = []
    config = RunConfig(crops=".", **toys)
    found = forensic_report(tmp_path / "in", tmp_path / "r.html", config=config, report=told.append)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (found.conclusion.kind, found.material.frames, told) == ("none", 0, [DIFFERENT])
    assert found.conclusion.reasons == ("The frames show different plates, and no plate is shown by most of them.",)
    assert DIFFERENT in page
    shown = pictures(page)
    assert [alt for alt in shown if alt.endswith("enlarged pixels")] == [
        "Frame 1, enlarged pixels",
        "Frame 2, enlarged pixels",
    ]
    for text in ("ABC1D34", "XYZ4321"):
        assert f'<td class="small plate">{text}</td>' in page
    assert "Candidate texts" not in page
    assert "registered average" not in shown


@pytest.fixture(scope="module")
def evidence(toys: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence of two cars."""
    from lpsr_run.pipeline.run import run

    folder = tmp_path_factory.mktemp("evidence")
    box = np.zeros((1, 300, 6), np.float32)
    box[0, 0] = 200, 2 * 60 + 80, 440, 2 * 100 + 80, 0.9, 0
    detector = make_detector(folder / "detector.onnx", box)
    blank = np.full((240, 320, 3), 90, np.uint8)
    film = [picture for text in ("ABC1D34", "XYZ4321") for picture in [scene(text)] * 6 + [blank] * 30]
    video = save_video(folder / "v.mp4", film)
    config = RunConfig(video=(str(video),), detector=str(detector), out=f"{folder}/o", evidence=f"{folder}/e", **toys)
    config.check()
    run(config, quiet=True)
    return folder / "e"


def reads(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def test_evidence_keeps_the_frames_of_a_track_and_is_reported(
    evidence: Path, toys: dict[str, Any], tmp_path: Path
) -> None:
    found = forensic_report(reads(evidence)[0], tmp_path / "r.html", config=RunConfig(crops=".", **toys))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert len(found.material.exhibits) == found.material.frames == 6
    assert [each.number for each in found.material.exhibits] == list(range(6))
    assert [each.time for each in found.material.exhibits][:2] == ["0.000 s", "0.100 s"]
    assert all(each.intact for each in found.material.exhibits)
    assert found.candidates[0].text == "ABC1D34"
    assert found.material.recorded
    assert digest((evidence.parent / "v.mp4").read_bytes()) in page
    raw = found.material.unrectified
    whole = cv2.imread(str(reads(evidence)[0] / "frame.png"))[..., ::-1]
    height, width = raw.image.shape[:2]
    assert 120 <= width <= 135
    assert 40 <= height <= 52
    corner = re.search(r"\((\d+), (\d+)\)", raw.source)
    x, y = int(corner[1]), int(corner[2])
    np.testing.assert_array_equal(raw.image, whole[y : y + height, x : x + width])
    read = json.loads((reads(evidence)[0] / "evidence.json").read_text())["read"]
    assert found.candidates[0].posterior == pytest.approx(read["confidence"], abs=1e-4)
    assert found.material.plate == pytest.approx(read["plate"], abs=1e-4)


def test_altered_evidence_is_told_and_never_concluded(evidence: Path, toys: dict[str, Any], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(reads(evidence)[0], copy)
    picture = cv2.imread(str(copy / "crop-00000003.png"))
    picture[0, 0] ^= 255
    cv2.imwrite(str(copy / "crop-00000003.png"), picture)
    found = forensic_report(copy, tmp_path / "r.html", config=RunConfig(crops=".", **toys))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert found.conclusion.kind == "none"
    assert "The evidence was altered" in page
    assert "crop-00000003.png was changed: it is not the file that the manifest names" in page
    assert [each.intact for each in found.material.exhibits].count(False) == 1


@pytest.mark.parametrize("kind", ["text", "milliseconds", "source", "frame"])
def test_an_altered_manifest_or_frame_is_never_concluded(
    kind: str, evidence: Path, call: Call, models: Path, tmp_path: Path
) -> None:
    shutil.copytree(evidence, tmp_path / "e")
    folder = reads(tmp_path / "e")[0]
    if kind == "frame":
        whole = cv2.imread(str(folder / "frame.png"))
        whole[0, 0] ^= 255
        cv2.imwrite(str(folder / "frame.png"), whole)
        why = "frame.png was changed"
    else:
        told = json.loads((folder / "evidence.json").read_text())
        told["read"][kind] = {"text": "ABC1D84", "milliseconds": 99.0, "source": "another.mp4"}[kind]
        (folder / "evidence.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        why = "its evidence.json is not what the chain says"
    networks = ["--reader", f"{models}/reader.onnx", "--generator", f"{models}/generator.onnx", "--threads", 1]
    code, out, err = call("report", folder, "--out", tmp_path / "r.html", *networks)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert code == 1
    assert "no conclusion" in out
    assert f"altered: {why}" in err
    assert "<h2>No conclusion</h2>" in page
    assert '<p class="plate">' not in page
    assert "The evidence was altered" in page
    assert why in page


def test_a_folder_without_its_chain_is_reported_as_not_checked(
    evidence: Path, call: Call, models: Path, tmp_path: Path
) -> None:
    shutil.copytree(reads(evidence)[0], tmp_path / "moved")
    networks = ["--reader", f"{models}/reader.onnx", "--generator", f"{models}/generator.onnx", "--threads", 1]
    code, _, err = call("report", tmp_path / "moved", "--out", tmp_path / "r.html", *networks)
    assert code == 0
    assert "remark: The evidence.json could not be checked against a chain" in err
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<strong>Not checked:</strong>" in page
    assert "could not be checked against a chain" in page
    assert call("report", reads(evidence)[0], "--out", tmp_path / "s.html", *networks)[0] == 0
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert "Not checked:" not in page
    assert "was checked against" in page


def test_pictures_that_are_left_out_are_a_failure_as_of_fuse(call: Call, models: Path, tmp_path: Path) -> None:
    for at, text in enumerate(("ABC1D34", "ABC1D34", "XYZ4321")):
        save_image(tmp_path / "in" / f"{at}.png", paint(text, 90 - at))
    networks = ["--reader", f"{models}/reader.onnx", "--generator", f"{models}/generator.onnx", "--threads", 1]
    code, out, err = call("report", tmp_path / "in", "--out", tmp_path / "r.html", *networks)
    assert (code, f"{tmp_path}/r.html: 2 frames" in out) == (1, True)
    assert "2.png: shows another plate: XYZ4321" in err
    one, other = (tmp_path / "in" / f"{at}.png" for at in (0, 2))
    code, out, err = call("report", one, other, "--out", tmp_path / "s.html", *networks)
    assert (code, err.strip()) == (1, DIFFERENT)
    assert "no conclusion" in out
    code, _, err = call("report", one, "--out", tmp_path / "t.html", "--public", one, *networks)
    assert code == 2
    assert "--public is for a folder of evidence" in err


def test_a_folder_of_several_reads_is_refused(evidence: Path, toys: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="holds 2 reads; give the folder of one"):
        forensic_report(evidence, config=RunConfig(crops=".", **toys))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs `lpsr-evidence` within the test's process."""
    from lpsr_forensic.__main__ import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lpsr-evidence", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def test_the_command(call: Call, models: Path, tmp_path: Path) -> None:
    crop = save_image(tmp_path / "a.png", paint("ABC1D34"))
    networks = ["--reader", f"{models}/reader.onnx", "--generator", f"{models}/generator.onnx", "--threads", 1]
    code, out, err = call("report", crop, "--out", tmp_path / "r.html", "--case", "17", *networks)
    assert (code, err) == (0, "")
    assert f"{tmp_path}/r.html: 1 frame, 6 candidates" in out
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"lpsr-evidence report {crop}" in page
    assert "No card is at hand" in page
    for given, why in (
        ((tmp_path / "none.png",), "no such file or folder"),
        ((crop, "--out", tmp_path / "r.html"), "exists; give another file, or --overwrite"),
        ((crop, "--out", tmp_path / "r.pdf"), "print it to PDF with a browser"),
        ((crop, "--out", tmp_path / "s.html", "--layouts", "nowhere"), "unknown layout"),
        ((crop, "--out", tmp_path / "s.html", "--validation", crop), "not a result of benchmarks.likelihood_ratios"),
    ):
        code, _, err = call("report", *given, *networks)
        assert (code, len(err.strip().splitlines())) == (2, 1), err
        assert why in err
    assert call("verify", tmp_path / "none")[0] == 2, "the other commands are there"


def test_nothing_large_enough_is_a_failure(toys: dict[str, Any], tmp_path: Path) -> None:
    tiny = save_image(tmp_path / "tiny.png", np.zeros((3, 5, 3), np.uint8))
    with pytest.raises(LpsrError, match="no picture is large enough"):
        forensic_report(tiny, config=RunConfig(crops=".", **toys))


def test_validation_is_quoted(tmp_path: Path) -> None:
    found = load_validation(ROOT / "benchmarks" / "results" / "likelihood_ratios.json", "another")
    assert [row.width for row in found.rows] == ["native", "64", "48", "40", "33"]
    assert not found.same_reader
    for row in found.rows:
        assert row.characters[1] <= row.characters[0] <= row.characters[2]
        assert row.characters[3] <= row.characters[0]
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UsageError, match="not a result"):
        load_validation(tmp_path / "x.json", "")


@pytest.mark.parametrize(
    ("log10", "shown"),
    [(0.0, "1"), (1.8, "63.1"), (3.3, "1,995"), (8.8, "6.3 × 10⁸"), (-4.0, "1.0 × 10⁻⁴"), (-np.inf, "0")],
)
def test_ratios_as_people_read_them(log10: float, shown: str) -> None:
    assert ratio(log10) == shown


def test_no_probability_is_told_as_certain() -> None:
    assert (percent(1.0), percent(0.5), percent(1e-9)) == ("> 99.99 %", "50.00 %", "< 0.01 %")
