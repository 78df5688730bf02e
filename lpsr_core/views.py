"""The views in which a crop is read: how widely it is cut, and whether through the generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lpsr_core.geometry import DIRECT_WIDTH, Image, plate_width, resize, to_lr, with_margin
from lpsr_core.settings import SUPER_RESOLVE as SUPER_RESOLVE
from lpsr_core.settings import VIEWS as VIEWS
from lpsr_core.settings import SuperResolve as SuperResolve
from lpsr_core.settings import Views as Views

SURE = 0.92
"""Confidence from which the first look at a crop suffices. Of real crops whose first look is a little surer than 0.9,
one in five is misread, and further views tell which."""


@dataclass(frozen=True)
class View:
    """One way of looking at a crop.

    Attributes:
        super_resolved: whether the generator enlarges it for the reader.
        margin: fractions of the crop's width and of its height that are added on every side; negative where they are
            cut off.
        inverted: whether it is shown as its negative.
    """

    super_resolved: bool
    margin: tuple[float, float] = (0.0, 0.0)
    inverted: bool = False

    def of(self, crop: Image, direct: tuple[int, int]) -> Image:
        """Return the first network's input: uint8[16, 48, 3] when super-resolved, else of the reader's size.

        Args:
            crop: uint8[H, W, 3] of any size.
            direct: width and height that the reader takes directly.
        """
        cut = with_margin(crop, *self.margin)
        shown = to_lr(cut) if self.super_resolved else resize(cut, direct)
        return np.asarray(255 - shown if self.inverted else shown)


NARROWER = ((-0.03, -0.06), (-0.06, 0.0))
"""Margins of further views: boxes differ in how tightly they hold the plate. On real crops it is width that they have
too much of; a view that adds some is worse than any of these."""
DIRECT = (View(False), View(False, NARROWER[0], inverted=True), View(False, NARROWER[1]))
"""Views without the generator. The networks know light characters on dark plates as well as dark ones on light, and err
differently on the two: a negative among the views is worth more than another margin."""
SUPER_RESOLVED = (View(True), View(True, inverted=True), View(True, NARROWER[0]), View(True, NARROWER[1]))
"""Views through the generator."""


def first_view(super_resolve: SuperResolve, crop: Image) -> View:
    """Return the view that every crop is read in."""
    if super_resolve == "auto":
        return View(plate_width(crop) < DIRECT_WIDTH)
    return View(super_resolve == "always")


def further_views(super_resolve: SuperResolve, first: View) -> tuple[View, ...]:
    """Return the other views of a crop whose first look is not sure.

    In `auto` a wide crop is read both ways. A narrow one is read through the generator alone: direct views gain nothing
    between 33 and 48 pixels.
    """
    views: tuple[View, ...] = SUPER_RESOLVED if first.super_resolved else DIRECT
    if super_resolve == "auto" and not first.super_resolved:
        views += SUPER_RESOLVED
    return tuple(view for view in views if view != first)
