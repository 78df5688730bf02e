"""How often databases look at what is too old or too many; the rule itself is `lpsr_run.retention`'s."""

PRUNED_READS, PRUNED_SECONDS = 100, 3600.0
"""Reads, and seconds, between two looks at what is too old or too many."""
