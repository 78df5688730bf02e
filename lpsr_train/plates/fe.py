"""Skeletons after FE-Engschrift, the narrow cut of FE-Schrift, which Mercosur plates are stamped in.

FE-Schrift was made so that no character can be turned into another, and this cut is what CONTRAN's resolution 780
of 2019 (annex I) prescribes: 65 mm high, each character in the middle of a cell of 46 mm. Every letter is 0.54 as
wide as high and every digit 0.51, so that M and W are no wider than H and V: a reader that goes by the width of a
character, as one may with other typefaces, takes the one for the other. D, P and I have spurs, 1 a foot, L a hook,
R an open bowl, Q a bar within and a tail, 0 corners and a cut where O is oval, 6 and 9 are straight, 4 is open.
"""

from __future__ import annotations

from lpsr_train.plates.strokes import Glyph, line, loop

R = 0.2
"""Radius of a bowl's corner, as a share of the height."""
S = 0.14
"""Radius of a narrow corner, as a share of the height."""
LETTER = 0.54
"""Width of a letter, as a share of its height."""
DIGIT = 0.51
"""Width of a digit, as a share of its height."""

_BOWL = loop((0, 0, S), (1, 0, S), (1, 1, R), (0, 1, R))
_SPINE = line((0, 1), (0, 0))

GLYPHS: dict[str, Glyph] = {
    "0": Glyph(DIGIT, (line((1, 0.27), (1, 1, 0.12), (0, 1, 0.12), (0, 0, 0.12), (1, 0, 0.12), (1, 0.05)),)),
    "1": Glyph(DIGIT, (line((0, 0.28), (0.64, 0), (0.64, 1)), line((0.04, 1), (1, 1)))),
    "2": Glyph(DIGIT, (line((0, 0.2), (0, 0, R), (1, 0, R), (1, 0.42, 0.15), (0, 1), (1, 1)),)),
    "3": Glyph(
        DIGIT,
        (line((0, 0), (1, 0), (1, 0.08), (0.45, 0.42), (0.45, 0.47), (1, 0.47, R), (1, 1, R), (0, 1, R), (0, 0.78)),),
    ),
    "4": Glyph(DIGIT, (line((0.58, -0.03), (0, 0.77), (1, 0.77)), line((0.76, 0.5), (0.76, 1)))),
    "5": Glyph(
        DIGIT, (line((1, 0), (0.04, 0), (0.04, 0.46), (0.4, 0.4), (1, 0.4, R), (1, 1, R), (0, 1, S), (0, 0.82)),)
    ),
    "6": Glyph(
        DIGIT,
        (loop((0, 0.42, R), (1, 0.42, R), (1, 1, R), (0, 1, R)), line((0, 0.72), (0.06, 0.46, 0.1), (0.7, -0.04))),
    ),
    "7": Glyph(DIGIT, (line((0, 0.2), (0, 0), (1, 0), (1, 0.12), (0.14, 0.8), (0.14, 1)),)),
    "8": Glyph(
        DIGIT,
        (
            loop((0.08, 0, R), (0.92, 0, R), (0.92, 0.44, R), (0.08, 0.44, R)),
            loop((0, 0.44, R), (1, 0.44, R), (1, 1, R), (0, 1, R)),
        ),
    ),
    "9": Glyph(
        DIGIT, (loop((0, 0, R), (1, 0, R), (1, 0.58, R), (0, 0.58, R)), line((1, 0.28), (0.94, 0.54, 0.1), (0.3, 1.04)))
    ),
    "A": Glyph(LETTER, (line((0, 1.03), (0.38, 0), (0.62, 0), (1, 1.03)), line((0.16, 0.74), (0.84, 0.74)))),
    "B": Glyph(
        LETTER,
        (
            _SPINE,
            line((0, 0), (0.93, 0, R), (0.93, 0.46, R), (0, 0.46)),
            line((0, 0.46), (1, 0.46, R), (1, 1, R), (0, 1)),
        ),
    ),
    "C": Glyph(LETTER, (line((0.98, 0.22), (1, 0, S), (0, 0, S), (0, 1, R), (1, 1, R), (1, 0.74)),)),
    "D": Glyph(LETTER, (line((0.15, 0), (0.15, 1)), line((0, 0), (1, 0, R), (1, 1, R), (0, 1)))),
    "E": Glyph(LETTER, (line((0.96, 0), (0, 0), (0, 1), (1, 1)), line((0, 0.41), (0.76, 0.41)))),
    "F": Glyph(LETTER, (line((1, 0), (0, 0, 0.04), (0, 1)), line((0, 0.57), (0.86, 0.57)))),
    "G": Glyph(
        LETTER,
        (
            line((1, 0.16), (1, 0, S), (0, 0, S), (0, 1, R), (1, 1, R), (1, 0.7)),
            line((0.48, 0.52), (1, 0.52), (1, 1)),
        ),
    ),
    "H": Glyph(LETTER, (_SPINE, line((1, 0), (1, 1)), line((0, 0.46), (1, 0.46)))),
    "I": Glyph(0.47, (line((0.5, 0), (0.5, 1)), line((0.2, 0), (0.8, 0)), line((0, 1), (1, 1)))),
    "J": Glyph(LETTER, (line((0.44, 0), (1, 0), (1, 1, R), (0, 1, S), (0, 0.74)),)),
    "K": Glyph(LETTER, (_SPINE, line((1, -0.03), (0.08, 0.62)), line((0.4, 0.42), (1, 1.03)))),
    "L": Glyph(LETTER, (line((0, 0), (0, 1), (1, 1, 0.05), (1, 0.76)),)),
    "M": Glyph(LETTER, (line((0, 1), (0, 0), (0.5, 0.5), (1, 0), (1, 1)),), 0.88),
    "N": Glyph(LETTER, (line((0, 1), (0, 0), (1, 1), (1, 0)),)),
    "O": Glyph(LETTER, (loop((0.04, 0, 0.34), (0.96, 0, 0.34), (1, 1, 0.26), (0, 1, 0.26)),)),
    "P": Glyph(LETTER, (line((0.13, 1), (0.13, 0)), line((0, 0), (1, 0, R), (1, 0.58, R), (0.13, 0.58)))),
    "Q": Glyph(LETTER, (_BOWL, line((0.42, 0.66), (0.6, 0.66), (1, 1.05)))),
    "R": Glyph(
        LETTER,
        (_SPINE, line((0, 0), (0.92, 0, 0.06), (0.92, 0.38), (0.5, 0.47)), line((0.5, 0.4), (0.5, 0.52), (1, 1.04))),
    ),
    "S": Glyph(
        LETTER,
        (line((1, 0.18), (1, 0, R), (0, 0, R), (0, 0.36, 0.1), (1, 0.62, 0.1), (1, 1, R), (0, 1, S), (0, 0.76)),),
    ),
    "T": Glyph(LETTER, (line((0, 0), (1, 0)), line((0.5, 0), (0.5, 1)))),
    "U": Glyph(LETTER, (line((0, 0), (0, 1, R), (0.94, 1, S), (1, 0.8)), line((1, 0), (1, 1)))),
    "V": Glyph(LETTER, (line((0, -0.04), (0.38, 1.02), (0.62, 1.02), (1, -0.04)),)),
    "W": Glyph(
        LETTER, (line((0, -0.03), (0.22, 1.02), (0.47, 0.42)), line((0.53, 0.42), (0.78, 1.02), (1, -0.03))), 0.78
    ),
    "X": Glyph(LETTER, (line((0, -0.03), (1, 1.03)), line((1, -0.03), (0, 1.03)))),
    "Y": Glyph(
        LETTER, (line((0, -0.03), (0.14, 0.36), (0.5, 0.64), (0.86, 0.36), (1, -0.03)), line((0.5, 0.6), (0.5, 1)))
    ),
    "Z": Glyph(LETTER, (line((0, 0), (1, 0), (1, 0.06), (0, 0.94), (0, 1), (1, 1)),)),
}

