"""OpenVINO's engines: the released graphs as they are, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_run.config import RunConfig
from lpsr_run.engines import trial
from lpsr_run.engines.backends import open_engine
from lpsr_run.engines.models import find_model
from lpsr_run.engines.onnx_chain import OnnxChain
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine
from lpsr_run.engines.opening import open_network
from lpsr_run.engines.openvino_engine import OpenVinoEngine, _spans

needs_openvino = pytest.mark.skipif(
    not trial.importlib.util.find_spec("openvino"), reason="needs OpenVINO (the openvino extra)"
)


def pictures(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 3, height, width), np.float32)


@needs_openvino
@pytest.mark.parametrize("threads", [1, 2])
def test_released_graphs_give_what_onnx_runtime_gives(threads: int) -> None:
    """Deformable convolutions among them, with samples that lie beyond the border."""
    lr = pictures(7, 16, 48)
    for role, key, batch in (("generator", "sr", lr), ("reader", "log_probs", pictures(5, 32, 96))):
        path = find_model("lite", role).path  # type: ignore[arg-type]
        ours = OpenVinoEngine(path, threads=threads, rows=True, exact=True)
        (name,) = (spec.name for spec in ours.inputs)
        wanted = OnnxRuntimeEngine(path, "cpu", 1).run({name: batch})[key]
        found = ours.run({name: batch})[key]
        assert np.abs(found - wanted).max() < 2e-4, role
        assert ours.precision == "f32"
        assert ours.run({name: batch[:0]})[key].shape == (0, *wanted.shape[1:])


@needs_openvino
def test_deformable_convolutions_of_every_kind(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="graphs are made with onnx (the export extra)")
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    rng = np.random.default_rng(0)
    for strides, pads, groups, offset_groups, bias, mask in (
        ((1, 1), (1, 1, 1, 1), 1, 1, True, True),
        ((2, 1), (0, 1, 0, 1), 2, 1, False, True),
        ((1, 2), (2, 0, 2, 0), 1, 2, True, False),
    ):
        x = rng.standard_normal((2, 4, 7, 9)).astype(np.float32)
        weight = rng.standard_normal((6, 4 // groups, 3, 3)).astype(np.float32)
        height, width = (
            (size + pads[axis] + pads[axis + 2] - 3) // strides[axis] + 1 for axis, size in enumerate((7, 9))
        )
        offset = (3 * rng.standard_normal((2, 18 * offset_groups, height, width))).astype(np.float32)
        given = {"x": x, "w": weight, "offset": offset}
        given |= {"b": rng.standard_normal(6).astype(np.float32)} if bias else {}
        given |= {"mask": rng.random((2, 9 * offset_groups, height, width)).astype(np.float32)} if mask else {}
        names = ["x", "w", "offset", "b" if bias else "", *(["mask"] if mask else [])]
        node = helper.make_node(
            "DeformConv", names, ["y"], strides=strides, pads=pads, group=groups, offset_group=offset_groups
        )
        fixed = {name: onnx.numpy_helper.from_array(given[name], name) for name in ("w", "b") if name in given}
        inputs = [
            helper.make_tensor_value_info(name, single, value.shape)
            for name, value in given.items()
            if name not in fixed
        ]
        output = helper.make_tensor_value_info("y", single, None)
        graph = helper.make_graph([node], "deform", inputs, [output], list(fixed.values()))
        path = tmp_path / "deform.onnx"
        opsets = [helper.make_opsetid("", 19)]
        path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
        fed = {name: value for name, value in given.items() if name not in fixed}
        wanted = OnnxRuntimeEngine(path, "cpu", 1).run(fed)["y"]
        found = OpenVinoEngine(path, exact=True)._pass(fed)["y"]
        assert np.abs(found - wanted).max() < 1e-4, (strides, bias, mask)


@needs_openvino
def test_both_networks_in_one_go() -> None:
    generator, reader = (
        open_network("lite", role, "fp32", "openvino", threads=2).engine for role in ("generator", "reader")
    )
    chain = generator.then(reader)  # type: ignore[attr-defined]
    assert isinstance(chain, OnnxChain)
    lr = pictures(9, 16, 48)
    passed = chain.start(lr)()
    sr = generator.run({"lr": lr})["sr"]
    assert np.abs(passed.sr - sr).max() < 1e-4
    assert np.abs(passed.log_probs - reader.run({"image": sr})["log_probs"]).max() < 1e-3


@needs_openvino
def test_auto_says_no_precision_and_runs() -> None:
    for exact in (False, True):
        engine = OpenVinoEngine(find_model("lite", "reader").path, device="AUTO", exact=exact)
        assert engine.name.endswith("(openvino AUTO auto)")
        (name,) = (spec.name for spec in engine.inputs)
        assert len(engine.run({name: pictures(3, 32, 96)})["log_probs"]) == 3


@needs_openvino
def test_what_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"OpenVINO sees no NPU9 here; --device takes CPU"):
        open_engine(find_model("lite", "reader").path, "openvino", device="npu9")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph at all")
    for path in (broken, tmp_path / "none.onnx"):
        with pytest.raises(LpsrError) as caught:
            open_engine(path, "openvino")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_machine_without_openvino_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[openvino\]"):
        open_engine(find_model("lite", "reader").path, "openvino")


def test_a_device_is_openvinos() -> None:
    with pytest.raises(UsageError, match="--device names one of OpenVINO's"):
        RunConfig(crops="x", device="GPU").check()


def test_passes_are_powers_of_two() -> None:
    for count in range(40):
        spans = list(_spans(count))
        assert [index for span in spans for index in range(count)[span]] == list(range(count))
        assert {span.stop - span.start for span in spans} <= {1, 2, 4, 8, 16}


@pytest.mark.parametrize(("seconds", "wins"), [(0.5, True), (0.9, False)])
def test_auto_takes_openvino_where_a_trial_is_won(monkeypatch: pytest.MonkeyPatch, seconds: float, wins: bool) -> None:
    class Other:
        workers = 2

        def __init__(self, path: Path, threads: int, rows: bool) -> None:
            pass

    monkeypatch.setattr(trial, "OpenVinoEngine", Other)
    monkeypatch.setattr(trial, "_compared", lambda engine, other: (1.0, seconds, 0.01))
    monkeypatch.setattr("lpsr_run.engines.opening.openvino_is_worth_a_trial", lambda: True)
    opened = open_network("lite", "reader", "fp32", "auto", threads=1)
    assert isinstance(opened.engine, Other) == wins
    assert f"16 crops take {1000 * seconds:.1f} ms with OpenVINO, 1000.0 with ONNX Runtime" in opened.why
    monkeypatch.setattr(trial, "_compared", lambda engine, other: (1.0, 0.1, 0.5))
    opened = open_network("lite", "reader", "fp32", "auto", threads=1)
    assert isinstance(opened.engine, OnnxRuntimeEngine)
    assert "differ by 0.5" in opened.why


@needs_openvino
def test_the_trial_measures_both(monkeypatch: pytest.MonkeyPatch) -> None:
    path = find_model("lite", "reader").path
    engine = OnnxRuntimeEngine(path, "cpu", 1, rows=True)
    ours, theirs, apart = trial._compared(engine, OpenVinoEngine(path, threads=1, rows=True))
    assert ours > 0
    assert theirs > 0
    assert 0 <= apart < trial._APART
