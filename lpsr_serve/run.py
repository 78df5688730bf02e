"""One server from its configuration: listens, serves, and stops in good order."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading

import uvicorn

from lpsr_core.errors import LpsrError
from lpsr_core.interrupt import StopRequest
from lpsr_run.monitor.systemd import Supervisor
from lpsr_serve.api.events import Newsroom
from lpsr_serve.app import create_app
from lpsr_serve.config import ServeConfig
from lpsr_serve.server import Server

_log = logging.getLogger("lpsr.serve")
_BACKLOG = 512
_LEAVE_SECONDS = 10
"""How long requests may take to end when the server is stopped."""


class _Listener(uvicorn.Server):
    """Tells systemd that it listens and lives, and ends event streams, which never end by themselves, at a stop."""

    def __init__(self, config: uvicorn.Config, newsroom: Newsroom) -> None:
        super().__init__(config)
        self._newsroom, self._supervisor = newsroom, Supervisor()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._supervisor.ready()

    async def on_tick(self, counter: int) -> bool:
        self._supervisor.alive()  # ten times a second, from the loop that answers requests
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._supervisor.stopping()
        self._newsroom.close()
        await super().shutdown(sockets)


def run_server(config: ServeConfig) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: the configuration names something that is not there, or there is no API key.
        LpsrError: the address cannot be listened on, a model cannot be loaded, or the store cannot be written.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    listening = _listen(config)
    server = Server(config)
    server.start()
    newsroom = Newsroom(config.max_events)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=server.reload, daemon=True).start())
    if server.made_key:
        _log.info("no key file was there; %s holds a new API key", config.api_key_file)
    listening.listen(_BACKLOG)  # from here on connections wait rather than fail
    host, port = listening.getsockname()[:2]
    _log.info("listening on http://%s:%d, %d sources", f"[{host}]" if ":" in host else host, port, len(server.fleet))
    uvicorn_config = uvicorn.Config(
        create_app(server, newsroom),
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 << 10,
        limit_concurrency=None,
    )
    with StopRequest() as stop:  # uvicorn raises the signal again when it has stopped
        if stop.signal is None:
            _Listener(uvicorn_config, newsroom).run(sockets=[listening])
    _log.info("stopped")


def _listen(config: ServeConfig) -> socket.socket:
    """A socket on the configured address: that it is taken is told before a model is loaded."""
    try:
        family = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((config.host, config.port))
    except OSError as error:
        raise LpsrError(
            f"{config.host}:{config.port} cannot be listened on: {error.strerror or error}; "
            "give another --host or --port"
        ) from None
    return listening
