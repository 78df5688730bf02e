"""The TensorRT engine's side of things: buffers, batches, order on streams, contexts, and what is refused.

The GPU is stood in for: pycuda by memory on the host, and TensorRT by functions of NumPy. Nothing here says that
TensorRT does what the stand-in does; that it has these names is tested with its own bindings.
"""

from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpsr_core import cuda as cuda_driver
from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.cards import Calibration, ModelCard, Precision, sha256
from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plans import PlanCard, PlanConfig
from lpsr_run.engines import cuda_graph
from lpsr_run.engines.opening import open_network
from lpsr_run.engines.tensorrt_engine import TensorRtEngine
from lpsr_run.pipeline.plate_reader import PlateReader

GPU = Gpu("Stand-in", 87, 8)
LARGEST = 4


def generate(lr: np.ndarray) -> np.ndarray:
    return lr.repeat(2, axis=2).repeat(2, axis=3)


def read(image: np.ndarray) -> np.ndarray:
    brightness = image.mean(axis=(1, 2, 3))
    scores = np.zeros((len(image), PLATE_LENGTH, CLASSES), np.float32)
    scores[..., 0] = 10 * brightness[:, None]
    return (scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))).astype(np.float32)


NETWORKS = {
    b"generator": ("lr", (3, 16, 48), "sr", (3, 32, 96), generate),
    b"reader": ("image", (3, 32, 96), "log_probs", (PLATE_LENGTH, CLASSES), read),
}


class Gpus:
    """What the stand-in remembers: memory by address, and what was done in which order."""

    def __init__(self) -> None:
        self.memory: dict[int, bytearray] = {}
        self.events: list[str] = []
        self.depth = threading.local()
        self.streams: set[int] = set()
        self.computes: dict[int, int] = {}
        self.contexts = 0
        self.captured: list[Callable[[], None]] | None = None
        self.cost = {"launch": 0.0, "graph": 0.0}

    def needs_context(self) -> None:
        assert getattr(self.depth, "value", 0) >= 1, "the context is current"

    def launch(self, work: Callable[[], None]) -> None:
        """Runs what is put on a stream, or keeps it where the stream is being captured."""
        if self.captured is not None:
            self.captured.append(work)
        else:
            time.sleep(self.cost["launch"])
            work()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    made = Gpus()
    monkeypatch.setitem(sys.modules, "pycuda", types.ModuleType("pycuda"))
    driver = _pycuda(made)
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    sys.modules["pycuda"].driver = driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", _tensorrt(made))
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(cuda_driver, "_opened", None)
    return made


def _pycuda(gpus: Gpus) -> types.ModuleType:
    driver = types.ModuleType("pycuda.driver")

    class Context:
        def push(self) -> None:
            gpus.depth.value = getattr(gpus.depth, "value", 0) + 1

        @staticmethod
        def pop() -> None:
            gpus.depth.value -= 1

    class Device:
        def __init__(self, index: int) -> None:
            assert index == 0

        def name(self) -> str:
            return GPU.name

        def compute_capability(self) -> tuple[int, int]:
            return divmod(GPU.sm, 10)

        def get_attribute(self, what: str) -> int:
            return GPU.multiprocessors

        def retain_primary_context(self) -> Context:
            return Context()

    class Memory:
        def __init__(self, size: int) -> None:
            gpus.needs_context()
            self.address = 1000 + len(gpus.memory)
            gpus.memory[self.address] = bytearray(size)

        def __int__(self) -> int:
            return self.address

    class Stream:
        def __init__(self, flags: int) -> None:
            assert flags == 1, "it does not wait for the default stream"
            self.handle = 7 + len(gpus.streams)
            gpus.streams.add(self.handle)

        def synchronize(self) -> None:
            gpus.needs_context()
            gpus.events.append("synchronize")

        def wait_for_event(self, event: Event) -> None:
            gpus.events.append("wait")

    class Event:
        def __init__(self, flags: int) -> None:
            assert flags == 3

        def record(self, stream: Stream) -> None:
            gpus.events.append("record")

        def synchronize(self) -> None:
            gpus.needs_context()
            gpus.events.append("event")

    def to_device(memory: int, host: np.ndarray, stream: Stream) -> None:
        gpus.needs_context()
        data = host.tobytes()
        gpus.memory[memory][: len(data)] = data
        gpus.events.append("send")

    def to_host(host: np.ndarray, memory: int, stream: Stream) -> None:
        gpus.needs_context()
        size = host.nbytes
        host[...] = np.frombuffer(bytes(gpus.memory[memory][:size]), host.dtype).reshape(host.shape)
        gpus.events.append("fetch")

    driver.init = lambda: None  # type: ignore[attr-defined]
    driver.Error = RuntimeError  # type: ignore[attr-defined]
    driver.device_attribute = types.SimpleNamespace(MULTIPROCESSOR_COUNT="count")  # type: ignore[attr-defined]
    driver.pagelocked_empty = np.empty  # type: ignore[attr-defined]
    for name, value in (
        ("Context", Context),
        ("Device", Device),
        ("Event", Event),
        ("Stream", Stream),
        ("Event", Event),
        ("mem_alloc", Memory),
        ("memcpy_htod_async", to_device),
        ("memcpy_dtoh_async", to_host),
    ):
        setattr(driver, name, value)
    return driver


