"""The training loop: batches, losses, schedule, state on disk, and what it needs of the machine."""
