"""Skeletons after the typeface of Brazilian plates to 2018: upright, constant stroke, round corners.

Proportions were taken by eye from photographs: O and 0 are rounded rectangles, B and D have square left corners
with small spurs, J has no bar on top, 1 is a bar, with a small flag or none. M and W are narrow for their
strokes and mostly ink: the middle of M comes down nearly to the foot and leaves two slits below and a short notch
above; W is the same upside down, its sides leaning inwards. The typeface that became the rule in 2008 gives every
character but 1 and I one width, makers before gave A, M, V and W more: `Pen.even` draws what lies between.
"""

from __future__ import annotations

from lpsr_train.plates.strokes import Glyph, Vertex, line, loop

R = 0.22
"""Radius of a bowl's corner, as a share of the height."""
BOX = 0.16
"""Radius of the corners of O and 0, which are rounded rectangles."""

_O = ((0, 0, BOX), (1, 0, BOX), (1, 1, BOX), (0, 1, BOX))
_SIX: tuple[tuple[Vertex, ...], ...] = (
    ((0.97, 0.12), (0.97, 0, R), (0, 0, R), (0, 1, R), (1, 1, R), (1, 0.43, R), (0, 0.43)),
)


def _turned(strokes: tuple[tuple[Vertex, ...], ...]) -> tuple[tuple[Vertex, ...], ...]:
    """The strokes turned by 180 degrees, as 9 is to 6."""
    return tuple(tuple((1 - v[0], 1 - v[1], *v[2:]) for v in stroke) for stroke in strokes)


def _m(width: float, middle: float, notch: float) -> Glyph:
    """M whose middle ends at `middle`, its notch filled to about `notch` above that."""
    return Glyph(width, (line((0, 1), (0, 0), (0.5, middle), (1, 0), (1, 1)), line((0.1, 0), (0.5, notch), (0.9, 0))))


def _w(width: float, foot: float, middle: float, notch: float) -> Glyph:
    """W whose sides lean in by `foot`, whose middle ends at `middle`, its notch filled to about `notch` below that."""
    sides = line((0, -0.03), (foot, 1.02), (0.5, middle), (1 - foot, 1.02), (1, -0.03))
    return Glyph(width, (sides, line((foot + 0.06, 1.02), (0.5, notch), (0.94 - foot, 1.02))))


GLYPHS: dict[str, Glyph] = {
    "0": Glyph(0.60, (loop(*_O),)),
    "1": Glyph(0.24, (line((1, 0), (1, 1)), line((1, 0.03), (0, 0.17)))),
    "2": Glyph(0.63, (line((0, 0.16), (0, 0, R), (1, 0, R), (1, 0.42, 0.2), (0, 1), (1, 1)),)),
    "3": Glyph(
        0.62,
        (
            line((0, 0.13), (0, 0, R), (0.96, 0, R), (0.96, 0.47, R), (0.4, 0.47)),
            line((0.4, 0.47), (1, 0.47, R), (1, 1, R), (0, 1, R), (0, 0.87)),
        ),
    ),
    "4": Glyph(0.70, (line((0.74, 1), (0.74, 0), (0, 0.74), (1, 0.74)),)),
    "5": Glyph(0.63, (line((0.95, 0), (0.06, 0), (0.02, 0.42), (1, 0.42, R), (1, 1, R), (0, 1, R), (0, 0.87)),)),
    "6": Glyph(0.62, tuple(line(*stroke) for stroke in _SIX)),
    "7": Glyph(0.62, (line((0, 0), (1, 0), (0.34, 1)),)),
    "8": Glyph(
        0.63,
        (
            loop((0.05, 0, R), (0.95, 0, R), (0.95, 0.47, R), (0.05, 0.47, R)),
            loop((0, 0.47, R), (1, 0.47, R), (1, 1, R), (0, 1, R)),
        ),
    ),
    "9": Glyph(0.62, tuple(line(*stroke) for stroke in _turned(_SIX))),
    "A": Glyph(0.74, (line((0, 1.04), (0.5, -0.04), (1, 1.04)), line((0.2, 0.72), (0.8, 0.72)))),
    "B": Glyph(
        0.68,
        (
            line((0.12, 0), (0.12, 1)),
            line((0, 0), (0.95, 0, R), (0.95, 0.47, R), (0.12, 0.47)),
            line((0.12, 0.47), (1, 0.47, R), (1, 1, R), (0, 1)),
        ),
    ),
    "C": Glyph(0.64, (line((1, 0.18), (1, 0, R), (0, 0, R), (0, 1, R), (1, 1, R), (1, 0.82)),)),
    "D": Glyph(0.68, (line((0.12, 0), (0.12, 1)), line((0, 0), (1, 0, 0.25), (1, 1, 0.25), (0, 1)))),
    "E": Glyph(0.60, (line((1, 0), (0, 0), (0, 1), (1, 1)), line((0, 0.48), (0.86, 0.48)))),
    "F": Glyph(0.60, (line((1, 0), (0, 0), (0, 1)), line((0, 0.48), (0.85, 0.48)))),
    "G": Glyph(0.66, (line((1, 0.17), (1, 0, R), (0, 0, R), (0, 1, R), (1, 1, R), (1, 0.56), (0.55, 0.56)),)),
    "H": Glyph(0.66, (line((0, 0), (0, 1)), line((1, 0), (1, 1)), line((0, 0.48), (1, 0.48)))),
    "I": Glyph(0.16, (line((0.5, 0), (0.5, 1)),)),
    "J": Glyph(0.60, (line((1, 0), (1, 1, R), (0.12, 1, 0.1), (-0.05, 0.86)),)),
    "K": Glyph(0.70, (line((0, 0), (0, 1)), line((1, -0.03), (0, 0.64)), line((0.36, 0.42), (1, 1.03)))),
    "L": Glyph(0.58, (line((0, 0), (0, 1), (1, 1)),)),
    "M": _m(0.70, 0.82, 0.58),
    "N": Glyph(0.68, (line((0, 1), (0, 0), (1, 1), (1, 0)),)),
    "O": Glyph(0.63, (loop(*_O),)),
    "P": Glyph(0.63, (line((0, 1), (0, 0), (1, 0, R), (1, 0.56, R), (0, 0.56)),)),
    "Q": Glyph(0.68, (loop((0, 0, BOX), (0.94, 0, BOX), (0.94, 1, BOX), (0, 1, BOX)), line((0.58, 0.7), (1.02, 1.04)))),
    "R": Glyph(0.67, (line((0, 1), (0, 0), (0.97, 0, R), (0.97, 0.53, R), (0, 0.53)), line((0.56, 0.62), (1, 1.03)))),
    "S": Glyph(
        0.63,
        (line((0.97, 0.13), (0.97, 0, R), (0, 0, R), (0, 0.47, R), (1, 0.49, R), (1, 1, R), (0, 1, R), (0, 0.87)),),
    ),
    "T": Glyph(0.64, (line((0, 0), (1, 0)), line((0.5, 0), (0.5, 1)))),
    "U": Glyph(0.63, (line((0, 0), (0, 1, R), (1, 1, R), (1, 0)),)),
    "V": Glyph(0.70, (line((0, -0.04), (0.5, 1.04), (1, -0.04)),)),
    "W": _w(0.74, 0.14, 0.20, 0.44),
    "X": Glyph(0.70, (line((0, -0.03), (1, 1.03)), line((1, -0.03), (0, 1.03)))),
    "Y": Glyph(0.70, (line((0, -0.03), (0.5, 0.54), (1, -0.03)), line((0.5, 0.66), (0.5, 1)))),
    "Z": Glyph(0.64, (line((0, 0), (1, 0), (0, 1), (1, 1)),)),
}

