"""Archives in bulk: one result per input, whatever happens to inputs, workers and runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import ROOT, paint, save_image, save_video, scene
from rich.console import Console

from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_run.bulk import pool, run
from lpsr_run.bulk.cli import main
from lpsr_run.bulk.config import BulkConfig
from lpsr_run.bulk.inputs import list_inputs
from lpsr_run.bulk.pool import Finished, WorkerPool
from lpsr_run.bulk.progress import BulkProgress
from lpsr_run.bulk.run import run_bulk
from lpsr_run.bulk.shards import JOURNAL, ResultStore
from lpsr_run.bulk.worker import ArchiveReader
from lpsr_run.config import RunConfig

IDENTITY = {"precision": "fp32"}


@pytest.fixture
def reading(models: Path) -> RunConfig:
    """Options of the reading, with the test networks."""
    return RunConfig(
        generator=f"{models}/generator.onnx", reader=f"{models}/reader.onnx", backend="onnxruntime", threads=1
    )


@pytest.fixture
def notes() -> list[str]:
    return []


def crops(folder: Path, count: int) -> Path:
    """A folder of plates, one of them no picture and one empty."""
    save_image(folder / "0000.png", paint("ABC1D23"))
    for number in range(1, count):
        shutil.copyfile(folder / "0000.png", folder / f"{number:04d}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.png").touch()
    return folder


def lines(folder: Path) -> list[dict[str, object]]:
    """All results in a folder."""
    return [json.loads(line) for path in sorted(folder.glob("reads*.jsonl")) for line in path.read_text().splitlines()]


def line(name: str) -> str:
    return json.dumps({"input": name, "status": "no_plate", "why": None, "reads": []})


def test_every_input_has_its_result_or_its_error(reading: RunConfig, tmp_path: Path) -> None:
    folder = crops(tmp_path, 2)
    save_image(folder / "tiny.png", paint("ABC1D23")[:3, :3])
    reader = ArchiveReader(reading, "crops")
    names = ["broken.jpg", "0001.png", "missing.png", "tiny.png", "0000.png", "empty.png"]
    results = reader.read([(name, folder / name) for name in names])
    assert [result.input for result in results] == names
    assert [result.status for result in results] == ["failed", "read", "failed", "no_plate", "read", "failed"]
    assert [read.text for result in results for read in result.reads] == ["ABC1D23", "ABC1D23"]
    assert "not an image that can be decoded" in str(results[0].why)
    assert "No such file" in str(results[2].why)
    assert results[3].why == "3x3 pixels are too few for a plate; at least 8x4"
    fields = json.loads(results[1].to_json())
    assert fields["reads"][0]["text"] == "ABC1D23"
    assert "lr_image" not in fields["reads"][0]


def test_what_fails_together_is_read_alone(reading: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ArchiveReader(reading, "crops")
    read_crops = reader._crops

    def fragile(inputs: list[tuple[str, Path]]) -> object:
        if any(name == "0001.png" for name, _ in inputs):
            raise MemoryError("no room")
        return read_crops(inputs)

    monkeypatch.setattr(reader, "_crops", fragile)
    folder = crops(tmp_path, 3)
    results = reader.read([(f"{number:04d}.png", folder / f"{number:04d}.png") for number in range(3)])
    assert [result.status for result in results] == ["read", "failed", "read"]
    assert str(results[1].why).startswith("unexpected MemoryError: no room")


def test_a_video_is_one_input_with_all_its_reads(reading: RunConfig, detector: Path, tmp_path: Path) -> None:
    video = save_video(tmp_path / "gate.mp4", [scene("ABC1D23")] * 6)
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:400])
    reader = ArchiveReader(reading.changed({"detector": str(detector)}), "video")
    whole, cut = reader.read([("gate.mp4", video), ("cut.mp4", tmp_path / "cut.mp4")])
    assert (whole.status, [read.frames for read in whole.reads]) == ("read", [6])
    assert cut.status == "failed"
    assert "cut.mp4" in str(cut.why)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_lists_name_inputs_once(suffix: str, tmp_path: Path, notes: list[str]) -> None:
    rows = ["a.png", "b.png", "a.png", "../c.png"]
    table = tmp_path / f"list.{suffix}"
    if suffix == "csv":
        table.write_text("camera,file\n" + "".join(f"1,{row}\n" for row in rows))
    else:
        pa = pytest.importorskip("pyarrow", reason="needs pip install 'lpsr[ray]'")
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"camera": [1] * 4, "file": rows}), table)
    found = list_inputs(str(table), "crops", "file", notes.append)
    assert list(found) == [f"{tmp_path}/a.png", f"{tmp_path}/b.png", f"{tmp_path}/../c.png"]
    assert [Path(os.fsdecode(path)).name for path in found.values()] == ["a.png", "b.png", "c.png"]
    assert notes == [f"{table}: 1 inputs are named more than once, and read once"]
    with pytest.raises(UsageError, match=r"no column 'path'; give --column one of camera, file"):
        list_inputs(str(table), "crops", "path", notes.append)


def test_folders_give_what_their_kind_says(tmp_path: Path, notes: list[str]) -> None:
    for name in ("b.mp4", "a.mkv", "plate.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [Path(name).name for name in list_inputs(str(tmp_path), "video", "path", notes.append)] == ["a.mkv", "b.mp4"]
    assert notes == [f"{tmp_path}: 2 files left out, as no videos by their names"]
    assert [Path(name).name for name in list_inputs(str(tmp_path), "crops", "path", notes.append)] == ["plate.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LpsrError, match="no video in this folder"):
        list_inputs(str(tmp_path / "empty"), "video", "path", notes.append)
    with pytest.raises(LpsrError, match="cannot be read as a table"):
        list_inputs(str(_damaged(tmp_path)), "crops", "path", notes.append)


def _damaged(folder: Path) -> Path:
    pytest.importorskip("pyarrow", reason="needs pip install 'lpsr[ray]'")
    path = folder / "list.parquet"
    path.write_bytes(b"PAR1 and no more")
    return path


def test_a_store_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    with ResultStore(tmp_path, "jsonl", 3, IDENTITY) as store:
        assert store.add({"a": line("a"), "b": line("b")}) == 2
        assert store.add({"b": line("b"), "c": line("c")}) == 1  # which makes a shard
        store.add({"d": line("d")})
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write(line("e")[:20])
    assert [path.name for path in sorted(tmp_path.glob("reads*"))] == ["reads-00000.jsonl", JOURNAL]
    with ResultStore(tmp_path, "jsonl", 3, IDENTITY) as store:
        assert store.done == {"a", "b", "c", "d"}
        store.add({"e": line("e")})
        store.finish()
    assert [path.name for path in sorted(tmp_path.glob("reads*"))] == ["reads-00000.jsonl", "reads-00001.jsonl"]
    assert Counter(str(each["input"]) for each in lines(tmp_path)) == Counter("abcde")


def test_parquet_shards_hold_the_same_and_a_kill_between_leaves_no_duplicate(
    reading: RunConfig, tmp_path: Path
) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pip install 'lpsr[ray]'")
    folder = crops(tmp_path / "in", 1)
    results = ArchiveReader(reading, "crops").read([(each, folder / each) for each in ("0000.png", "broken.jpg")])
    told = {result.input: result.to_json() for result in results}
    out = tmp_path / "out"
    out.mkdir()
    with ResultStore(out, "parquet", 10, IDENTITY) as store:
        store.add(told)
        journal = (out / JOURNAL).read_bytes()
        store.finish()
    assert pq.read_table(out / "reads-00000.parquet").to_pylist() == [json.loads(each) for each in told.values()]
    (out / JOURNAL).write_bytes(journal)  # killed after the shard was written, before the journal was removed
    with ResultStore(out, "parquet", 10, IDENTITY) as store:
        assert store.done == set(told)
        store.add({"c": line("c")})
        store.finish()
    assert pq.read_table(out / "reads-00001.parquet")["input"].to_pylist() == ["c"]


def test_a_folder_holds_results_of_one_kind(tmp_path: Path) -> None:
    ResultStore(tmp_path, "jsonl", 3, IDENTITY).close()
    with pytest.raises(UsageError, match="holds results with precision = 'fp32', not 'int8'; give another folder"):
        ResultStore(tmp_path, "jsonl", 3, {"precision": "int8"})
    (tmp_path / "reads-00000.jsonl").write_text("torn\n")
    with pytest.raises(LpsrError, match=r"reads-00000.jsonl: a damaged shard: .*; move it away"):
        ResultStore(tmp_path, "jsonl", 3, IDENTITY)


class FakePool:
    """Workers that die with every input of which `fatal` says so."""

    workers = 2

    def __init__(self, fatal: Callable[[str], bool], twice: bool = False) -> None:
        self.fatal, self.twice = fatal, twice
        self.blocks: list[int] = []

    def __call__(self, config: BulkConfig) -> FakePool:
        return self

    def __enter__(self) -> FakePool:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, inputs: Mapping[str, bytes], block: int) -> Iterator[Finished | None]:
        self.blocks.append(block)
        names = list(inputs)
        for at in range(0, len(names), block):
            chosen = names[at : at + block]
            yield None
            if not any(map(self.fatal, chosen)):
                for _ in range(1 + self.twice):
                    yield Finished({name: line(name) for name in chosen}, 0, 7)


def test_inputs_that_kill_their_workers_get_an_error_and_take_none_with_them(
    reading: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = crops(tmp_path / "in", 10)
    fake = FakePool(lambda name: name.endswith("0003.png"), twice=True)
    monkeypatch.setattr(run, "WorkerPool", fake)
    config = BulkConfig(crops=str(folder), out=str(tmp_path / "out"), block=4, run=reading)
    summary = run_bulk(config)
    assert fake.blocks == [4, 1]
    found = {Path(str(each["input"])).name: each for each in lines(tmp_path / "out")}
    assert len(lines(tmp_path / "out")) == len(found) == 12
    assert found["0003.png"]["status"] == "failed"
    assert "died each time" in str(found["0003.png"]["why"])
    assert (summary.results, summary.failed) == (12, 1)
    assert "4 inputs have no result, as workers died with them; they are read one by one" in capfd.readouterr().err
    again = run_bulk(config)
    assert (again.before, again.results) == (12, 0)
    assert fake.blocks == [4, 1], "nothing is left to read"


def test_progress_has_rate_and_time_left_also_piped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("lpsr_run.bulk.progress.monotonic", lambda: now)
    with (tmp_path / "err").open("w+") as err:
        progress = BulkProgress(Console(file=err, soft_wrap=True, highlight=False), 1000, 200, quiet=False)
        assert progress.line == "200 of 1,000 (20 %), workers are starting"
        progress.advance(50, 0)
        now += 10
        progress.advance(250, 3)
        assert progress.line == "500 of 1,000 (50 %), 25.0/s, 0:20 left, 3 failed"
        err.seek(0)
        assert err.read() == progress.line + "\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give exactly one of --crops and --video"),
        (["--crops", "a", "--video", "b"], "give exactly one of --crops and --video"),
        (["--crops", "nowhere"], "nowhere: no such file or folder"),
        (["--crops", "a", "--format", "xml"], "--format is one of jsonl, parquet, not 'xml'"),
        (["--crops", "a", "--shard", "0"], "--shard is at least 1, not 0"),
        (["--crops", "a", "--workers", "-1"], "--workers is at least 0, not -1"),
        (["--crops", "a", "--backend", "gpu"], "--backend is one of auto"),
    ],
)
def test_wrong_usage_is_one_line_before_workers_start(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lpsr-bulk", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    err = capfd.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_missing_ray_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"\[ray\]'"):
        pool.import_ray()


# Ray's thread ends by SystemExit when its cluster is stopped under it; and what it says of its own settings.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning", "ignore::DeprecationWarning")
def test_on_ray_with_a_run_stopped_a_worker_killed_and_a_poisoned_input_each_input_has_one_result(
    reading: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray.data", reason="needs pip install 'lpsr[ray]'")
    from poisoned import PoisonedReader

    # The workers find what the tests import.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(Path(__file__).parent))))

    folder = crops(tmp_path / "in", 40)
    shutil.copyfile(folder / "0000.png", folder / "poison.png")
    config = BulkConfig(crops=str(folder), out=str(tmp_path / "out"), workers=2, block=4, shard=10, run=reading)
    events: list[Callable[[Finished], None]] = []
    workers: list[int] = []

    class Disturbed(WorkerPool):
        """After the first results, what the test wants to happen does."""

        def read(self, inputs: Mapping[str, bytes], block: int) -> Iterator[Finished | None]:
            for finished in super().read(inputs, block):
                if finished is not None:
                    workers.append(finished.worker)
                    if events:
                        events.pop()(finished)
                yield finished

    monkeypatch.setattr(run, "WorkerPool", Disturbed)
    monkeypatch.setattr(pool, "RayReader", PoisonedReader)
    monkeypatch.setattr(pool, "_RETRIES", 1)
    events.append(lambda finished: os.kill(os.getpid(), signal.SIGINT))
    try:
        first = run_bulk(config)
    except LpsrError as error:
        if "Ray does not start" in str(error) and "timed out" in str(error):
            pytest.skip("Ray's node gives up after a fixed time on a machine as busy as this one")
        raise
    assert first.stopped_by == signal.SIGINT
    assert 0 < first.results < 43
    assert len(lines(tmp_path / "out")) == first.results
    events.append(lambda finished: os.kill(finished.worker, signal.SIGKILL))
    second = run_bulk(config)
    assert len(set(workers)) > 2, "a killed worker is replaced"
    assert (second.stopped_by, second.before, second.results) == (None, first.results, 43 - first.results)
    found = lines(tmp_path / "out")
    assert len(found) == 43
    assert {str(each["input"]) for each in found} == {str(path) for path in folder.iterdir()}
    status = Counter(str(each["status"]) for each in found)
    assert status == {"read": 40, "failed": 3}
    (poisoned,) = (each for each in found if str(each["input"]).endswith("poison.png"))
    assert "died each time" in str(poisoned["why"])
    assert not (tmp_path / "out" / JOURNAL).exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "no answer: Connection refused; start it with: ray start --head"),
        ("ray://127.0.0.1:9", "no answer: Connection refused"),
        ("head", "a Ray cluster is named as HOST:PORT or ray://HOST:PORT"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_line_at_once(address: str, said: str) -> None:
    with pytest.raises(LpsrError, match=said):
        pool._check_address(address)


def test_the_reason_of_a_failure_is_its_innermost_line() -> None:
    inner = RuntimeError("\x1b[36mray::Worker\x1b[39m died\n  traceback\nModuleNotFoundError: No module named 'x'")
    inner.__cause__ = ValueError()
    assert pool._reason(inner) == "ModuleNotFoundError: No module named 'x'"
    assert pool._reason(ValueError()) == "ValueError"
    ours = RuntimeError("ray::Worker\nlpsr_core.errors.MissingExtraError: onnxruntime is not installed")
    assert pool._reason(ours) == "onnxruntime is not installed"
