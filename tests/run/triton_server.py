"""A stand-in for a Triton server: a model repository served by ONNX Runtime over the KServe v2 HTTP protocol.

It takes and gives tensors as JSON or in the binary form that Triton adds to the protocol, and holds requests to the
names, types, shapes and batch sizes of each model's config.pbtxt, as Triton does.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

_TENSOR = re.compile(r'(input|output) \[ \{ name: "(\w+)" data_type: TYPE_(\w+) dims: \[ ([-\d, ]+) \] \} \]')
_LENGTH = "Inference-Header-Content-Length"


class Model:
    """A folder of a repository.

    Attributes:
        largest: rows of a request.
        inputs, outputs: sizes by name, batch axis included; -1 where a size is free.
    """

    def __init__(self, folder: Path) -> None:
        text = (folder / "config.pbtxt").read_text()
        found = re.search(r"max_batch_size: (\d+)", text)
        assert found is not None
        self.name, self.largest = folder.name, int(found[1])
        self.inputs, self.outputs = (
            {name: (-1, *map(int, dims.split(","))) for what, name, _, dims in _TENSOR.findall(text) if what == kind}
            for kind in ("input", "output")
        )
        self._session = InferenceSession(str(folder / "1" / "model.onnx"), providers=["CPUExecutionProvider"])

    def metadata(self) -> dict[str, Any]:
        tensors = {
            kind: [{"name": name, "datatype": "FP32", "shape": shape} for name, shape in shapes.items()]
            for kind, shapes in (("inputs", self.inputs), ("outputs", self.outputs))
        }
        return {"name": self.name, "versions": ["1"], "platform": "onnxruntime_onnx", **tensors}

    def run(self, given: dict[str, NDArray]) -> dict[str, NDArray]:
        for name, shape in self.inputs.items():
            if name not in given:
                raise ValueError(f"expected {len(self.inputs)} inputs but got {len(given)} inputs for '{self.name}'")
            fits = len(given[name].shape) == len(shape) and all(
                want in (-1, size) for want, size in zip(shape, given[name].shape, strict=True)
            )
            if not fits:
                raise ValueError(
                    f"unexpected shape for input '{name}' for model '{self.name}'. "
                    f"Expected {list(shape)}, got {list(given[name].shape)}"
                )
            if len(given[name]) > self.largest:
                raise ValueError(f"inference request batch-size must be <= {self.largest} for '{self.name}'")
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, given), strict=True))


class TritonServer:
    """Serves a repository on a port of this machine, and is gone after its `with`.

    Attributes:
        port: of HTTP.
        rows: of every request, in order.
        models: by name.
    """

    def __init__(self, repository: Path, port: int = 0) -> None:
        self.models = {
            path.parent.parent.name: Model(path.parent.parent) for path in sorted(repository.glob("*/1/model.onnx"))
        }
        self.rows: list[int] = []
        self._connections: list[socket.socket] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server._connections.append(self.connection)

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self._answer(lambda: server._get(self.path.strip("/").split("/")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                length = self.headers.get(_LENGTH)
                self._answer(lambda: server._infer(self.path.split("/")[3], body, int(length) if length else len(body)))

            def _answer(self, make: Any) -> None:
                try:
                    status, header, tail = 200, *make()
                except KeyError as error:
                    status, tail = 404, b""
                    header = {"error": f"Request for unknown model: {error} is not found"}
                except ValueError as error:
                    status, header, tail = 400, {"error": str(error)}, b""
                head = json.dumps(header).encode() if header is not None else b""
                self.send_response(status)
                if tail:
                    self.send_header(_LENGTH, str(len(head)))
                self.send_header("Content-Length", str(len(head) + len(tail)))
                self.end_headers()
                self.wfile.write(head + tail)

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"triton://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> TritonServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _get(self, parts: list[str]) -> tuple[Any, bytes]:
        match parts:
            case ["v2", "health", "live" | "ready"]:
                return None, b""
            case ["v2", "models", name, "ready"]:
                assert self.models[name]
                return None, b""
            case ["v2", "models", name, "config"]:
                return {"name": name, "max_batch_size": self.models[name].largest}, b""
            case ["v2", "models", name]:
                return self.models[name].metadata(), b""
        raise KeyError("/".join(parts))

    def _infer(self, name: str, body: bytes, length: int) -> tuple[Any, bytes]:
        model, request, at = self.models[name], json.loads(body[:length]), length
        given: dict[str, NDArray] = {}
        for tensor in request["inputs"]:
            if (size := tensor.get("parameters", {}).get("binary_data_size")) is not None:
                values = np.frombuffer(body[at : at + size], np.float32)
                at += size
            else:
                values = np.asarray(tensor["data"], np.float32)
            given[tensor["name"]] = values.reshape(tensor["shape"])
        self.rows.append(len(next(iter(given.values()))))
        made = model.run(given)
        outputs, tail = [], b""
        for wanted in request.get("outputs") or [{"name": each} for each in model.outputs]:
            values = made[wanted["name"]]
            told = {"name": wanted["name"], "datatype": "FP32", "shape": values.shape}
            if wanted.get("parameters", {}).get("binary_data"):
                tail += values.tobytes()
                told["parameters"] = {"binary_data_size": values.nbytes}
            else:
                told["data"] = values.ravel().tolist()
            outputs.append(told)
        return {"model_name": name, "model_version": "1", "outputs": outputs}, tail
