"""A server over the test networks, within the test's process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import KEY, OTHER_KEY, Make
from toy_models import save_image, save_video, scene

pytest.importorskip("fastapi", reason="the server needs pip install 'lpsr[serve]'")
pytest.importorskip("httpx", reason="FastAPI's test client needs httpx")

from fastapi.testclient import TestClient

from lpsr_serve.api.events import Newsroom
from lpsr_serve.app import create_app
from lpsr_serve.config import ServeConfig
from lpsr_serve.server import Server


@pytest.fixture(scope="session")
def run_file(models: Path, detector: Path) -> Path:
    """A file of `lpsr-run` options that names the test networks."""
    path = models / "run.toml"
    path.write_text(
        f'generator = "{models}/generator.onnx"\nreader = "{models}/reader.onnx"\ndetector = "{detector}"\n'
        'backend = "onnxruntime"\nthreads = 1\nsuper_resolve = "always"\n'
    )
    return path


@pytest.fixture
def make_client(tmp_path: Path, run_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Starts a server with options of `ServeConfig`, and returns a client that has its key."""
    clients: list[TestClient] = []
    monkeypatch.setenv("LPSR_API_KEYS", f"{KEY},{OTHER_KEY}")

    def make(key: str | None = KEY, **options: Any) -> TestClient:
        values: dict[str, Any] = {"store": tmp_path / "store", "run": run_file, "rate": 1000.0, "burst": 1000}
        server = Server(ServeConfig(**{**values, **options}))
        server.start()
        client = TestClient(create_app(server, Newsroom(4)), follow_redirects=False)
        client.app_state = {"server": server}  # type: ignore[attr-defined]
        if key is not None:
            client.headers["authorization"] = f"Bearer {key}"
        clients.append(client.__enter__())
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Make) -> TestClient:
    """A client of a server without cameras."""
    return make_client()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture in which the test detector finds one plate, ABC1D23."""
    return save_image(tmp_path / "scene.png", scene("ABC1D23"))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of two plates, six frames each."""
    frames = [scene("ABC1D23")] * 6 + [np.full((240, 320, 3), 90, np.uint8)] * 4 + [scene("XYZ9876")] * 6
    return save_video(tmp_path / "cars.mp4", frames, 2.0)


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium by Playwright; skips the test where either is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the browser test needs pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the browser test needs Chromium")
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=chromium, args=options)
        yield opened
        opened.close()
