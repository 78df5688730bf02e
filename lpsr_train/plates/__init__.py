"""Rendered plates: glyphs, plate faces, and the photographs taken of them. NumPy and OpenCV only."""

DRAWING = 9
"""Version of the drawing: raised whenever the same seed gives other plates, so that no pool mixes two of them."""
