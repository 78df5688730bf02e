"""Bulk archives: a million crops or thousands of videos read on a Ray cluster, exactly one result per input."""
