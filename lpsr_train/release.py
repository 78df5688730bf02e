"""Everything that is released, from seed to model card: the commands that make it, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lpsr_train.locating.config import LocatorTraining

CARD_PLATES = 500
"""Plates of each degradation that a card's rates rest on."""
CARD_SCENES = 1000
"""Scenes that the locator's figures rest on, and plates that the calibration does."""


@dataclass(frozen=True)
class Recipe:
    """What a release is made with.

    Attributes:
        out: folder of runs, pools and figures.
        models: folder of the graphs and their cards.
        plates: unseen plates that figures rest on.
        device: auto, cpu or cuda.
        workers: processes that render.
        steps, pairs, batch: of every run; each preset's own when None. Few are a rehearsal, many are for a GPU.
        init: run whose weights `lite` begins with.
    """

    out: Path
    models: Path
    plates: int = 4000
    device: str = "auto"
    workers: int = 2
    steps: int | None = None
    pairs: int | None = None
    batch: int | None = None
    init: Path | None = None

    def commands(self) -> Iterator[list[str]]:
        """Each command as module and arguments; those that train go on where they were stopped.

        The auxiliary reader and the judge are trained on plates of their own, so that they share nothing with the
        guide. Then the judge learns to read what `lite` makes, as somebody's own reader would, and reads the plates
        again.
        """
        names = ("second", "lite", "lr", "judge", "accustomed", "locator")
        second, lite, lr, judge, accustomed, locator = (self.out / name for name in names)
        yield self._fit("auxiliary", second, self.out / "pool-second")
        begun = ("--init", str(self.init)) if self.init else ()
        yield [*self._fit("lite", lite, self.out / "pool"), "--auxiliary", str(second), *begun]
        yield self._fit("reader-lr", lr, self.out / "pool")
        yield self._fit("judge", judge, self.out / "pool-judge")
        shown = ("--init", str(judge), "--shown", str(lite))
        yield [*self._fit("judge", accustomed, self.out / "pool-judge"), *shown]
        runs = ["--weights", f"lite={lite}", "--lr-weights", str(lr)]
        for reader, name in ((judge, "figures"), (accustomed, "figures-accustomed")):
            figures = ["--json", str(self.out / f"{name}.json"), "--sheet", str(self.out / f"{name}.png")]
            read = ["--reader", str(reader), "--count", str(self.plates), "--device", self.device]
            yield ["lpsr_train", "evaluate", *runs, *read, *figures]
        for name, run in (("lite", lite), ("lr", lr)):
            yield [
                *("lpsr_export", "onnx", "--weights", str(run), "--name", name),
                *("--out", str(self.models), "--plates", str(min(self.plates, CARD_PLATES)), "--store", "float16"),
                *(("--reader", str(judge)) if name == "lite" else ()),
            ]
        models = ["--models", str(self.models), "--plates", str(max(min(self.plates, CARD_SCENES), 20))]
        yield ["lpsr_export", "calibrate", *models]
        yield self._locator(locator)
        scenes = str(min(self.plates, CARD_SCENES))
        out = ["--out", str(self.models), "--scenes", scenes, "--store", "float16"]
        yield ["lpsr_export", "locator", "--weights", str(locator), "--name", "lite", *out]

    def _locator(self, run: Path) -> list[str]:
        scenes = self.pairs and min(self.pairs, LocatorTraining.validation)
        return self._train(["locator", "--out", str(run)], scenes=self.pairs, validation=scenes)

    def _fit(self, preset: str, run: Path, pool: Path) -> list[str]:
        command = ["fit", "--preset", preset, "--out", str(run), "--pool", str(pool)]
        return self._train(command, pairs=self.pairs, batch=self.batch)

    def _train(self, command: list[str], **options: int | None) -> list[str]:
        """The command with what all trainings share, and those options that have a value."""
        given = {"device": self.device, "workers": self.workers, "steps": self.steps, **options}
        words = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
        return ["lpsr_train", *command, *words]
