"""The documentation says what the program does: command reference, model card, schema of a read, links."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lpsr_core.decode import Alternative, Candidate
from lpsr_core.geometry import Box
from lpsr_core.reads import Hit, Read
from tools import reference, site
from tools.site import rewrite_links, without_missing

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs" / "schema" / "read.schema.json").read_text(encoding="utf-8"))


def read(**changes: Any) -> Read:
    """A read of a live camera, with changes."""
    values: dict[str, Any] = {
        "source": "rtsp://***@camera/1",
        "frame": 12,
        "milliseconds": 480.04,
        "box": Box(437.83, 190.21, 62.02, 18.94),
        "text": "VKY5G31",
        "layout": "mercosur",
        "confidence": 0.99796,
        "characters": tuple((Candidate(one, 0.9), Candidate("X", 0.05)) for one in "VKY5G31"),
        "frames": 36,
        "agreeing": 35,
        "super_resolved": True,
        "lr_image": "pictures/a-lr.png",
        "sr_image": "pictures/a-sr.png",
        "track": 0,
        "alternatives": (Alternative("VKY5G31", 0.99796), Alternative("VKY5G61", 0.001)),
        "time": "2026-11-28T10:00:00.000000+00:00",
        "certain": "VKY5G?1",
        "event": "first",
        "run": "01M8GVPWQX9GAH8F9JBBZ94JMY",
        "number": 1,
    }
    return Read(**{**values, **changes})


def problems(line: dict[str, Any]) -> list[str]:
    """What the schema finds wrong with a read."""
    jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked with jsonschema (dev extra)")
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    return [error.message for error in validator.iter_errors(line)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"zone": "gate", "hit": Hit("stolen", "VKY5G31", "fuzzy", 0.5, 0.98, "blue"), "log_probs": "AP//"},
        {"time": None, "lr_image": None, "sr_image": None, "event": "final", "super_resolved": False},
        {"text": "#0123456789abcdef", "certain": "#0123456789abcdef", "characters": (), "alternatives": ()},
    ],
)
def test_reads_fit_their_schema(changes: dict[str, Any]) -> None:
    assert problems(json.loads(read(**changes).to_json())) == []


def test_the_schema_names_every_field_and_no_other() -> None:
    fields = set(read().as_dict())
    assert set(SCHEMA["properties"]) == fields
    assert set(SCHEMA["required"]) == fields
    table = (ROOT / "docs" / "reads.md").read_text(encoding="utf-8")
    assert not [name for name in fields if f"`{name}`" not in table]


@pytest.mark.parametrize(
    "broken",
    [
        {"confidence": 1.5},
        {"text": "VKY5G3"},
        {"event": "last"},
        {"run": "1"},
        {"number": 0},
        {"time": 5},
        {"more": 1},
    ],
)
def test_the_schema_refuses_other_things(broken: dict[str, Any]) -> None:
    assert problems({**read().as_dict(), **broken})


def test_every_line_of_a_run_fits_the_schema(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    from lpsr_run.config import RunConfig
    from lpsr_run.pipeline.run import run

    crops = tmp_path / "crops"
    crops.mkdir()
    for path in sorted((ROOT / "examples" / "plates").iterdir())[:6]:
        (crops / path.name).write_bytes(path.read_bytes())
    run(RunConfig(crops=str(crops), out=str(tmp_path / "out"), threads=1), quiet=True)
    lines = (tmp_path / "out" / "reads.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 5
    assert [problem for line in lines for problem in problems(json.loads(line))] == []


def test_the_command_reference_is_current() -> None:
    stale = [path.name for path, text in reference.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: python -m tools.reference"


def test_the_reference_has_every_option_with_a_meaning() -> None:
    for path, text in reference.pages().items():
        rows = re.findall(r"^\| `-.*$", text, re.MULTILINE)
        assert rows or path.parent.name != "reference"
        assert not [row for row in rows if row.endswith("|  |")], path.name


def test_links_lead_to_where_the_site_has_the_files() -> None:
    text = "[a](docs/bench.md#x) ![b](docs/gate.jpg) [c](benchmarks/README.md) [d](LICENSE) [e](https://a.b/c) [f](#g)"
    assert rewrite_links(text, "index.md", "README.md") == (
        "[a](bench.md#x) ![b](gate.jpg) [c](benchmarks.md) d (`LICENSE`) [e](https://a.b/c) [f](#g)"
    )
    assert rewrite_links("[a](../benchmarks/README.md#x)", "speed.md", "docs/speed.md") == "[a](benchmarks.md#x)"


def test_planned_pages_may_be_missing_and_others_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "PLANNED", {"sizing.md"})
    (tmp_path / "a.md").touch()
    nav = [{"A": "a.md"}, {"More": [{"Planned": "sizing.md"}]}, {"Lost": "lost.md"}]
    assert without_missing(nav, tmp_path) == [{"A": "a.md"}, {"Lost": "lost.md"}]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_files_that_pages_link_to_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = {target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target}
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1200
