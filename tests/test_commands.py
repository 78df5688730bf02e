"""The installed commands, as a user types them, on what the project ships."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lpsr_core.cards import PLATE_ROLES, graph_name, load_verified
from lpsr_core.metrics import recognition_rate
from lpsr_export.weights.export import LARGEST_DIFFERENCE, STORED

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
MODELS = ROOT / "engines" / "models"
BIN = Path(sys.executable).parent


def command(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs an installed command in a folder that is not the repository."""
    program = BIN / name
    if not program.exists():
        pytest.skip(f"{name} is not installed in this environment")
    return subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False)


def reads(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "reads.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    folder = tmp_path_factory.mktemp("gate")
    done = command("lpsr-run", "--video", EXAMPLES / "gate.mp4", "--out", "out", "--annotate", "seen.mp4", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def test_nine_of_ten_plates_of_the_example_video_are_right(gate: Path) -> None:
    with (EXAMPLES / "gate.csv").open(newline="") as stream:
        truth = {row["text"] for row in csv.DictReader(stream)}
    found = [read["text"] for read in reads(gate / "out")]
    assert len(truth & set(found)) >= 0.9 * len(truth)
    assert len(found) <= len(truth) + 1, "one read a plate"
    for text in truth & set(found):
        assert text in (gate / "stdout.txt").read_text(), "the table shows what the file holds"


def test_reads_name_the_frame_and_the_pictures_that_were_read(gate: Path) -> None:
    with (EXAMPLES / "gate.csv").open(newline="") as stream:
        truth = {int(row["frame"]): row for row in csv.DictReader(stream)}
    for read in reads(gate / "out"):
        row = truth[read["frame"]]
        x, y = read["box"]["x"] + read["box"]["width"] / 2, read["box"]["y"] + read["box"]["height"] / 2
        assert float(row["x"]) < x < float(row["x"]) + float(row["width"])
        assert float(row["y"]) < y < float(row["y"]) + float(row["height"])
        assert (gate / "out" / read["lr_image"]).is_file()
        if read["super_resolved"]:
            assert (gate / "out" / read["sr_image"]).is_file()
        assert len(read["characters"]) == 7
        assert all(len(position) == 3 for position in read["characters"])
    assert (gate / "seen.mp4").stat().st_size > 10_000
    summary = json.loads((gate / "out" / "run.json").read_text())
    assert summary["frames"] == 288
    assert set(summary["models"]) == {"generator", "reader", "locator"}


def test_rendered_plates_are_read_directly(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    done = command("lpsr-run", "--crops", EXAMPLES / "plates", "--out", "out", "--no-pictures", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = reads(tmp_path / "out")
    rate = recognition_rate([read["text"] for read in found], [Path(read["source"]).stem for read in found])
    assert rate.all.total == 200
    assert rate.all.percent > 85


def test_help_starts_at_once_and_without_torch(tmp_path: Path) -> None:
    for name in ("lpsr-run", "lpsr-train", "lpsr-export", "lpsr-bench"):
        done = command(name, "--help", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "--help" in done.stdout
    script = "import sys, lpsr_run.cli; print([m for m in ('torch', 'onnx', 'lpsr_train') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_benchmark_writes_its_figures(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    suites = ("--suite", "reference", "--suite", "latency")  # the others are tested with smaller networks
    done = command("lpsr-bench", "--quick", *suites, "--out", "bench.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["schema"] >= 1
    assert figures["complete"]
    assert set(figures["suites"]) == {"reference", "latency"}
    assert figures["models"]["reader"]["name"] == "lite fp32"


def test_half_precision_graphs_are_built_and_run(tmp_path: Path) -> None:
    pytest.importorskip("onnxconverter_common", reason="FP16 graphs need onnxconverter-common (the export extra)")
    done = command("lpsr-export", "build", "--fp16", "--out", "graphs", "--crops", "32", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    crops = tmp_path / "crops"
    crops.mkdir()
    for path in sorted((EXAMPLES / "plates").iterdir())[:8]:
        (crops / path.name).write_bytes(path.read_bytes())
    models = [f"--{role}={tmp_path / 'graphs' / graph_name('lite', role, 'fp16')}" for role in ("generator", "reader")]
    done = command("lpsr-run", "--crops", crops, "--out", "out", *models, "--super-resolve=always", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(reads(tmp_path / "out")) == 8


@pytest.mark.parametrize("role", PLATE_ROLES)
def test_released_graphs_are_what_their_cards_say(role) -> None:
    card = load_verified(MODELS / graph_name("lite", role))
    assert card.role == role
    largest, alike = STORED.get(card.made_by.get("weights_stored_as"), (LARGEST_DIFFERENCE, 1.0))
    assert card.metrics["against_pytorch"]["max_difference"] <= largest
    assert card.metrics["against_pytorch"]["strings_agree_percent"] >= 100 * alike
    assert card.made_by["training"]["seed"] > 0


def test_released_graphs_stay_small() -> None:
    assert sum(path.stat().st_size for path in MODELS.iterdir()) <= 25 * 2**20
