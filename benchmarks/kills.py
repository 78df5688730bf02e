"""Kills processes and cuts the power while reads are written, and counts what every sink holds after a rerun.

    python -m benchmarks.kills --kills 50 --cuts 20 --out runs/kills.json

A process writes reads to the journal and to all sinks (table, store, evidence, pictures, webhook, MQTT) and says each
that was acknowledged. At a random instant it is killed (SIGKILL), or the disk that it writes to loses its power
(`power.py`; needs root and a loop device). Then the sinks are opened again, as the next run does, and compared.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from csv import DictReader
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np

from benchmarks.power import CutDisk, own_mounts
from benchmarks.servers import Broker, Receiver
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Image, Quad
from lpsr_core.jsonfile import write_json
from lpsr_core.reads import Read, read_key
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.evidence.verify import verify
from lpsr_run.sinks import CsvSink, JsonLinesSink, PictureStore, Result, SpooledSink, SqliteSink, poster, publisher
from lpsr_run.sinks.base import DurableSink
from lpsr_run.sinks.catch_up import catch_up
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sinks.outbox import Outbox
from lpsr_run.sources.live import Retry

SINKS = ("table", "store", "evidence", "pictures", "webhook", "mqtt")
_QUICK = Retry(first=0.02, longest=0.2)


@dataclass(frozen=True)
class Servers:
    """Addresses of the webhook and the broker; empty for none."""

    webhook: str
    mqtt: str


def opened(out: Path, servers: Servers) -> list[DurableSink]:
    """All sinks of a run."""
    sinks: list[DurableSink] = [
        CsvSink(out / "reads.csv"),
        SqliteSink(out / "reads.sqlite"),
        EvidenceSink(out / "evidence", {}),
    ]
    if servers.webhook:
        sinks.append(SpooledSink(poster(servers.webhook), "webhook", out / "spool", retry=_QUICK))
    if servers.mqtt:
        sinks.append(SpooledSink(publisher(servers.mqtt), "mqtt", out / "spool-mqtt", retry=_QUICK))
    return sinks


def write_reads(out: Path, run: str, servers: Servers, acknowledged: Connection) -> None:
    """Write reads for as long as it is let, and send the number of each that was acknowledged."""
    crop = np.random.default_rng(0).integers(0, 256, (16, 48, 3), np.uint8)
    store = PictureStore(out / "pictures", out)
    outbox = Outbox(JsonLinesSink(out / "reads.jsonl"), opened(out, servers), run, out)
    acknowledged.send_bytes(b"ready")
    with suppress(LpsrError):  # of a disk without power; what was said before counts
        _write(run, store, outbox, crop, acknowledged)


def _write(run: str, store: PictureStore, outbox: Outbox, crop: Image, acknowledged: Connection) -> None:
    for number in range(1, 1_000_000):
        lr, _ = store.save(read_key(run, number), "v.mp4", crop, None)
        text, box = f"{number:07d}", Box(0, 0, 48, 16)
        read = Read("v.mp4", number, 0.0, box, text, "x", 1.0, (), 1, 1, False, lr, None, number)
        read = replace(read, run=run, number=number)
        outbox.write(Result(read, 0.0, 0.0, crop, None, Quad.from_box(box)))
        acknowledged.send_bytes(str(number).encode())


def rerun(out: Path, servers: Servers, seconds: float = 60.0) -> None:
    """What the next run in the folder does before its first read; waits until the servers have everything."""
    with ExitStack() as stack:
        sinks = [stack.enter_context(sink) for sink in opened(out, servers)]
        owed = catch_up(out, sinks, lambda line: None)
        if owed:
            raise RuntimeError(f"a sink did not take what it is owed: {owed}")
        until = time.monotonic() + seconds
        spools = [sink for sink in sinks if isinstance(sink, SpooledSink)]
        while any(spool.waiting for spool in spools) and time.monotonic() < until:
            time.sleep(0.02)


def held(out: Path, receiver: Receiver, broker: Broker, run: str) -> dict[str, list[int]]:
    """Numbers of the reads that each sink holds, in its order, with repetitions."""
    records = [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]
    with (out / "reads.csv").open(newline="") as stream:
        table = [int(row["number"]) for row in DictReader(stream, strict=True)]
    with closing(sqlite3.connect(out / "reads.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store = [number for (number,) in database.execute("SELECT number FROM reads ORDER BY id")]
    evidence = []
    if records:
        verdict = verify(out / "evidence")
        assert verdict.sound, [str(finding) for finding in verdict.findings]
        # What begins with a dot was put aside for a read that was never recorded.
        folders = [path.name for path in (out / "evidence").iterdir() if path.is_dir() and path.name[0] != "."]
        evidence = sorted(int(name.split("-")[1]) for name in folders)
    pictures = [r["number"] for r in records if cv2.imread(str(out / r["lr_image"])) is not None]
    return {
        "journal": [record["number"] for record in records],
        "table": table,
        "store": store,
        "evidence": evidence,
        "pictures": pictures,
        "webhook": [int(key.rsplit("-", 1)[1]) for _, key in receiver.got if key.startswith(run)],
        "mqtt": [int(text) for topic, text in broker.got if topic.endswith(run)],
    }


@dataclass(frozen=True)
class Trial:
    """What a kill or a cut left.

    Attributes:
        acknowledged: number of reads that were acknowledged before it.
        lost: by sink, reads that were acknowledged and are not there.
        apart: by sink, reads in which it differs from the journal.
        repeated: by sink, deliveries of a read beyond the first, all under the same key.
        disordered: sinks that hold first deliveries out of order.
    """

    acknowledged: int
    lost: dict[str, int]
    apart: dict[str, int]
    repeated: dict[str, int]
    disordered: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is lost or differs."""
        return not (any(self.lost.values()) or any(self.apart.values()) or self.disordered)


