"""The views in which a crop is read: how widely it is cut, and whether through the generator."""

from __future__ import annotations

from dataclasses import dataclass

from lpsr_core.geometry import DIRECT_WIDTH, Image, to_lr, to_read, with_margin
from lpsr_core.settings import SUPER_RESOLVE as SUPER_RESOLVE
from lpsr_core.settings import VIEWS as VIEWS
from lpsr_core.settings import SuperResolve as SuperResolve
from lpsr_core.settings import Views as Views

SURE = 0.9
"""Confidence from which the first look at a crop suffices."""
MARGINS = ((0.0, 0.0), (-0.03, -0.06), (-0.06, 0.0))
"""Fractions of a crop's width and height that views add on every side: boxes differ in how tightly they hold the plate.
On real crops it is width that they have too much of; a view that adds some is worse than any of these."""


@dataclass(frozen=True)
class View:
    """One way of looking at a crop.

    Attributes:
        super_resolved: whether the generator enlarges it for the reader.
        margin: fractions of the crop's width and of its height that are added on every side; negative where they are
            cut off.
    """

    super_resolved: bool
    margin: tuple[float, float] = (0.0, 0.0)

    def of(self, crop: Image, direct: tuple[int, int]) -> Image:
        """Return the first network's input: uint8[16, 48, 3] when super-resolved, else of the reader's size.

        Args:
            crop: uint8[H, W, 3] of any size.
            direct: width and height that the reader takes directly.
        """
        cut = with_margin(crop, *self.margin)
        return to_lr(cut) if self.super_resolved else to_read(cut, direct)


def first_view(super_resolve: SuperResolve, crop: Image) -> View:
    """Return the view that every crop is read in."""
    if super_resolve == "auto":
        return View(crop.shape[1] < DIRECT_WIDTH)
    return View(super_resolve == "always")


def further_views(super_resolve: SuperResolve, first: View) -> tuple[View, ...]:
    """Return the other views of a crop whose first look is not sure: all margins, and in `auto` the other way as well.

    Wide crops are read in every margin both ways. Narrow ones are read directly only once: three times are no better
    at 40 pixels, and worse at 33.
    """
    views = [View(first.super_resolved, margin) for margin in MARGINS]
    if super_resolve == "auto":
        others = MARGINS[1:2] if first.super_resolved else MARGINS
        views += [View(not first.super_resolved, margin) for margin in others]
    return tuple(view for view in views if view != first)
