"""Ten secrets in ten forms, and nowhere that a run writes or says anything do they come up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, paint, save_image, save_video, scene
from receiver import Receiver
from test_stores import QUICK, put, result, until

from lpsr_core.errors import UsageError
from lpsr_run.config import RunConfig
from lpsr_run.redact import redact, redact_address, secrets_in
from lpsr_run.secrets import Scrubber, header, redact_header, resolve
from lpsr_run.sinks import SpooledSink, poster

FORMS = {
    "userinfo": "rtsp://admin:{}@127.0.0.1:9/live",
    "userinfo with an at sign and a hash": "rtsp://admin:{}@#000@127.0.0.1:9/live",
    "query": "rtsp://127.0.0.1:9/live?user=admin&password={}&channel=1",
    "query with semicolons": "http://127.0.0.1:9/v?channel=1;pwd={}",
    "recorder's path": "rtsp://127.0.0.1:9/user=admin_password={}_channel=1_stream=0.sdp",
    "token in the path": "http://127.0.0.1:9/api/token/{}/live.mjpg",
    "fragment": "http://127.0.0.1:9/live.mjpg#access_token={}",
    "pipeline": 'gst:rtspsrc location=rtsp://127.0.0.1:9/x user-id=me user-pw="{}" ! appsink',
    "pipeline's address": 'gst:rtspsrc location="rtsp://me:{}@127.0.0.1:9/x" ! appsink',
    "file": "@{}",
}
SECRETS = {name: f"S3cr{number}tXq{number}zz" for number, name in enumerate(FORMS)}


@pytest.mark.parametrize("form", [form for form in FORMS if form != "file"])
def test_no_form_of_a_source_shows_its_secret(form: str) -> None:
    source = FORMS[form].format(SECRETS[form])
    assert SECRETS[form] not in redact(source)
    assert "***" in redact(source)
    assert any(SECRETS[form] in secret for secret in secrets_in(source)), "and it is known what was hidden"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:a@#000@10.0.0.7/live", "rtsp://***@10.0.0.7/live"),
        (
            "rtsp://10.0.0.7/user=a_password=b_channel=1_stream=0.sdp",
            "rtsp://10.0.0.7/user=***_password=***_channel=1_stream=0.sdp",
        ),
        ("http://cam/live/stream1/ch0.m3u8?channel=1", "http://cam/live/stream1/ch0.m3u8?channel=1"),
        ("https://h/services/T00/B00/abc", "https://h/services/***/***/***"),
        ("http://h/a/0123456789abcdef0123456789/x", "http://h/a/***/x"),
        ("http://h/a#x", "http://h/a#***"),
        ("gst:a user-pw = 'x y' ! b", "gst:a user-pw = *** ! b"),
    ],
)
def test_what_is_shown_of_a_source(source: str, shown: str) -> None:
    assert redact(source) == shown


def test_of_a_webhook_only_the_host_is_shown() -> None:
    assert redact_address("https://me:pw@h:8443/services/T0/B0/abc?x=1") == "https://***@h:8443/***"
    assert redact_address("mqtt://h/plates") == "mqtt://h/***"


def test_a_value_may_stand_in_a_file_or_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").write_text("\n  one \n")
    monkeypatch.setenv("LPSR_TEST", "two")
    assert [resolve(value) for value in (f"@{tmp_path}/t", "env:LPSR_TEST", "three")] == ["one", "two", "three"]
    name, value = header(f"Authorization: Bearer @{tmp_path}/t")
    assert (name, value()) == ("Authorization", "Bearer one")
    (tmp_path / "t").write_text("new")
    assert value() == "Bearer new", "read anew for every request"
    (tmp_path / "empty").write_text("\n")
    for wrong in ("env:LPSR_NO_SUCH", f"@{tmp_path}/nowhere", f"@{tmp_path}/empty"):
        with pytest.raises(UsageError):
            resolve(wrong)
    for wrong in ("no colon", "Name:", "Na me: x", "X: a\rb"):
        with pytest.raises(UsageError, match="--webhook-header"):
            header(wrong)
    assert redact_header("Authorization: Bearer abc @file") == "Authorization: *** *** @file"


def test_what_libraries_say_is_scrubbed_in_every_form_of_a_secret() -> None:
    scrub = Scrubber(["rtsp://admin:p%40ss%2Fw0rd@h/x"], ["token-1234"])
    text = "p%40ss%2Fw0rd p@ss/w0rd token-1234 YWRtaW46cCU0MHNzJTJGdzByZA== h"
    assert scrub(text) == "*** *** *** *** h"
    assert scrub.within({"a": ["token-1234", 1], "b": None}) == {"a": ["***", 1], "b": None}


def test_a_token_that_changes_loses_nothing(tmp_path: Path) -> None:
    receiver, token = Receiver(), tmp_path / "token"
    token.write_text("old")
    receiver.answers = [401] * 3
    send = poster(receiver.plain, dict([header(f"Authorization: Bearer @{token}")]))
    with SpooledSink(send, "hook", tmp_path / "spool", retry=QUICK) as sink:
        put(sink, result("ABC0001"))
        until(lambda: receiver.asked >= 1)
        token.unlink()
        until(lambda: "cannot be read" in str(sink.state()["error"]))
        token.write_text("new")
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert [text for text, _ in receiver.got] == ["ABC0001"]
    assert "Bearer new" in receiver.users


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.stop()


def test_no_secret_comes_up_in_anything_that_a_run_writes_or_says(
    options: list[str], detector: Path, receiver: Receiver, tmp_path: Path
) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 12)
    held = tmp_path / "camera"
    held.write_text(f"rtsp://me:{SECRETS['file']}@127.0.0.1:9/x\n")
    # Pipelines need an OpenCV with GStreamer.
    forms = {name: form for name, form in FORMS.items() if name != "file" and not form.startswith("gst:")}
    sources = [form.format(SECRETS[name]) for name, form in forms.items()] + [f"@{held}"]
    receiver.answers = [403] * 50
    more = {"W3bh00kTok3n": None, "W3bh00kPath": None, "Mqt7Passw0rd": None, "He4derTok3n": None}
    hook, path, broker, head = more
    config = tmp_path / "c.toml"
    config.write_text(
        f'webhook = "http://me:{hook}@127.0.0.1:{receiver.port}/hook/{path}/x"\n'
        f'webhook_header = ["X-Token: {head}"]\nmqtt = "mqtt://me:{broker}@127.0.0.1:9/plates"\n'
    )
    names = [part for number in range(len(sources) + 1) for part in ("--name", f"camera {number}")]
    given = [part for source in (str(video), *sources) for part in ("--video", source)]
    named = ["--config", config, "--out", tmp_path / "o", "--detector", detector, "--give-up", "0.5"]
    written = ["--status", tmp_path / "status", "--log", tmp_path / "log", "--csv", tmp_path / "r.csv"]
    written += ["--store", tmp_path / "r.sqlite", "--evidence", tmp_path / "evidence", "--explain"]
    command = [sys.executable, "-m", "lpsr_run", *given, *names, *map(str, (*named, *written)), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, timeout=240, env=environment)
    assert done.returncode == 1, done.stderr
    read = [json.loads(line)["text"] for line in (tmp_path / "o" / "reads.jsonl").read_text().splitlines()]
    assert read == ["ABC1D34"], "the file is read, and the cameras are given up"
    # The spool's files are reads; the address that they go to stands in none of them.
    files = [each for each in tmp_path.rglob("*") if each.is_file() and each not in (config, held)]
    assert {"run.json", "status", "log", "r.csv", "evidence.json"} <= {each.name for each in files}
    everything = {str(each): each.read_bytes() for each in files}
    everything |= {"stdout": done.stdout, "stderr": done.stderr}
    for secret in (*SECRETS.values(), *more):
        for where, data in everything.items():
            assert secret.encode() not in data, f"{secret} in {where}"


def test_a_process_that_is_given_references_has_no_secret_in_its_title(tmp_path: Path) -> None:
    secret = "T1tleS3cret"
    (tmp_path / "camera").write_text(f"rtsp://me:{secret}@127.0.0.1:9/live")
    arguments = ["--video", f"@{tmp_path}/camera", "--webhook", "env:LPSR_TEST_HOOK", "--out", str(tmp_path / "o")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LPSR_TEST_HOOK": f"http://me:{secret}@127.0.0.1:9/x"}
    process = subprocess.Popen(
        [sys.executable, "-m", "lpsr_run", *arguments], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not (title := Path(f"/proc/{process.pid}/cmdline").read_bytes()):  # empty between fork and exec
            assert time.monotonic() < deadline
    finally:
        process.kill()
        process.wait()
    assert b"--webhook" in title
    assert secret.encode() not in title
    config = RunConfig(video=(f"@{tmp_path}/camera",), webhook_header=("X: abc",), webhook="http://h/")
    assert config.source_names == (f"@{tmp_path}/camera",)
    assert secret not in json.dumps(config.as_dict())
    assert "abc" not in json.dumps(config.as_dict()["webhook_header"])


def test_a_bad_reference_is_one_line(here, options: list[str], tmp_path: Path) -> None:
    save_image(tmp_path / "p.png", paint("ABC1234"))
    done = here("--video", tmp_path / "p.png", "--webhook", "env:LPSR_NO_SUCH", "--out", tmp_path / "o", *options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "env:LPSR_NO_SUCH" in done.stderr
