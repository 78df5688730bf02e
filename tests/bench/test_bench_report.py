"""The pages: they need nothing else, can be read by everybody, and say what the figures say."""

from __future__ import annotations

import base64
import copy
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sample_result import sample

from lpsr_bench.report import captions, write_reports
from lpsr_bench.report.drawing import Bar, Plot, draw_bars, svg
from lpsr_bench.report.findings import fastest_kept, kept_up
from lpsr_bench.report.page import render, write_html
from lpsr_bench.report.palette import DARK, LIGHT, variables
from lpsr_bench.report.plots import PLOTS
from lpsr_bench.report.tables import Table
from lpsr_bench.report.tiles import tiles
from lpsr_core.errors import LpsrError, MissingExtraError

VOID = {"meta", "link", "img", "br"}
HOSTILE = "<script>alert('&')</script> $x^2$ \x07 ]]>"


class Outline(HTMLParser):
    """What a page holds: elements with their attributes, and whether they are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def drawings(page: str) -> list[str]:
    """The plots on a page."""
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(each).decode() for each in found]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a result with every suite, in which names are hostile."""
    pytest.importorskip("matplotlib", reason="the page holds plots")
    document = sample(["the machine was busy"])
    document["suites"]["peers"][1]["name"] = document["hardware"] = document["data"]["name"] = HOSTILE
    document["notes"].append(HOSTILE)
    path = tmp_path_factory.mktemp("page") / "bench.html"
    assert write_html(document, path) == path
    return path.read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(whole: str) -> None:
    page = Outline(whole)
    names = {name for name, _ in page.elements}
    assert len(page.all("style")) == 1, "one of a plot would hold for the page"
    assert not names & {"script", "iframe", "object", "embed", "base"}
    for _, attributes in page.elements:
        for name in ("src", "href", "data", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), address
    assert not re.search(r"@import|url\((?!#)", whole)
    assert not re.search(r"https?://", re.sub(r">[^<]*<", "><", whole)), "outside of the text"


def test_names_cannot_break_the_page(whole: str) -> None:
    assert "<script" not in whole
    assert "&lt;script&gt;" in whole
    plots = "".join(drawings(whole))
    assert "<script" not in plots
    assert re.search(r"<text[^>]*>&lt;script&gt;[^<]*\$x\^2\$", plots), "a name in a plot is no formula"


def test_every_plot_can_be_read(whole: str) -> None:
    page = Outline(whole)
    plots = drawings(whole)
    assert len(plots) == len(page.all("figure")) == len(page.all("figcaption")) == 18
    assert all(len(each["alt"] or "") > 60 for each in page.all("img") if "svg" in str(each["src"]))
    for plot in plots:
        assert ElementTree.fromstring(plot).tag.endswith("svg")
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([\w-]+)', whole)) <= set(ids)


@pytest.mark.parametrize("suite", sorted(PLOTS))
def test_every_axis_has_a_unit(suite: str) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    document = sample()
    unit = re.compile(r"\((s|ms|%|J|0 to 1|crops|number|log|each|GFLOP/s|joules)|crops/s|milliseconds|%|character")
    plots = list(PLOTS[suite](document["suites"][suite], document))
    assert plots
    for plot in plots:
        axes = figure.Figure().add_subplot()
        plot.draw(axes)
        assert unit.search(axes.get_xlabel()), plot.title
        named = [tick.get_text() for tick in axes.get_yticklabels()]
        assert unit.search(axes.get_ylabel()) or not named or named[0] == "HR", plot.title


def test_plots_follow_light_and_dark_mode(whole: str) -> None:
    assert LIGHT.keys() == DARK.keys()
    assert variables().count("--ground:") == 2
    assert "@media screen and (prefers-color-scheme:dark)" in variables(), "print is light"
    for plot in drawings(whole):
        assert variables() in plot
        rest = plot.replace(variables(), "")
        assert "var(--ink)" in rest
        assert "var(--series-1)" in rest
        assert not re.search(r"#[0-9a-f]{6}", rest), "a colour of its own"
        assert set(re.findall(r"var\(--([\w-]+)\)", rest)) <= LIGHT.keys()
    assert set(re.findall(r"var\(--([\w-]+)\)", whole)) <= LIGHT.keys()


