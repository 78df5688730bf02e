"""Meters over files that the test writes, as the kernel lays them out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lpsr_bench import power
from lpsr_bench.power import Energy, Meter, find_meters


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power.shutil, "which", lambda name: None)


def write(folder: Path, **values: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n")


def test_nothing_to_read_is_no_meter(tmp_path: Path) -> None:
    assert find_meters(tmp_path / "none", tmp_path / "none") == []


def test_packages_count_and_their_parts_do_not(tmp_path: Path) -> None:
    write(tmp_path / "intel-rapl:0", energy_uj=5_000_000, name="package-0", max_energy_range_uj=9_000_000)
    write(tmp_path / "intel-rapl:0:0", energy_uj=1_000_000, name="core")
    write(tmp_path / "intel-rapl:1", name="psys")  # no counter that this user may read
    (meter,) = find_meters(tmp_path, tmp_path / "none")
    assert meter.name == "RAPL package-0"
    assert meter.joules is not None
    assert meter.joules() == pytest.approx(5)
    assert meter.wraps == pytest.approx(9)


def test_a_counter_that_begins_again(tmp_path: Path) -> None:
    write(tmp_path / "intel-rapl:0", energy_uj=8_000_000, name="package-0", max_energy_range_uj=9_000_000)
    with Energy(find_meters(tmp_path, tmp_path / "none")) as energy:
        write(tmp_path / "intel-rapl:0", energy_uj=2_000_000)
    assert energy.joules == {"RAPL package-0": pytest.approx(3)}


def test_a_jetsons_input_is_taken_alone(tmp_path: Path) -> None:
    hwmon = tmp_path / "ina3221" / "1-0040" / "hwmon" / "hwmon3"
    write(hwmon, in1_input=5000, curr1_input=2000, in1_label="VDD_IN")
    write(hwmon, in2_input=1000, curr2_input=500, in2_label="VDD_CPU_GPU_CV")
    (meter,) = find_meters(tmp_path / "none", tmp_path)
    assert meter.name == "INA3221 VDD_IN"
    assert meter.watts is not None
    assert meter.watts() == pytest.approx(10)


def test_power_is_added_up_over_time() -> None:
    with Energy([Meter("lamp", watts=lambda: 60.0)]) as energy:
        time.sleep(0.35)
    assert energy.joules["lamp"] == pytest.approx(60 * energy.seconds, rel=0.05)
