"""`lpsr-train evaluate`: a run's recognition rates on rendered or labelled plates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lpsr_core.degradation import Method, degrade
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import to_hr, to_lr
from lpsr_core.labelled import load_labelled
from lpsr_core.metrics import characters_right
from lpsr_train import pictures
from lpsr_train.data.samples import list_samples
from lpsr_train.data.sources import Split
from lpsr_train.evaluation import Evaluation, Sample, evaluate
from lpsr_train.jsonfile import write_json
from lpsr_train.plates.pairs import PlateSource, render_pair
from lpsr_train.trainer import load_trained

_LABELS = {
    "hr": "HR (original images)",
    "bicubic": "LR (bicubic)",
    "sr": "LR + SR",
    "lr direct": "LR, read by a reader trained for it",
}
_SHEET = 24


@dataclass(frozen=True)
class Report:
    """An evaluation and what it is of.

    Attributes:
        title: weights, data and degradation.
        samples: the plates.
        result: what was read.
    """

    title: str
    samples: list[Sample]
    result: Evaluation

    def print(self) -> None:
        """Writes the table to the terminal, in the form of the paper's Table I."""
        table = Table("test images", "all 7, % [95 %]", ">= 6, % [95 %]", ">= 5, % [95 %]", title=self.title)
        for name, label in _LABELS.items():
            if name in self.result.rates:
                rate = self.result.rates[name]
                table.add_row(label, str(rate.all), str(rate.six), str(rate.five))
        console = Console()
        console.print(table)
        console.print(
            f"{len(self.samples)} plates; SR against HR: PSNR {self.result.psnr:.2f} dB, SSIM {self.result.ssim:.3f}"
        )

    def write_sheet(self, path: Path) -> None:
        """Writes LR, SR and HR of the first plates side by side."""
        self._write_plates(path, range(min(_SHEET, len(self.samples))))

    def write_worst(self, path: Path, count: int = 10) -> None:
        """Writes LR, SR and HR of the plates with the fewest characters right."""
        read = zip(self.result.texts["sr"], self.samples, strict=True)
        hits = [characters_right(text, sample.text) for text, sample in read]
        self._write_plates(path, sorted(range(len(hits)), key=lambda index: hits[index])[:count])

    def _write_plates(self, path: Path, indices: Iterable[int]) -> None:
        rows = []
        for index in indices:
            sample, text = self.samples[index], self.result.texts["sr"][index]
            rows.append(
                [
                    pictures.tile(sample.lr, "LR"),
                    pictures.tile(self.result.sr[index], f"SR  {text}", text == sample.text),
                    pictures.tile(sample.hr, f"HR  {sample.text}"),
                ]
            )
        folded = [left + right for left, right in zip(rows[::2], [*rows[1::2], []], strict=False)]
        pictures.write_png(path, pictures.sheet(folded))

    def write_json(self, path: Path) -> None:
        """Writes the figures."""
        figures = {
            "title": self.title,
            "plates": len(self.samples),
            "psnr_db": self.result.psnr,
            "ssim": self.result.ssim,
            "rates": {name: rate.as_dict() for name, rate in self.result.rates.items()},
        }
        write_json(path, figures)


def evaluate_run(
    weights: Path,
    data: str,
    degradation: Method,
    count: int,
    lr_weights: Path | None,
    seed: int,
    rectified: float,
    tell: Callable[[int, int], None] = lambda done, total: None,
    pairs: Path | None = None,
    split: Split = "testing",
    reader: Path | None = None,
) -> Report:
    """Evaluates a run.

    Args:
        weights: folder of the run.
        data: `synthetic`, or a folder of labelled plates.
        degradation: how LR pictures are made.
        count: synthetic plates.
        lr_weights: run of a reader trained on LR pictures, or None.
        seed: of synthetic plates and of noise.
        rectified: share of synthetic plates that are cut out rectified and tight, as the paper's are.
        tell: told how many of how many plates are degraded.
        pairs: list of pairs, made already, to take instead of data and degradation (see `data.lists`).
        split: which of them.
        reader: run whose reader judges in place of the run's own.

    Raises:
        LpsrError: the weights or the plates cannot be read, or no run has a reader.
    """
    trained = load_trained(weights)
    if trained.generator is None:
        option = "--lr-weights" if trained.config.task == "reader-lr" else "--reader"
        raise LpsrError(f"{weights}: this run trained a reader alone; give it as {option} beside a generator's")
    judge = load_trained(reader).reader if reader else trained.reader
    lr_run = load_trained(lr_weights) if lr_weights else None
    if lr_run and lr_run.config.task != "reader-lr":
        raise LpsrError(
            f"{lr_weights}: this run's reader was not trained on LR pictures; "
            "train one with: lpsr-train fit --preset reader-lr"
        )
    patterns = trained.config.patterns
    samples, kind = gather_samples(data, degradation, count, seed, rectified, tell, pairs, split, patterns)
    if reader:
        kind += f", read by {reader}"
    lr_reader = lr_run.reader if lr_run else None
    result = evaluate(samples, judge, trained.generator, lr_reader, trained.config.plate_layouts)
    return Report(f"{weights} at step {trained.step}, {kind}", samples, result)


def gather_samples(
    data: str,
    degradation: Method,
    count: int,
    seed: int,
    rectified: float,
    tell: Callable[[int, int], None],
    pairs: Path | None,
    split: Split,
    patterns: tuple[str, ...] = (),
) -> tuple[list[Sample], str]:
    """The plates that networks are judged on, and a few words on what they are.

    Args:
        data, degradation, count, seed, rectified, tell, pairs, split: as in `evaluate_run`.
        patterns: of rendered texts; each country's own when there are none.

    Raises:
        LpsrError: the plates cannot be read.
    """
    samples = []
    kind = f"{data}, {degradation}"
    if pairs is not None:
        samples = list_samples(pairs, split)
        kind = f"{pairs}, {split}"
        tell(len(samples), len(samples))
    elif data == "synthetic":
        kind = f"{data}, {100 * rectified:.0f} % rectified, {degradation}"
        source = PlateSource(
            rectified=rectified, degradations={degradation: 1.0}, easy=0.0, exact=True, patterns=patterns
        )
        for index in range(count):
            pair = render_pair(source, seed, index)
            samples.append(Sample(pair.lr, pair.hr, pair.text))
            tell(index + 1, count)
    else:
        plates = load_labelled(Path(data))
        for index, plate in enumerate(plates):
            low = degrade(plate.crop, degradation, np.random.default_rng([seed, index]))
            samples.append(Sample(to_lr(low), to_hr(plate.crop), plate.text))
            tell(index + 1, len(plates))
    return samples, kind
