"""INT8 graphs: where Q/DQ pairs go, how ranges are found, and which layers stay in floating point."""
