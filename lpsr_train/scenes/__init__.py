"""Made-up scenes with plates whose corners are known, to train the locator on."""
