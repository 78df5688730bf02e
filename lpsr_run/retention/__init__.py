"""How long what a run writes is kept: one rule for reads, tables, stores, pictures, evidence and spools."""
