"""Videos that were sent to be read: one after the other, with progress."""
