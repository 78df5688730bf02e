"""The sinks that a configuration names, opened, with what an earlier run owed them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from lpsr_run.alerts import Alerts
from lpsr_run.config import RunConfig
from lpsr_run.evidence.provenance import environment, source_digests
from lpsr_run.evidence.signing import open_signer
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.monitor.summary import Summary
from lpsr_run.redact import redact
from lpsr_run.sinks.base import DurableSink, Fault
from lpsr_run.sinks.csv_file import CsvSink
from lpsr_run.sinks.folder import set_aside
from lpsr_run.sinks.jsonl import JsonLinesSink
from lpsr_run.sinks.mqtt import publisher
from lpsr_run.sinks.outbox import Outbox, catch_up
from lpsr_run.sinks.postgres import inserter, is_postgres
from lpsr_run.sinks.retention import Retention
from lpsr_run.sinks.spool import SpooledSink
from lpsr_run.sinks.sqlite_store import SqliteSink
from lpsr_run.sinks.webhook import poster
from lpsr_run.sources.base import Report

_SYNC_SECONDS = 1.0
"""Between syncs of reads.jsonl when crops are read: what a power cut takes can be read again."""


def open_outbox(
    config: RunConfig, summary: Summary, note: Report, fault: Fault, stack: ExitStack, alerts: Alerts | None = None
) -> Outbox:
    """Opens all sinks, brings them what an earlier run in the folder owed them, and sets its files aside.

    Args:
        config: names them.
        summary: of the run; evidence says what made it.
        note: takes a line.
        fault: takes a line that counts in the exit code.
        stack: closes them.
        alerts: bring sinks of their own.

    Raises:
        LpsrError: one of them cannot be opened or written.
    """
    out = Path(config.out)
    sinks = _opened(config, summary, note, fault, stack)
    if alerts is not None:
        told = alerts.open(out, [source.name for source in summary.state.sources], note, stack)
        summary.state.outputs += [sink.state for sink in told]
        sinks += told
    catch_up(out, sinks, note)
    set_aside(out)
    # What other sinks get must be on the disk before.
    sync_seconds = _SYNC_SECONDS if config.crops is not None and not sinks else 0.0
    journal = stack.enter_context(JsonLinesSink(out / "reads.jsonl", sync_seconds, fault))
    return stack.enter_context(Outbox(journal, sinks, summary.run, out, note, fault))


def _opened(config: RunConfig, summary: Summary, note: Report, fault: Fault, stack: ExitStack) -> list[DurableSink]:
    out = Path(config.out)
    sinks: list[DurableSink] = []
    if config.csv is not None:
        sinks.append(stack.enter_context(CsvSink(Path(config.csv), fault)))
    if config.store is not None:
        retention = Retention(config.keep_days or None, config.keep_reads or None)
        if is_postgres(config.store):
            insert = inserter(config.store, retention)
            sinks.append(stack.enter_context(SpooledSink(insert, redact(config.store), out / "spool-store", note)))
        else:
            sinks.append(stack.enter_context(SqliteSink(Path(config.store), retention, fault)))
    if config.webhook is not None:
        webhook = SpooledSink(poster(config.webhook), redact(config.webhook), out / "spool", note)
        sinks.append(stack.enter_context(webhook))
    if config.mqtt is not None:
        mqtt = SpooledSink(publisher(config.mqtt), redact(config.mqtt), out / "spool-mqtt", note)
        sinks.append(stack.enter_context(mqtt))
    if config.evidence is not None:
        signer = open_signer(Path(config.sign)) if config.sign is not None else None
        files = (*config.video, *([config.crops] if config.crops is not None else []))
        made_by = {
            **environment(),
            "run": summary.run,
            **summary.made_by(),
            "sources": source_digests(files),
            "config": config.as_dict(),
        }
        sinks.append(stack.enter_context(EvidenceSink(Path(config.evidence), made_by, config.blur, signer, fault)))
    summary.state.outputs += [sink.state for sink in sinks if isinstance(sink, SpooledSink)]
    return sinks
