"""Target profiles: the project's own, a user's, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, UsageError
from lpsr_export.tensorrt.profiles import load_profile, profile_for, profile_names

GOOD = 'description = "mine"\nsms = [87]\nworkspace_mib = 64\n[batch]\nmin = 1\nopt = 2\nmax = 4\n'


def test_every_target_has_one() -> None:
    named = {"jetson-orin-nano", "jetson-agx-orin", "jetson-thor", "t4", "l4", "a100", "h100-h200", "generic"}
    assert set(profile_names()) == named
    for name in named:
        profile = load_profile(name)
        assert profile.name == name
        assert profile.batch[0] == 1
        assert all(sm >= 75 for sm in profile.sms)


@pytest.mark.parametrize(
    ("sm", "multiprocessors", "name"),
    [(87, 4, "jetson-orin-nano"), (87, 8, "jetson-orin-nano"), (87, 16, "jetson-agx-orin"), (90, 132, "h100-h200")],
)
def test_a_gpu_finds_its_own(sm: int, multiprocessors: int, name: str) -> None:
    assert profile_for(Gpu("some", sm, multiprocessors)).name == name


@pytest.mark.parametrize("sm", [86, 100, 103, 120, 121])
def test_a_gpu_that_nobody_planned_for_takes_the_generic_one(sm: int) -> None:
    assert profile_for(Gpu("RTX 5090", sm, 170)).name == "generic"
    assert profile_for(Gpu("RTX 5090", sm, 170)).batch == (1, 16, 64)


def test_a_gpu_that_is_too_old_is_refused() -> None:
    with pytest.raises(LpsrError, match=r"GTX 1080 \(sm_61.*below 7.5 \(Turing\) are not supported"):
        profile_for(Gpu("GTX 1080", 61, 20))


def test_a_profile_for_other_gpus_is_refused_by_name() -> None:
    gpu = Gpu("NVIDIA L4", 89, 58)
    with pytest.raises(UsageError, match=r"profile jetson-thor is for sm_110, and this GPU is NVIDIA L4 \(sm_89, "):
        load_profile("jetson-thor").check(gpu)
    load_profile("l4").check(gpu)
    load_profile("generic").check(gpu)


def test_a_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    profile = load_profile(str(path))
    assert (profile.name, profile.batch, profile.workspace_mib, profile.sms) == ("mine", (1, 2, 4), 64, (87,))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("opt = 2", "opt = 8"), "min <= opt <= max"),
        (GOOD.replace("max = 4", ""), "takes min, opt and max"),
        (GOOD + "other = 1\n", "takes min, opt and max"),
        ("colour = 1\n" + GOOD, "unknown key 'colour'"),
        (GOOD.replace("[87]", "87"), "positive whole numbers"),
        (GOOD.replace("64", "0"), "positive whole numbers"),
        ("batch = [", "not TOML"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as error:
        load_profile(str(path))
    assert str(path) in str(error.value)


def test_unknown_names_list_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jetson-thor"):
        load_profile("h300")
    with pytest.raises(UsageError, match="cannot be read"):
        load_profile(str(tmp_path / "missing.toml"))
