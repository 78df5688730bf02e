"""What a plate is: alphabet and layouts, crop geometry, degradation, reads, metrics.

The base of the house: NumPy and OpenCV only, imported by every other package.
"""

__version__ = "0.1.0"
