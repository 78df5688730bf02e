"""What was read: recorded by one thread, found again by many."""
