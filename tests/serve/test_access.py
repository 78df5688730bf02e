"""Keys, sessions, rates and sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import KEY, OTHER_KEY, Make

from lpsr_core.errors import UsageError
from lpsr_serve.access.keys import SESSION_SECONDS, ApiKeys, load_keys, make_key_file
from lpsr_serve.access.rate import RateLimiter


def test_keys_have_a_holder_that_says_nothing_about_them() -> None:
    keys = ApiKeys([KEY, OTHER_KEY])
    first, second = keys.holder(KEY), keys.holder(OTHER_KEY)
    assert first
    assert second
    assert first != second
    assert first not in KEY
    assert keys.holder(KEY[:-1]) is None
    assert keys.holder("\udcff") is None


@pytest.mark.parametrize("words", [[], ["short"], ["with a space in the middle"], ["ключ-ключ-ключ-ключ"]])
def test_keys_that_cannot_be_meant_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        ApiKeys(words)


def test_keys_come_from_a_file_and_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# of the gate\n{KEY}  # until May\n\n")
    keys = load_keys(path, f" {OTHER_KEY},")
    assert keys.holder(KEY)
    assert keys.holder(OTHER_KEY)
    with pytest.raises(UsageError, match="no-such-file"):
        load_keys(tmp_path / "no-such-file", None)


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys"
    make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_keys(path, None).holder(path.read_text().strip())


def test_a_session_ends_with_its_time_and_its_key() -> None:
    keys = ApiKeys([KEY, OTHER_KEY])
    cookie = keys.session(KEY, now=1000.0)
    assert cookie is not None
    assert keys.session_holder(cookie, now=1001.0) == keys.holder(KEY)
    assert keys.session_holder(cookie, now=1001.0 + SESSION_SECONDS) is None
    assert ApiKeys([OTHER_KEY]).session_holder(cookie, now=1001.0) is None
    expires, signature = cookie.split(".")
    assert keys.session_holder(f"{int(expires) + 1}.{signature}", now=1001.0) is None
    assert keys.session_holder("", now=1001.0) is None
    assert keys.session("wrong-wrong-wrong-wrong") is None


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    now = [0.0]
    limiter = RateLimiter(rate=2.0, burst=3, clock=lambda: now[0])
    assert [limiter.wait("one") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert limiter.wait("another") == 0.0
    now[0] = 0.5
    assert limiter.wait("one") == 0.0
    assert limiter.wait("one") == 0.5


@pytest.mark.parametrize(
    "path",
    ["/api/v1/reads", "/api/v1/sources", "/metrics", "/openapi.json", "/docs", "/", "/static/app.js", "/nowhere"],
)
def test_nothing_is_reachable_without_a_key(make_client: Make, path: str) -> None:
    client = make_client(key=None)
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json().keys() == {"error"}
    assert client.get(path, headers={"x-api-key": "wrong-wrong-wrong-wrong"}).status_code == 401


def test_health_needs_no_key_and_metrics_may_be_opened(make_client: Make) -> None:
    client = make_client(key=None, open_metrics=True)
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").json() == {"ready": True, "why": None}
    assert "lpsr_process_resident_memory_bytes" in client.get("/metrics").text


def test_who_has_no_key_makes_no_metrics_of_words(make_client: Make) -> None:
    client = make_client(key=None, open_metrics=True)
    for number in range(20):
        assert client.request("A" * (3 + number % 5) + chr(65 + number), "/x").status_code == 401
    counted = [line for line in client.get("/metrics").text.splitlines() if line.startswith("lpsr_http_requests_total")]
    assert [line for line in counted if "401" in line] == [
        'lpsr_http_requests_total{method="OTHER",route="other",status="401"} 20.0'
    ]


@pytest.mark.parametrize("header", [("authorization", f"Bearer {KEY}"), ("x-api-key", KEY)])
def test_a_key_opens_the_api(make_client: Make, header: tuple[str, str]) -> None:
    client = make_client(key=None)
    assert client.get("/api/v1/reads", headers=dict([header])).json() == {"reads": [], "next": None}


def test_too_many_requests_of_a_key_are_told_when_to_come_again(make_client: Make) -> None:
    client = make_client(rate=0.01, burst=2)
    assert [client.get("/api/v1/jobs").status_code for _ in range(3)] == [200, 200, 429]
    assert int(client.get("/api/v1/jobs").headers["retry-after"]) > 10
    other = {"authorization": f"Bearer {OTHER_KEY}"}
    assert client.get("/api/v1/jobs", headers=other).status_code == 200


def test_guesses_are_slowed_down_and_the_right_key_is_not(make_client: Make) -> None:
    client = make_client(key=None)
    wrong = {"x-api-key": "wrong-wrong-wrong-wrong"}
    codes = {client.get("/api/v1/jobs", headers=wrong).status_code for _ in range(30)}
    assert codes == {401, 429}
    assert client.get("/api/v1/jobs", headers={"x-api-key": KEY}).status_code == 200


def test_a_store_that_takes_no_reads_makes_the_server_unready(make_client: Make) -> None:
    client = make_client()
    outputs = client.app_state["server"].summary.state.outputs
    (store,) = (output()["name"] for output in outputs if output()["name"].startswith("store:"))
    assert 'lpsr_delivery_spool_reads{sink="store:' in client.get("/metrics").text
    outputs[:] = [lambda: {"name": store, "waiting": 1, "held_up_seconds": 2.0, "error": "x: the disk is full"}]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "why": "x: the disk is full"})
    assert f'lpsr_delivery_spool_age_seconds{{sink="{store}"}} 2.0' in client.get("/metrics").text


def test_an_alert_sink_called_store_does_not_make_the_server_unready(make_client: Make) -> None:
    client = make_client()
    outputs = client.app_state["server"].summary.state.outputs
    outputs.append(lambda: {"name": "store: http://x/", "waiting": 1, "oldest_seconds": 2.0, "error": "is down"})
    assert client.get("/readyz").json() == {"ready": True, "why": None}


def test_large_bodies_are_refused(make_client: Make) -> None:
    client = make_client(max_image_mb=1)
    body = b"x" * (1 << 20) + b"x"
    assert client.post("/api/v1/read", content=body).status_code == 413
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))  # without a length
    answer = client.post("/api/v1/read", content=pieces)
    assert answer.status_code == 413
    assert answer.json() == {"error": "the request is larger than 1 MiB"}
    assert client.post("/api/v1/sources", content=body).status_code == 413


def test_a_browser_logs_in_with_the_key(make_client: Make) -> None:
    client = make_client(key=None)
    page = {"accept": "text/html"}
    assert client.get("/", headers=page).headers["location"] == "/login"
    assert client.post("/login", data={"key": "wrong-wrong-wrong-wrong"}).status_code == 403
    answer = client.post("/login", data={"key": KEY})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert KEY not in cookie
    assert client.get("/", headers=page).status_code == 200
    assert client.get("/api/v1/reads").status_code == 200
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.patch("/api/v1/sources/x", json={"paused": True}, headers=foreign).status_code == 403
    assert client.post("/logout").status_code == 303
    assert client.get("/api/v1/reads").status_code == 401


def test_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/search?q=ABC", "/docs", "/plates/ABC1D23"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http://" not in answer.text.replace("http://HOST", "").replace("http://www.w3.org", "")
        assert "https://" not in answer.text
        assert " style=" not in answer.text
        assert "onclick" not in answer.text
