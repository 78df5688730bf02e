"""Sentences of a report that do not depend on its case: limits, glossary, and what networks were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMITS = (
    "The likelihood ratios come from neural networks. They are calibrated on rendered plates; how well they hold on "
    "real pictures is measured on a set of crops, and another camera may differ from it.",
    "The prior treats every text of the layouts as equally likely. Texts that were never issued count, and the texts "
    "of a region do not count more. An examiner who knows better multiplies other prior odds by the likelihood ratio.",
    "The positions are treated as independent, given the picture. A mistake that touches several characters at once, "
    "such as a wrong placement of the plate, is therefore weighed as several mistakes.",
    "The training showed the layouts equally often, while the prior weighs them by their number of texts. Between two "
    "candidates of different layouts the likelihood ratio may be wrong by the ratio of these numbers.",
    "Very large likelihood ratios are extrapolations: no set of some hundred crops can confirm them. The likelihood "
    "ratio of the first candidate against the next one is the figure to look at.",
    "The first candidate was chosen by the data. Its likelihood ratio against all other texts says how much likelier "
    "the frames are under it than under a random plate, not that no similar text explains them as well.",
    "Renderings are drawn in the project's own typefaces, clean and evenly lit. Dirt, damage, screws, frames, shadows "
    "and other typefaces are not in them, and leave residuals that say nothing about the text.",
    "The comparison is made with the same pixels as the reading. The two are not independent evidence, and their "
    "figures are not to be multiplied.",
    "Frames of one recording share their lens, blur and compression. The fusion allows for that by a fitted power of "
    "their number; it does not know this camera.",
    "Registration, averaging and deconvolution make pictures easier to look at and can mislead the eye. Deconvolution "
    "amplifies noise and makes halos. The network's picture shows what is likely and may show strokes that were "
    "never recorded. Measurements belong on the raw pixels.",
    "The report says nothing about whether a plate is genuine, belongs to the vehicle, or was altered.",
)

GLOSSARY = (
    ("Proposition", "One of two statements that are weighed against each other: H1 and its alternative H2."),
    (
        "Likelihood ratio (LR)",
        "How many times likelier the frames are if H1 is true than if H2 is true. Above 1 it supports H1, below 1 H2.",
    ),
    ("Prior and posterior odds", "Odds of H1 before and after the frames are taken into account. LR is their ratio."),
    ("Calibrated", "Of all texts that get a probability of 90 %, about 90 % are right."),
    (
        "Cllr",
        "Cost of likelihood ratios in bits, between 0 (always right and sure) and 1 (says nothing); above 1 it "
        "misleads. Cllr min is what perfect calibration would leave of it.",
    ),
    (
        "Plate score",
        "How surely a plate was seen at all, 0 to 1: the probability of all texts of the layouts together, times how "
        "much is known of the characters.",
    ),
    ("Registration", "Finding how frames lie on each other, to fractions of a pixel, so that they can be averaged."),
    ("Wiener deconvolution", "Takes a known blur out of a picture as far as its noise allows."),
    ("Residual", "Difference between the frames and a rendering, after placement, blur and light were fitted."),
    ("SHA-256", "A digest of bytes; equal digests mean equal bytes for every practical purpose."),
)


def training(card: Mapping[str, Any] | None) -> list[str]:
    """What a network was trained on, from its card, as sentences.

    Args:
        card: `made_by` of the card; None where there is none.
    """
    if not card:
        return ["No card is at hand. What this network was trained on is not known here."]
    settings = dict(card.get("training") or {})
    told = []
    if "data" in settings:
        data = str(settings["data"])
        drawing = f" (drawing version {settings['drawing']})" if "drawing" in settings else ""
        told.append(
            f"Last training: photographs or crops of {data}."
            if data
            else f"Last training: plates rendered by the program{drawing}; no photograph."
        )
    if settings.get("shots"):
        told.append("They were degraded by a rendered camera: lens, motion, sensor, codec.")
    earlier = [dict(each.get("config") or {}) for each in card.get("begun_from", ())]
    if earlier:
        named = sorted({str(each["data"]) for each in earlier if each.get("data")})
        real = f"with data {', '.join(named)}" if named else "none of them with data of its own"
        told.append(f"Before it: {len(earlier)} earlier trainings, {real}.")
    typefaces = card.get("open_typefaces") or ()
    if typefaces:
        fraction = settings.get("open_share")
        often = f", in a fraction of {fraction:g} of the plates" if isinstance(fraction, float) else ""
        told.append(f"Typefaces: the project's own, and {len(typefaces)} open ones{often}.")
    if "steps_trained" in card:
        seed = f", seed {settings['seed']}" if "seed" in settings else ""
        told.append(f"{card['steps_trained']:,} steps{seed}.")
    return told or ["The card does not say what this network was trained on."]
