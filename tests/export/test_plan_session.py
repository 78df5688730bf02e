"""Engines as `lpsr-export verify` and `build` run them, with stand-ins for TensorRT and Polygraphy."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from lpsr_core.cards import sha256
from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError
from lpsr_core.plans import PlanCard, PlanConfig
from lpsr_core.plugin_library import PluginLibrary
from lpsr_export import verify as verifying
from lpsr_export.tensorrt.engines import Machine
from lpsr_export.verify import verify

PLUGIN = b"\x7fELF LPSR plugin for TensorRT 10.3.0; compute capabilities 87; source abc\0"
HERE = Machine("10.3.0", Gpu("Orin", 87, 8))


@dataclass
class Stand:
    """What TensorRT and Polygraphy were told, and what they are to say."""

    plugins: list[str] = field(default_factory=list)
    runtimes: list[SimpleNamespace] = field(default_factory=list)
    failure: str | None = None
    """Of the next pass; empty for a failure without words."""


class PolygraphyException(Exception):
    pass


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand()

    def runtime(logger: object) -> SimpleNamespace:
        made.runtimes.append(SimpleNamespace(engine_host_code_allowed=False))
        return made.runtimes[-1]

    class Logger:
        ERROR = 1

        def __init__(self, level: int) -> None:
            pass

    class TrtRunner:
        """A reader that knows nothing, and warns as Polygraphy's does when nobody gives it back."""

        def __init__(self, engine: object) -> None:
            self.is_active = False

        def activate(self) -> None:
            self.is_active = True

        def deactivate(self) -> None:
            self.is_active = False

        def __del__(self) -> None:
            if self.is_active:
                print("[W] trt-runner | Was activated but never deactivated. This could cause a memory leak!")

        def get_input_metadata(self, use_numpy_dtypes: bool = True) -> dict[str, SimpleNamespace]:
            return {"image": SimpleNamespace(shape=(None, 3, 32, 96))}

        def infer(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            if made.failure is not None:
                raise PolygraphyException(made.failure)
            return {"log_probs": np.full((len(feed["image"]), 7, 36), -np.log(36), np.float32)}

    registry = SimpleNamespace(get_creator=lambda *name: None, load_library=lambda path: made.plugins.append(path) or 1)
    parts = {
        "tensorrt": {
            "__version__": "10.3.0",
            "Runtime": runtime,
            "Logger": Logger,
            "get_plugin_registry": lambda: registry,
        },
        "polygraphy": {},
        "polygraphy.backend": {},
        "polygraphy.backend.trt": {"EngineFromBytes": lambda plan, runtime: plan, "TrtRunner": TrtRunner},
        "polygraphy.exception": {"PolygraphyException": PolygraphyException},
    }
    for name, values in parts.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(verifying, "this_machine", lambda: HERE)
    return made


def engine(folder: Path, precision: str, **options: bool) -> Path:
    """A reader's engine with its card, and its plugin beside it unless it carries that."""
    folder.mkdir(exist_ok=True)
    library = folder / "lpsr-plugin-abc.so"
    library.write_bytes(PLUGIN)
    digest = PluginLibrary.read(library).sha256
    profile = {"batch": [1, 4, 8]}
    config = PlanConfig("tiny", "reader", precision, "a", "b", digest, "10.3.0", HERE.gpu, profile, options)  # type: ignore[arg-type]
    path = folder / config.file
    path.write_bytes(b"plan")
    named = "" if options.get("embed_plugin") else library.name
    PlanCard(config, config.key, sha256(path), named, {}, 1.0, path.stat().st_size).save(folder)
    return path


def test_engines_are_verified_with_the_plugin_that_lies_beside_them(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder."""
    first, second = engine(tmp_path / "engines", "fp32"), engine(tmp_path / "engines", "fp16")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert verify(first, second, 2).agreement.strings == 1
    assert set(stand.plugins) == {str(tmp_path / "engines" / "lpsr-plugin-abc.so")}
    (tmp_path / "engines" / "lpsr-plugin-abc.so").write_bytes(PLUGIN + b"changed")
    with pytest.raises(LpsrError, match="not the plugin that the engine was built with"):
        verify(first, second, 2)


@pytest.mark.parametrize("option", ["version_compatible", "embed_plugin"])
def test_engines_that_carry_code_are_verified_with_leave(stand: Stand, tmp_path: Path, option: str) -> None:
    verify(engine(tmp_path, "fp32"), engine(tmp_path, "fp16", **{option: True}), 2)
    assert [made.engine_host_code_allowed for made in stand.runtimes] == [False, True]


def test_engines_are_given_back(stand: Stand, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = engine(tmp_path, "fp16")
    verify(path, path, 2)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("failure", "words"), [("no memory\non the GPU", "no memory$"), ("", "no reason given$")])
def test_a_pass_that_fails_is_one_line(stand: Stand, tmp_path: Path, failure: str, words: str) -> None:
    path = engine(tmp_path, "fp16")
    stand.failure = failure
    with pytest.raises(LpsrError, match=f"the reader's engine does not run: {words}"):
        verify(path, path, 2)
