"""HTTP API, live page and metrics over the runtime: pictures, videos and cameras, read by one process."""
