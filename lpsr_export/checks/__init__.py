"""How near a derived graph or engine is to the FP32 graph: crops, comparison, gate."""
