"""Alerts by e-mail."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lpsr_core.errors import UsageError
from lpsr_run.alerts.settings import MailSettings, Security
from lpsr_run.redact import redact
from lpsr_run.sinks.pictures import find_picture
from lpsr_run.sinks.spool import NotTakenError, ReadRefusedError, Send

_TIMEOUT = 20.0
_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}


def mailer(address: str, settings: MailSettings, root: Path) -> Send:
    """Mail reads, each with its picture.

    Args:
        address: `smtp://[user:password@]host[:port]`.
        settings: sender, recipients and security.
        root: what the paths of pictures are relative to.

    Raises:
        UsageError: the address is none, or the certificates cannot be read.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORTS[settings.security]
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme.lower() != "smtp":
        raise UsageError(f"e-mail needs an address as smtp://host or smtp://user@host:587, not {redact(address)!r}")
    if parts.username and settings.security == "none":
        raise UsageError(f"{redact(address)}: a password is not sent in the open; set security to starttls or tls")
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{settings.ca_file}: no certificates: {error}") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")

    def connected() -> smtplib.SMTP:
        if settings.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=context)
        server = smtplib.SMTP(host, port, timeout=_TIMEOUT)
        if settings.security == "starttls":
            server.starttls(context=context)
        return server

    def send(body: bytes, key: str) -> None:
        message = compose(json.loads(body), key, settings, root)
        try:
            with connected() as server:
                if user:
                    server.login(user, password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            if min(codes) >= 500:
                raise ReadRefusedError(f"no recipient was taken: {_reasons(error)}") from None
            raise NotTakenError(f"no recipient was taken now: {_reasons(error)}", answered=True) from None
        except smtplib.SMTPAuthenticationError as error:
            raise NotTakenError(f"user or password was refused ({error.smtp_code})") from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if error.smtp_code >= 500:
                raise ReadRefusedError(f"was refused: {error.smtp_code} {_text(error.smtp_error)}") from None
            raise NotTakenError(f"{error.smtp_code} {_text(error.smtp_error)}", answered=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotTakenError(f"the mail server cannot be used: {error}") from None

    return send


def compose(read: Mapping[str, Any], key: str, settings: MailSettings, root: Path) -> EmailMessage:
    """The message about a read.

    Args:
        read: as a line of `reads.jsonl` has it.
        key: of the read; the same message is known again by it.
        settings: sender and recipients.
        root: what the paths of pictures are relative to; a picture that is gone is left out.
    """
    hit, source = read.get("hit"), _plain(read["source"])
    message = EmailMessage()
    what = f"{hit['text']} on {_plain(hit['list'])}" if hit else read["text"]
    message["Subject"] = f"{what}: {source}"
    message["From"], message["To"] = settings.sender, ", ".join(settings.recipients)
    message["Date"], message["Message-ID"] = formatdate(localtime=True), f"<{key}@lpsr>"
    lines = [
        f"Plate: {read['text']} (certain: {read['certain']}), confidence {read['confidence']:.2f}",
        f"Camera: {source}" + (f", zone {_plain(read['zone'])}" if read.get("zone") else ""),
        f"Time: {read['time'] or 'of a recording, at %.1f s' % (read['milliseconds'] / 1000)}",
    ]
    if hit:
        way = f"{hit['way']}, {hit['edits']:g} edits, probability {hit['probability']:.3g}"
        lines.append(f"Hit: {hit['text']} of watch list {hit['list']} ({way})")
        lines += [f"Note: {hit['note']}"] if hit["note"] else []
    others = [f"{one['text']} {one['probability']:.2f}" for one in read["alternatives"]]
    lines += [f"May also be: {', '.join(others[1:])}"] if others[1:] else []
    lines += ["", "A read is help for a search, not proof. Look at the picture before you act.", f"Read {key}"]
    message.set_content("\n".join(lines) + "\n")
    for name in (read.get("lr_image"), read.get("sr_image")) if settings.pictures else ():
        if name and (picture := find_picture(root, name)) is not None:
            message.add_attachment(picture.read_bytes(), "image", "png", filename=picture.name)
    return message


def _plain(text: str) -> str:
    """Without what would begin another header."""
    return " ".join(str(text).split())


def _reasons(error: smtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(f"{code} {_text(why)}" for code, why in error.recipients.values())


def _text(said: bytes | str) -> str:
    return _plain(said.decode("utf-8", "replace") if isinstance(said, bytes) else said)