VARIANTS: dict[str, tuple[Glyph, ...]] = {
    "0": (Glyph(DIGIT, (loop((0, 0, S), (1, 0, S), (1, 1, S), (0, 1, S)),)),),
    "3": (
        Glyph(
            DIGIT,
            (
                line((0.02, 0.14), (0.02, 0, S), (0.94, 0, R), (0.94, 0.46, R), (0.3, 0.46)),
                line((0.3, 0.46), (1, 0.46, R), (1, 1, R), (0, 1, R), (0, 0.84)),
            ),
        ),
    ),
    "7": (Glyph(DIGIT, (line((0, 0), (1, 0), (0.34, 1.03)),)),),
    "D": (Glyph(LETTER, (line((0, 0), (0, 1)), line((0, 0), (1, 0, R), (1, 1, R), (0, 1)))),),
    "M": (
        Glyph(LETTER, (line((0, 1), (0, 0), (0.5, 0.62), (1, 0), (1, 1)),), 0.88),
        Glyph(LETTER, (line((0, 1), (0, 0), (0.5, 0.4), (1, 0), (1, 1)),), 0.94),
    ),
    "P": (Glyph(LETTER, (_SPINE, line((0, 0), (1, 0, R), (1, 0.58, R), (0, 0.58)))),),
    # The tail crosses the bowl, lies inside it, or is no more than a notch below it.
    "Q": (
        Glyph(LETTER, (_BOWL, line((0.5, 0.7), (1, 1.05)))),
        Glyph(LETTER, (_BOWL, line((0.58, 0.78), (0.94, 1.08)))),
    ),
    "R": (Glyph(LETTER, (line((0, 1), (0, 0), (0.96, 0, S), (0.96, 0.5, S), (0, 0.5)), line((0.5, 0.56), (1, 1.04)))),),
    # The middle of W rises high and fills with ink, or ends halfway.
    "W": (
        Glyph(LETTER, (line((0, -0.02), (0.22, 1.02), (0.5, 0.3), (0.78, 1.02), (1, -0.02)),), 0.75),
        Glyph(LETTER, (line((0, -0.02), (0.16, 1.02), (0.5, 0.5), (0.84, 1.02), (1, -0.02)),), 0.85),
    ),
    "Y": (Glyph(LETTER, (line((0, -0.03), (0.5, 0.6), (1, -0.03)), line((0.5, 0.68), (0.5, 1)))),),
}
"""Other forms of characters, as embossing and makers vary them."""
