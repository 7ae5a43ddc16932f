"""The openvino engine: the module converted once, compiled for this CPU, later run without torch."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from likewise.assets import cache_dir
from likewise.engines.engine import Precision, Program
from likewise.errors import StorageError
from likewise.types import FloatArray, UInt8Array

# OpenVINO reports its use over the network unless its telemetry package is absent; to this process it is.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402


class OpenVinoEngine:
    """Runs a compiled model; every thread that calls gets an inference request of its own."""

    name = "openvino"
    batch_pixels = (
        100_000  # two pictures of 224: larger batches fall out of the cache and cost 10 to 20 % more
    )

    def __init__(self, program: Program, *, device: str, precision: Precision, streams: int) -> None:
        self.precision = precision
        core = ov.Core()
        config = {
            "INFERENCE_PRECISION_HINT": precision,  # its own default is bf16 where the CPU has it
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": _cores(),
            "ENABLE_CPU_PINNING": False,  # decoding threads and other processes share the cores
        }
        with _writable():
            folder = cache_dir() / "compiled"
            compiled = core.compile_model(
                _converted(program, folder), "CPU", config | {"CACHE_DIR": str(folder)}
            )
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


def _converted(program: Program, folder: Path) -> Path:
    """The program in OpenVINO's own format on disk, converted if it is not there yet."""
    version = ov.get_version().split("-")[0]
    path = folder / f"{program.key[:32]}-{version}.xml"
    if not (path.is_file() and path.with_suffix(".bin").is_file()):
        _convert(program, path)
    return path


def _convert(program: Program, path: Path) -> None:
    """Convert with free batch, height and width, and put both files in place whole.

    The weights are moved before the description, so that a description never lies there without them.
    """
    import torch  # the one way from here to torch: taken when no converted model is cached

    example = torch.zeros((1, 256, 320, 3), dtype=torch.uint8)
    with warnings.catch_warnings():  # torch 2.13 calls the tracing that the conversion stands on deprecated
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        model = ov.convert_model(
            program.build(), example_input=example, input=[ov.PartialShape([-1, -1, -1, 3])]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        ov.save_model(model, draft, compress_to_fp16=False)
        os.replace(draft.with_suffix(".bin"), path.with_suffix(".bin"))
        os.replace(draft, path)


def _touch(request: ov.InferRequest) -> None:
    """Look at a tensor's data once, before several threads do.

    The binding fills a table at that moment, and lets go of Python's lock while it does: a second thread that
    comes to the table then waits for ever.
    """
    tensor = request.get_input_tensor(0)
    tensor.shape = (1, 1, 1, 3)
    tensor.data[:] = 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the model cache {cache_dir()} cannot be written: {error.strerror or error}; free space there, "
            "or set LIKEWISE_CACHE to another folder"
        ) from error
