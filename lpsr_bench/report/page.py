"""A result as a page with plots, to be handed on: one file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpsr_bench.report.drawing import source
from lpsr_bench.report.files import write_text
from lpsr_bench.report.palette import variables
from lpsr_bench.report.plots import PLOTS
from lpsr_bench.report.tables import MIB, duration, tables
from lpsr_bench.report.tiles import tiles
from lpsr_bench.report.words import PROVISO, capital, notes, role_name
from lpsr_bench.results import Document
from lpsr_core.pages import templates

if TYPE_CHECKING:
    from markupsafe import Markup

_TITLES = {
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


def render(template: str, **context: Any) -> str:
    """A page of the report's templates, in which every text is escaped.

    Raises:
        MissingExtraError: there is no Jinja, or no matplotlib for a plot.
    """
    environment = templates(Path(__file__).with_name("templates"), "bench")
    environment.filters |= {"capital": capital, "code": _code, "drawn": source, "aligned": _aligned}
    return environment.get_template(template).render(colours=variables(), **context)


def write_html(document: Document, path: Path) -> Path:
    """Writes the page; the same result gives the same bytes.

    Raises:
        MissingExtraError: there is no Jinja or matplotlib.
        LpsrError: it cannot be written.
    """
    hardware = document["hardware"]
    page = render(
        "page.html.j2",
        title=f"LPSR benchmark, {hardware}, {document['date'][:10]}",
        heading=hardware,
        notes=notes(document),
        tiles=list(tiles(document)),
        facts=list(_facts(document)),
        configuration=[(name, json.dumps(value, ensure_ascii=False)) for name, value in document["config"].items()],
        steadiness=[(name, f"{1000 * value:.2f} ms") for name, value in document["steadiness_seconds"].items()],
        sections=list(_sections(document)),
        version=document["version"],
    )
    return write_text(path, page)


def _sections(document: Document) -> Iterator[dict[str, Any]]:
    """Of every suite that measured something: its plots, tables and pictures."""
    shown = list(tables(document))
    for suite, title in _TITLES.items():
        rows = document["suites"].get(suite)
        if rows:
            yield {
                "suite": suite,
                "title": title,
                "plots": list(PLOTS[suite](rows, document)),
                "tables": [table for table in shown if table.suite == suite],
                "proviso": PROVISO if suite == "reference" else "",
                "sheet": rows[0]["sheet"] if suite == "accuracy" else (),
            }


def _facts(document: Document) -> Iterator[tuple[str, str]]:
    """What was measured on what."""
    machine, data = document["machine"], document["data"]
    yield "Date", f"{document['date'][:16].replace('T', ' ')} UTC, {duration(document['seconds'])} in all"
    memory = "" if machine["memory_bytes"] is None else f", {machine['memory_bytes'] / MIB / 1024:.0f} GiB of memory"
    yield "Machine", f"{machine['board'] or machine['cpu']}, {machine['usable_cores']} usable cores{memory}"
    if machine["gpu"]:
        yield "GPU", machine["gpu"]
    yield "System", machine["os"]
    versions = {"lpsr": document["version"], **machine["versions"]}
    yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    for role, model in document["models"].items():
        checksum = f"sha256 `{model['sha256'][:_SHORT]}`"
        yield capital(role_name(role)), f"{model['name']}, {model['file']}, {model['runtime']}, {checksum}"
    widths = "" if data["widths"] is None else f", {data['widths'][0]} to {data['widths'][1]} pixels wide"
    yield "Plates", f"{data['plates']:,}, {data['name']}{widths}"
    if document["suites"].get("stages"):
        yield "Frame", data["frame"]
    if document["peak_resident_bytes"] is not None:
        yield "Most memory", f"{document['peak_resident_bytes'] / MIB:.0f} MiB resident, all suites"


def _code(sentence: str) -> Markup:
    """A sentence whose `names` between backticks are set as such."""
    from markupsafe import Markup, escape

    parts = (escape(part) for part in sentence.split("`"))
    return Markup("").join(Markup(f"<code>{part}</code>") if index % 2 else part for index, part in enumerate(parts))


def _aligned(texts: tuple[str, str]) -> list[tuple[str, bool]]:
    """The characters read, and whether each is right; a gap stands for one that is missing."""
    return [(letter, letter == right) for letter, right in zip_longest(*texts, fillvalue="_")]
