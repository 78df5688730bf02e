"""What is measured while networks are trained: recognition rates, sample sheets, curves."""
