"""What runs beside the models under test, with the same crops and the same clock."""
