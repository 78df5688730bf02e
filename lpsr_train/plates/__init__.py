"""Rendered plates: glyphs, plate faces, and the photographs taken of them. NumPy and OpenCV only."""
