"""An alert sink: a rule before a spooled sender."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lpsr_core.reads import Hit
from lpsr_run.alerts.mail import mailer
from lpsr_run.alerts.mqtt_home import HomePublisher
from lpsr_run.alerts.rules import Gate
from lpsr_run.alerts.settings import SinkSettings
from lpsr_run.retention.policy import SpoolLimit
from lpsr_run.sinks.base import Fault, Record
from lpsr_run.sinks.spool import Send, SpooledSink
from lpsr_run.sinks.webhook import poster

Among = Callable[[Mapping[str, Any], Sequence[str]], "Hit | None"]
"""The best hit of a read, as a line of `reads.jsonl` has it, among watch lists of these names."""


class AlertSink(SpooledSink):
    """Tells a webhook, a broker or a mailbox the reads that its rule lets pass; they wait on disk while it is away.

    Args:
        settings: of the sink.
        out: output folder of the run: of the spool, and what the paths of pictures are relative to.
        cameras: names that a broker is told before their first read.
        may: whether the sink may get the reads of a source.
        notice: takes a line when the server begins to fail, when it is back, and of reads that it refuses.
        among: the hit of a read among watch lists of these names alone; None where it hits none of them.
        limit, fault: of the spool, see `SpooledSink`.

    Attributes:
        settings: as given.
        rule: which reads pass; may be changed.

    Raises:
        UsageError: the address is none.
        MissingExtraError: a package is missing.
        LpsrError: the spool cannot be made or written.
    """

    def __init__(
        self,
        settings: SinkSettings,
        out: Path,
        cameras: Iterable[str],
        may: Callable[[str], bool],
        notice: Callable[[str], None],
        among: Among = lambda read, lists: None,
        limit: SpoolLimit | None = None,
        fault: Fault = lambda line: None,
    ) -> None:
        self.settings, self.rule = settings, settings.rule
        self._may, self._among, self._gate = may, among, Gate()
        self._close: Callable[[], None] | None = None
        send = self._sender(out, cameras)
        super().__init__(send, settings.shown, out / settings.spool, notice, limit=limit, fault=fault)
        self.name = f"alert:{settings.name}:{self.name}"

    def deliver(self, record: Record, again: bool = False) -> None:
        """As the base class says; a read that the rule stops counts as taken."""
        if not self._may(str(record.fields["source"])):
            return
        read = self._seen(record.fields)
        if not self._gate.passes(self.rule, read):
            return
        told = {name: value for name, value in read.items() if name != "log_probs"}
        super().deliver(Record(json.dumps(told, ensure_ascii=False), told), again)
        self._gate.told(read)

    def close(self) -> None:
        super().close()
        if self._close is not None:
            self._close()

    def _seen(self, read: Mapping[str, Any]) -> Mapping[str, Any]:
        """A read as the sink sees it: where its hit is of a list that the sink does not have, with one that it has."""
        hit, lists = read.get("hit"), self.rule.lists
        if hit is None or lists is None or hit["list"] in lists:
            return read
        other = self._among(read, lists)
        return read if other is None else {**read, "hit": other.as_dict()}

    def _sender(self, out: Path, cameras: Iterable[str]) -> Send:
        settings = self.settings
        if settings.mail is not None:
            return mailer(settings.address, settings.mail, out)
        if settings.home is not None:
            pictures = out if settings.home.pictures else None
            publisher = HomePublisher(settings.address, pictures, settings.home.discovery, cameras)
            self._close = publisher.close
            return publisher
        return poster(settings.address)
