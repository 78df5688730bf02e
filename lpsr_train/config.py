"""What a training run is: one frozen object, read from TOML and written into everything the run makes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from lpsr_core.choices import choice
from lpsr_core.errors import UsageError
from lpsr_core.layouts import Layout, parse_layouts
from lpsr_train.cameras import steps_left_out
from lpsr_train.plates import DRAWING

Task = Literal["sr", "sr3", "reader-lr", "reader-any", "presence"]
Schedule = Literal["alternate", "together"]
Guide = Literal["gan", "fixed"]
Loss = Literal["lcofl", "logits"]
Decay = Literal["cosine", "plateau"]
RESERVED_SEEDS = range(7_000_000, 7_000_100)
"""Of plates to validate, calibrate and test with: no pool may be rendered with one of them."""


@dataclass(frozen=True)
class LcoflConfig:
    """Weights of LCOFL's terms (see `losses`).

    Attributes:
        classification: of Eq. (1); 1 in the paper.
        dissimilarity: of Eq. (4); 1 in the paper.
        alpha: what a confused character adds to its weight.
        beta: the layout penalty.
        confusion: share of a character's plates that must be read as one other character to count as confused.
        pixel: weight of a mean absolute error, which the paper does not have; 0 leaves it out.
    """

    classification: float = 1.0
    dissimilarity: float = 1.0
    alpha: float = 0.5
    beta: float = 0.5
    confusion: float = 0.25
    pixel: float = 0.0


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        task: `sr` trains generator and reader; `sr3` trains the diffusion network that the paper compares with, which
            has no reader; `reader-lr` trains a reader alone on bicubically enlarged LR pictures,
            the baseline that the paper leaves out; `reader-any` trains one on every grade of picture between
            HR and enlarged LR ones, to guide or to judge; `presence` trains only what tells a reader whether a crop
            shows a plate (see `networks.presence`).
        shown_run: run whose super-resolved pictures a reader of the task `reader-any` learns to read too, without that
            run's guide; empty without one.
        shown_generator, shown_archmod: that run's generator.
        shown: share of a batch that is shown so.
        guide: `gan` trains the reader along; `fixed` takes another run's reader as it is.
        guide_run: which run that was; empty without one.
        auxiliary_run: run whose reader, unchanged, has a say in what the generator makes, so that others than the guide
            can read it; empty without one.
        auxiliary_reader: preset of that reader.
        auxiliary: its fraction of LCOFL's first two terms, beside the guide.
        loss: `lcofl`, or `logits`, the loss of the network that the paper builds on.
        schedule: `alternate` updates the generator through the frozen reader and then the reader on detached SR, as
            the paper does; `together` updates both from one pass, which takes three quarters of the time.
        real: share of a batch that shows the reader HR pictures; the rest is super-resolved.
        generator, reader: names of presets.
        sampling_steps: of a picture of `sr3`, evenly spaced and without fresh noise; 0 takes all its steps with it.
        archmod: the paper's changes to the generator; without them every attention module is its own, with depthwise
            separable convolutions, as in the network that the paper builds on.
        steps: batches to train on.
        batch: plates a batch.
        generator_rate, reader_rate: peak learning rates of AdamW; warmed up and cosine decayed.
        generator_betas: of the generator's optimiser.
        warmup: steps of the warm-up.
        decay: `cosine` over the run, or `plateau`: a rate falls to nine tenths when the recognition rate has not
            risen for five validations, as in section IV-A.
        weight_decay: of AdamW; 0 makes it Adam.
        clip: largest norm of a gradient.
        ema: decay of the moving average of the weights, which is what is evaluated and exported.
        smoothing: label smoothing of the reader's own loss.
        guide_from: step at which the reader's judgement of SR pictures starts to count, ramped over as many again.
        losses: LCOFL's weights.
        validate_every: steps between validations, checkpoints and pictures: an epoch of the paper.
        data: the pair list that was trained on, with its sha256; empty for rendered plates.
        layouts: that plates follow, as `lpsr_core.layouts.parse_layouts` takes them, joined by commas; empty for the
            Brazilian ones. Rendered plates are given texts of these.
        drawing: version of the renderer.
        pairs: rendered pairs in the pool.
        validation: validation plates for each degradation.
        fresh: the pool holds plates at their own resolution, and each gets another LR picture whenever it is drawn,
            made where the networks are; otherwise pairs, whose LR pictures were rendered with them.
        shots: the pool holds shots of surveillance cameras (see `cameras`), narrow ones of which are super-resolved and
            wide ones read directly; otherwise pairs of the paper's degradations and simple cameras.
        seconds: of training, after which the run ends though steps are left, and which the learning rate follows; 0
            for all steps.
        without: steps of the camera and parts of the framing that are left out of shots (see `cameras`), joined by
            commas.
        absent: fraction of shots that show no plate that can be read.
        foreign: fraction of the other shots that show a plate whose characters follow no layout.
        weights_every: seconds between two writings of the averaged weights alone, as half precision, for runs whose
            machine may be taken away; 0 for none.
        hard_sampling: plates are drawn as often as they were likely to be misread the last time, in place of all
            equally often (see `training.hard_sampling`).
        open_share: share of plates drawn with open typefaces, where the machine has them.
        seed: of the pool, the order, and the networks' first weights.
        clahe: equalises the HR pictures' contrast (limit 4, 2x2 tiles), as the authors' code does.
        bf16: bfloat16 autocast, where the device has it.
    """

    task: Task = "sr"
    guide: Guide = "gan"
    guide_run: str = ""
    auxiliary_run: str = ""
    auxiliary_reader: str = ""
    auxiliary: float = 0.5
    shown_run: str = ""
    shown_generator: str = ""
    shown_archmod: bool = True
    shown: float = 0.5
    loss: Loss = "lcofl"
    schedule: Schedule = "together"
    real: float = 0.25
    generator: str = "lite"
    reader: str = "lite"
    sampling_steps: int = 20
    archmod: bool = True
    steps: int = 12000
    batch: int = 64
    generator_rate: float = 1.5e-3
    reader_rate: float = 1.5e-3
    generator_betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 200
    decay: Decay = "cosine"
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    smoothing: float = 0.05
    guide_from: int = 300
    losses: LcoflConfig = field(default_factory=lambda: LcoflConfig(pixel=1.5))
    validate_every: int = 500
    data: str = ""
    layouts: str = ""
    drawing: int = DRAWING
    pairs: int = 163840
    validation: int = 512
    fresh: bool = False
    shots: bool = False
    seconds: float = 0.0
    without: str = ""
    absent: float = 0.12
    foreign: float = 0.0
    weights_every: float = 0.0
    hard_sampling: bool = False
    open_share: float = 0.15
    seed: int = 20261123
    clahe: bool = False
    bf16: bool = True

    @property
    def plate_layouts(self) -> tuple[Layout, ...]:
        """What the layouts stand for.

        Raises:
            UsageError: one of them is unknown.
        """
        return parse_layouts(word for word in self.layouts.split(",") if word.strip())

    @property
    def left_out(self) -> tuple[str, ...]:
        """Steps of the camera and parts of the framing that shots do without.

        Raises:
            UsageError: one of them is unknown.
        """
        return steps_left_out(self.without)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns that rendered texts follow; none leaves each country its own."""
        return tuple(layout.pattern for layout in self.plate_layouts) if self.layouts else ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON and checkpoints."""
        return asdict(self)

    def check(self) -> None:
        """Makes sure that a run can be made of these values.

        Raises:
            UsageError: one of them is out of range; the line names it.
        """
        named = {"task": Task, "guide": Guide, "loss": Loss, "schedule": Schedule, "decay": Decay}
        for name, choices in named.items():
            choice(getattr(self, name), get_args(choices), name)
        if self.loss == "logits" and self.schedule == "together" and self.guide == "gan":
            raise UsageError("the loss 'logits' needs the schedule 'alternate', or a fixed guide")
        if self.guide == "fixed" and self.task != "sr":
            raise UsageError(f"a fixed guide is for the task sr, not for {self.task}")
        if self.auxiliary_run and (self.task, self.loss) != ("sr", "lcofl"):
            raise UsageError("an auxiliary reader is for the task sr and the loss lcofl")
        if self.shown_run and self.task != "reader-any":
            raise UsageError(f"another run's pictures are for the task reader-any, not for {self.task}")
        if self.shots and (self.fresh or self.hard_sampling or self.data):
            raise UsageError("shots go with rendered plates alone; leave fresh and hard_sampling out")
        if self.task == "presence" and not self.shots:
            raise UsageError("whether a plate is there is learned from shots alone; set shots = true")
        if self.left_out and not self.shots:
            raise UsageError("steps of a camera are left out of shots alone; set shots = true")
        if self.hard_sampling and self.task != "sr":
            raise UsageError(f"hard_sampling is for the task sr, not for {self.task}")
        for name in ("auxiliary", "shown", "absent", "foreign"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"training option {name!r} is a fraction of 0..1, not {getattr(self, name)}")
        if self.task == "sr" and self.guide == "gan" and not 0 < round(self.real * self.batch) < self.batch:
            raise UsageError(f"training option 'real' must leave a batch of {self.batch} some pictures of both kinds")
        _ = self.plate_layouts
        least = {"steps": 1, "batch": 2, "validate_every": 1, "pairs": 1, "validation": 1}
        least |= dict.fromkeys(("seed", "warmup", "sampling_steps", "seconds", "weights_every"), 0)
        for name, value in least.items():
            if getattr(self, name) < value:
                raise UsageError(f"training option {name!r} is at least {value}, not {getattr(self, name)}")
        if self.seed in RESERVED_SEEDS:
            raise UsageError(f"seed {self.seed} is kept for plates to test with; choose another")