def _tensorrt(gpus: Gpus) -> types.ModuleType:
    trt = types.ModuleType("tensorrt")

    class Logger:
        Severity = types.SimpleNamespace(ERROR=1, INTERNAL_ERROR=0)

    class Execution:
        def __init__(self, engine: Engine) -> None:
            self.engine, self.addresses, self.count = engine, {}, 0

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            assert name == self.engine.input
            self.count = shape[0]
            return shape[0] <= LARGEST

        def set_tensor_address(self, name: str, address: int) -> bool:
            assert name not in self.addresses, "no address changes from pass to pass"
            self.addresses[name] = address
            return address in gpus.memory

        def set_device_memory(self, address: int, size: int) -> None:
            assert len(gpus.memory[address]) >= size == self.engine.device_memory_size_v2
            self.activations = address

        def execute_async_v3(self, handle: int) -> bool:
            gpus.needs_context()
            assert handle in gpus.streams
            assert gpus.computes.setdefault(self.activations, handle) == handle, "activations are one stream's"
            gpus.launch(self.pass_)
            return True

        def pass_(self) -> None:  # with the context as it is when the GPU comes to it, as a graph's pass would
            engine, count = self.engine, self.count
            given = np.frombuffer(bytes(gpus.memory[self.addresses[engine.input]]), np.float32)
            made = engine.function(given.reshape(-1, *engine.input_shape)[:count]).astype(np.float32).tobytes()
            gpus.memory[self.addresses[engine.output]][: len(made)] = made
            gpus.events.append(f"run {engine.output}")

    class Engine:
        num_io_tensors = 2
        device_memory_size_v2 = 4096

        def __init__(self, data: bytes) -> None:
            self.input, self.input_shape, self.output, self.output_shape, self.function = NETWORKS[data]

        def get_tensor_name(self, index: int) -> str:
            return (self.input, self.output)[index]

        def get_tensor_mode(self, name: str) -> str:
            return "in" if name == self.input else "out"

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return (-1, *(self.input_shape if name == self.input else self.output_shape))

        def get_tensor_dtype(self, name: str) -> str:
            return "float"

        def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
            return [(size, *self.input_shape) for size in (1, 2, LARGEST)]

        def create_execution_context(self, strategy: str) -> Execution:
            assert strategy == "user"
            gpus.contexts += 1
            return Execution(self)

    class Runtime:
        def __init__(self, logger: Logger) -> None:
            self.logger = logger

        def deserialize_cuda_engine(self, data: bytes) -> Engine | None:
            if data not in NETWORKS:
                self.logger.log(Logger.Severity.ERROR, "magic tag does not match\nmore")  # type: ignore[attr-defined]
                return None
            return Engine(data)

    trt.__version__ = "10.3.0"  # type: ignore[attr-defined]
    trt.ILogger, trt.Runtime = Logger, Runtime  # type: ignore[attr-defined]
    strategies = types.SimpleNamespace(USER_MANAGED="user")
    trt.ExecutionContextAllocationStrategy = strategies  # type: ignore[attr-defined]
    trt.TensorIOMode = types.SimpleNamespace(INPUT="in")  # type: ignore[attr-defined]
    trt.nptype = lambda kind: np.float32  # type: ignore[attr-defined]
    return trt