def judged(acknowledged: int, found: dict[str, list[int]]) -> Trial:
    """Compare what the sinks hold with what was acknowledged and with the journal."""
    wanted, journal = set(range(1, acknowledged + 1)), set(found["journal"])
    firsts = {name: list(dict.fromkeys(numbers)) for name, numbers in found.items()}
    return Trial(
        acknowledged,
        {name: len(wanted - set(numbers)) for name, numbers in found.items()},
        {name: len(journal ^ set(numbers)) for name, numbers in found.items()},
        {name: len(numbers) - len(firsts[name]) for name, numbers in found.items()},
        tuple(name for name, numbers in firsts.items() if numbers != sorted(numbers)),
    )


def trial(folder: Path, seconds: float, disk: CutDisk | None = None) -> Trial:
    """Write reads for so long, kill the writer or cut its disk's power, run again, and compare.

    Args:
        folder: that is empty; on the disk, if there is one.
        seconds: after the first sink is open.
        disk: whose power is cut; None kills the process.
    """
    receiver, broker, run = Receiver(), Broker(), new_run_id()
    servers = Servers(receiver.plain, f"mqtt://127.0.0.1:{broker.port}/plates/{run}")
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=write_reads, args=(folder, run, servers, theirs), daemon=True)
    process.start()
    theirs.close()
    acknowledged, until = 0, None
    with suppress(EOFError):
        while until is None or time.monotonic() < until:
            while ours.poll(0.001 if until is None else max(min(until - time.monotonic(), 0.01), 0.0)):
                said = ours.recv_bytes()
                acknowledged = acknowledged if said == b"ready" else int(said)
                until = until or time.monotonic() + seconds
    if disk is not None:
        # What is said from here on does not count: the process outlives its disk by a moment, as in no real cut, and a
        # sync that is under way then may return as if it had worked.
        disk.cut()
    process.kill()
    with suppress(EOFError):
        while True:
            said = ours.recv_bytes()
            if disk is None:
                acknowledged = acknowledged if said == b"ready" else int(said)
    process.join()
    ours.close()
    process.close()
    if disk is not None:
        disk.unmount()
        disk.mount()
    rerun(folder, servers)
    found = held(folder, receiver, broker, run)
    receiver.stop()
    broker.stop()
    return judged(acknowledged, found)


def kills(count: int, seed: int, longest: float) -> list[Trial]:
    """So many kills at random instants."""
    rng, found = random.Random(seed), []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            found.append(trial(Path(folder), rng.uniform(0, longest)))
        print(f"kill {number + 1} of {count}: {found[-1]}", file=sys.stderr, flush=True)
    return found


def cuts(count: int, seed: int, longest: float) -> list[Trial] | str:
    """So many power cuts at random instants, or why there can be none here."""
    rng, found = random.Random(seed), []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                disk = CutDisk(Path(folder) / "disk.img", Path(folder) / "disk")
            except (OSError, subprocess.CalledProcessError) as error:
                return f"no disk can be mounted here: {getattr(error, 'stderr', None) or error}"
            try:
                (disk.folder / "out").mkdir()
                found.append(trial(disk.folder / "out", rng.uniform(0, longest), disk))
            finally:
                disk.unmount()
        print(f"cut {number + 1} of {count}: {found[-1]}", file=sys.stderr, flush=True)
    return found


def summary(trials: list[Trial]) -> dict[str, object]:
    """The sums over all trials."""
    lost, apart, repeated = Counter[str](), Counter[str](), Counter[str]()
    for each in trials:
        lost.update(each.lost)
        apart.update(each.apart)
        repeated.update(each.repeated)
    return {
        "trials": len(trials),
        "acknowledged": sum(each.acknowledged for each in trials),
        "lost": dict(lost),
        "differ_from_journal": dict(apart),
        "repeated_with_same_key": dict(repeated),
        "out_of_order": sorted({name for each in trials for name in each.disordered}),
        "sound": all(each.sound for each in trials),
    }


def main() -> None:
    """Kill, cut, compare, report; exit with 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--longest", type=float, default=1.0, help="seconds that a writer has at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/kills.json"))
    options = parser.parse_args()
    own_mounts()
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["lpsr_run.evidence.sink", "lpsr_run.sinks", "paho.mqtt.client"]
    )
    result: dict[str, object] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": platform.platform(),
        "kills": summary(kills(options.kills, options.seed, options.longest)),
    }
    write_json(options.out, result)
    after = cuts(options.cuts, options.seed + 1, 2 * options.longest)
    result["power_cuts"] = after if isinstance(after, str) else summary(after)
    write_json(options.out, result)
    print(json.dumps(result, indent=2))
    sound = [part["sound"] for part in result.values() if isinstance(part, dict)]
    sys.exit(0 if all(sound) else 1)


if __name__ == "__main__":
    main()
