"""Runs beside each other, and beside the paper: how much is read of their pictures, and how long they take."""
