"""The best, the median and the worst plates, as pictures with what was read of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import Any

from lpsr_bench.report.markup import Html, capital, image, join, tag, text

_PICTURES = (("lr", "LR"), ("sr", "SR"), ("hr", "HR"))


def sheet(shown: Sequence[dict[str, Any]]) -> Html:
    """Pictures by kind.

    Args:
        shown: `sheet` of a row of `accuracy`: kind, truth, read, confidence, and PNGs in base 64.
    """
    return join(
        [
            tag("h3", text("Plates")),
            tag(
                "p",
                text(
                    "By characters that are right and then by confidence. The text was read in the super-resolved "
                    "picture; characters that are wrong are underlined."
                ),
                class_="below",
            ),
            *(
                join([tag("h4", text(capital(kind))), tag("div", *map(_plate, plates), class_="sheet")])
                for kind, plates in groupby(shown, key=lambda each: each["kind"])
            ),
        ]
    )


def _plate(shown: dict[str, Any]) -> Html:
    rows = [
        join(
            [
                tag("span", text(name)),
                image(f"data:image/png;base64,{shown[key]}", alt=f"{name} picture of plate {shown['truth']}"),
            ]
        )
        for key, name in _PICTURES
    ]
    texts = [
        join([tag("span", text("true")), tag("code", text(shown["truth"]))]),
        join([tag("span", text("read")), tag("span", _marked(shown["read"], shown["truth"]), _sure(shown))]),
    ]
    return tag("div", *(tag("div", row, class_="row") for row in rows + texts))


def _sure(shown: dict[str, Any]) -> Html:
    return text(f" {100 * shown['confidence']:.0f} % sure")


def _marked(read: str, truth: str) -> Html:
    """What was read, with its wrong characters marked; a gap stands for one that is missing."""
    letters = (
        text(letter) if letter == right else tag("mark", text(letter))
        for letter, right in zip_longest(read, truth, fillvalue="_")
    )
    return tag("code", Html("".join(letters)))
