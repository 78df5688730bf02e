"""What surveillance cameras make of plates: light, lens, sensor, processing, codec, and the box that is cut out."""

from lpsr_core.choices import choice
from lpsr_train.cameras.camera import STEPS
from lpsr_train.cameras.framing import CHOICES


def steps_left_out(words: str) -> tuple[str, ...]:
    """Return the steps of the camera and parts of the framing that words joined by commas name; empty for none.

    Raises:
        UsageError: one of them is unknown.
    """
    named = (word.strip() for word in words.split(","))
    return tuple(choice(word, (*STEPS, *CHOICES), "step of a camera") for word in named if word)
