"""A result as a page with plots, to be handed on: one file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from lpsr_bench.report.drawing import figure
from lpsr_bench.report.files import write_text
from lpsr_bench.report.markup import Html, capital, join, page, table, tag, text
from lpsr_bench.report.plots import PLOTS
from lpsr_bench.report.sheet import sheet
from lpsr_bench.report.tables import MIB, duration, tables
from lpsr_bench.report.verdict import tiles, verdict
from lpsr_bench.report.words import PROVISO, notes, role_name
from lpsr_bench.results import Document

SECTIONS = {
    "reference": "Beside the paper",
    "throughput": "Throughput",
    "latency": "Latency",
    "stages": "Where the time goes",
    "accuracy": "Accuracy",
    "cameras": "Where reading falls off",
    "precision": "Precisions",
    "kernel": "Arithmetic",
    "energy": "Energy",
    "scaling": "How cost grows",
    "peers": "Peers",
}
_SHORT = 12
"""Digits of a checksum that are shown."""


def write_html(document: Document, path: Path) -> Path:
    """Writes the page; the same result gives the same bytes.

    Raises:
        MissingExtraError: there is no matplotlib.
        LpsrError: it cannot be written.
    """
    measured = [suite for suite in SECTIONS if document["suites"].get(suite)]
    hardware = document["hardware"]
    return write_text(
        path,
        page(
            f"LPSR benchmark, {hardware}, {document['date'][:10]}",
            tag("header", tag("p", text("LPSR benchmark"), class_="lead"), tag("h1", text(hardware))),
            _notes(document),
            *(tag("p", text(sentence), class_="verdict") for sentence in [" ".join(verdict(document))] if sentence),
            _tiles(document),
            _facts(document),
            _configuration(document),
            _contents(measured) if len(measured) > 1 else text(""),
            *(_section(document, suite) for suite in measured),
            tag("footer", tag("p", text(f"Made by lpsr-bench {document['version']} from what it measured."))),
        ),
    )


def _notes(document: Document) -> Html:
    """What has to be known before any figure is read."""
    said = notes(document)
    if not said:
        return text("")
    listed = tag("ul", *(tag("li", text(capital(note))) for note in said))
    return tag(
        "section", tag("h2", text("Read this first"), id="notes"), listed, class_="notes", aria_labelledby="notes"
    )


def _tiles(document: Document) -> Html:
    made = [
        tag("div", tag("strong", text(tile.figure)), tag("span", text(tile.meaning)), class_="tile")
        for tile in tiles(document)
    ]
    return tag("div", *made, class_="tiles") if made else text("")


def _facts(document: Document) -> Html:
    return tag("dl", *(join([tag("dt", text(name)), tag("dd", value)]) for name, value in _described(document)))


def _described(document: Document) -> Iterator[tuple[str, Html]]:
    """What was measured on what."""
    machine, data = document["machine"], document["data"]
    yield "Date", text(f"{document['date'][:16].replace('T', ' ')} UTC, {duration(document['seconds'])} in all")
    memory = "" if machine["memory_bytes"] is None else f", {machine['memory_bytes'] / MIB / 1024:.0f} GiB of memory"
    yield "Machine", text(f"{machine['board'] or machine['cpu']}, {machine['usable_cores']} usable cores{memory}")
    if machine["gpu"]:
        yield "GPU", text(machine["gpu"])
    yield "System", text(machine["os"])
    versions = {"lpsr": document["version"], **machine["versions"]}
    yield "Versions", text(", ".join(f"{name} {version}" for name, version in versions.items()))
    for role, model in document["models"].items():
        checksum = tag("code", text(model["sha256"][:_SHORT]))
        yield (
            capital(role_name(role)),
            join([text(f"{model['name']}, {model['file']}, {model['runtime']}, sha256"), checksum]),
        )
    widths = "" if data["widths"] is None else f", {data['widths'][0]} to {data['widths'][1]} pixels wide"
    yield "Plates", text(f"{data['plates']:,}, {data['name']}{widths}")
    if document["suites"].get("stages"):
        yield "Frame", text(data["frame"])
    if document["peak_resident_bytes"] is not None:
        yield "Most memory", text(f"{document['peak_resident_bytes'] / MIB:.0f} MiB resident, all suites")


def _configuration(document: Document) -> Html:
    """Every option, and how steady the machine was meanwhile."""

    def listed(values: Mapping[str, object]) -> Html:
        return tag(
            "dl",
            *(
                join([tag("dt", text(name)), tag("dd", tag("code", text(json.dumps(value, ensure_ascii=False))))])
                for name, value in values.items()
            ),
        )

    steady = {name: f"{1000 * value:.2f} ms" for name, value in document["steadiness_seconds"].items()}
    about = "The same piece of arithmetic, timed between the suites; on a steady machine these are alike."
    return tag(
        "details",
        tag("summary", text("Configuration, and how steady the machine was")),
        listed(document["config"]),
        tag("p", text(about), class_="below"),
        listed(steady),
    )


def _contents(suites: list[str]) -> Html:
    links = (tag("li", tag("a", text(SECTIONS[suite]), href=f"#{suite}")) for suite in suites)
    return tag("nav", tag("ul", *links), aria_label="Sections")


def _section(document: Document, suite: str) -> Html:
    rows = document["suites"][suite]
    made = {name: list(found) for name, found in groupby(tables(document), key=lambda each: each.suite)}
    parts = [*map(figure, PLOTS[suite](rows, document)), *map(table, made.get(suite, []))]
    if suite == "reference":
        parts.append(tag("p", text(capital(PROVISO)), class_="below wide"))
    return tag(
        "section",
        tag("h2", text(SECTIONS[suite]), id=suite),
        tag("div", *parts, class_="parts"),
        sheet(rows[0]["sheet"]) if suite == "accuracy" and rows[0]["sheet"] else text(""),
        aria_labelledby=suite,
    )
