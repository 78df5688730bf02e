"""`lpsr-train release`: from nothing to graphs with cards, by the commands that it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")
pytest.importorskip("onnx", reason="the export needs onnx (the train extra)")

import onnx
from torch import nn
from toy_models import ROOT

from lpsr_core.cards import ModelCard, Role, graph_name
from lpsr_core.cards import sha256 as sha256_of
from lpsr_export import cli as export_cli
from lpsr_train import cli as train_cli
from lpsr_train import config
from lpsr_train.cli import release as release_cli
from lpsr_train.data import pool
from lpsr_train.locating import pool as scene_pool
from lpsr_train.release import Recipe

MODELS = ROOT / "engines" / "models"


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are converted to the released graphs: converting takes longer than all the rest, and has tests."""
    from lpsr_export.graph.graphs import GraphSession, load_graph, save_graph
    from lpsr_export.weights import export_locator, torch_to_onnx

    sessions: dict[nn.Module, GraphSession] = {}
    computed = torch_to_onnx.run_torch

    def export(network: nn.Module, role: Role, path: Path) -> onnx.ModelProto:
        save_graph(graph := load_graph(MODELS / graph_name("lite", role)), path)
        sessions[network] = GraphSession(path, role)
        return graph

    def run_torch(network: nn.Module, batch: np.ndarray) -> np.ndarray:
        return sessions[network](batch) if network in sessions else computed(network, batch)

    monkeypatch.setattr(torch_to_onnx, "export", export)
    monkeypatch.setattr(torch_to_onnx, "run_torch", run_torch)
    monkeypatch.setattr(export_locator, "_graph", lambda _: load_graph(MODELS / graph_name("lite", "locator")))
    monkeypatch.setattr(export_locator, "_check", lambda *_: None)


@pytest.mark.usefixtures("converted")
def test_a_rehearsal_leaves_graphs_cards_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {name: replace(preset, batch=8, validation=4) for name, preset in config.PRESETS.items()}
    monkeypatch.setattr(config, "PRESETS", small)
    for module in (pool, scene_pool):
        monkeypatch.setattr(module, "SHARD", 16)
    ran = []

    def run(module: str, *arguments: str) -> int:
        ran.append(arguments[0])
        apps = {"lpsr_train": train_cli.app, "lpsr_export": export_cli.app}
        done = CliRunner().invoke(apps[module], arguments, catch_exceptions=False)
        return done.exit_code

    monkeypatch.setattr(release_cli, "_run", run)
    options = ["--out", str(tmp_path), "--plates", "4", "--steps", "2", "--pairs", "16", "--workers", "1"]
    done = CliRunner().invoke(train_cli.app, ["release", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    trained = [*["fit"] * 5, "evaluate", "evaluate", "onnx", "onnx"]
    assert ran == [*trained, "calibrate", "locator", "locator"]
    assert done.output.count("\n$ lpsr-train fit --preset") + done.output.startswith("$ lpsr-train fit") == 5
    names = {"lite-generator.onnx", "lite-reader.onnx", "lr-reader.onnx", "lite-locator.onnx"}
    assert {path.name for path in (tmp_path / "models").glob("*.onnx")} == names
    for name in names:
        card = ModelCard.load((tmp_path / "models" / name).with_suffix(".json"))
        assert card.sha256 == sha256_of(tmp_path / "models" / name)
        assert card.made_by["steps_trained"] == 2
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["plates"] == 4
    assert figures["title"].endswith(f"read by {tmp_path / 'judge'}")
    figures = json.loads((tmp_path / "figures-accustomed.json").read_text())
    assert f"read by {tmp_path / 'accustomed'}, which learned to read the pictures of lite sha256:" in figures["title"]


def test_a_step_that_fails_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(release_cli, "_run", lambda *command: ran.append(command) or 130)
    done = CliRunner().invoke(train_cli.app, ["release", "--out", str(tmp_path)])
    assert (done.exit_code, len(ran)) == (130, 1)
    assert "run the same command again" in done.output


def test_the_judge_shares_no_plate_with_the_guide(tmp_path: Path) -> None:
    fits = [command for command in Recipe(tmp_path, tmp_path).commands() if "fit" in command]
    pools = {command[command.index("--preset") + 1]: command[command.index("--pool") + 1] for command in fits}
    assert pools["judge"] not in (pools["lite"], pools["reader-lr"])
    assert config.PRESETS["judge"].seed != config.PRESETS["lite"].seed


def test_batches_and_first_weights_are_passed_on(tmp_path: Path) -> None:
    recipe = Recipe(tmp_path, tmp_path, batch=512, init=tmp_path / "released")
    for command in recipe.commands():
        assert ("--batch" in command) == ("fit" in command)
        begins = str(tmp_path / "released") in command
        assert begins == ("fit" in command and command[command.index("--preset") + 1] == "lite")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_reaches_the_command_that_runs(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "child.py").write_text(
        "import signal, sys, time, pathlib\n"
        "def end(number, frame): sys.exit(128 + number)\n"
        "[signal.signal(n, end) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]\n"
        "pathlib.Path('ready').touch()\ntime.sleep(60)\n"
    )
    default = "signal.signal(signal.SIGHUP, signal.SIG_DFL)"  # these tests may run under nohup
    parent = f"import signal, sys; {default}; from lpsr_train.cli.release import _run; sys.exit(_run('child'))"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.2)
        if number == signal.SIGINT:  # as a terminal does it, to all of them
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(30) == 128 + number
