"""Attacks on a run, each with what it cost: reads that were lost, and seconds for which others were held up."""
