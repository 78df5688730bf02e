"""The page in a real browser: Chromium by Playwright, where both are installed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import KEY
from waiting import until

uvicorn = pytest.importorskip("uvicorn")

from lpsr_serve.api.events import Newsroom  # noqa: E402
from lpsr_serve.app import create_app  # noqa: E402
from lpsr_serve.config import ServeConfig  # noqa: E402
from lpsr_serve.server import Server  # noqa: E402

_TIMEOUT = 60_000


@pytest.fixture
def address(tmp_path: Path, run_file: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with a camera, over a real socket."""
    monkeypatch.setenv("LPSR_API_KEYS", KEY)
    cameras = tmp_path / "cameras.toml"
    cameras.write_text(f'[[camera]]\nname = "gate"\naddress = "{video}"\n')
    server = Server(ServeConfig(tmp_path / "store", cameras=cameras, run=run_file, rate=1000.0, burst=1000))
    listening = socket.create_server(("127.0.0.1", 0))
    newsroom = Newsroom(4)
    config = uvicorn.Config(create_app(server, newsroom), log_config=None, timeout_graceful_shutdown=1)
    served = uvicorn.Server(config)
    server.start()
    server.fleet.find("gate").pause()
    thread = threading.Thread(target=served.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until(lambda: served.started)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    newsroom.close()
    served.should_exit = True
    thread.join(30)


def wide(page: Any) -> bool:
    """Whether a page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def unnamed(page: Any) -> list[str]:
    """Controls and pictures without a name for those who do not see them."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("a, button, input, select, img, meter")].filter((one) => !(
              one.getAttribute("aria-label") || one.getAttribute("alt") || one.textContent.trim() ||
              one.querySelector("img[alt]") ||
              (one.labels && one.labels.length))).map((one) => one.outerHTML)"""
        )
    )


def test_a_browser_logs_in_sees_reads_come_and_searches(address: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(_TIMEOUT)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(address) else problems.append(request.url))

    page.goto(address)
    assert page.url == f"{address}/login"
    page.wait_for_function("document.activeElement.id === 'key'")  # the field has the focus, if not at once
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#connection.live")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 21)"
    assert page.query_selector_all(".read") == []

    resume = page.get_by_role("button", name="Start gate")
    resume.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".read:nth-child(2)")
    texts = [one.inner_text() for one in page.query_selector_all(".read .text")]
    assert texts == ["XYZ9876", "ABC1D23"]
    page.get_by_text("LPSR 0").scroll_into_view_if_needed()  # pictures are loaded when they are near
    until(lambda: page.evaluate("[...document.images].filter((one) => one.naturalWidth).length >= 5"))
    assert not wide(page)
    assert unnamed(page) == []

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_text("Add a camera").click()
    page.get_by_label("Name").fill("lane")
    page.get_by_label("Address").fill("/etc/passwd")
    page.get_by_role("button", name="Add").click()
    until(lambda: "--media" in page.inner_text("#add-wrong"))
    page.get_by_label("Address").fill("rtsp://127.0.0.1:9/lane")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector("[data-name=lane]")
    page.get_by_role("button", name="Remove lane").click()
    page.wait_for_selector("[data-name=lane]", state="detached")
    problems = [problem for problem in problems if "400" not in problem]  # which the browser tells as well

    page.fill("#q", "abc")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?**")
    assert [one.inner_text() for one in page.query_selector_all(".read .text")] == ["ABC1D23"]
    assert not wide(page)
    page.click(".read .text")
    page.wait_for_url("**/plates/ABC1D23")
    assert page.query_selector(".frame img") is not None
    for path in ("/docs", "/plates/ABC1D23", "/search?q=abc"):
        page.goto(address + path)
        assert not wide(page), path
        assert unnamed(page) == [], path
    assert problems == []
    context.close()


def test_pages_work_without_a_script(address: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(_TIMEOUT)
    page.goto(f"{address}/search?q=abc")
    page.fill("#key", KEY)
    page.click("button")
    page.wait_for_url(address + "/")
    assert page.inner_text("#cameras h3") == "gate"
    context.close()
