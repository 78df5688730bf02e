"""What to conclude from each plot, in words that follow the figures: another figure, another sentence."""

from __future__ import annotations

from collections.abc import Sequence

from lpsr_bench.comparison import rates_differ
from lpsr_bench.report.findings import (
    WHOLE,
    Point,
    Row,
    Rows,
    best_batch,
    by_batch,
    degraded,
    fastest_kept,
    kept_up,
    kernel_kind,
    misread,
    whole_way,
)
from lpsr_bench.report.tables import MIB, duration, number, rate
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS
from lpsr_core.wording import counted

WAYS = {WHOLE: "from decoded crop to text", "networks": "through the networks alone"}
_MISREAD = 3


def chance(before: Row, after: Row) -> str:
    """Whether two rates differ by more than chance, with the test."""
    p, differ = rates_differ(before, after)
    return f"{'more' if differ else 'no more'} than chance would explain (Fisher's exact test, p = {p:.2g})"


def against_paper(rows: Rows) -> str:
    """How the time for the paper's plates compares with the paper's."""
    row = whole_way(rows)
    seconds = row["seconds_for_4000"]
    reckoned = "" if row["plates"] == PAPER_PLATES else f" (in proportion from {row['plates']:,})"
    return (
        f"{PAPER_PLATES:,} plates, one in a forward pass, take {duration(seconds)} here {WAYS[row['way']]}{reckoned}. "
        f"The paper's network took {duration(PAPER_SECONDS)} on its GPU, {number(PAPER_SECONDS / seconds)} times that; "
        f"SR3, with which it is compared, {duration(SR3_SECONDS)}."
    )


def batches(rows: Rows) -> str:
    """What larger batches bring, and how far the rounds lie apart."""
    best = best_batch(rows)
    assert best is not None
    first = by_batch(rows, best["way"])[0]
    said = f"Most crops a second, {WAYS[best['way']]}: {number(best['crops_per_second'])} at batch {best['batch']}"
    if first is not best:
        gain = number(best["crops_per_second"] / first["crops_per_second"])
        said += f", {gain} times those at batch {first['batch']}"
        if min(best["crops_per_second_by_round"]) <= max(first["crops_per_second_by_round"]):
            said += ", though rounds of the two overlap"
    rounds = [row["crops_per_second_by_round"] for row in rows if row["streams"] == 1]
    spread = max(1 - min(each) / max(each) for each in rounds)
    return f"{said}. Rounds of one measurement lie up to {100 * spread:.0f} % apart."


def streams(rows: Rows) -> str:
    """What several callers get; rows of several callers by their number."""
    last = rows[-1]
    shares = last["crops_per_second_by_stream"]
    return (
        f"{last['streams']} callers at once, each with batches of {last['batch']}, get "
        f"{number(last['crops_per_second'])} crops/s in all, each {number(min(shares))} to {number(max(shares))}."
    )


def waiting(rows: Rows) -> str:
    """How long a crop waits for its text at the highest rate that was kept up with, and which rates were too high."""
    best = fastest_kept(rows)
    said = [
        f"{number(row['crops_per_second_arriving'])} a second were too many: {number(row['crops_per_second_served'])} "
        "were read, and the waiting grows for as long as crops arrive."
        for row in rows
        if not kept_up(row)
    ]
    if best is not None:
        half, most = best["milliseconds"]["p50"], best["milliseconds"]["p99"]
        said.insert(
            0,
            f"With {number(best['crops_per_second_arriving'])} crops arriving a second, the highest rate that was kept "
            f"up with, half of them have their text within {number(half)} ms and 99 % within {number(most)} ms.",
        )
    return " ".join(said)


def run_stages(rows: Rows) -> str:
    """Which stage of a run takes most."""
    whole = sum(row["milliseconds_per_frame"] for row in rows)
    most = max(rows, key=lambda row: row["milliseconds_per_frame"])
    return (
        f"Of {number(whole)} ms a frame, {number(most['milliseconds_per_frame'])} are spent in the stage "
        f"“{most['stage']}” ({100 * most['share']:.0f} %). That is {number(1000 / whole)} frames a second with plates "
        "in every frame."
    )


