"""The alerts file: TOML, with secrets in environment variables or files of their own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

from lpsr_core.errors import UsageError
from lpsr_core.reads import Way
from lpsr_run.alerts.entries import load_entries
from lpsr_run.alerts.hits import WAYS, HitList
from lpsr_run.alerts.rules import Rule
from lpsr_run.alerts.settings import (
    KINDS,
    SECURITIES,
    AlertsFile,
    HomeSettings,
    Kind,
    MailSettings,
    Security,
    SinkSettings,
)
from lpsr_run.cameras.schedule import parse_schedule
from lpsr_run.tomlfile import Table, read_toml
from lpsr_run.tomlfile.table import nearest

_RULE = ("cameras", "zones", "lists", "hits_only", "min_confidence", "schedule", "once_minutes", "updates")
_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "webhook": (),
    "mqtt": ("discovery", "pictures"),
    "email": ("from", "to", "security", "ca_file", "pictures"),
}


def load_alerts(path: Path) -> AlertsFile:
    """Read an alerts file and its watch lists.

    Paths in it are taken from its own folder.

    Raises:
        UsageError: it or a watch list cannot be read, or says something that cannot be meant.
    """
    document = read_toml(path)
    root = document.root
    root.only("watch_list", "sink")
    lists: list[HitList] = []
    for table in root.tables("watch_list"):
        lists.append(_list(table))
        _refuse_twice(table, [one.name for one in lists])
    sinks: list[SinkSettings] = []
    for table in root.tables("sink"):
        sinks.append(_sink(table, [one.name for one in lists]))
        _refuse_twice(table, [one.name for one in sinks])
        for other in sinks[:-1]:
            if other.spool == sinks[-1].spool:
                both = f"{sinks[-1].name!r} and {other.name!r} would share the folder {other.spool}"
                raise table.error("name", f"{both}; give names that differ in letters or digits")
    if not lists and not sinks:
        raise UsageError(f"{path}: holds neither watch lists nor sinks; write [[watch_list]] or [[sink]]")
    return AlertsFile(path, tuple(lists), tuple(sinks))


def _list(table: Table) -> HitList:
    table.only("name", "file", "ways", "edits", "probability")
    name, file = table.text("name"), table.document.beside(table.text("file"))
    ways: set[Way] = set()
    for word in table.texts("ways") or ("exact",):
        if word not in WAYS:
            raise table.error("ways", f"{word!r} is unknown{nearest(word, WAYS)}")
        ways.add(word)
    edits = table.number("edits", 1.0, 0.0, 2.0)
    probability = table.number("probability", 0.05, 1e-6, 1.0)
    for key, way in (("edits", "fuzzy"), ("probability", "likelihood")):
        if table.has(key) and way not in ways:
            raise table.error(key, f"is for hits of the way {way!r}; add it to ways")
    with table.about("file"):
        return HitList(name, load_entries(file), frozenset(ways), edits, probability)


def _sink(table: Table, lists: list[str]) -> SinkSettings:
    kind = cast(Kind, table.choice("kind", KINDS))
    table.only("name", "kind", "address", "password", "password_file", *_OF_KIND[kind], *_RULE)
    home = mail = None
    if kind == "mqtt":
        discovery = None if table.get("discovery") is False else table.text("discovery", "homeassistant")
        home = HomeSettings(discovery, table.flag("pictures", True))
    elif kind == "email":
        recipients = table.texts("to")
        if recipients is None:
            raise table.error("", "to is missing")
        security = cast(Security, table.choice("security", SECURITIES, "starttls"))
        ca_file = table.document.beside(table.text("ca_file")) if table.has("ca_file") else None
        if ca_file is not None and not ca_file.is_file():
            raise table.error("ca_file", f"{ca_file}: no such file")
        mail = MailSettings(table.text("from"), recipients, security, ca_file, table.flag("pictures", True))
    return SinkSettings(table.text("name"), kind, table.address(), _rule(table, lists), mail, home)


def _rule(table: Table, lists: list[str]) -> Rule:
    wanted = table.texts("lists")
    for name in wanted or ():
        if name not in lists:
            raise table.error("lists", f"there is no watch list {name!r}{nearest(name, lists) if lists else ''}")
    hits_only = table.flag("hits_only", wanted is not None)
    if hits_only and not lists:
        raise table.error("hits_only", "needs a watch list; write [[watch_list]] with a name and a file")
    schedule = table.table("schedule")
    return Rule(
        table.texts("cameras"),
        table.texts("zones"),
        wanted,
        hits_only,
        table.number("min_confidence", 0.0, 0.0, 1.0),
        None if schedule is None else parse_schedule(schedule),
        table.number("once_minutes", 0.0, 0.0, math.inf),
        table.flag("updates"),
    )


def _refuse_twice(table: Table, names: list[str]) -> None:
    if names.count(names[-1]) > 1:
        raise table.error("name", f"{names[-1]!r} is used twice; give each its own name")
