"""What an alerts file says, as frozen objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lpsr_run.alerts.hits import HitList
from lpsr_run.alerts.rules import Rule
from lpsr_run.redact import redact

Kind = Literal["webhook", "mqtt", "email"]
KINDS: tuple[Kind, ...] = ("webhook", "mqtt", "email")
Security = Literal["starttls", "tls", "none"]
SECURITIES: tuple[Security, ...] = ("starttls", "tls", "none")


@dataclass(frozen=True)
class MailSettings:
    """How alerts are mailed.

    Attributes:
        sender: address of the sender.
        recipients: addresses.
        security: `starttls` on port 587, `tls` from the start on port 465, or `none` on port 25.
        ca_file: certificates that are trusted in place of the system's; None for those.
        pictures: whether the read's picture is attached.
    """

    sender: str
    recipients: tuple[str, ...]
    security: Security = "starttls"
    ca_file: Path | None = None
    pictures: bool = True


@dataclass(frozen=True)
class HomeSettings:
    """What Home Assistant is told.

    Attributes:
        discovery: its prefix of discovery topics; None announces nothing.
        pictures: whether the read's picture is published.
    """

    discovery: str | None = "homeassistant"
    pictures: bool = True


@dataclass(frozen=True)
class SinkSettings:
    """An alert sink.

    Attributes:
        name: unique within the file.
        kind: what it is.
        address: with user and password. Never print it; see `shown`.
        rule: which reads it is told.
        mail: of an e-mail sink.
        home: of an MQTT sink.
    """

    name: str
    kind: Kind
    address: str = field(repr=False)
    rule: Rule = field(default_factory=Rule)
    mail: MailSettings | None = None
    home: HomeSettings | None = None

    @property
    def shown(self) -> str:
        """Name and address without credentials."""
        return f"{self.name}: {redact(self.address)}"

    @property
    def spool(self) -> str:
        """Name of the folder in which its reads wait."""
        return "spool-" + "".join(one if one.isalnum() or one in "-_" else "_" for one in self.name)


@dataclass(frozen=True)
class AlertsFile:
    """The watch lists and sinks of a file.

    Attributes:
        path: of the file.
        lists: may be empty where the sinks are told more than hits.
        sinks: may be empty: reads then carry their hits, and nobody is told.
    """

    path: Path
    lists: tuple[HitList, ...]
    sinks: tuple[SinkSettings, ...]
