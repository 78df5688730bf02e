"""A site as an integrator sets it up with `examples/site`: camera, watch list, broker, mail server, page and API."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from broker import Broker
from mail_server import MailServer
from running import Running, started
from toy_models import ROOT
from waiting import until

from lpsr_core.model_folders import named_graphs

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
pytestmark = pytest.mark.skipif(not list(named_graphs("reader")), reason="the released networks are not here")
_CAMERA, _TOPIC, _LIST, _WATCHED = "Main gate", "lpsr/main_gate", "wanted", "VKY5G31"


@dataclass
class City:
    """A running server, and what it tells of hits."""

    server: Running
    broker: Broker
    mail: MailServer


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("city")
    broker, mail = Broker(), MailServer(folder, plain=True)
    try:
        site = Path(shutil.copytree(ROOT / "examples/site", folder / "site"))
        shutil.copy(ROOT / "examples/gate.mp4", folder)
        alerts, run = site / "alerts.toml", site / "run.toml"
        alerts.write_text(_replaced(alerts, {":1883/": f":{broker.port}/", ":8025": f":{mail.port}"}))
        run.write_text(_replaced(run, {"examples/site/alerts.toml": str(alerts)}))
        with started(folder, "--config", str(site / "cameras.toml"), "--run", str(run)) as server:
            yield City(server, broker, mail)
    finally:
        mail.stop()
        broker.stop()


def _replaced(path: Path, changes: dict[str, str]) -> str:
    """The text of an example with the addresses of this test."""
    text = path.read_text()
    for before, after in changes.items():
        assert text.count(before) == 1, f"{path}: {before}"
        text = text.replace(before, after)
    return text


def _texts() -> set[str]:
    """The plates of the example video."""
    lines = (ROOT / "examples/gate.csv").read_text().splitlines()[1:]
    return {line.split(",")[1] for line in lines}


def test_the_page_shows_the_reads_as_they_come(city: City, browser: Any) -> None:
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(city.server.base)
    page.fill("#key", city.server.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#connection.live")
    page.wait_for_selector(".read:nth-child(8)")
    assert {one.inner_text() for one in page.query_selector_all(".read .text")} == _texts()
    (hit,) = page.query_selector_all(".read.hit")
    assert hit.query_selector(".text").inner_text() == _WATCHED
    assert hit.query_selector(".alarm").inner_text() == f"watch list {_LIST}"
    picture = hit.query_selector("img")
    picture.scroll_into_view_if_needed()  # pictures are loaded when they are near
    until(lambda: picture.evaluate("one => one.naturalWidth"))


def test_a_watched_plate_is_listed_found_counted_and_told(city: City) -> None:
    client, store = city.server.client, city.server.store
    until(lambda: client.get("/api/v1/sources").json()["sources"][0]["status"] == "ended")
    until(lambda: len(client.get("/api/v1/reads").json()["reads"]) >= 8)
    reads = client.get("/api/v1/reads", params={"camera": _CAMERA}).json()["reads"]
    assert {one["read"]["text"] for one in reads} == _texts()
    (hit,) = [one for one in reads if one["read"]["hit"]]
    assert hit["read"]["text"] == _WATCHED
    told = hit["read"]["hit"]
    assert (told["list"], told["text"], told["way"], told["note"]) == (_LIST, _WATCHED, "exact", "white van")
    assert client.get("/api/v1/reads", params={"hit": True}).json()["reads"] == [hit]

    def find(way: str, text: str) -> dict[str, Any]:
        """The one read that a search finds."""
        answer = client.get("/api/v1/search", params={"way": way, "text": text})
        (found,) = answer.raise_for_status().json()["found"]
        return dict(found)

    found = [find("pattern", "VK?5*"), find("near", "VKY5631"), find("likely", _WATCHED)]
    assert [one["read"] for one in found] == [hit["read"]] * 3
    assert found[1]["edits"] == 0.5
    assert found[2]["probability"] > 0.9

    metrics = httpx.get(city.server.base + "/metrics").text
    assert f'lpsr_reads_total{{camera="{_CAMERA}"}} 8.0' in metrics

    picture = (store / hit["read"]["lr_image"]).read_bytes()
    assert client.get(hit["pictures"]["lr"]).content == picture
    until(lambda: city.mail.got and city.broker.got)
    (message,) = city.mail.got
    assert message["Subject"] == f"{_WATCHED} on {_LIST}: {_CAMERA}"
    attached = [one.get_content() for one in message.iter_attachments()]
    assert attached[0] == picture, "the crop; where it was super-resolved that picture follows"
    assert (f"{_TOPIC}/picture", attached[-1], False) in city.broker.published
    assert ("lpsr/status", b"online", True) in city.broker.published

    city.server.process.send_signal(signal.SIGTERM)
    assert city.server.process.wait(60) == 0
    assert city.broker.got == [(f"{_TOPIC}/read", _WATCHED)], "the hit alone, once"
    assert city.broker.published[-1] == ("lpsr/status", b"offline", True)
    assert len(city.mail.got) == 1
    assert len((store / "reads.jsonl").read_text().splitlines()) == 8
    (alert,) = [json.loads(body) for topic, body, _ in city.broker.published if topic == f"{_TOPIC}/read"]
    assert alert["hit"] == told
    assert "Traceback" not in city.server.log.read_text()
