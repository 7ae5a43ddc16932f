"""The openvino engine: a network drawn as a graph, or converted, and compiled for this CPU once."""

from __future__ import annotations

import hashlib
import queue
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from likewise.engines.engine import Precision, Program
from likewise.engines.openvino_ops import drawn
from likewise.errors import StorageError, needing
from likewise.files import cache_dir, replacing
from likewise.files.system import cores
from likewise.types import FloatArray, UInt8Array

_DRAWN = 2  # raise when the graph of a program is drawn otherwise: what was compiled before is left


class OpenVinoEngine:
    """Runs a compiled model; every thread that calls gets an inference request of its own."""

    name = "openvino"
    batch_pixels = 100_000  # two pictures of 224: larger batches cost 10 to 20 % more a picture

    def __init__(self, program: Program, *, device: str, precision: Precision, streams: int) -> None:
        self.precision = precision
        config = {
            "INFERENCE_PRECISION_HINT": precision,  # its own default is bf16 where the CPU has it
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": cores(),
            # Prepared shapes of batches are kept: about 3 MB each, up to so many entries.
            "CPU_RUNTIME_CACHE_CAPACITY": "500",
            "ENABLE_CPU_PINNING": False,  # decoding threads and other processes share the cores
        }
        compiled = _compiled(program, precision, config)
        self._outputs = len(compiled.outputs)
        _touch(compiled.create_infer_request())
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(compiled.create_infer_request())

    def run(self, batch: UInt8Array) -> list[FloatArray]:
        """Run ``(n, h, w, 3)``; see `likewise.engines.Engine.run`."""
        request = self._requests.get()
        try:
            request.infer([np.ascontiguousarray(batch)])
            # The output tensors are overwritten by the request's next run: copy them.
            return [np.array(request.get_output_tensor(index).data) for index in range(self._outputs)]
        finally:
            self._requests.put(request)


def _compiled(program: Program, precision: Precision, config: dict[str, Any]) -> ov.CompiledModel:
    """The program compiled for this CPU: from the cache, or made and kept there."""
    core = ov.Core()
    machine = [f"{_DRAWN}", ov.get_version(), core.get_property("CPU", "FULL_DEVICE_NAME")]
    machine += core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    name = hashlib.sha256(" ".join([program.key, precision, *machine]).encode()).hexdigest()[:32]
    path = cache_dir() / "compiled" / f"{name}.blob"
    blob = _intact(path)
    if blob is not None:
        with suppress(RuntimeError):  # whole, but refused: it is made anew
            return core.import_model(ov.Tensor(np.frombuffer(blob, np.uint8)), "CPU", config)
    compiled = core.compile_model(_model(program), "CPU", config)
    blob = compiled.export_model().getvalue()
    with suppress(StorageError, OSError):  # where nothing can be kept it is compiled again next time
        with replacing(path) as draft:
            draft.write_bytes(hashlib.sha256(blob).digest() + blob)
    return compiled


def _model(program: Program) -> ov.Model:
    if program.card.chain:
        return drawn(program)
    with needing(f"converting {program.card.name}", package="torch", extra="torch"):
        from likewise.engines.conversion import converted  # torch: for networks that are no data of ours
    return converted(program)


def _intact(path: Path) -> bytes | None:
    """A compiled model from the cache; None when it is not there, or not what was once written."""
    try:
        kept = path.read_bytes()
    except OSError:  # not there, or not to be read: it is compiled
        return None
    digest, blob = kept[:32], kept[32:]
    return blob if hashlib.sha256(blob).digest() == digest else None


def _touch(request: ov.InferRequest) -> None:
    """Look at a tensor's data once, before several threads do.

    The binding fills a table at that moment, and lets go of Python's lock while it does: a second thread that
    comes to the table then waits for ever.
    """
    tensor = request.get_input_tensor(0)
    tensor.shape = (1, 1, 1, 3)
    tensor.data[:] = 0
