"""A mail server for tests, by default with STARTTLS and a password, which answers as badly as it is told to."""

from __future__ import annotations

import socket
import ssl
import subprocess
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest


def certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of `localhost`."""
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert not done.returncode, done.stderr
    return made, key


class MailServer:
    """Takes mail.

    Args:
        folder: for its certificate.
        plain: neither offer STARTTLS nor ask for a password.

    Attributes:
        certificate: of `localhost`; None of a plain server.
        got: the messages, in order.
        answers: of the next messages; accepted when there are none left.
        recipients: answers to the next recipients.
        port: to connect to.
        users: who logged in.
    """

    def __init__(self, folder: Path, plain: bool = False) -> None:
        aiosmtpd = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
        smtp = pytest.importorskip("aiosmtpd.smtp")
        self.certificate: Path | None = None
        context: ssl.SSLContext | None = None
        if not plain:
            self.certificate, key = certificate(folder)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate, key)
        self.got: list[EmailMessage] = []
        self.answers: list[str] = []
        self.recipients: list[str] = []
        self.users: list[str] = []
        server = self

        class Handler:
            async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:
                if server.recipients:
                    return server.recipients.pop(0)
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, _server, _session, envelope) -> str:
                if server.answers and not (answer := server.answers.pop(0)).startswith("250"):
                    return answer
                server.got.append(message_from_bytes(envelope.content, policy=policy.default))
                return "250 OK"

        def login(_server, _session, _envelope, _mechanism, told) -> object:
            good = (told.login, told.password) == (b"me", b"hunter2/@")
            if good:
                server.users.append(told.login.decode())
            return smtp.AuthResult(success=good, handled=good)

        with socket.create_server(("localhost", 0)) as free:
            self.port = free.getsockname()[1]
        self._controller = aiosmtpd.Controller(
            *(Handler(), "localhost", self.port),
            require_starttls=not plain,
            tls_context=context,
            authenticator=login,
            auth_required=not plain,
        )
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()
