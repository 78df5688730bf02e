"""Engines of an NVIDIA Triton server, over the HTTP protocol that KServe standardised.

The server holds the repository that `lpsr-export graph --for triton` writes. It may be restarted: a pass that finds it
gone waits until it is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import triton_model
from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_run.engines.base import TensorSpec
from lpsr_run.engines.batching import in_spans, spans_of

SCHEME = "triton://"
PORT = 8000
"""Of Triton's HTTP service."""
PATIENCE = 60.0
"""Seconds for which a running engine waits for a server that is gone: a restart loads its models anew."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_TIMEOUT = 30.0
"""Seconds for a connection, and for an answer."""
_TYPES = {"FP32": "float32", "FP16": "float16", "FP64": "float64", "UINT8": "uint8", "INT32": "int32", "INT64": "int64"}
_DATATYPES = {ours: name for name, ours in _TYPES.items()}

Answer = TypeVar("Answer")


class _GoneError(Exception):
    """The server, or the model in it, cannot be reached now."""


class TritonEngine:
    """A model that a Triton server runs.

    Args:
        url: `triton://host` or `triton://host:port`, the port being that of the HTTP service.
        role: the model is the one that the repository has for it.

    Attributes:
        name, inputs, outputs: see `Engine`.

    Raises:
        MissingExtraError: tritonclient is not installed.
        UsageError: not such a URL.
        LpsrError: nobody answers there, or the server has no such model.
    """

    def __init__(self, url: str, role: Role) -> None:
        try:
            import tritonclient.http
        except ImportError:
            raise MissingExtraError("tritonclient", "triton") from None
        self._http: Any = tritonclient.http
        self._address, self._model = address_of(url), triton_model(role)
        self.name = f"{SCHEME}{self._address}/{self._model} (triton)"
        self._clients = threading.local()
        try:
            metadata = self._call(lambda client: client.get_model_metadata(self._model))
            config = self._call(lambda client: client.get_model_config(self._model))
        except _GoneError as error:
            raise LpsrError(f"{self.name}: {error}") from None
        try:
            self.inputs = tuple(map(_spec, metadata["inputs"]))
            self.outputs = tuple(map(_spec, metadata["outputs"]))
            self._largest = max(int(config.get("max_batch_size", 0)), 1)
        except (KeyError, TypeError, ValueError) as error:
            raise LpsrError(f"{self.name}: the server describes the model in no form that is known: {error}") from None

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """One forward pass, in as many requests as the model's largest batch asks for; any thread may call."""
        return in_spans(batch, spans_of(batch, self._largest), self.outputs, self._patiently)

    def _patiently(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        until, pause = time.monotonic() + PATIENCE, _FIRST_PAUSE
        while True:
            try:
                return self._call(lambda client: self._infer(client, batch))
            except _GoneError as error:
                if time.monotonic() + pause > until:
                    raise LpsrError(f"{self.name}: {error}; waited {PATIENCE:g} s for it") from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _infer(self, client: Any, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        inputs = []
        for spec in self.inputs:
            rows = np.ascontiguousarray(batch[spec.name], spec.dtype)
            one = self._http.InferInput(spec.name, rows.shape, _DATATYPES.get(spec.dtype, spec.dtype))
            one.set_data_from_numpy(rows, binary_data=True)
            inputs.append(one)
        outputs = [self._http.InferRequestedOutput(spec.name, binary_data=True) for spec in self.outputs]
        answer = client.infer(self._model, inputs, outputs=outputs)
        found = {spec.name: answer.as_numpy(spec.name) for spec in self.outputs}
        if missing := [name for name, values in found.items() if values is None]:
            raise LpsrError(f"{self.name}: the server's answer lacks {', '.join(missing)}")
        return found

    def _call(self, ask: Callable[[Any], Answer]) -> Answer:
        """The server's answer.

        Raises:
            _GoneError: it cannot be reached, or has no such model now.
            LpsrError: it refuses what it was asked.
        """
        from tritonclient.utils import InferenceServerException

        client = self._client()
        try:
            return ask(client)
        except LpsrError:
            raise
        except InferenceServerException as error:
            why = " ".join(str(error.message()).split()) or "no reason given"
            if not self._is_ready(client):
                raise _GoneError(
                    f"the server has no such model ready ({why}); write its repository with: "
                    "lpsr-export graph --for triton --out DIR"
                ) from None
            raise LpsrError(f"{self.name}: the server refused the request: {why}") from None
        except Exception as error:  # of sockets, of gevent, of HTTP: whatever it is, there was no answer
            self._clients.own = None
            why = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
            raise _GoneError(f"no answer: {why}; start the server, or give its HTTP port") from None

    def _is_ready(self, client: Any) -> bool:
        try:
            return bool(client.is_model_ready(self._model))
        except Exception:
            return False

    def _client(self) -> Any:
        """A client of the calling thread's own: its connections must not be shared."""
        if getattr(self._clients, "own", None) is None:
            self._clients.own = self._http.InferenceServerClient(
                self._address, connection_timeout=_TIMEOUT, network_timeout=_TIMEOUT
            )
        return self._clients.own


def address_of(url: str) -> str:
    """Return `host:port` of a Triton URL.

    >>> address_of("triton://gpu-server")
    'gpu-server:8000'

    Raises:
        UsageError: it is not one.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme != "triton" or not parts.hostname or not plain:
        told = url if "@" not in url else f"{SCHEME}***"  # which may be a password
        raise UsageError(f"--backend {told}: a Triton server is named as triton://HOST or triton://HOST:PORT")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"


def _spec(tensor: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(None if int(size) < 0 else int(size) for size in tensor["shape"])
    return TensorSpec(str(tensor["name"]), shape, _TYPES.get(tensor["datatype"], str(tensor["datatype"])))
