"""What surveillance cameras make of plates: light, lens, sensor, processing, codec, and the box that is cut out."""
