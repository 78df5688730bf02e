"""Health check of a container: asks lpsr-serve whether reads can be made and recorded."""

import os
import sys
import urllib.error
import urllib.request

port = os.environ.get("LPSR_PORT", "8080")
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        sys.exit(0 if answer.status == 200 else 1)
except (OSError, urllib.error.URLError) as error:
    sys.exit(f"not ready: {error}")
