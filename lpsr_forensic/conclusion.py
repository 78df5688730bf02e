"""The candidates with what speaks for each, and the rule by which a report concludes, or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.decode import UNKNOWN, alternatives
from lpsr_core.layouts import Layout, layout_of
from lpsr_forensic.comparison import LEAST_FIT, TELLS_APART, Compared
from lpsr_forensic.likelihood import TextSet, character_posteriors, log10_odds, text_log_posteriors

CANDIDATES = 6
"""Texts that are listed, rendered and compared."""
LEAST_ODDS = 10.0
"""Posterior odds, at equal prior probabilities, from which a text or a character is concluded."""
LEAST_RATIO = 100.0
"""Likelihood ratio of the first candidate against another one from which the comparison need not tell them apart."""
LEAST_CHARACTERS = 4
"""Concluded characters from which a part of the text is told."""

Kind = Literal["text", "part", "none"]
Relation = Literal["first", "told apart", "not told apart", "nearer than the first", "not compared"]


@dataclass(frozen=True)
class CandidateText:
    """A text that the plate may bear.

    Attributes:
        text: seven characters.
        layout: that it follows.
        posterior: probability among all texts of the layouts, each equally likely before.
        log10_lr: of this text against all others together.
        log10_first: of the first candidate against this one alone; 0 for the first.
        compared: its rendering beside the pixels; None where it was not compared.
        relation: what the comparison says about the first candidate and this one.
    """

    text: str
    layout: Layout
    posterior: float
    log10_lr: float
    log10_first: float
    compared: Compared | None
    relation: Relation


@dataclass(frozen=True)
class Conclusion:
    """What the report concludes.

    Attributes:
        kind: the whole text, a part of it, or nothing.
        text: with `?` for what is not concluded; empty where nothing is.
        reasons: sentences about what is not concluded and why.
    """

    kind: Kind
    text: str
    reasons: tuple[str, ...]


def candidate_texts(log_probs: NDArray[np.floating], layouts: Sequence[Layout]) -> list[tuple[str, Layout]]:
    """The likeliest texts with their layouts, best first.

    Args:
        log_probs: float[7, 36], fused.
        layouts: that texts may follow.
    """
    named = (each.text for each in alternatives(log_probs, layouts, CANDIDATES))
    return [(text, layout) for text in named if (layout := layout_of(text, layouts)) is not None]


def weigh(
    log_probs: NDArray[np.floating], candidates: Sequence[tuple[str, Layout]], compared: Sequence[Compared], of: TextSet
) -> tuple[CandidateText, ...]:
    """Put the likelihood ratios of candidates beside their comparison with the pixels.

    Args:
        log_probs: float[7, 36], fused.
        candidates: as `candidate_texts` gives them.
        compared: of some or all of them, in any order.
        of: the texts that are possible.
    """
    texts = [text for text, _ in candidates]
    posteriors = text_log_posteriors(np.asarray(log_probs)[None], texts, of)[0]
    ratios = log10_odds(posteriors) + np.log10(of.size - 1)
    found = {each.text: each for each in compared}
    first = found.get(texts[0])
    counts = first is not None and max(each.explained for each in compared) >= LEAST_FIT
    weighed = []
    for at, (text, layout) in enumerate(candidates):
        own = found.get(text)
        relation = _relation(first, own) if counts and own is not None else "not compared"
        against = float(posteriors[0] - posteriors[at]) / np.log(10)
        weighed.append(
            CandidateText(text, layout, float(np.exp(posteriors[at])), float(ratios[at]), float(against), own, relation)
        )
    return tuple(weighed)


def conclude(
    plate: float,
    min_plate: float,
    candidates: Sequence[CandidateText],
    log_probs: NDArray[np.floating],
    of: TextSet,
    altered: bool = False,
    different: bool = False,
) -> Conclusion:
    """Conclude the text, a part of it, or nothing.

    Nothing is concluded where the material was altered, the frames show different plates and none is shown by most of
    them, or the plate score is below `min_plate`. A character is concluded where its posterior odds are at least
    `LEAST_ODDS` and no other candidate leaves it open. Another candidate leaves its differing characters open where its
    rendering is nearer to the pixels than that of the first; and where the first one's likelihood ratio against it is
    below `LEAST_RATIO` and the comparison does not tell the two apart, or was not possible. All seven characters are
    the text, where its own posterior odds are at least `LEAST_ODDS` as well; fewer than `LEAST_CHARACTERS` are nothing.
    """
    if altered:
        return Conclusion("none", "", ("The evidence was altered: it is not what its manifest or its chain says.",))
    if different:
        return Conclusion("none", "", ("The frames show different plates, and no plate is shown by most of them.",))
    if plate < min_plate:
        return Conclusion("none", "", (f"The plate score {plate:.2f} is below {min_plate:g}: no plate can be read.",))
    first, reasons = candidates[0], []
    posteriors = character_posteriors(np.asarray(log_probs)[None], of)[0]
    own = posteriors[np.arange(PLATE_LENGTH), encode(first.text)]
    with np.errstate(divide="ignore"):
        open_ones = set(np.flatnonzero(log10_odds(np.log(own)) < np.log10(LEAST_ODDS)).tolist())
    if open_ones:
        reasons.append(f"Posterior odds below {LEAST_ODDS:g} to 1 leave open: {_positions(open_ones)}.")
    for other in candidates[1:]:
        differing = {at for at in range(PLATE_LENGTH) if other.text[at] != first.text[at]}
        if other.relation == "nearer than the first":
            reasons.append(
                f"The rendering of {other.text} is nearer to the pixels than that of {first.text}; "
                f"this leaves open: {_positions(differing)}."
            )
            open_ones |= differing
        elif 10**other.log10_first < LEAST_RATIO and other.relation != "told apart":
            reasons.append(
                f"The likelihood ratio of {first.text} against {other.text} is {10**other.log10_first:.3g}, below "
                f"{LEAST_RATIO:g}, and the comparison with the pixels does not tell them apart; "
                f"this leaves open: {_positions(differing)}."
            )
            open_ones |= differing
    whole = first.posterior / max(1 - first.posterior, 1e-15) >= LEAST_ODDS
    if not open_ones and whole:
        return Conclusion("text", first.text, ())
    if not whole and not open_ones:
        # Every character is likely, but not all seven together: the least likely one is left open.
        open_ones = {int(own.argmin())}
        reasons.append(
            f"The posterior odds of the whole text are below {LEAST_ODDS:g} to 1; its least likely character, "
            f"{_positions(open_ones)}, is left open."
        )
    if PLATE_LENGTH - len(open_ones) < LEAST_CHARACTERS:
        reasons.append(f"Fewer than {LEAST_CHARACTERS} characters would remain.")
        return Conclusion("none", "", tuple(reasons))
    text = "".join(UNKNOWN if at in open_ones else character for at, character in enumerate(first.text))
    return Conclusion("part", text, tuple(reasons))


def _relation(first: Compared | None, other: Compared) -> Relation:
    if first is None:
        return "not compared"
    if other.text == first.text:
        return "first"
    ratio = other.error**2 / max(first.error**2, 1e-9)
    if ratio >= TELLS_APART:
        return "told apart"
    return "nearer than the first" if ratio <= 1 / TELLS_APART else "not told apart"


def _positions(at: set[int]) -> str:
    """Positions as people count them."""
    word = "position" if len(at) == 1 else "positions"
    return f"{word} {', '.join(str(each + 1) for each in sorted(at))}"
