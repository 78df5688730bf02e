"""Who may ask, how often, and how much at a time."""
