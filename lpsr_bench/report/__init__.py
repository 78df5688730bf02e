"""The forms of a result: tables in the terminal, Markdown, CSV, and a page with plots. All are made from the JSON."""

from __future__ import annotations

from pathlib import Path

from lpsr_bench.report.files import write_csv, write_markdown
from lpsr_bench.report.terminal import print_results
from lpsr_bench.results import Document
from lpsr_core.extras import is_installed

__all__ = ["can_draw", "print_results", "write_reports"]


def can_draw() -> bool:
    """Whether there is what the page and its plots need."""
    return is_installed("matplotlib") and is_installed("jinja2")


def write_reports(document: Document, path: Path, html: bool | None = None) -> list[Path]:
    """Writes the other forms beside a JSON file.

    Args:
        document: the JSON, read.
        path: of the JSON file.
        html: whether the page is wanted; None where it can be drawn.

    Returns:
        What was written.

    Raises:
        MissingExtraError: the page is wanted, and there is no matplotlib or Jinja.
        LpsrError: a file cannot be written.
    """
    made = [
        write_markdown(document, path.with_suffix(".md")),
        write_csv(document, path.with_suffix(".csv")),
    ]
    if can_draw() if html is None else html:
        from lpsr_bench.report.page import write_html

        made.append(write_html(document, path.with_suffix(".html")))
    return made
