"""Makes a forensic report of one vehicle's frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lpsr_core.errors import UsageError, need
from lpsr_forensic.examination import ForensicReport, examine
from lpsr_forensic.from_evidence import from_evidence, is_evidence
from lpsr_forensic.from_images import from_images
from lpsr_forensic.page import page
from lpsr_forensic.validation import load_validation
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.tools import open_tools
from lpsr_run.sinks.base import writing
from lpsr_run.sinks.files import replace_file

__all__ = ["ForensicReport", "forensic_report"]


def forensic_report(
    frames: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    config: RunConfig | None = None,
    validation: str | Path | None = None,
    public: str | Path | None = None,
    case: str = "",
    examiner: str = "",
    command: str = "",
    report: Callable[[str], None] = lambda line: None,
) -> ForensicReport:
    """Make the forensic report of one vehicle's frames.

    Args:
        frames: a folder of evidence (`lpsr-run --evidence`) with one read; or pictures that are plates already, as
            files or folders of them.
        out: HTML file to write; None writes nothing.
        config: networks, layouts and thresholds; the defaults of `lpsr-run`.
        validation: result of `benchmarks.likelihood_ratios`, to quote.
        public: PEM file of the key that the evidence's chain must be signed with; None checks no signature.
        case, examiner: for the head of the report.
        command: that made the report, for the record; default this call.
        report: takes a line about each picture that is left out.

    Returns:
        What the page says.

    Raises:
        UsageError: nothing has that name, it holds several reads, or the key is none or is for pictures.
        MissingExtraError: jinja2 is not installed.
        LpsrError: no picture can be read, a network cannot be opened, or the page cannot be written.
    """
    given = [frames] if isinstance(frames, (str, Path)) else list(frames)
    paths = [Path(each) for each in given]
    config = config or RunConfig(crops=".")
    if out is not None:
        need("jinja2", "jinja2", "evidence")
    tools = open_tools(config)
    if is_evidence(paths):
        material = from_evidence(paths[0], tools, None if public is None else Path(public))
    elif public is not None:
        raise UsageError("--public is for a folder of evidence; pictures have no chain")
    else:
        material = from_images(paths, tools, config, report)
    quoted = None
    if validation is not None:
        quoted = load_validation(Path(validation), str(material.models.get("reader", {}).get("sha256")))
    made = examine(material, config, quoted, case, examiner, command or f"lpsr.forensic_report({given!r})")
    if out is not None:
        with writing(Path(out)):
            replace_file(Path(out), page(made).encode(errors="backslashreplace"))
    return made