def test_bars_on_a_logarithmic_axis_begin_below_the_least() -> None:
    figure = pytest.importorskip("matplotlib.figure")
    axes = figure.Figure().add_subplot()
    draw_bars(axes, [Bar("a", 20, "20 s"), Bar("b", 3000, "50 min")], "time (s)", log=True)
    widths = [patch.get_x() + patch.get_width() for patch in axes.patches]
    assert widths == [20, 3000]
    assert all(patch.get_x() == 10 for patch in axes.patches)
    assert axes.get_xlim()[1] > 3000, "room for the label"
    assert "20 s" in svg(Plot("times", "", lambda axes: draw_bars(axes, [Bar("a", 20, "20 s")], "time (s)")))


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_contrast(colours: dict[str, str]) -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(first: str, second: str) -> float:
        low, high = sorted(luminance(colours[name]) for name in (first, second))
        return (high + 0.05) / (low + 0.05)

    for name in ("ink", "muted", *(name for name in colours if name.startswith("series"))):
        assert contrast(name, "ground") >= 4.5, name
    for ground in ("panel", "warn", "wrong"):
        assert contrast("ink", ground) >= 4.5, ground
    assert contrast("muted", "panel") >= 4.5


def test_headings_notes_and_tables_are_in_order(whole: str) -> None:
    page = Outline(whole)
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert whole.index("The machine was busy") < whole.index('class="tile"') < whole.index("<figure")
    assert page.all("html")[0]["lang"] == "en"
    assert any(each.get("name") == "viewport" for each in page.all("meta"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(each["scope"] in ("col", "row") for each in page.all("th"))
    assert all(each.get("alt") for each in page.all("img"))
    for suite in PLOTS:
        assert f'href="#{suite}"' in whole
        assert f'id="{suite}"' in whole


def test_wrong_characters_are_marked(whole: str) -> None:
    read = re.findall(r"<code>(O<mark>.*?)</code>", whole)
    assert read == ["O<mark>Q</mark>O123<mark>5</mark>"]


def test_the_same_result_gives_the_same_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    document = sample()
    document["suites"] = {suite: document["suites"][suite] for suite in ("kernel", "latency")}
    pages = [write_html(copy.deepcopy(document), tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("suite", sorted(PLOTS))
def test_each_suite_alone_and_cut_short(suite: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    document = sample()
    rows = document["suites"][suite]
    for kept in (rows, rows[:1], []):
        document["suites"] = {suite: kept}
        page = Outline(write_html(document, tmp_path / "bench.html").read_text(encoding="utf-8"))
        assert bool(page.all("figure")) == bool(kept), kept


def test_without_what_may_be_missing(tmp_path: Path) -> None:
    """No labelled plates, no memory, nothing of peers, one plate, one count, a result that was interrupted."""
    pytest.importorskip("matplotlib")
    document = sample()
    document["data"] |= {"plates": 0, "widths": None}
    document["machine"]["memory_bytes"] = document["peak_resident_bytes"] = None
    document["interrupted"], document["complete"] = True, False
    suites = document["suites"]
    for row in (*suites["precision"], *suites["peers"]):
        row["rates"] = None
    for row in suites["latency"]:
        row["share_of_capacity"] = None
    suites["energy"][0]["joules_per_crop"] = float("nan")
    one = suites["accuracy"][0]
    suites["accuracy"] = [one]
    one |= {"plates": 1, "sheet": [], "ssim_below": None, "degradation": "none"}
    one["confusion"] = [[int(row == column == 3) for column in range(36)] for row in range(36)]
    one["reliability"]["bins"] = [{"count": 1, "confidence": 1.0, "right": 1.0}]
    one["quality"]["sr"]["psnr_db"] = None
    for values in one["rates"].values():
        for rate in values.values():
            rate |= {"hits": 1, "total": 1, "percent": 100.0, "interval": [20.65, 100.0]}
    page = write_html(document, tmp_path / "bench.html").read_text(encoding="utf-8")
    assert "The benchmark was interrupted" in page
    assert "none is taken for another" in page
    assert "nan" not in "".join(Outline(page).texts).lower().split()


def test_captions_follow_the_figures() -> None:
    suites = sample()["suites"]
    assert "100 times that" in captions.against_paper(suites["reference"])
    suites["reference"][1]["seconds_for_4000"] = 45600
    assert "0.05 times that" in captions.against_paper(suites["reference"])

    said = captions.batches(suites["throughput"])
    assert "at batch 8, 2 times those at batch 1. Rounds" in said
    suites["throughput"][3]["crops_per_second_by_round"] = [90.0, 400.0]
    assert "though rounds of the two overlap" in captions.batches(suites["throughput"])

    [row] = [row for row in suites["latency"] if not kept_up(row)]
    assert "200 a second were too many: 100 were read" in captions.waiting(suites["latency"])
    assert fastest_kept(suites["latency"]) == suites["latency"][1]
    row["crops_per_second_served"] = 199
    assert "With 200 crops arriving a second, the highest" in captions.waiting(suites["latency"])
    assert fastest_kept([]) is None

    run = [row for row in suites["stages"] if row["kind"] == "run"]
    assert "“locate” (75 %). That is 15 frames a second" in captions.run_stages(run)
    alone = [row for row in suites["stages"] if row["kind"] == "alone"]
    assert "takes 10 ms to its text, in a batch of 32 it is 5 ms." in captions.lone_stages(alone)


def test_captions_of_accuracy_say_what_chance_explains() -> None:
    suites = sample()["suites"]
    main = suites["accuracy"][0]
    assert "+50.0 points, more than chance would explain" in captions.recognition(main)
    main["rates"]["bicubic"]["all"] |= {"hits": 31, "percent": 77.5}
    assert "+2.5 points, no more than chance would explain" in captions.recognition(main)

    assert "3 with" not in captions.confusion(main)
    assert "Most often wrong: Q for O (3)" in captions.confusion(main)
    assert "(99.6 %) are read right" in captions.confusion(main)

    assert "on the whole too sure of itself by 20.0 points" in captions.reliability(main)
    main["reliability"] |= {"mean_confidence": 0.3}
    assert "too modest by 15.0 points" in captions.reliability(main)

    levels = [suites["accuracy"][3], main]
    assert "gains most, +20.0 points, at SSIM < 0.5" in captions.curve(levels)
    for level in levels:
        level["rates"]["sr"] = level["rates"]["bicubic"]
    assert "At no level" in captions.curve(levels)


def test_captions_of_the_machine() -> None:
    suites = sample()["suites"]
    kernels = suites["kernel"]
    assert "takes 4 times as long as an ordinary one" in captions.kernels(kernels)
    assert "Shares of that: generator lite fp32, batch 32: 70 %." in captions.kernels(kernels)

    assert "0.5 J a crop at 50 W" in captions.energy(suites["energy"])
    assert "adds 0.3 J a crop" in captions.energy(suites["energy"])

    crops = [row for row in suites["scaling"] if row["axis"] == "crops"]
    assert "4,000 crops take 20 s, 4 times as long as 1,000, of which they are 4 times as many." in captions.growth(
        crops
    )
    crops[-1]["seconds"] = 40.0
    assert "8 times as long" in captions.growth(crops)
    threads = [row for row in suites["scaling"] if row["axis"] == "threads"]
    assert "1.67 times as many as 1." in captions.threads(threads)

    assert "FP16 does 1.5 times that" in captions.precisions(suites["precision"])
    assert "no more than chance" in captions.precisions(suites["precision"])


def test_what_nothing_beats_is_named(tmp_path: Path) -> None:
    document = sample()
    [trade, _] = PLOTS["peers"](document["suites"]["peers"], document)
    assert "more often right than LPSR, FP32 (80.0 %, 100 crops/s)" in trade.caption
    assert "bicubic, then our reader (30.0 %, 250 crops/s); LPSR, FP16" in trade.caption
    assert "slow one" not in trade.caption
    assert "chance could explain how the rates of LPSR, FP32 and of LPSR, FP16 differ" in trade.caption
    assert "not shown: paper." in trade.caption


def test_the_large_figures_follow_the_rows() -> None:
    document = sample()
    assert [tile.figure for tile in tiles(document)] == ["22.8 s", "200 crops/s", "20 ms", "80.0 %"]
    assert "the paper's 38 min are 100 times that" in next(tiles(document)).meaning
    for row in document["suites"]["latency"]:
        row["crops_per_second_served"] = 1
    assert [tile.figure for tile in tiles(document)][2] == "too many"
    document["suites"] = {}
    assert list(tiles(document)) == []


def test_a_table_on_the_page() -> None:
    made = Table("kernel", "arithmetic", ("", "GFLOP/s"), (("a | <b>", "1.5"),), ("`x` is odd",))
    empty = {"count": 1, "noted": [], "groups": [], "summary": ""}
    page = render("history.html.j2", title="", heading="", results=made, **empty)
    assert "<td></td>" in page, "an empty heading is none"
    assert "a | &lt;b&gt;" in page
    assert '<td class="number">1.5</td>' in page
    assert '<p class="below"><code>x</code> is odd</p>' in page


def test_without_matplotlib_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[bench\]"):
        write_reports(sample(), tmp_path / "bench.json", html=True)
    assert (tmp_path / "bench.md").exists(), "the other forms need none"
    assert [path.suffix for path in write_reports(sample(), tmp_path / "bench.json", html=False)] == [".md", ".csv"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    document = sample()
    document["suites"] = {}
    (tmp_path / "bench.html").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "bench.html", tmp_path / "file" / "bench.html", tmp_path / "none" / "bench.html"):
        with pytest.raises(LpsrError, match=r"bench.html: cannot be written: \w"):
            write_html(document, path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.html", "file"], "nothing is left behind"


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lpsr_bench.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_a_page_of_results_over_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "results"
    folder.mkdir()
    for index, (date, precision) in enumerate((("2026-02-01", "fp32"), ("2026-01-01", "fp32"), ("2026-02-01", "fp16"))):
        document = sample(["busy"] * index, f"{date}T10:00:00+00:00", precision=precision)
        document["suites"]["reference"][1]["seconds_for_4000"] = 10.0 * (index + 1)
        document["data"]["name"] = f"/plates/{HOSTILE}"
        (folder / f"run-{index}.json").write_text(json.dumps(document))
    (folder / "run-3.json").write_text(json.dumps({**sample(), "suites": {}, "hardware": HOSTILE}))
    (folder / "soak.json").write_text("{}")
    (folder / "old.json").write_text(json.dumps({**sample(), "schema": 1}))
    (folder / "words.json").write_text("no JSON")
    (folder / "notes.txt").write_text("nothing to read")
    result = call(tmp_path, "history", "results", "--out", "new/history.html")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "4 results, written to new/history.html\n"
    said = result.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in said] == [
        "results/old.json",
        "results/soak.json",
        "results/words.json",
    ]
    assert "its schema is 1" in said[0]
    page = (tmp_path / "new" / "history.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert len(outline.all("figure")) == 6, "three of each group that measured something"
    assert "It went from 20.0 s (2026-01-01) to 10.0 s (2026-02-01), -50.0 %" in page
    assert "It is 30.0 s, of a single result." in page
    assert "no more than chance would explain" in page
    assert "2 of 4 results with notes" in page
    assert [each for each in outline.texts if each in ("run-0.json", "run-1.json")][:2] == ["run-1.json", "run-0.json"]
    assert "<script" not in page


def spoilt(way: str) -> dict[str, Any]:
    """A result of which something that the page takes is of another form."""
    document = sample()
    suites = document["suites"]
    if way == "date":
        document["date"] = "yesterday"
    elif way == "hardware":
        document["hardware"] = None
    elif way == "config":
        del document["config"]["precision"]
    elif way == "row":
        suites["throughput"] = ["a word"]
    elif way == "rounds":
        for row in suites["throughput"]:
            row["crops_per_second_by_round"] = []
    elif way == "figure":
        for row in suites["reference"]:
            row["seconds_for_4000"] = math.nan
    elif way == "interval":
        suites["accuracy"][0]["rates"]["sr"]["all"]["interval"] = [1.0]
    elif way == "notes":
        document["notes"] = [None]
    return document


def test_a_broken_result_is_left_out_with_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "results"
    folder.mkdir()
    ways = ("config", "date", "figure", "hardware", "interval", "notes", "rounds", "row")
    for way in ways:
        (folder / f"{way}.json").write_text(json.dumps(spoilt(way)))
    (folder / "whole.json").write_text(json.dumps(sample()))
    (folder / "without-zone.json").write_text(json.dumps({**sample(), "date": "2026-03-01T10:00:00"}))
    result = call(tmp_path, "history", "results")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "2 results, written to history.html\n"
    said = result.stderr.splitlines()
    assert said == [f"left out: results/{way}.json: a benchmark's JSON that is not whole" for way in ways]


def test_no_results_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "empty").mkdir()
    for folder, words in (("none", "no such folder"), ("empty", "no results of lpsr-bench in it")):
        result = call(tmp_path, "history", folder)
        assert (result.returncode, result.stderr) == (2, f"error: {folder}: {words}\n")