def lone_stages(rows: Rows) -> str:
    """What a crop costs alone and in a batch."""
    costs = {row["batch"]: row["milliseconds"]["p50"] / row["batch"] for row in rows if row["stage"] == "whole"}
    if not costs:
        return f"{rows[0]['stage']} alone."
    few, many = min(costs), max(costs)
    said = f"A crop on its own takes {number(costs[few])} ms to its text"
    return f"{said}." if few == many else f"{said}, in a batch of {many} it is {number(costs[many])} ms."


def recognition(row: Row) -> str:
    """What super-resolution brings over the enlarged picture, and whether chance would explain it."""
    rates = {form: values["all"] for form, values in row["rates"].items()}
    ours, without = rates["sr"], rates["bicubic"]
    own = f"; a reader trained on enlarged pictures reads {rate(rates['lr direct'])} %" if "lr direct" in rates else ""
    return (
        f"Of plates {degraded(row)}, {rate(ours)} % are read right super-resolved and {rate(without)} % merely "
        f"enlarged: {ours['percent'] - without['percent']:+.1f} points, {chance(without, ours)}. "
        f"At full resolution it is {rate(rates['hr'])} %{own}."
    )


def curve(rows: Rows) -> str:
    """Where super-resolution gains most; rows of several levels, from the sharpest on."""

    def gain(row: Row) -> float:
        return float(row["rates"]["sr"]["all"]["percent"] - row["rates"]["bicubic"]["all"]["percent"])

    most = max(rows, key=gain)
    if gain(most) <= 0:
        return "At no level is the super-resolved picture read better than the enlarged one."
    return f"Super-resolution gains most, {gain(most):+.1f} points, at SSIM < {most['ssim_below']:g}."


def falloff(rows: Rows) -> str:
    """Up to which width half of what is read at full width is still read, and what the generator adds there."""
    usual = {row["width"]: row["rate"]["all"]["percent"] for row in rows if row["super_resolve"] == "auto"}
    full = next(iter(usual.values()))
    if full == 0:
        return "Nothing was read right, at any width."
    narrowest = [width for width, percent in usual.items() if percent >= full / 2][-1]
    if narrowest is None:
        return f"{full:.1f} % are read right at full width."
    by = {row["super_resolve"]: row["rate"]["all"]["percent"] for row in rows if row["width"] == narrowest}
    return (
        f"{full:.1f} % at full width, {by['auto']:.1f} % at {narrowest} pixels; there {by['always']:.1f} % through the "
        f"generator and {by['never']:.1f} % without."
    )


def reliability(row: Row) -> str:
    """Whether confidences can be believed."""
    found = row["reliability"]
    sure, right = 100 * found["mean_confidence"], 100 * found["share_right"]
    which = "too sure of itself" if sure > right else "too modest"
    lean = "" if abs(sure - right) < 0.05 else f": on the whole {which} by {abs(sure - right):.1f} points"
    return (
        f"The mean confidence is {sure:.1f} %, and {right:.1f} % of the texts are right{lean}. Bin by bin the two "
        f"differ by {100 * found['expected_calibration_error']:.1f} points on average (expected calibration error); "
        f"{counted(row['plates'], 'plate')}."
    )


def confusion(row: Row) -> str:
    """Which characters are taken for which."""
    total, wrong = sum(map(sum, row["confusion"])), misread(row)
    right = total - sum(count for count, _, _ in wrong)
    said = f"{right:,} of {total:,} characters ({100 * right / total:.1f} %) are read right"
    if not wrong:
        return f"{said}; none is taken for another."
    first = ", ".join(f"{read} for {truth} ({count})" for count, truth, read in wrong[:_MISREAD])
    return f"{said}. Most often wrong: {first}. A row is a true character, a column what was read."


def precisions(rows: Rows) -> str:
    """What a lower precision costs in accuracy and brings in speed; each beside the first."""
    first, *others = rows
    batch = max(first["crops_per_second"], key=int)
    speed = first["crops_per_second"][batch]
    said = [f"{first['precision'].upper()} does {number(speed)} crops/s at batch {batch}."]
    for row in others:
        times = f"{row['precision'].upper()} does {number(row['crops_per_second'][batch] / speed)} times that"
        if row["share_as_fp32"] is not None:
            times += f", with the same text as FP32 on {100 * row['share_as_fp32']:.1f} % of the plates"
        if row["rates"] and first["rates"]:
            times += f"; the rates differ {chance(first['rates']['all'], row['rates']['all'])}"
        said.append(f"{times}.")
    return " ".join(said)


