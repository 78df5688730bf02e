"""Training of the locator: scenes, targets, loss, the loop."""
