"""The paper's Table II: every component on and off, trained alike, judged by a reader that guided none of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from lpsr_core.jsonfile import write_json
from lpsr_core.metrics import RecognitionRate, recognition_rate
from lpsr_core.paper import ABLATION
from lpsr_train.config import PRESETS, TrainConfig
from lpsr_train.data.manifest import keep_manifest
from lpsr_train.data.pool import Records
from lpsr_train.training.trainer import Trainer, choose_device, load_trained
from lpsr_train.validation.rates import Sample, evaluate

GUIDE_SEED, JUDGE_SEED = 20261125, 20261126
TEST_SEED = 7_000_006
"""Of the plates that rows are judged on: no pool is rendered with it."""
_RESAMPLES = 2000


@dataclass(frozen=True)
class Budget:
    """What every row is given.

    Attributes:
        generator: preset.
        steps: batches.
        batch: super-resolved plates a batch.
        reader_steps, reader_batch: for the judge and for every row's guide, before it guides: the fixed OCR and the
            GP_LPR that is then trained along have seen as much.
        seeds: one run each.
        pairs: rendered pairs.
        plates: to test on.
        validations: how often each run validates, which is when the confused characters of LCOFL are found.
        validation: plates for each of them and each degradation.
    """

    generator: str
    steps: int
    batch: int
    reader_steps: int
    seeds: tuple[int, ...]
    pairs: int
    plates: int
    validations: int = 5
    validation: int = 128
    reader_batch: int = 64


@dataclass(frozen=True)
class Row:
    """One combination of the paper's components.

    Attributes:
        archmod: shared attention with deformable convolutions.
        gan: GP_LPR trained along, or a fixed multi-task OCR.
        lcofl: the paper's loss, or that of the network it builds on.
    """

    archmod: bool
    gan: bool
    lcofl: bool

    @property
    def name(self) -> str:
        """As the paper calls it."""
        parts = {"ArchMod": self.archmod, "GAN-style": self.gan, "LCOFL": self.lcofl}
        missing = [part for part, there in parts.items() if not there]
        return "Proposed" + (f" (w/o {', '.join(missing)})" if missing else "")

    @property
    def folder(self) -> str:
        """Where its runs lie."""
        parts = {"archmod": self.archmod, "gan": self.gan, "lcofl": self.lcofl}
        return "-".join([part for part, there in parts.items() if there] or ["none"])

    def config(self, budget: Budget, seed: int) -> TrainConfig:
        """The run of one seed. Every row super-resolves as many plates; which they are differs with the batch."""
        base = PRESETS["lite"]
        batch, real = budget.batch, base.real
        if self.gan:  # the reader is shown real plates beside them
            batch = round(budget.batch / (1 - real))
            real = 1 - budget.batch / batch
        return replace(
            base,
            generator=budget.generator,
            archmod=self.archmod,
            reader="lite" if self.gan else "multi-task",
            guide="gan" if self.gan else "fixed",
            loss="lcofl" if self.lcofl else "logits",
            schedule="alternate",
            batch=batch,
            real=real,
            steps=budget.steps,
            validate_every=max(budget.steps // budget.validations, 1),
            validation=budget.validation,
            pairs=budget.pairs,
            seed=seed,
        )


ROWS = tuple(
    sorted(
        (Row(*switches) for switches in itertools.product((False, True), repeat=3)),
        key=lambda row: ABLATION[row.archmod, row.gan, row.lcofl],
    )
)


@dataclass(frozen=True)
class Result:
    """What a row reached.

    Attributes:
        row: which.
        seeds: recognition rate of each seed's run.
        percent: share of plates with all seven right, mean over the seeds.
        interval: 95 % interval of that mean over plates of this kind, for these very runs; how much runs differ among
            themselves is in `spread`.
        spread: standard deviation over the seeds, in points; None for a single one.
    """

    row: Row
    seeds: dict[int, RecognitionRate]
    percent: float
    interval: tuple[float, float]
    spread: float | None

    @classmethod
    def of(cls, row: Row, seeds: dict[int, RecognitionRate], right: NDArray[np.bool_]) -> Result:
        """Return the result of runs whose plates are right or wrong, bool[seeds, plates].

        Every seed reads the same plates, so plates are drawn again (bootstrap), each with all its readings.
        """
        shares = 100 * right.mean(axis=0)
        drawn = np.random.default_rng(0).integers(len(shares), size=(_RESAMPLES, len(shares)))
        low, high = np.percentile(shares[drawn].mean(axis=1), [2.5, 97.5])
        runs = 100 * right.mean(axis=1)
        spread = float(runs.std(ddof=1)) if len(runs) > 1 else None
        return cls(row, seeds, float(shares.mean()), (float(low), float(high)), spread)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "row": self.row.name,
            **asdict(self.row),
            "paper_percent": ABLATION[self.row.archmod, self.row.gan, self.row.lcofl],
            "percent": round(self.percent, 2),
            "interval": [round(end, 2) for end in self.interval],
            "spread": None if self.spread is None else round(self.spread, 2),
            "seeds": {str(seed): rate.as_dict() for seed, rate in self.seeds.items()},
        }


def ablate(
    out: Path,
    records: Records,
    budget: Budget,
    samples: Sequence[Sample],
    listen: Callable[[str, int, int], None],
    stop: Callable[[], bool],
    typefaces: tuple[str, ...] = (),
) -> Iterator[Result]:
    """Trains what is missing, row by row, and yields each row's result; run again to go on.

    Args:
        out: folder of the runs; `results.json` is written into it after every row.
        records: rendered pairs.
        budget: what every row is given.
        samples: unseen test plates.
        listen: told the run's name, its step and its last step.
        stop: asked between steps.
        typefaces: open ones that the pool was drawn with, for the runs to remember.

    Raises:
        LpsrError: the folder holds rows of another budget.
    """

    def fit(config: TrainConfig, folder: Path, guide: Path | None) -> bool:
        """Trains a run to its end; False when it was stopped before."""
        config.check()
        folder.mkdir(parents=True, exist_ok=True)
        trainer = Trainer(config, folder, choose_device())
        trainer.typefaces = typefaces
        if not trainer.resume() and guide is not None:
            trainer.take(guide, "reader", "reader")
        trainer.run(records, lambda step, _: listen(folder.name, step, config.steps), stop)
        return trainer.step >= config.steps

    for row in ROWS:
        row.config(budget, budget.seeds[0]).check()
    out.mkdir(parents=True, exist_ok=True)
    keep_manifest(out / "budget.json", asdict(budget))
    guide, begun, judge = out / "guide", out / "gp_lpr", out / "judge"
    for folder, preset, seed in (
        (guide, "judge", GUIDE_SEED),
        (begun, "second", GUIDE_SEED),
        (judge, "judge", JUDGE_SEED),
    ):
        config = replace(
            PRESETS[preset],
            steps=budget.reader_steps,
            batch=budget.reader_batch,
            validate_every=budget.reader_steps,
            validation=budget.validation,
            pairs=budget.pairs,
            seed=seed,
        )
        if not fit(config, folder, None):
            return
    reader, truths = load_trained(judge).reader, [sample.text for sample in samples]
    results: list[Result] = []
    for row in ROWS:
        rates: dict[int, RecognitionRate] = {}
        right = []
        for seed in budget.seeds:
            folder = out / "rows" / f"{row.folder}-{seed}"
            if not fit(row.config(budget, seed), folder, begun if row.gan else guide):
                return
            read = evaluate(samples, reader, load_trained(folder).generator).texts["sr"]
            rates[seed] = recognition_rate(read, truths)
            right.append([text == truth for text, truth in zip(read, truths, strict=True)])
        results.append(Result.of(row, rates, np.array(right)))
        write_json(out / "results.json", {"budget": asdict(budget), "rows": [result.as_dict() for result in results]})
        yield results[-1]


def table(results: Sequence[Result]) -> Table:
    """The rows beside the paper's."""
    title = "Table II, read by a multi-task OCR that guided none of them (its twin guides where no GAN does)"
    shown = Table("approach", "paper, %", "ours, all 7, % [95 %]", "by seed, %", title=title)
    for result in results:
        row = result.row
        low, high = result.interval
        seeds = ", ".join(f"{rate.all.percent:.1f}" for rate in result.seeds.values())
        spread = "" if result.spread is None else f" (sd {result.spread:.1f})"
        paper = ABLATION[row.archmod, row.gan, row.lcofl]
        shown.add_row(row.name, f"{paper:.1f}", f"{result.percent:.1f} [{low:.1f}, {high:.1f}]", seeds + spread)
    return shown
