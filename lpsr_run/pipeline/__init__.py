"""The way of the data: frames to plates to tracks to reads, and a run put together from its configuration."""