PRESETS: dict[str, TrainConfig] = {
    "lite": TrainConfig(),
    "base": TrainConfig(generator="base", generator_rate=5e-4, steps=100000, pairs=327680),
    # Section IV-A, with the authors' optimiser.
    "paper": TrainConfig(
        generator="paper",
        reader="gp_lpr",
        schedule="alternate",
        real=0.5,
        batch=2,
        steps=800000,
        validate_every=4000,
        generator_rate=1e-4,
        reader_rate=1e-4,
        generator_betas=(0.5, 0.555),
        warmup=0,
        decay="plateau",
        weight_decay=0.0,
        clahe=True,
        losses=LcoflConfig(),
    ),
    # The optimiser of SR3's authors: Adam at 1e-4 after a warm-up of 10,000 steps.
    "sr3": TrainConfig(
        task="sr3",
        generator="sr3",
        sampling_steps=100,
        steps=500000,
        validate_every=10000,
        generator_rate=1e-4,
        warmup=10000,
        weight_decay=0.0,
        ema=0.9999,
        validation=32,
    ),
    "sr3-lite": TrainConfig(
        task="sr3",
        generator="sr3-lite",
        steps=20000,
        validate_every=1000,
        generator_rate=1e-3,
        ema=0.999,
        validation=32,
    ),
    # What is released: crops as surveillance cameras and their recorders deliver them.
    "cameras": TrainConfig(
        shots=True,
        real=0.5,
        steps=12000,
        generator_rate=7e-4,
        reader_rate=7e-4,
        warmup=100,
        smoothing=0.03,
        pairs=65536,
        open_share=0.12,
        bf16=False,
    ),
    # Follows the one before: --init names its run.
    "presence": TrainConfig(
        task="presence",
        shots=True,
        absent=0.5,
        foreign=0.3,
        steps=6000,
        reader_rate=1e-3,
        warmup=100,
        pairs=65536,
        open_share=0.12,
        bf16=False,
        seed=20261126,
    ),
    "reader-lr": TrainConfig(task="reader-lr", steps=3000),
    "auxiliary": TrainConfig(task="reader-any", steps=2600, seed=20261125),
    "judge": TrainConfig(task="reader-any", reader="multi-task", steps=4000, seed=20261124),
}