_Q = loop((0, 0, BOX), (1, 0, BOX), (1, 1, BOX), (0, 1, BOX))

VARIANTS: dict[str, tuple[Glyph, ...]] = {
    "A": (
        Glyph(0.66, (line((0, 1.04), (0.44, -0.04)), line((0.56, -0.04), (1, 1.04)), line((0.2, 0.74), (0.8, 0.74)))),
    ),
    # Ends that nearly meet.
    "C": (
        Glyph(0.64, (line((1, 0.3), (1, 0, R), (0, 0, R), (0, 1, R), (1, 1, R), (1, 0.7)),)),
        Glyph(0.62, (line((0.98, 0.24), (0.98, 0, BOX), (0, 0, BOX), (0, 1, BOX), (0.98, 1, BOX), (0.98, 0.76)),)),
    ),
    "D": (
        Glyph(0.64, (loop((0, 0), (1, 0, 0.25), (1, 1, 0.25), (0, 1)),)),
        Glyph(0.66, (line((0.07, 0), (0.07, 1)), line((0, 0), (1, 0, 0.2), (1, 1, 0.2), (0, 1)))),
    ),
    "M": (
        _m(0.66, 0.84, 0.66),
        _m(0.74, 0.78, 0.5),
        Glyph(0.72, (line((0, 1), (0, 0), (0.5, 0.72), (1, 0), (1, 1)),)),
        # Of other makers: the middle ends halfway.
        Glyph(0.78, (line((0, 1), (0, 0), (0.5, 0.62), (1, 0), (1, 1)),)),
    ),
    "N": (
        Glyph(0.66, (line((0, 1), (0, 0)), line((0, 0.02), (1, 0.98)), line((1, 1), (1, 0)))),
        Glyph(0.61, (line((0, 1), (0, 0), (1, 1), (1, 0)),)),
    ),
    # The tail is anything from a stroke across the corner to a notch under it.
    "Q": (
        Glyph(0.63, (_Q, line((0.66, 0.76), (1.04, 1.06)))),
        Glyph(0.63, (_Q, line((0.78, 0.86), (1.08, 1.1)))),
        Glyph(0.63, (_Q, line((0.55, 0.82), (0.86, 1.06)))),
        Glyph(0.63, (_Q, line((0.5, 0.62), (0.9, 0.92)))),
    ),
    "R": (
        Glyph(0.66, (line((0, 1), (0, 0), (0.97, 0, R), (0.97, 0.55, R), (0, 0.55)), line((0.74, 0.58), (1, 1.03)))),
    ),
    "W": (
        _w(0.70, 0.10, 0.18, 0.36),
        _w(0.78, 0.18, 0.24, 0.5),
        Glyph(0.72, (line((0, -0.03), (0.22, 1.02), (0.5, 0.30), (0.78, 1.02), (1, -0.03)),)),
        Glyph(0.82, (line((0, -0.03), (0.2, 1.02), (0.5, 0.02), (0.8, 1.02), (1, -0.03)),)),
    ),
    "Y": (
        Glyph(0.64, (line((0, -0.03), (0.5, 0.62), (1, -0.03)), line((0.5, 0.66), (0.5, 1)))),
        Glyph(0.66, (line((0, -0.03), (0.1, 0.2), (0.5, 0.62), (0.9, 0.2), (1, -0.03)), line((0.5, 0.66), (0.5, 1)))),
    ),
    "1": (Glyph(0.17, (line((0.5, 0), (0.5, 1)),)), Glyph(0.30, (line((1, 0), (1, 1)), line((1, 0.02), (0, 0.24))))),
}
"""Other forms of characters that makers of plates draw differently."""
