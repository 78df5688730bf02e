"""A machine that does not keep its pace is named."""

from __future__ import annotations

from lpsr_bench.pace import Pace


def test_like_moments_are_no_complaint() -> None:
    pace = Pace()
    assert pace.complaint() is None
    pace.seconds.update({"before stages": 0.100, "at the end": 0.114})
    assert pace.complaint() is None


def test_slow_moments_are_named_with_how_slow() -> None:
    pace = Pace()
    pace.seconds.update({"before stages": 0.1, "before kernel": 0.2, "at the end": 0.1})
    complaint = pace.complaint()
    assert complaint is not None
    assert "before kernel x2.00" in complaint
    assert "before stages" not in complaint


def test_moments_are_timed() -> None:
    pace = Pace()
    pace.take("now")
    assert pace.seconds["now"] > 0
