"""The page of a report: one HTML file that needs nothing else, and prints to PDF from a browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from lpsr_core import __version__
from lpsr_core.alphabet import ALPHABET, PLATE_LENGTH
from lpsr_core.decode import UNKNOWN, decode
from lpsr_core.pages import templates
from lpsr_forensic import conclusion as rule
from lpsr_forensic.comparison import LEAST_FIT, TELLS_APART
from lpsr_forensic.examination import ForensicReport
from lpsr_forensic.likelihood import (
    VERBAL_SCALE,
    VERBAL_SOURCE,
    character_log10_lrs,
    character_posteriors,
    text_log10_lrs,
    verbal,
)
from lpsr_forensic.pictures import WATERMARK, as_image, embedded, enlarged, residual_image, watermarked
from lpsr_forensic.registration import LEAST_CORRELATION
from lpsr_forensic.words import GLOSSARY, LIMITS, training

_TEMPLATE = "report.html.j2"
_LISTED = 3
"""Characters of each position that are listed."""
_SMALL = 230
"""Width in pixels of the pictures of a comparison."""


def page(report: ForensicReport) -> str:
    """The whole document.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    environment = templates(Path(__file__).parent, "evidence")
    environment.filters |= {"ratio": ratio, "percent": percent}
    return environment.get_template(_TEMPLATE).render(**_context(report))


def ratio(log10: float) -> str:
    """A likelihood ratio as people read it: `63`, `0.004`, `6.3 × 10^8`."""
    if not np.isfinite(log10):
        return "0"
    if -3 <= log10 < 4:
        value = 10**log10
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    exponent = int(np.floor(log10))
    power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{10 ** (log10 - exponent):.1f} × 10{power}"


def percent(probability: float) -> str:
    """A probability in percent that never says 0 or 100 of what is neither."""
    if probability >= 0.99995:
        return "> 99.99 %"
    return "< 0.01 %" if probability < 0.00005 else f"{100 * probability:.2f} %"


def _context(report: ForensicReport) -> dict[str, Any]:
    material, mean = report.material, report.average
    reference = material.exhibits[mean.reference]
    return {
        "version": __version__,
        "made": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "report": report,
        "material": material,
        "mean": mean,
        "reference": reference,
        "exhibits": _exhibits(report),
        "unrectified": None if material.unrectified is None else enlarged(material.unrectified.image),
        "first": report.candidates[0],
        "candidates": _candidates(report),
        "characters": _characters(report),
        "processed": {
            "average": enlarged(as_image(mean.picture)),
            "sharpened": enlarged(as_image(report.sharpened)),
            "network": embedded(watermarked(report.network)),
        },
        "watermark": WATERMARK,
        "size": f"{report.texts.size:,.0f}",
        "layouts": ", ".join(f"{each.name} ({each.pattern})" for each in report.texts.layouts),
        "blur": report.blur / mean.scale,
        "scale": _scale(),
        "scale_source": VERBAL_SOURCE,
        "rule": rule,
        "tells_apart": TELLS_APART,
        "least_fit": LEAST_FIT,
        "least_correlation": LEAST_CORRELATION,
        "networks": _networks(report),
        "limits": LIMITS,
        "glossary": GLOSSARY,
        "record": json.dumps(_plain(material.made_by), indent=2, ensure_ascii=False),
        "sources": material.made_by.get("sources", []),
        "libraries": ", ".join(f"{name} {version}" for name, version in material.made_by.get("libraries", {}).items()),
    }


def _exhibits(report: ForensicReport) -> list[dict[str, Any]]:
    first = report.candidates[0]
    found = []
    for exhibit, aligned in zip(report.material.exhibits, report.average.aligned, strict=True):
        said = exhibit.log_probs
        alone = None if said is None else decode(said, report.material.layouts)
        likelihood = None if said is None else text_log10_lrs(said[None], [first.text], report.texts)[0, 0]
        found.append(
            {
                "exhibit": exhibit,
                "picture": enlarged(exhibit.image, 340),
                "aligned": aligned,
                "alone": alone,
                "log10_lr": likelihood,
            }
        )
    return found


def _candidates(report: ForensicReport) -> list[dict[str, Any]]:
    listed = []
    first = report.candidates[0].compared  # where any is compared, the first one is
    for each in report.candidates:
        row: dict[str, Any] = {"candidate": each, "words": verbal(each.log10_first)}
        if (shown := each.compared) is not None and first is not None:
            row["picture"] = enlarged(as_image(shown.picture), _SMALL)
            row["residual"] = enlarged(residual_image(shown.residual), _SMALL)
            row["times"] = shown.error**2 / max(first.error**2, 1e-9)
        listed.append(row)
    return listed


def _characters(report: ForensicReport) -> list[dict[str, Any]]:
    said = report.material.log_probs[None]
    posteriors = character_posteriors(said, report.texts)[0]
    ratios = character_log10_lrs(said, report.texts)[0]
    rows = []
    for at in range(PLATE_LENGTH):
        order = np.argsort(-posteriors[at], kind="stable")[:_LISTED]
        rows.append(
            {
                "position": at + 1,
                "concluded": report.conclusion.text[at] if report.conclusion.text else UNKNOWN,
                "listed": [(ALPHABET[k], float(posteriors[at, k]), float(ratios[at, k])) for k in order],
            }
        )
    return rows


def _scale() -> list[tuple[str, str]]:
    lower, rows = "2", []
    for bound, words in VERBAL_SCALE[1:]:
        upper = "" if np.isinf(bound) else f"{10**bound:,.0f}"
        rows.append((words, f"{lower} to {upper}" if upper else f"more than {lower}"))
        lower = upper
    return rows


def _networks(report: ForensicReport) -> list[dict[str, Any]]:
    used = {role: record for role, record in report.material.models.items() if role in ("generator", "reader")}
    return [
        {
            "role": role,
            "record": record,
            "training": training(record.get("card")),
            "card": json.dumps(_plain(record.get("card")), indent=1, ensure_ascii=False) if record.get("card") else "",
        }
        for role, record in sorted(used.items())
    ]


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    return json.loads(json.dumps(value, default=str))
