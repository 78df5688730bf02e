"""How long what a run writes is kept: one rule for reads, tables, stores, pictures, evidence and spools."""

from lpsr_run.retention.policy import Retention, parse_bytes

__all__ = ["Retention", "parse_bytes"]
