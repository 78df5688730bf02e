"""Load on a running server: so many clients that send pictures without a pause.

    lpsr-serve --store runs/load --api-key-file runs/load.keys --rate 10000 --burst 10000 &
    python -m benchmarks.serve_load --url http://127.0.0.1:8080 --key-file runs/load.keys

Prints a line of JSON: answers by status, rate, latencies of those that were read, and the server's resident memory
before, at its highest and after. Anything but 200 and 429 is an error, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

_MEMORY = re.compile(r"^lpsr_process_resident_memory_bytes (\S+)$", re.MULTILINE)
_FINE = (200, 429)


@dataclass
class Seen:
    """What the clients saw.

    Attributes:
        statuses: answers by status; `-1` is a connection that failed.
        seconds: of each answer that holds reads.
        texts: plates by text.
        memory: resident bytes of the server, twice a second.
        failures: what went wrong, by its name.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    texts: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


async def send(
    client: httpx.AsyncClient, pictures: itertools.cycle[bytes], until: float, path: str, seen: Seen
) -> None:
    """One client: sends the next picture as soon as the last one was answered; heeds Retry-After."""
    while time.monotonic() < until:
        start = time.monotonic()
        try:
            answer = await client.post(path, content=next(pictures), headers={"content-type": "image/jpeg"})
        except httpx.HTTPError as error:
            seen.statuses[-1] += 1
            seen.failures[type(error).__name__] += 1
            continue
        seen.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            seen.seconds.append(time.monotonic() - start)
            seen.texts.update(read["text"] for read in answer.json()["reads"])
        elif answer.status_code in _FINE:
            await asyncio.sleep(min(float(answer.headers.get("retry-after", 1)), max(until - time.monotonic(), 0)))


async def watch(client: httpx.AsyncClient, until: float, seen: Seen) -> None:
    """The server's memory, twice a second."""
    while time.monotonic() < until:
        found = _MEMORY.search((await client.get("/metrics")).text)
        if found:
            seen.memory.append(float(found[1]))
        await asyncio.sleep(0.5)


async def load(url: str, key: str, clients: int, seconds: float, path: str, pictures: list[bytes]) -> Seen:
    """Run all clients at once."""
    seen = Seen()
    limits = httpx.Limits(max_connections=clients + 1, max_keepalive_connections=clients + 1)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120) as client:
        (await client.post(path, content=pictures[0])).raise_for_status()
        until = time.monotonic() + seconds
        cycle = itertools.cycle(pictures)
        await asyncio.gather(
            watch(client, until, seen), *(send(client, cycle, until, path, seen) for _ in range(clients))
        )
        found = _MEMORY.search((await client.get("/metrics")).text)
        seen.memory.append(float(found[1]) if found else float("nan"))
    return seen


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--path", choices=("/api/v1/crops", "/api/v1/read"), default="/api/v1/crops")
    parser.add_argument("--pictures", type=Path, default=Path("examples/plates"))
    options = parser.parse_args()
    files = [options.pictures] if options.pictures.is_file() else sorted(options.pictures.glob("*.jpg"))
    pictures = [path.read_bytes() for path in files]
    key = options.key_file.read_text().split()[0]
    start = time.monotonic()
    try:
        seen = asyncio.run(load(options.url, key, options.clients, options.seconds, options.path, pictures))
    except httpx.HTTPError as error:
        raise SystemExit(f"error: {options.url}: {error}; start the server, and give its key") from None
    spent = time.monotonic() - start
    errors = sum(count for status, count in seen.statuses.items() if status not in _FINE)
    quantiles = np.quantile(seen.seconds, [0.5, 0.95, 0.99]).round(3).tolist() if seen.seconds else []
    told = {
        "clients": options.clients,
        "seconds": round(spent, 1),
        "path": options.path,
        "answers": {str(status): count for status, count in sorted(seen.statuses.items())},
        "failures": dict(seen.failures),
        "read_per_second": round(len(seen.seconds) / spent, 2),
        "p50_p95_p99_seconds": quantiles,
        "resident_mib": [round(value / 2**20, 1) for value in (seen.memory[0], max(seen.memory), seen.memory[-1])],
        "errors": errors,
    }
    print(json.dumps(told))
    raise SystemExit(1 if errors else 0)


if __name__ == "__main__":
    main()
