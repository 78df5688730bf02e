"""Evidence that can be checked: what a read rests on, chained, signed, verified and computed again."""
