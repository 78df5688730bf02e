"""How often and in which order sizes are run."""

from __future__ import annotations

from lpsr_bench.suites.scaling import counts, runs


def test_small_sizes_are_run_often_and_all_through_the_measurement() -> None:
    plan = runs(64_000)
    assert sorted(set(plan)) == counts(64_000)
    times = {count: plan.count(count) for count in counts(64_000)}
    assert times[1000] == 16
    assert [times[count] for count in (16_000, 32_000, 64_000)] == [1, 1, 1]
    assert all(count * times[count] <= 16_000 for count in times if times[count] > 1), "a quarter of the largest"
    for count in (1000, 2000, 4000, 8000):
        places = [place for place, size in enumerate(plan) if size == count]
        before = sum(place < plan.index(64_000) for place in places)
        assert before == len(places) / 2, "as often before the largest as after it"


def test_one_size_alone_is_run_once() -> None:
    assert runs(1) == [1]
