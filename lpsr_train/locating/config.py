"""The configuration of a locator's training, and with it the options of `lpsr-train locator`."""

from __future__ import annotations

from dataclasses import dataclass

from lpsr_core.errors import UsageError
from lpsr_core.options import check_options, option


@dataclass(frozen=True)
class LocatorTraining:
    """A training; the help of each option says what its field means.

    Attributes:
        warmup: steps in which the learning rate of AdamW rises; a cosine lowers it afterwards.
        weight_decay, clip: of AdamW, and of the gradient's norm.
        open_share: how often an open typeface of this machine replaces the project's own.
        begun_from: run whose weights it began with, and the beginning of its checkpoint's sha256.
    """

    steps: int = option("Number of training steps.", "N", 8000, least=1)
    seconds: float = option(
        "Training time in seconds, unless --steps ends it before.", "S", 0.0, least=0, default_words="no limit"
    )
    weights_every: float = option(
        "Interval in seconds at which half-precision weights are written to OUT/weights.",
        "S",
        0.0,
        least=0,
        default_words="never",
    )
    batch: int = option("Batch size in windows.", "N", 24, least=1)
    looks: int = option("Second looks in each batch, beside its windows.", "N", 24, least=0)
    window: int = option("Side of a window in pixels, a multiple of 32.", "N", 288, least=64)
    rate: float = option("Peak learning rate.", "R", 2e-3, least=1e-6)
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 5.0
    ema: float = option("Decay of the moving average of the weights.", "D", 0.998, least=0, most=0.99999)
    scenes: int = option("Number of scenes to render.", "N", 16384, least=1)
    open_share: float = 0.3
    seed: int = option("Random seed of the scenes and their order.", "N", 20261201, least=0)
    validate_every: int = option("Number of steps between validations.", "N", 1000, least=1)
    validation: int = option("Number of validation scenes.", "N", 256, least=1)
    bf16: bool = option("Train in bfloat16, where the device has it.", default=True)
    begun_from: str = ""

    def check(self) -> None:
        """Validate the values.

        Raises:
            UsageError: with the option and what it takes.
        """
        check_options(self)
        if self.window % 32:
            raise UsageError(f"--window is a multiple of 32, not {self.window}")
