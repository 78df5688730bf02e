"""What a run tells of itself: its state, status file, event log and summary."""