def write_plan(folder: Path, role: str, data: bytes = b"", precision: Precision = "fp16", **changes) -> Path:
    """A plan of the stand-in, with the released graph that it says it comes from."""
    graph = folder / f"lite-{role}.onnx"
    if not graph.exists():
        graph.write_bytes(role.encode())
        ModelCard("lite", role, "fp32", graph.name, sha256(graph), 1, 20).save(folder)
    config = PlanConfig("lite", role, precision, "a" * 64, sha256(graph), "", "10.3.0", GPU, {})
    config = replace(config, **changes)
    path = folder / config.file
    path.write_bytes(data or role.encode())
    PlanCard(config, config.key, sha256(path), "", {}, 1.0, path.stat().st_size).save(folder)
    return path


def plates(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 3, 16, 48), np.float32)


@pytest.mark.parametrize("count", [1, LARGEST, 2 * LARGEST + 3])
def test_batches_of_any_size_come_back_whole(gpu: Gpus, tmp_path: Path, count: int) -> None:
    engine = TensorRtEngine(write_plan(tmp_path, "generator"))
    batch = plates(count)
    assert np.array_equal(engine.run({"lr": batch})["sr"], generate(batch))
    assert gpu.events.count("run sr") == -(-count // LARGEST)
    assert getattr(gpu.depth, "value", 0) == 0, "the context is given back"


def test_results_do_not_change_with_the_next_batch(gpu: Gpus, tmp_path: Path) -> None:
    engine = TensorRtEngine(write_plan(tmp_path, "generator"))
    first, second = plates(2), plates(3)
    kept = engine.run({"lr": first})["sr"]
    engine.run({"lr": second})
    assert np.array_equal(kept, generate(first))


def test_several_threads_share_one_engine(gpu: Gpus, tmp_path: Path) -> None:
    engine = TensorRtEngine(write_plan(tmp_path, "generator"))
    wrong: list[int] = []

    def work(count: int) -> None:
        batch = plates(count)
        for _ in range(20):
            if not np.array_equal(engine.run({"lr": batch})["sr"], generate(batch)):
                wrong.append(count)

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 3, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pictures_stay_on_the_device_for_the_reader(gpu: Gpus, tmp_path: Path) -> None:
    for role in ("generator", "reader"):
        write_plan(tmp_path, role)
    generator, reader = (
        open_network("lite", role, "fp16", "tensorrt", folder=tmp_path).engine for role in ("generator", "reader")
    )
    plate_reader = PlateReader(reader, generator, "always", batch=16, views="one")
    crops = [np.full((10, 30, 3), value, np.uint8) for value in (0, 60, 120, 180, 240, 250)]
    gpu.events.clear()
    found = plate_reader.read(crops)
    part = ["send", "record", "wait", "run sr", "run log_probs", "record", "wait", "fetch", "fetch", "record"]
    assert gpu.events == [*part, *part, "event", "event"], "two parts are under way before one is waited for"
    apart = PlateReader(_plain(reader), _plain(generator), "always", batch=16, views="one").read(crops)
    assert np.allclose(found.log_probs, apart.log_probs)
    assert all(np.array_equal(one, other) for one, other in zip(found.sr, apart.sr, strict=True))
    assert len({float(row[0, 0]) for row in found.log_probs}) == len(crops)


def chain(folder: Path):
    generator, reader = (TensorRtEngine(write_plan(folder, role)) for role in ("generator", "reader"))
    made = generator.then(reader)
    assert made is not None
    return made


def test_batches_under_way_keep_apart(gpu: Gpus, tmp_path: Path) -> None:
    both = chain(tmp_path)
    batches = [plates(count) for count in (2, 1, 3, 2 * LARGEST + 1, 4)]
    given = [batch.copy() for batch in batches]
    waits = []
    for batch in given:
        waits.append(both.start(batch))
        batch[...] = 0  # whoever gave it may use it again
    for index in (3, 0, 4, 2, 1):
        passed = waits[index]()
        assert np.array_equal(passed.sr, generate(batches[index]))
        assert np.array_equal(passed.log_probs, read(generate(batches[index])))
        assert waits[index]() is not None, "asked twice, it answers twice"


def test_slots_share_activations_and_have_contexts_of_their_own(gpu: Gpus, tmp_path: Path) -> None:
    both = chain(tmp_path)
    assert gpu.contexts == 4, "one pair a slot; none for engines that never run alone"
    sizes = sorted(len(memory) for memory in gpu.memory.values())
    assert sizes.count(4096) == 1
    for count in (3, 1, 3, 3):
        both.run(plates(count))
    assert gpu.contexts == 4
    assert len(gpu.computes) == 1


class Driver:
    """Calls for CUDA graphs: what is launched between begin and end is kept, and run at every launch."""

    def __init__(self, gpus: Gpus, fails: str = "") -> None:
        self.gpus, self.fails, self.graphs, self.open = gpus, fails, [], 0

    def __getattr__(self, name: str):
        if name not in cuda_graph.CALLS:
            raise AttributeError(name)

        def call(*arguments) -> int:
            self.gpus.needs_context()
            code = 900 if name == self.fails else 0
            if name == "cuStreamBeginCapture_v2" and not code:
                assert arguments[0].value in self.gpus.streams
                self.gpus.captured = []
            elif name == "cuStreamEndCapture":
                self.graphs.append(self.gpus.captured)
                self.gpus.captured = None
                arguments[1]._obj.value = len(self.graphs)
            elif name == "cuGraphInstantiateWithFlags" and not code:
                arguments[0]._obj.value = arguments[1].value
                self.open += 1
            elif name == "cuGraphLaunch":
                time.sleep(self.gpus.cost["graph"])
                for work in self.graphs[arguments[0].value - 1]:
                    work()
                self.gpus.events.append("graph")
            elif name == "cuGraphExecDestroy":
                self.open -= 1
            return code

        return call


def test_passes_are_replayed_where_that_gains(gpu: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(gpu)
    monkeypatch.setattr(cuda_graph, "_driver", lambda: driver)
    gpu.cost["launch"] = 0.002
    both = chain(tmp_path)
    both.warm_up(64)
    assert both.replayed == (1, LARGEST)
    gpu.events.clear()
    for count in (1, 2, LARGEST, 1, LARGEST + 1, 3, 1):
        batch = plates(count)
        passed = both.run(batch)
        assert np.array_equal(passed.sr, generate(batch))
        assert np.array_equal(passed.log_probs, read(generate(batch)))
    assert gpu.events.count("graph") == 6
    assert getattr(gpu.depth, "value", 0) == 0


def test_passes_are_not_replayed_where_that_loses_or_fails(
    gpu: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(gpu)
    monkeypatch.setattr(cuda_graph, "_driver", lambda: driver)
    gpu.cost["graph"] = 0.002
    both = chain(tmp_path)
    both.warm_up(64)
    assert both.replayed == ()
    assert driver.open == 0, "their memory is given back"
    gpu.cost = {"launch": 0.002, "graph": 0.0}
    for fails in ("cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"):
        driver.fails = fails
        both.warm_up(64)
        assert both.replayed == ()
        assert gpu.captured is None, "no stream is left capturing"
        batch = plates(1)
        assert np.array_equal(both.run(batch).sr, generate(batch))


def test_a_full_gpu_is_told_in_one_line(gpu: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size: int) -> None:
        raise RuntimeError("cuMemAlloc failed: out of memory")  # the stand-in's pycuda.driver.Error

    monkeypatch.setattr(sys.modules["pycuda.driver"], "mem_alloc", full)
    engine = TensorRtEngine(write_plan(tmp_path, "generator"))
    with pytest.raises(LpsrError, match=r"no memory on the GPU for 4 rows of lr .*smaller batches"):
        engine.run({"lr": plates(1)})
    assert getattr(gpu.depth, "value", 0) == 0


def _plain(engine):
    """The same engine without the chain."""
    return types.SimpleNamespace(name=engine.name, inputs=engine.inputs, outputs=engine.outputs, run=engine.run)


def test_auto_takes_the_engine_that_fits_and_says_why(gpu: Gpus, tmp_path: Path, models: Path) -> None:
    for role in ("generator", "reader"):
        graph = tmp_path / f"lite-{role}.onnx"
        graph.write_bytes((models / f"{role}.onnx").read_bytes())
        ModelCard("lite", role, "fp32", graph.name, sha256(graph), 1, 20).save(tmp_path)
    opened = open_network("lite", "reader", "fp32", "auto", folder=tmp_path)
    assert "onnxruntime" in opened.engine.name
    assert opened.why == "no TensorRT engine lite-reader.plan here"
    write_plan(tmp_path, "reader", precision="fp32")
    opened = open_network("lite", "reader", "fp32", "auto", folder=tmp_path)
    assert opened.engine.name.endswith("lite-reader.plan (tensorrt 10.3.0)")
    assert opened.why == "lite-reader.plan fits this machine"
    write_plan(tmp_path, "reader", precision="fp32", gpu=replace(GPU, name="NVIDIA L4"))
    opened = open_network("lite", "reader", "fp32", "auto", folder=tmp_path)
    assert "onnxruntime" in opened.engine.name
    assert "built for NVIDIA L4" in opened.why


def test_an_engine_that_is_named_by_its_path_is_calibrated_as_its_graph(
    gpu: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    for folder in (models, elsewhere):
        folder.mkdir()
    monkeypatch.setenv("LPSR_MODELS", str(models))
    graph, calibration = models / "mine-reader.onnx", Calibration(temperature=1.5)
    graph.write_bytes(b"mine")
    digest = sha256(graph)
    ModelCard("mine", "reader", "fp32", graph.name, digest, 1, 20, calibration=calibration).save(models)
    for source, wanted in ((digest, calibration), ("f" * 64, Calibration())):
        path = write_plan(elsewhere, "reader", name="mine", source=source)
        opened = open_network(str(path), "reader", "fp16", "auto")
        assert opened.model.calibration == wanted
        assert opened.model.path == path
    (models / "mine-reader.json").unlink()
    assert open_network(str(path), "reader", "fp16", "auto").model.card is None


def test_engines_of_other_machines_are_refused(gpu: Gpus, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no reader 'lite' at fp32"):
        open_network("lite", "reader", "fp16", "tensorrt", folder=tmp_path)
    path = write_plan(tmp_path, "reader")
    with pytest.raises(LpsrError, match=r"lpsr-export build --int8 .*there is one at fp16: give --precision fp16"):
        open_network("lite", "reader", "int8", "tensorrt", folder=tmp_path)
    with pytest.raises(LpsrError, match="it is a reader, not a generator"):
        open_network(str(path), "generator", "fp16", "tensorrt")
    write_plan(tmp_path, "reader", tensorrt="10.1.0")
    with pytest.raises(LpsrError, match=r"built with TensorRT 10.1.0, and this is 10.3.0"):
        TensorRtEngine(path)
    write_plan(tmp_path, "reader", source="f" * 64)
    with pytest.raises(LpsrError, match="older graph"):
        open_network("lite", "reader", "fp16", "tensorrt", folder=tmp_path)
    write_plan(tmp_path, "reader", data=b"nonsense")
    with pytest.raises(LpsrError, match=r"cannot load this engine: magic tag does not match$"):
        TensorRtEngine(path)
    path.write_bytes(b"non")
    with pytest.raises(LpsrError, match="cut short"):
        TensorRtEngine(path)


def test_the_plugin_beside_a_plan_is_checked_before_it_is_loaded(gpu: Gpus, tmp_path: Path) -> None:
    loaded: list[str] = []

    class Registry:
        def get_creator(self, name: str, version: str, namespace: str) -> None:
            return None

        def load_library(self, path: str) -> object:
            loaded.append(path)
            return object()

    sys.modules["tensorrt"].get_plugin_registry = Registry  # type: ignore[attr-defined]
    library = tmp_path / "lpsr-plugin.so"
    good = b"\x7fELF LPSR plugin for TensorRT 10.3.0; compute capabilities 87; source abc\0"
    library.write_bytes(good)
    path = write_plan(tmp_path, "reader", plugin=sha256(library))
    card = PlanCard.load(path.with_name(path.name + ".json"))
    replace(card, plugin_file=library.name).save(tmp_path)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for each in (path, path.with_name(path.name + ".json"), library):
        (moved / each.name).write_bytes(each.read_bytes())
    TensorRtEngine(moved / path.name)
    assert loaded == [str(moved / library.name)], "it lies beside the plan, wherever that is"
    loaded.clear()
    library.write_bytes(good.replace(b"abc", b"abd"))
    with pytest.raises(LpsrError, match=r"lpsr-plugin.so: not the plugin that the engine was built with \(sha256"):
        TensorRtEngine(path)
    library.unlink()
    with pytest.raises(LpsrError, match=r"lpsr-plugin.so: no such plugin"):
        TensorRtEngine(path)
    library.write_bytes(good.replace(b"TensorRT 10.3.0", b"TensorRT 11.4.1"))
    config = replace(card.config, plugin=sha256(library))
    replace(card, plugin_file=library.name, config=config, key=config.key).save(tmp_path)
    with pytest.raises(LpsrError, match=r"this plugin is for TensorRT 11, and this is TensorRT 10.3.0"):
        TensorRtEngine(path)
    assert loaded == []


class Cache:
    """TensorRT for RTX's store of what it has compiled."""

    def __init__(self) -> None:
        self.data = b""

    def deserialize(self, data: bytes) -> bool:
        self.data = data
        return True

    def serialize(self) -> bytes:
        return self.data or b"compiled"


class RuntimeConfig:
    strategy = ""
    cache: Cache | None = None

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> Cache:
        return Cache()

    def set_runtime_cache(self, cache: Cache) -> None:
        self.cache = cache


def test_engines_for_rtx_keep_what_was_compiled(gpu: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = _tensorrt(gpu)
    trt.__version__ = "1.7.1"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", trt)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    configs: list[RuntimeConfig] = []
    load = trt.Runtime.deserialize_cuda_engine  # type: ignore[attr-defined]

    def loaded(runtime, data: bytes):
        engine = load(runtime, data)
        create = engine.create_execution_context
        engine.create_runtime_config = lambda: configs.append(RuntimeConfig()) or configs[-1]
        engine.create_execution_context = lambda config: create(config.strategy)
        return engine

    monkeypatch.setattr(trt.Runtime, "deserialize_cuda_engine", loaded)  # type: ignore[attr-defined]
    for role in ("generator", "reader"):
        write_plan(tmp_path, role, runtime="tensorrt-rtx", tensorrt="1.7.1", gpu=None, options={"sms": [87]})

    def start():
        generator, reader = (
            open_network("lite", role, "fp16", "tensorrt-rtx", folder=tmp_path).engine
            for role in ("generator", "reader")
        )
        made = generator.then(reader)
        made.warm_up(4)
        return generator, made

    generator, both = start()
    assert generator.name.endswith("lite-generator-fp16.rtx (tensorrt-rtx 1.7.1)")
    batch = plates(3)
    assert np.array_equal(both.run(batch).sr, generate(batch))
    assert [config.cache.data for config in configs] == [b"", b""]
    assert generator.cache_file.read_bytes() == b"compiled"
    generator.cache_file.write_bytes(b"of the last start")
    start()
    assert configs[2].cache.data == b"of the last start"
    write_plan(tmp_path, "reader", runtime="tensorrt-rtx", tensorrt="1.7.1", gpu=None, options={"sms": [120]})
    with pytest.raises(LpsrError, match=r"built for sm_120, and this is Stand-in \(sm_87"):
        open_network("lite", "reader", "fp16", "tensorrt-rtx", folder=tmp_path)
    with pytest.raises(
        LpsrError, match=r"lite-generator-int8.rtx: no such engine; build it with: .*tensorrt-rtx; there"
    ):
        open_network("lite", "generator", "int8", "tensorrt-rtx", folder=tmp_path)


def test_a_machine_without_tensorrt_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    path = write_plan(tmp_path, "reader")
    with pytest.raises(LpsrError, match=r"pip install .*\[tensorrt\]"):
        TensorRtEngine(path)
    assert cuda_driver._opened is None
