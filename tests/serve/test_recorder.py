"""Reads that cannot be recorded for a while, on a disk that is full say: none is lost, and the server says why."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import Make, sent
from waiting import until

from lpsr_core.errors import LpsrError
from lpsr_run.sinks.outbox import Outbox
from lpsr_serve.store import recorder

FULL = "reads.jsonl: cannot be written: No space left on device"


class Disk:
    """Lets the journal be written, or not; counts how often it was tried in vain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self.refused = True, 0
        write = Outbox.write

        def written(outbox: Outbox, result: object) -> None:
            if self.full:
                self.refused += 1
                raise LpsrError(FULL)
            write(outbox, result)  # type: ignore[arg-type]

        monkeypatch.setattr(Outbox, "write", written)
        monkeypatch.setattr(recorder, "_RETRY_SECONDS", 0.02)


def texts(client: TestClient) -> list[str]:
    return [one["read"]["text"] for one in client.get("/api/v1/reads").json()["reads"]]


def test_reads_wait_for_a_disk_and_the_server_is_unready_meanwhile(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk, client = Disk(monkeypatch), make_client()
    with caplog.at_level(logging.ERROR, "lpsr.serve"):
        sent(client, video)
        until(lambda: disk.refused >= 3)
        answer = client.get("/readyz")
        assert (answer.status_code, FULL in answer.text) == (503, True)
        assert texts(client) == []
        disk.full = False
        until(lambda: len(texts(client)) == 2)
    assert sorted(texts(client)) == ["ABC1D23", "XYZ9876"]
    assert client.get("/readyz").status_code == 200
    assert [record.getMessage() for record in caplog.records] == [f"{FULL}; recording is tried again"]


def test_a_server_that_is_stopped_meanwhile_says_what_was_not_recorded(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk, client = Disk(monkeypatch), make_client()
    with caplog.at_level(logging.ERROR, "lpsr.serve"):
        sent(client, video)
        until(lambda: disk.refused >= 1)
        client.__exit__(None, None, None)
    assert f"a read was not recorded: {FULL}" in [record.getMessage() for record in caplog.records]


def test_an_output_that_fails_behind_the_journal_costs_no_read_and_doubles_none(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    awaited, failed = Outbox.await_delivery, list[int]()

    def fails_once(outbox: Outbox, seconds: float) -> None:
        awaited(outbox, seconds)
        if not failed:
            failed.append(1)
            raise LpsrError("the store failed")

    monkeypatch.setattr(Outbox, "await_delivery", fails_once)
    sent(client, video)
    until(lambda: len(texts(client)) == 2)
    assert failed
    assert sorted(texts(client)) == ["ABC1D23", "XYZ9876"]
