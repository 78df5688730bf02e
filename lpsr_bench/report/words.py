"""Sentences that several forms of the report share."""

from __future__ import annotations

from lpsr_bench.results import Document
from lpsr_core.paper import HARDWARE, SOURCE

PROVISO = (
    f"paper: {HARDWARE}; a much larger generator and no reader, on a GPU; what else its time holds, such as "
    "reading and writing picture files, it does not say. Different work on different hardware: the quotient is of "
    f"waiting times, not of methods. {SOURCE}"
)


_TRIAL = 0.5
"""Seconds of a measurement below which its figures mean little."""


def versions_line(document: Document) -> str:
    """The system and what is installed."""
    machine = document["machine"]
    return f"{machine['os']}; " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())


def models_line(document: Document) -> str:
    """The networks by role."""
    return "; ".join(f"{role_name(role)} {model['name']}" for role, model in document["models"].items())


def capital(sentence: str) -> str:
    """The same with a capital letter in front."""
    return sentence[:1].upper() + sentence[1:]


def role_name(role: str) -> str:
    """What a network is called."""
    return {"lr_reader": "LR reader"}.get(role, role)


def notes(document: Document) -> list[str]:
    """What a reader of the figures has to know, the gravest first."""
    found = []
    if document["interrupted"]:
        found.append("the benchmark was interrupted: what was measured until then is here")
    elif not document["complete"]:
        found.append("the benchmark did not come to its end: what was measured until then is here")
    if document["config"]["seconds"] < _TRIAL:
        found.append(
            f"a trial: {document['config']['seconds']:g} s for each measurement is too short for figures to rely on"
        )
    return found + document["notes"]
