"""The tables that a benchmark prints, with the paper's figures beside ours."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from lpsr_bench.measure import Percentiles
from lpsr_bench.reference import PAPER_HARDWARE, PAPER_PLATES, PAPER_SECONDS, SOURCE, SR3_SECONDS, TABLE_I
from lpsr_bench.results import Results
from lpsr_bench.suites.accuracy import Form
from lpsr_bench.suites.stages import PARTS

_FORMS: dict[Form, str] = {
    "hr": "HR",
    "bicubic": "LR, bicubic",
    "sr": "LR + SR",
    "lr direct": "LR, own reader",
}
_PAPER_ROWS = ("HR", "LR", "PLNET", "SR3", "SR")
"""Short names of the rows of Table I."""
_MIB = 1 << 20


def print_results(results: Results, console: Console) -> None:
    """Prints what was measured; suites without results are left out."""
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    console.print(f"{results.hardware}\n{machine['os']}; {versions}")
    console.print("; ".join(f"{role.replace('_', ' ')} {model['name']}" for role, model in results.models.items()))
    if results.reference:
        _reference(results, console)
    if results.throughput:
        console.print(_throughput(results))
    if results.stages:
        console.print(_stages(results))
    if results.accuracy is not None:
        _accuracy(results, console)
    if results.peak_resident_bytes is not None:
        console.print(f"peak resident memory, all suites {results.peak_resident_bytes / _MIB:.0f} MiB")
    for note in results.notes:
        console.print(f"note: {note}")


def _reference(results: Results, console: Console) -> None:
    measured = results.reference[0].plates
    scaled = "" if measured == PAPER_PLATES else f", in proportion from {measured:,}"
    table = Table(title=f"{PAPER_PLATES:,} plates one by one{scaled}", title_justify="left")
    table.add_column("")
    for heading in ("time", "plates/s", "paper's time / this"):
        table.add_column(heading, justify="right")
    for run in results.reference:
        seconds = run.seconds_for_paper
        table.add_row(f"here, {run.way}", *_row(seconds))
    table.add_section()
    table.add_row("paper, proposed: super-resolution", *_row(PAPER_SECONDS))
    table.add_row("paper, SR3: super-resolution", *_row(SR3_SECONDS))
    console.print(table)
    console.print(
        f"here: {results.hardware}; generator and reader, on decoded crops in memory.\n"
        f"paper: {PAPER_HARDWARE}; a much larger generator and no reader, on a GPU; what else its time holds, such "
        f"as reading and writing picture files, it does not say. Different work on different hardware: "
        f"the quotient is of waiting times, not of methods. {SOURCE}"
    )
    last = results.reference[-1]
    if last.peak_resident_bytes is not None:
        console.print(f"peak resident memory up to here {last.peak_resident_bytes / _MIB:.0f} MiB")
    if last.stages:
        parts = ", ".join(f"{name} {1000 * seconds / last.plates:.2f}" for name, seconds in last.stages.items())
        console.print(f"milliseconds a plate, {last.way}: {parts}")


def _row(seconds: float) -> tuple[str, str, str]:
    return _duration(seconds), f"{PAPER_PLATES / seconds:.3g}", f"{PAPER_SECONDS / seconds:.3g}"


def _throughput(results: Results) -> Table:
    table = Table(title="throughput; milliseconds a batch", title_justify="left")
    table.add_column("batch", justify="right")
    table.add_column("way")
    for heading in ("crops/s", "p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    for entry in results.throughput:
        ms = entry.timing.milliseconds
        figures = (f"{value:.2f}" for value in (ms.p50, ms.p95, ms.p99))
        table.add_row(str(entry.timing.batch), entry.way, f"{entry.timing.rate:.1f}", *figures)
    return table


def _stages(results: Results) -> Table:
    """A line a stage, a column a batch size; `locate` is for a frame and stands in the first column."""
    batches = sorted({entry.batch for entry in results.stages})
    found = {(entry.stage, entry.batch): entry.milliseconds for entry in results.stages}
    table = Table(title="stages; milliseconds a batch, p50 / p95 / p99", title_justify="left")
    table.add_column("stage")
    for batch in batches:
        table.add_column(f"batch {batch}", justify="right")
    for stage in PARTS:
        label = {"locate": "locate (a frame)", "whole": "crop to string"}.get(stage, str(stage))
        table.add_row(label, *(_triple(found.get((stage, batch))) for batch in batches))
    return table


def _triple(ms: Percentiles | None) -> str:
    return "" if ms is None else " / ".join(map(_short, (ms.p50, ms.p95, ms.p99)))


def _short(value: float) -> str:
    """Three figures, so that the table fits into a terminal."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _accuracy(results: Results, console: Console) -> None:
    accuracy = results.accuracy
    assert accuracy is not None
    title = f"accuracy on {accuracy.plates} plates ({results.data['name']}), LR by {accuracy.degradation}"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in ("all 7, % [95 %]", ">= 6, %", ">= 5, %"):
        table.add_column(heading, justify="right")
    for form, rate in accuracy.rates.items():
        table.add_row(_FORMS[form], str(rate.all), str(rate.six), str(rate.five))
    table.add_section()
    for row, label in zip(TABLE_I, _PAPER_ROWS, strict=True):
        table.add_row(f"paper, {label}", f"{row.all:.1f}", f"{row.six:.1f}", f"{row.five:.1f}")
    console.print(table)
    if "lr direct" in accuracy.rates:
        console.print(f"{_FORMS['lr direct']}: read by a reader that was trained on LR pictures")
    for name, quality in (("LR + SR", accuracy.sr), ("LR, bicubic", accuracy.bicubic)):
        console.print(f"{name} against HR: PSNR {quality.psnr:.2f} dB, SSIM {quality.ssim:.3f}")
    console.print(f"paper: {SOURCE}, Table I: {PAPER_PLATES:,} plates of RodoSol-ALPR")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
