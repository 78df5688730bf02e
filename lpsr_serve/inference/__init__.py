"""The networks, shared by cameras, videos and requests."""
