"""The interface of engines, and the way to open one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol, TypeAlias, TypedDict, cast

from likewise.engines.ops import Head
from likewise.errors import UsageError, needing
from likewise.networks import Card, Preprocessing, Tensors
from likewise.registry import lookup
from likewise.types import FloatArray, UInt8Array

Precision: TypeAlias = Literal["f32", "bf16"]

PRECISIONS: dict[str, str] = {
    "f32": "float32 throughout: the same vectors on every machine, to rounding",
    "bf16": "bfloat16 arithmetic: faster where the processor has it; benchmarks/precision says what it costs",
}

_ENGINES: dict[str, str] = {
    "openvino": "likewise.engines.openvino_engine:OpenVinoEngine",
    "torch": "likewise.engines.torch_engine:TorchEngine",
}


@dataclass(frozen=True)
class Program:
    """A network up to its taps and what is made of them, not yet built.

    Attributes
    ----------
    key
        Hexadecimal identity of weights, preprocessing, taps and head; compiled models are kept under it.
    card, taps
        The network, and where it is read.
    preprocessing
        How uint8 ``(n, h, w, 3)`` becomes its input.
    tensors
        Reads its canonical weights; called only when no compiled model is at hand.
    head
        Makes the outputs of what the taps give, in their order.
    side
        Side of the only square it takes; None when it takes any size.
    """

    key: str
    card: Card
    taps: tuple[str, ...]
    preprocessing: Preprocessing
    tensors: Callable[[], Tensors]
    head: Head
    side: int | None = None


class Engine(Protocol):
    """Runs one program.

    ``batch_pixels``: how many pixels a batch should hold in all for the best speed.
    """

    name: str
    precision: Precision
    batch_pixels: int

    def run(self, batch: UInt8Array) -> list[FloatArray]:
        """Run a batch of equally large pictures; safe to call from many threads at once.

        Returns one float32 array for each output of the program: vectors ``(n, d)``, or maps
        ``(n, c, h, w)``. ``batch``: uint8 RGB, shape ``(n, h, w, 3)``.
        """


class EngineChoice(TypedDict, total=False):
    """How a network is run: see `open_engine`."""

    engine: str
    device: str
    precision: str
    streams: int


def open_engine(
    program: Program,
    *,
    engine: str = "openvino",
    device: str = "cpu",
    precision: str = "f32",
    streams: int = 1,
) -> Engine:
    """Make a program ready to run.

    Raises `UnknownName` when there is no such engine or precision; `UsageError` when the engine cannot use
    that device; `MissingExtra` when torch is needed and not installed.

    Parameters
    ----------
    engine
        ``openvino`` (CPU; a network of timm is converted once, with torch) or ``torch`` (any device).
    device
        For torch: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    streams
        How many threads will call `Engine.run` at once; 1 gives a single picture all cores.
    """
    place = lookup("engine", engine, _ENGINES)
    lookup("precision", precision, PRECISIONS)
    if engine == "openvino" and device != "cpu":
        raise UsageError(f"engine 'openvino' runs on the cpu, not on {device!r}; use engine 'torch' for that")
    module, name = place.split(":")
    # Only the engine that is wanted is imported: torch alone takes seconds to load.
    with needing(f"engine {engine!r}", package=engine, extra=engine):
        opened = getattr(import_module(module), name)
    return cast(Engine, opened(program, device=device, precision=precision, streams=streams))
