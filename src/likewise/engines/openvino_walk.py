"""A chain run by OpenVINO from tap to tap, for those who look at every tap and keep none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
from openvino import opset13 as op

from likewise.engines.openvino_ops import OPS, Value
from likewise.engines.ops import walk
from likewise.files.system import cores
from likewise.networks import Chain, Tensors
from likewise.types import FloatArray


@dataclass(frozen=True)
class _Piece:
    """The layers behind one tap up to the next.

    Attributes
    ----------
    inputs
        What its layers read of what earlier ones gave; ``""`` is the network's input.
    outputs
        The tap, then what else later pieces read of it.
    live
        All that later pieces read, of this one or of others.
    """

    layers: Chain
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    live: frozenset[str]


class Walk:
    """A chain with its weights, read at some taps.

    ``tensors``: canonical weights by name. Raises `BadWeights` when a tensor that the taps need is missing or
    of another shape.
    """

    def __init__(self, chain: Chain, tensors: Mapping[str, FloatArray], taps: Sequence[str]) -> None:
        chain = chain.needed(taps)
        self._tensors = chain.fitting(tensors)
        self._shapes = {
            name: [-1, reach.channels] if reach.whole else [-1, reach.channels, -1, -1]
            for name, reach in chain.reaches.items()
        }
        self._pieces = _cut(chain, taps)
        self._compiled: dict[int, ov.CompiledModel] = {}

    def run(self, x: FloatArray) -> Iterator[tuple[str, FloatArray]]:
        """Run prepared pictures ``(n, 3, h, w)``: each tap in the order of the forward pass."""
        held = {"": x}
        for number, piece in enumerate(self._pieces):
            request = self._model(number).create_infer_request()
            request.infer([held[name] for name in piece.inputs])
            for index, name in enumerate(piece.outputs):
                held[name] = np.array(request.get_output_tensor(index).data)
            output = held[piece.outputs[0]]
            held = {name: values for name, values in held.items() if name in piece.live}
            yield piece.outputs[0], output

    def _model(self, number: int) -> ov.CompiledModel:
        if number not in self._compiled:
            drawn = _drawn(self._pieces[number], self._tensors, self._shapes)
            config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
            self._compiled[number] = ov.Core().compile_model(drawn, "CPU", config)
        return self._compiled[number]


def _cut(chain: Chain, taps: Sequence[str]) -> list[_Piece]:
    wires = chain.wires
    ends = [index + 1 for index, (layer, _) in enumerate(wires) if layer.name in taps]
    pieces = []
    for start, end in zip([0, *ends], ends, strict=False):
        own = {layer.name for layer, _ in wires[start:end]}
        read = dict.fromkeys(name for _, inputs in wires[start:end] for name in inputs if name not in own)
        live = frozenset(name for _, inputs in wires[end:] for name in inputs)
        tap = wires[end - 1][0].name
        pieces.append(
            _Piece(
                layers=Chain(chain[start:end]),
                inputs=tuple(read),
                outputs=(tap, *sorted((own & live) - {tap})),
                live=live,
            )
        )
    return pieces


def _drawn(piece: _Piece, tensors: Tensors, shapes: Mapping[str, list[int]]) -> ov.Model:
    parameters = {name: op.parameter(shapes[name], np.float32) for name in piece.inputs}
    given = {name: Value(parameter) for name, parameter in parameters.items()}
    values = dict(walk(OPS, piece.layers, lambda name: Value(op.constant(tensors[name])), given))
    return ov.Model([op.result(values[name].node) for name in piece.outputs], [*parameters.values()])