def trade(points: Sequence[Point], left_out: Sequence[str]) -> str:
    """What nothing else beats in both speed and rate; and which rates cannot be told apart."""
    front = [each for each in points if not any(other.beats(each) for other in points)]
    listed = "; ".join(f"{each.name} ({each.rate['percent']:.1f} %, {number(each.speed)} crops/s)" for each in front)
    said = f"Nothing measured here is at once faster and more often right than {listed}."
    best, *others = sorted(points, key=lambda each: -each.rate["percent"])
    alike = "; ".join(each.name for each in others if not rates_differ(best.rate, each.rate)[1])
    if alike:
        plates = counted(best.rate["total"], "plate")
        said += f" On {plates}, chance could explain how the rates of {best.name} and of {alike} differ."
    if left_out:
        said += f" They make pictures only or are slow, so have no rate and are not shown: {'; '.join(left_out)}."
    return said


def peers_time(rows: Rows) -> str:
    """How the peers' times compare with ours, which is the first row."""
    ours, *others = rows
    said = f"{ours['name']} takes {number(ours['milliseconds']['p50'])} ms for a single crop."
    listed = "; ".join(f"{row['name']} {number(row['time_divided_by_ours'])}" for row in others)
    return f"{said} Time of one of many crops, in multiples of that: {listed}." if listed else said


def kernels(rows: Rows) -> str:
    """What the networks reach of the ceiling, and what deforming costs."""
    said = [f"The large convolution reaches {number(rows[0]['gflops'])} GFLOP/s."]
    networks = [row for row in rows if row["share_of_ceiling"] is not None and kernel_kind(row) == "network"]
    if networks:
        listed = "; ".join(f"{row['name']}: {100 * row['share_of_ceiling']:.0f} %" for row in networks)
        said.append(f"Shares of that: {listed}.")
    ratios = _deforming(rows)
    if ratios:
        span = number(min(ratios)) if len(ratios) == 1 else f"{number(min(ratios))} to {number(max(ratios))}"
        said.append(f"A deformable convolution takes {span} times as long as an ordinary one of its shape.")
    return " ".join(said)


def energy(rows: Rows) -> str:
    """What a crop takes, with and without what the machine takes anyway."""
    return " ".join(
        f"{row['meter']}: {number(row['joules_per_crop'])} J a crop at {number(row['watts'])} W; with nothing to do it "
        f"is {number(row['idle_watts'])} W, so reading adds "
        f"{number((row['watts'] - row['idle_watts']) * row['seconds'] / row['crops'])} J a crop."
        for row in rows
    )


def growth(rows: Rows) -> str:
    """Whether time grows in proportion with the crops; rows by number of crops."""
    last = rows[-1]
    # Few crops do not fill a batch, so the proportion is judged where batches are full.
    full = [row for row in rows if row["value"] >= row["batch"]]
    first = full[0] if len(full) > 1 else rows[0]
    said = f"{last['value']:,} crops take {number(last['seconds'])} s"
    if first is not last:
        times = number(last["seconds"] / first["seconds"])
        said += f", {times} times as long as {first['value']:,}, of which they are "
        said += f"{number(last['value'] / first['value'])} times as many"
    used = [row["resident_bytes"] / MIB for row in rows if row["resident_bytes"] is not None]
    return f"{said}." + (f" Resident memory: up to {max(used):.0f} MiB." if used else "")


def threads(rows: Rows) -> str:
    """What more threads bring; rows by number of threads."""
    first, last = rows[0], rows[-1]
    return (
        f"{last['value']} threads read {number(last['crops_per_second'])} crops/s, "
        f"{number(last['crops_per_second'] / first['crops_per_second'])} times as many as {first['value']}."
    )


def _deforming(rows: Rows) -> list[float]:
    """Times of deformable convolutions divided by those of ordinary ones of the same shape in the same runtime."""
    found: dict[str, dict[tuple[str, str], float]] = {"convolution": {}, "deformable": {}}
    for row in rows:
        kind, _, shape = row["name"].partition(" ")
        if kind in found:
            found[kind][shape, row["runtime"]] = row["milliseconds"]
    plain = found["convolution"]
    return [time / plain[key] for key, time in found["deformable"].items() if key in plain]
