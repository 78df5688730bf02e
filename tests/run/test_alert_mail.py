"""Alerts by e-mail: what is sent, with which picture, and what happens when the server does not take it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import save_image
from mail_server import MailServer

from lpsr_core.errors import UsageError
from lpsr_run.alerts.mail import mailer
from lpsr_run.alerts.settings import MailSettings
from lpsr_run.sinks.spool import NotTakenError, ReadRefusedError

HIT = {"list": "stolen", "text": "ABC1D23", "way": "likelihood", "edits": 1.0, "probability": 0.2, "note": "a van"}
READ: dict[str, Any] = {
    "source": "gate\nBcc: all@example.com",
    "zone": "entry",
    "text": "ABC1D28",
    "certain": "ABC1D2?",
    "confidence": 0.7,
    "time": "2026-11-28T12:00:00.000+00:00",
    "milliseconds": 0.0,
    "hit": HIT,
    "alternatives": [{"text": "ABC1D28", "probability": 0.7}, {"text": "ABC1D23", "probability": 0.2}],
    "lr_image": "pictures/a-lr.png",
    "sr_image": None,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    made = MailServer(tmp_path_factory.mktemp("mail"))
    yield made
    made.stop()


@pytest.fixture
def address(server: MailServer) -> str:
    server.got.clear()
    return f"smtp://me:hunter2%2F%40@localhost:{server.port}"


@pytest.fixture
def settings(server: MailServer) -> MailSettings:
    return MailSettings("lpsr@example.com", ("guard@example.com", "boss@example.com"), "starttls", server.certificate)


def test_a_hit_is_mailed_with_its_picture(
    server: MailServer, address: str, settings: MailSettings, tmp_path: Path
) -> None:
    picture = save_image(tmp_path / "pictures" / "a-lr.png", np.full((10, 30, 3), 80, np.uint8))
    mailer(address, settings, tmp_path)(json.dumps(READ).encode(), "R-00000001")
    (message,) = server.got
    assert message["Subject"] == "ABC1D23 on stolen: gate Bcc: all@example.com"
    assert message["Bcc"] is None, "a camera's name begins no header"
    assert (message["To"], message["Message-ID"]) == ("guard@example.com, boss@example.com", "<R-00000001@lpsr>")
    body = message.get_body().get_content()
    for part in ("ABC1D2?", "zone entry", "probability 0.2", "Note: a van", "May also be: ABC1D23 0.20", "not proof"):
        assert part in body
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "a-lr.png"
    assert attached.get_content() == picture.read_bytes()
    assert server.users[-1] == "me"


def test_the_picture_of_an_earlier_run_is_found(
    server: MailServer, address: str, settings: MailSettings, tmp_path: Path
) -> None:
    save_image(tmp_path / "earlier-1" / "pictures" / "a-lr.png", np.full((10, 30, 3), 80, np.uint8))
    mailer(address, settings, tmp_path)(json.dumps(READ).encode(), "R-1")
    assert [one.get_filename() for one in server.got[0].iter_attachments()] == ["a-lr.png"]


def test_a_picture_that_is_gone_or_not_wanted_is_left_out(
    server: MailServer, address: str, settings: MailSettings, tmp_path: Path
) -> None:
    body = json.dumps({**READ, "hit": None, "time": None}).encode()
    mailer(address, settings, tmp_path)(body, "R-1")
    save_image(tmp_path / "pictures" / "a-lr.png", np.full((10, 30, 3), 80, np.uint8))
    mailer(address, replace(settings, pictures=False), tmp_path)(body, "R-2")
    assert [list(message.iter_attachments()) for message in server.got] == [[], []]


@pytest.mark.parametrize(
    ("answers", "recipients", "error", "message"),
    [
        (["451 later"], [], NotTakenError, "451 later"),
        (["554 spam"], [], ReadRefusedError, "554 spam"),
        ([], ["550 nobody", "550 nobody"], ReadRefusedError, "no recipient was taken"),
        ([], ["450 full", "550 nobody"], NotTakenError, "no recipient was taken now"),
    ],
)
def test_what_the_server_does_not_take(
    *, server: MailServer, address: str, settings: MailSettings, tmp_path: Path, answers, recipients, error, message
) -> None:
    server.answers, server.recipients = list(answers), list(recipients)
    with pytest.raises(error, match=message):
        mailer(address, settings, tmp_path)(json.dumps(READ).encode(), "R-1")
    assert not server.got


def test_one_recipient_of_two_is_enough(
    server: MailServer, address: str, settings: MailSettings, tmp_path: Path
) -> None:
    server.recipients = ["550 nobody"]
    mailer(address, settings, tmp_path)(json.dumps(READ).encode(), "R-1")
    assert len(server.got) == 1


def test_a_wrong_password_or_certificate_is_waited_out(
    server: MailServer, address: str, settings: MailSettings, tmp_path: Path
) -> None:
    body = json.dumps(READ).encode()
    with pytest.raises(NotTakenError, match="user or password was refused") as caught:
        mailer(address.replace("hunter2", "wrong"), settings, tmp_path)(body, "R-1")
    assert "wrong" not in str(caught.value)
    with pytest.raises(NotTakenError, match="certificate"):
        mailer(address, replace(settings, ca_file=None), tmp_path)(body, "R-1")
    with pytest.raises(NotTakenError, match="the mail server cannot be used"):
        mailer("smtp://localhost:1", settings, tmp_path)(body, "R-1")


def test_no_password_goes_out_in_the_open(settings: MailSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a password is not sent in the open") as caught:
        mailer("smtp://me:hunter2@localhost", replace(settings, security="none"), tmp_path)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(UsageError, match="needs an address as smtp://host"):
        mailer("http://localhost", settings, tmp_path)
