"""The sinks that a configuration names, opened, with what an earlier run owed them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import cast

from lpsr_run.alerts import Alerts
from lpsr_run.config import RunConfig
from lpsr_run.evidence.provenance import environment, source_digests
from lpsr_run.evidence.retention import sweep_evidence
from lpsr_run.evidence.signing import open_signer
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.monitor.summary import Summary
from lpsr_run.pipeline.unfinished import READS, UnfinishedCrops
from lpsr_run.redact import redact, redact_address
from lpsr_run.retention.policy import SpoolLimit, WhenFull, parse_bytes
from lpsr_run.retention.sweeper import Sweep, Sweeper
from lpsr_run.secrets import header, resolve
from lpsr_run.sinks.base import DurableSink, Fault
from lpsr_run.sinks.catch_up import catch_up
from lpsr_run.sinks.csv_file import CsvSink
from lpsr_run.sinks.folder import set_aside
from lpsr_run.sinks.jsonl import JsonLinesSink
from lpsr_run.sinks.mqtt import publisher
from lpsr_run.sinks.outbox import Outbox
from lpsr_run.sinks.postgres import inserter, is_postgres, sweep_postgres
from lpsr_run.sinks.spool import SpooledSink
from lpsr_run.sinks.sqlite_store import SqliteSink
from lpsr_run.sinks.sweeps import sweep_pictures, sweep_reads, sweep_spools
from lpsr_run.sinks.webhook import poster
from lpsr_run.sources.base import Report

_SYNC_SECONDS = 1.0
"""Between syncs of reads.jsonl when crops are read: what a power cut takes can be read again."""


def open_outbox(
    config: RunConfig, summary: Summary, note: Report, fault: Fault, stack: ExitStack, alerts: Alerts | None = None
) -> Outbox:
    """Opens all sinks, brings them what an earlier run in the folder owed them, and sets its files aside.

    The reads of a run over crops that was stopped stay, where this one goes on with it.

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
    limit = SpoolLimit(parse_bytes(config.spool_limit, "--spool-limit"), cast(WhenFull, config.spool_full))
    sinks = _opened(config, limit, summary, note, fault, stack)
    if alerts is not None:
        sinks += alerts.open(out, [source.name for source in summary.state.sources], note, stack, limit, fault)
    summary.state.outputs += [sink.state for sink in sinks if isinstance(sink, SpooledSink)]
    owed = catch_up(out, sinks, note)
    unfinished = UnfinishedCrops(config, summary.models)
    goes_on = unfinished.goes_on(note)
    if not goes_on:
        set_aside(out)
        unfinished.begin()
    # What other sinks get must be on the disk before.
    sync_seconds = _SYNC_SECONDS if config.crop_specs and not sinks else 0.0
    journal = stack.enter_context(JsonLinesSink(out / READS, sync_seconds, fault, goes_on))
    outbox = stack.enter_context(Outbox(journal, sinks, summary.run, out, note, fault, owed))
    # A spooled sink takes reads at once, and tells of its own spool.
    summary.state.outputs += [lane.state for lane in outbox.lanes if not isinstance(lane.sink, SpooledSink)]
    stack.enter_context(Sweeper(config.retention, _sweeps(config, journal, outbox), fault))
    return outbox


def _sweeps(config: RunConfig, journal: JsonLinesSink, outbox: Outbox) -> dict[str, Sweep]:
    """What retention deletes from, by name."""
    out = Path(config.out)
    sinks = [lane.sink for lane in outbox.lanes]
    sweeps = {
        "reads": sweep_reads(out, journal, lambda: outbox.delivered),
        "pictures": sweep_pictures(out),
        "spools of earlier runs": sweep_spools(out, {sink.spool for sink in sinks if isinstance(sink, SpooledSink)}),
        **{redact(sink.name): sink.sweep for sink in sinks if isinstance(sink, (CsvSink, SpooledSink, SqliteSink))},
    }
    if config.store is not None and is_postgres(config.store):
        sweeps[f"the table of {redact(config.store)}"] = partial(sweep_postgres, config.store)
    if config.evidence is not None:
        signer = open_signer(Path(config.sign)) if config.sign is not None else None
        sweeps["evidence"] = sweep_evidence(Path(config.evidence), signer)
    return sweeps


def _opened(
    config: RunConfig, limit: SpoolLimit, summary: Summary, note: Report, fault: Fault, stack: ExitStack
) -> list[DurableSink]:
    out = Path(config.out)
    sinks: list[DurableSink] = []
    if config.csv is not None:
        sinks.append(stack.enter_context(CsvSink(Path(config.csv), fault)))
    if config.store is not None:
        if is_postgres(config.store):
            insert = inserter(config.store)
            name = redact(config.store)
            sinks.append(stack.enter_context(SpooledSink(insert, name, out / "spool-store", note, fault=fault)))
        else:
            sinks.append(stack.enter_context(SqliteSink(Path(config.store), fault)))
    if config.webhook is not None:
        send = poster(partial(resolve, config.webhook), dict(map(header, config.webhook_header)))
        name = redact_address(resolve(config.webhook))
        sinks.append(stack.enter_context(SpooledSink(send, name, out / "spool", note, None, limit, fault)))
    if config.mqtt is not None:
        send, name = publisher(partial(resolve, config.mqtt)), redact_address(resolve(config.mqtt))
        sinks.append(stack.enter_context(SpooledSink(send, name, out / "spool-mqtt", note, None, limit, fault)))
    if config.evidence is not None:
        signer = open_signer(Path(config.sign)) if config.sign is not None else None
        files = (*config.addresses, *config.crop_specs)
        made_by = {
            **environment(),
            "run": summary.run,
            **summary.made_by(),
            "sources": source_digests(files),
            "config": config.as_dict(),
        }
        sinks.append(stack.enter_context(EvidenceSink(Path(config.evidence), made_by, config.blur, signer, fault)))
    return sinks
