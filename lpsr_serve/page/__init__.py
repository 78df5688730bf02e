"""The live page: cameras, reads as they come, search, and all sightings of a plate."""
