"""`lpsr_core.degradation` on tensors: many plates at once, each with faults of its own, on a GPU or a CPU."""

from lpsr_train.degradation.crops import CropBatch
from lpsr_train.degradation.methods import Faults, degrade, draw_faults

__all__ = ["CropBatch", "Faults", "degrade", "draw_faults"]
