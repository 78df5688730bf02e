"""Whatever a parser is given, it gives something back or says in one line what is wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lpsr_core.cards import ModelCard
from lpsr_core.errors import LpsrError
from lpsr_core.labelled import list_labelled
from lpsr_core.layouts import load_layouts, parse_layouts
from lpsr_core.plans import PlanCard
from lpsr_export.tensorrt.profiles import load_profile
from lpsr_run.config import load_config
from lpsr_run.locate.region import parse_region
from lpsr_run.pipeline.privacy import load_watch_list
from lpsr_run.redact import redact
from lpsr_run.sources.raw import RawForm, RawSource, parse_raw

VALID = {
    "layouts": b'[[layout]]\nname = "argentina"\npattern = "LLDDDLL"\n',
    "config": b'video = ["a.mp4", "rtsp://x/y"]\nthreads = 2\nlayouts = ["mercosur"]\nsure = 0.9\nblur = true\n',
    "labels": b"file,text,x,y,width,height\nABC1D23.png,ABC1D23,1,2,3,4\n",
    "card": json.dumps(
        {"name": "a", "role": "reader", "precision": "fp32", "file": "a", "sha256": "0", "parameters": 1, "opset": 20}
    ).encode(),
    "profile": b'gpus = ["L4"]\nbatch = [1, 8, 64]\nworkspace_mib = 100\nsms = [89]\n',
    "watch": b"ABC1D23\n# no\nXYZ-1234\n",
}


def _labels(path: Path) -> object:
    (path.parent / "ABC1D23.png").touch()
    path.rename(path.parent / "labels.csv")
    return list_labelled(path.parent)


FILES: dict[str, Callable[[Path], object]] = {
    "layouts": load_layouts,
    "config": lambda path: load_config(path).check(),
    "labels": _labels,
    "card": ModelCard.load,
    "plan": PlanCard.load,
    "profile": lambda path: load_profile(str(path)),
    "watch": lambda path: load_watch_list(path, path.with_suffix(".key")),
}


def refused(call: Callable[[], object]) -> str | None:
    """What a parser says against its input, or None when it takes it; any other exception goes on."""
    try:
        call()
    except LpsrError as error:
        return str(error)
    return None


@st.composite
def broken(draw: st.DrawFn, valid: bytes) -> bytes:
    """Anything at all, or something valid with a few bytes changed, cut or put in."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(valid)
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.sampled_from("xic"))
        if kind == "x" and data:
            data[place] = draw(st.integers(0, 255))
        elif kind == "i":
            data[place:place] = draw(st.binary(max_size=8))
        else:
            del data[place : place + draw(st.integers(0, 20))]
    return bytes(data)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_files_are_read_or_refused_in_one_line(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / ("file.toml" if kind in ("layouts", "config", "profile") else "file.txt")
    path.write_bytes(data.draw(broken(VALID.get(kind, VALID["card"]))))
    refusal = refused(lambda: FILES[kind](path))
    assert refusal is None or (refusal and "\n" not in refusal.strip())


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"[\d.,x@-]{0,20}"), st.from_regex(r"\d+x\d+(@\d+)?")))
def test_words_are_read_or_refused_in_one_line(text: str) -> None:
    for parse in (parse_region, parse_raw, lambda word: parse_layouts([word])):
        refusal = refused(lambda: parse(text))  # noqa: B023 - called right here
        assert refusal is None or "\n" not in refusal


@settings(max_examples=300, deadline=None)
@given(
    scheme=st.sampled_from(["rtsp", "http", "https"]),
    user=st.text("abcXYZ019._-", min_size=1, max_size=8),
    password=st.text(
        st.characters(exclude_characters=" ", exclude_categories=("Cs", "Cc", "Zs")), min_size=5, max_size=20
    ),
    rest=st.from_regex(r"[a-z0-9./?=&]{0,20}", fullmatch=True),
)
def test_passwords_are_never_shown(scheme: str, user: str, password: str, rest: str) -> None:
    source = f"{scheme}://{user}:{password}@camera.example/{rest}"
    shown = redact(source)
    hidden = f"{user}:{password}@"
    assert hidden not in shown
    assert password not in shown or password in f"{scheme}://***@camera.example/{rest}"


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400), width=st.integers(1, 8), height=st.integers(1, 6), stride=st.integers(1, 3))
def test_raw_frames_of_any_length(data: bytes, width: int, height: int, stride: int) -> None:
    size, lines = 3 * width * height, list[str]()
    source = RawSource(RawForm(width, height, 10), stride, lines.append, io.BytesIO(data))
    if len(data) < size:
        with pytest.raises(LpsrError, match="less than a frame"):
            list(source.frames())
        return
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(0, len(data) // size, stride))
    assert b"".join(frame.image.tobytes() for frame in frames if stride == 1) == (
        data[: len(data) // size * size] if stride == 1 else b""
    )
    assert bool(lines) == bool(len(data) % size)
