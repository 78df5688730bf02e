"""Runs lpsr-run at full speed for as long as is wanted, and looks whether it grows or loses anything.

    python -m benchmarks.soak --minutes 30 --out runs/soak                  # at full speed
    python -m benchmarks.soak --minutes 30 --everything --rate 1            # all sinks, outages, retention, little load

The example video is fed in again and again as raw frames through a pipe, so that the reader sets the pace. Memory, file
descriptors and threads are taken every second; every plate that was shown must have been read. With `--everything`
there are a camera, a webhook and a broker that come and go, all sinks, and retention (`soak_world.py`); then every read
must have reached the webhook, and the disk must stay within what is kept.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import theilslopes

from benchmarks.soak_world import World, disk_bytes

ROOT = Path(__file__).resolve().parents[1]
_WARM_UP = 120.0
"""Seconds that the slope leaves out: engines and allocators settle."""
_RATE = 12


@dataclass(frozen=True)
class Sample:
    """What a second showed.

    Attributes:
        seconds: from the start.
        resident: bytes.
        anonymous: those of them that no file backs, which is what a leak makes more of; the kernel drops the others and
            reads them again as it likes.
        files: that are open.
        threads: of the process.
        frames: that were fed in so far.
    """

    seconds: float
    resident: int
    anonymous: int
    files: int
    threads: int
    frames: int


def sample(process: int, start: float, frames: int) -> Sample:
    """The process as it is now."""
    folder = Path("/proc") / str(process)
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    resident, anonymous = (int(status[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon"))
    files = len(list((folder / "fd").iterdir()))
    return Sample(time.monotonic() - start, resident, anonymous, files, int(status["Threads"]), frames)


def minutes(samples: list[Sample]) -> list[list[Sample]]:
    """The samples of every whole minute after the warm-up; a minute without one is left out."""
    found: dict[int, list[Sample]] = {}
    for each in samples:
        if each.seconds >= _WARM_UP:
            found.setdefault(int((each.seconds - _WARM_UP) // 60), []).append(each)
    return [found[number] for number in sorted(found)[:-1]]


def medians(parts: list[list[Sample]], name: str) -> list[float]:
    """The median of one figure in every part."""
    return [float(np.median([getattr(each, name) for each in part])) for part in parts]


@dataclass(frozen=True)
class Growth:
    """How memory that no file backs grew after the warm-up.

    Frames that wait and pages that the allocator gives back move it by some megabytes within seconds, which a line
    through all samples takes for growth. So it is the median slope between medians of whole minutes (Theil and Sen).

    Attributes:
        slope: megabytes an hour.
        low, high: its 95 % interval.
        minutes: the median of every minute, in megabytes.
    """

    slope: float
    low: float
    high: float
    minutes: tuple[float, ...]

    @classmethod
    def of(cls, whole: list[list[Sample]]) -> Growth | None:
        """None when there are not three whole minutes."""
        found = [each / 1e6 for each in medians(whole, "anonymous")]
        if len(found) < 3:
            return None
        slope, _, low, high = theilslopes(found, np.arange(len(found)) / 60)
        return cls(float(slope), float(low), float(high), tuple(found))


def plot(samples: list[Sample], path: Path, title: str) -> None:
    """Memory, files and threads over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
    times = [each.seconds / 60 for each in samples]
    axes[0].plot(times, [each.resident / 1e6 for each in samples], label="resident")
    axes[0].plot(times, [each.anonymous / 1e6 for each in samples], label="of that, backed by no file")
    axes[0].set_ylabel("memory, MB")
    axes[0].set_ylim(bottom=0)
    axes[0].set_title(title)
    axes[0].legend()
    axes[1].plot(times, [each.files for each in samples], label="open files")
    axes[1].plot(times, [each.threads for each in samples], label="threads")
    axes[1].set_xlabel("minutes")
    axes[1].set_ylim(bottom=0)
    axes[1].legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Feeds, watches, reports; exits with 1 when something grew or was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--out", type=Path, default=Path("runs/soak"))
    parser.add_argument("--rate", type=float, default=0.0, help="frames a second that are fed in; 0 for full speed")
    parser.add_argument("--everything", action="store_true", help="all sinks, outages and retention")
    parser.add_argument("options", nargs="*", help="more options of lpsr-run, after --")
    options = parser.parse_args()
    video, table = ROOT / "examples" / "gate.mp4", ROOT / "examples" / "gate.csv"
    texts = list(dict.fromkeys(line.split(",")[1] for line in table.read_text().splitlines()[1:]))
    capture = cv2.VideoCapture(str(video))
    frames = []
    while True:
        ok, image = capture.read()
        if not ok:
            break
        frames.append(np.ascontiguousarray(image[..., ::-1]).tobytes())
    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    options.out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "lpsr_run", "--video", "-", "--raw", f"{width}x{height}@{_RATE}"]
    command += ["--out", str(options.out / "run"), "--store", str(options.out / "reads.sqlite"), "--keep-reads", "1000"]
    command += ["--status", str(options.out / "status.json"), "--quiet", *options.options]
    pictures = [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in frames]
    world = World(pictures, options.rate or 2.0) if options.everything else None
    if world is not None:
        command = [part for part in command if part not in ("--keep-reads", "1000")] + world.options(options.out)
        world.__enter__()
    else:
        command.append("--no-pictures")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    start, samples, sent, rounds = time.monotonic(), list[Sample](), 0, 0
    disk = list[int]()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(1.0) and process.poll() is None:
            samples.append(sample(process.pid, start, sent))
            if len(samples) % 30 == 0:
                disk.append(disk_bytes(options.out))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        while time.monotonic() - start < 60 * options.minutes:
            for data in frames:
                process.stdin.write(data)
                sent += 1
                if options.rate:
                    time.sleep(max(start + sent / options.rate - time.monotonic(), 0.0))
                if options.rate and time.monotonic() - start >= 60 * options.minutes:
                    break
            else:
                rounds += 1
    except BrokenPipeError:
        sys.exit(f"error: lpsr-run ended by itself after {sent} frames")
    finally:
        stop.set()
        watcher.join()
        if world is not None:
            world.calm()
            process.send_signal(signal.SIGTERM)  # the camera would go on for ever
        process.stdin.close()
    code = process.wait(timeout=300)
    seconds = time.monotonic() - start
    if world is None:
        lines = (options.out / "run" / "reads.jsonl").read_text().splitlines()
        read = Counter(json.loads(line)["text"] for line in lines)
        lost = {text: rounds - read[text] for text in texts if read[text] < rounds}
    else:  # retention leaves the last ones: what was read is what the webhook got, and what still waits for it
        code = 0 if code == 128 + signal.SIGTERM else code
        spool = options.out / "run" / "spool"
        keys = {key for _, key in world.receiver.got} | {path.stem.partition("-")[2] for path in spool.glob("*.json")}
        last = max((int(key.rpartition("-")[2]) for key in keys), default=0)
        read, lost = (
            Counter(text for text, _ in world.receiver.got),
            {"reads": last - len(keys)} if last else {"reads": 1},
        )
        lost = {name: count for name, count in lost.items() if count}
        world.__exit__(None, None, None)
    late = [each for each in samples if each.seconds >= _WARM_UP] or samples
    whole = minutes(samples)
    growth = Growth.of(whole)
    # A file that is written and closed at once is no growth, though a sample may see it: the median of a minute counts.
    files, threads = (sorted({int(each) for each in medians(whole, name)}) for name in ("files", "threads"))
    result = {
        "minutes": round(seconds / 60, 2),
        "frames": sent,
        "frames_a_second": round(sent / seconds, 2),
        "plates_shown": rounds * len(texts),
        "plates_read": sum(read[text] for text in texts),
        "lost": lost,
        "other_reads": sum(count for text, count in read.items() if text not in texts),
        "resident_mb": [
            round(min(each.resident for each in late) / 1e6, 1),
            round(max(e.resident for e in late) / 1e6, 1),
        ],
        "slope_mb_an_hour": growth and round(growth.slope, 3),
        "slope_interval": growth and [round(growth.low, 3), round(growth.high, 3)],
        "anonymous_mb_by_minute": growth and [round(each, 1) for each in growth.minutes],
        "files": files,
        "threads": threads,
        "exit_code": code,
    }
    if world is not None:
        result |= {
            "outages": world.losses,
            "reads": last,
            "delivered": world.delivered(),
            "disk_mb": [round(each / 1e6, 1) for each in disk[:: max(len(disk) // 20, 1)]],
        }
    (options.out / "soak.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    plot(samples, options.out / "soak.png", f"{sent} frames in {seconds / 60:.0f} minutes")
    print(json.dumps(result, indent=2))
    if world is not None:  # connections come and go, and so do their files and threads
        sys.exit(1 if code or lost else 0)
    if code or lost or (growth and growth.slope > 1) or max(len(files), len(threads)) > 1:
        sys.exit(1)


if __name__ == "__main__":
    main()
