"""Which layers INT8 graphs keep in floating point: the harmful ones, and as few as it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lpsr_core.errors import LpsrError
from lpsr_export.checks.crops import lr_batch, rendered_crops
from lpsr_export.graph.graphs import staged
from lpsr_export.int8 import cache
from lpsr_export.int8.quantise import Choice, Quantiser, choose_layers


class Scripted:
    """Stands for a quantiser; its graph is the set of layers that are left out."""

    layers = ("first", "second", "third", "fourth")
    work = dict.fromkeys(layers, 1.0)

    def graph(self, keep=()):
        return frozenset(keep)


HARM = {"first": 1.0, "second": 4.0, "third": 3.0, "fourth": 2.0}


def harm(kept: frozenset[str]) -> float:
    return sum(HARM[layer] for layer in Scripted.layers if layer not in kept)


@pytest.mark.parametrize(("bearable", "kept"), [(10, []), (9, ["second"]), (3, ["second", "third"])])
def test_the_most_harmful_layers_are_left_out_and_no_more(bearable: float, kept: list[str]) -> None:
    said: list[str] = []
    choice = choose_layers(
        Scripted(), harm, lambda model: harm(model) <= bearable, lambda what, done=None: said.append(what)
    )
    assert set(choice.kept) == set(kept)
    assert choice.model == frozenset(kept)
    assert choice.layers == 4
    assert list(choice.kept.values()) == sorted(choice.kept.values(), reverse=True), "worst first"
    assert bool(said) == bool(kept), "a graph that is good as it is needs no measuring"


def test_progress_grows_with_every_step() -> None:
    fractions: list[float] = []
    choose_layers(Scripted(), harm, lambda model: harm(model) <= 3, lambda what, done=None: fractions.append(done))
    assert fractions[0] == 0
    assert fractions == sorted(set(fractions))
    assert fractions[-1] < 1


def test_what_was_found_before_is_not_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = pytest.importorskip("onnx")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    made: list[int] = []

    def make() -> Choice:
        made.append(1)
        return Choice(model, {"conv": 0.5}, 3)

    name = cache.key("graph", "crops")
    for _ in range(2):
        choice = cache.found_before_or(make, name)
        assert (choice.model.SerializeToString(), choice.kept, choice.layers) == (
            model.SerializeToString(),
            {"conv": 0.5},
            3,
        )
    assert len(made) == 1
    cache.found_before_or(make, cache.key("graph", "other crops"))
    assert len(made) == 2
    (tmp_path / "lpsr" / "int8" / f"{name}.onnx").write_bytes(b"cut")
    assert cache.found_before_or(make, name).layers == 3
    assert len(made) == 3, "what was damaged is made again"


def test_what_killed_builds_left_is_swept_away(tmp_path: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    gone, running = tmp_path / f".staged-{done.pid}-x", tmp_path / f".staged-{os.getppid()}-y"
    older = tmp_path / ".staged-abc"
    for folder in (gone, running, older):
        folder.mkdir()
        (folder / "graph.onnx").write_bytes(b"half")
    with staged(tmp_path) as folder:
        (folder / "new.onnx").write_bytes(b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {"new.onnx", running.name}


def test_a_layer_that_saves_much_may_do_more_harm() -> None:
    quantiser = Scripted()
    quantiser.work = {"first": 0.1, "second": 100.0, "third": 1.0, "fourth": 1.0}
    choice = choose_layers(quantiser, harm, lambda model: harm(model) <= 6.5)
    assert set(choice.kept) == {"first", "third"}, "the second does most harm, and little for its work"


def test_a_graph_with_nothing_quantised_is_not_called_int8() -> None:
    with pytest.raises(LpsrError, match="no layer survives"):
        choose_layers(Scripted(), harm, lambda model: harm(model) <= 0)


def test_layers_are_left_out_by_name_and_those_that_place_samples_always(exported: Path) -> None:
    quantiser = Quantiser(exported / "tiny-generator.onnx", "generator", lr_batch(rendered_crops(4, 1).images))

    def quantised(model) -> set[str]:
        makers = {output: node.op_type for node in model.graph.node for output in node.output}
        return {
            node.name for node in model.graph.node if node.input and makers.get(node.input[0]) == "DequantizeLinear"
        }

    assert all(quantiser.work[layer] > 0 for layer in quantiser.layers)
    everything = quantiser.graph()
    assert set(quantiser.layers) <= quantised(everything)
    left = quantiser.layers[:2]
    assert not set(left) & quantised(quantiser.graph(left))
    makers = {output: node for node in everything.graph.node for output in node.output}
    placed = [node for node in everything.graph.node if node.op_type == "DeformConv"]
    assert len(placed) == 8
    for node in placed:
        for value in (node.input[2], node.input[4]):
            while makers[value].op_type != "Conv":
                value = makers[value].input[0]
            assert makers[value].name not in quantiser.layers
    assert all(np.isfinite(rounding.step) and rounding.step > 0 for rounding in quantiser.roundings.values())


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_build_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    script = """
import sys, time
from pathlib import Path
from lpsr_core.errors import run_command
from lpsr_export.graph.graphs import staged

def build():
    with staged(Path(sys.argv[1])) as folder:
        (folder / "half.onnx").write_bytes(b"x")
        print("begun", flush=True)
        time.sleep(60)

run_command(build)
"""
    running = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    assert list(tmp_path.glob(".staged-*"))
    running.send_signal(number)
    assert running.wait(60) == code
    running.stdout.close()
    assert list(tmp_path.iterdir()) == []
