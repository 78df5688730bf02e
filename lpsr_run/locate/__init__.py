"""Where the plates are in a frame: the protocol, the built-in locator, and a user's own detector."""

from lpsr_run.locate.base import Location, Locator, suppress

__all__ = ["Location", "Locator", "suppress"]