RENAMED = {
    "focus": "hard_sampling",
    "second": "auxiliary",
    "second_run": "auxiliary_run",
    "second_reader": "auxiliary_reader",
}
"""Training options by their earlier names, which older configurations, checkpoints and cards have."""
PRESETS["second"] = PRESETS["auxiliary"]


def from_dict(values: dict[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """A configuration from plain values, on top of another one.

    Raises:
        UsageError: a key is unknown or a value of the wrong type.
    """
    config = base or TrainConfig()
    known = {entry.name for entry in fields(config)}
    for given, value in values.items():
        key = RENAMED.get(given, given)
        if key != given and key in values:
            raise UsageError(f"training option {key!r} is given twice, also by its earlier name {given!r}")
        if key not in known:
            raise UsageError(f"unknown training option {given!r}; there are: {', '.join(sorted(known))}")
        current = getattr(config, key)
        if key == "losses":
            names = {entry.name for entry in fields(LcoflConfig)}
            unknown = set(value) - names if isinstance(value, dict) else {str(value)}
            if unknown:
                raise UsageError(f"unknown loss option {sorted(unknown)[0]!r}; there are: {', '.join(sorted(names))}")
            try:
                value = replace(current, **{name: float(number) for name, number in value.items()})
            except (TypeError, ValueError):
                raise UsageError(f"loss options are numbers, not {value!r}") from None
        elif isinstance(current, tuple):
            if not isinstance(value, (list, tuple)) or len(value) != len(current):
                raise UsageError(f"training option {key!r} takes {len(current)} numbers, not {value!r}")
            try:
                value = tuple(float(number) for number in value)
            except (TypeError, ValueError):
                raise UsageError(f"training option {key!r} takes {len(current)} numbers, not {value!r}") from None
        elif isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif type(value) is not type(current):
            raise UsageError(f"training option {key!r} takes a {type(current).__name__}, not {value!r}")
        config = replace(config, **{key: value})
    return config
