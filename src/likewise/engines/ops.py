"""The words in which networks and poolings are written once, for every engine to say in its own terms.

A chain of layers, a preprocessing and a pooling are functions of `Ops`: given openvino's they draw a graph,
given torch's they run, and can be trained or traced. Arrays have numpy's arithmetic and comparisons with each
other and with plain numbers. No function here may take a Python number from an array's sides: in a graph
they are not known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from likewise.networks import Chain, Layer, Preprocessing

Array: TypeAlias = Any
"""A node of an OpenVINO graph or a torch tensor."""

Head: TypeAlias = "Callable[[Ops, Sequence[Array]], Sequence[Array]]"
"""From what each tap gives to what a program returns."""

NORM_EPSILON = 1e-3
"""Of EfficientNet's batch normalisation, unless a layer says otherwise."""

INSTANCE_EPSILON = 1e-5

LRN_SIZE, LRN_ALPHA, LRN_BETA, LRN_K = 5, 5e-4, 0.75, 2.0
"""Response normalisation of CNN-M, the only one in our chains."""


class Ops(Protocol):
    """The operations of an engine; maps are ``(n, c, h, w)``, axes are counted from 0."""

    def constant(self, values: np.ndarray, like: Array) -> Array:
        """Numbers that are known, on the device of another array."""

    def rank(self, x: Array) -> int:
        """How many axes an array has."""

    def sides(self, x: Array) -> tuple[Array, Array]:
        """Height and width of a map, as whole numbers without axes."""

    def real(self, x: Array) -> Array:
        """As float32."""

    def whole(self, x: Array) -> Array:
        """As int64."""

    def arange(self, count: Array, like: Array) -> Array:
        """``0 .. count - 1`` as int64, on the device of another array."""

    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        """The axes in another order."""

    def column(self, x: Array) -> Array:
        """``(n,)`` as ``(n, 1)``."""

    def flatten(self, x: Array, axis: int) -> Array:
        """All axes from one on made one."""

    def take(self, x: Array, indices: Array, axis: int) -> Array:
        """Entries along an axis; two axes of indices make two in its place."""

    def concatenate(self, arrays: Sequence[Array], axis: int) -> Array:
        """One array behind the other."""

    def matmul(self, x: Array, y: Array) -> Array:
        """The matrix product."""

    def sum(self, x: Array, axes: Sequence[int], keep: bool = False) -> Array:
        """Sum over axes, which stay with length 1 where they are to be kept."""

    def mean(self, x: Array, axes: Sequence[int], keep: bool = False) -> Array:
        """Mean over axes."""

    def max(self, x: Array, axes: Sequence[int], keep: bool = False) -> Array:
        """Maximum over axes."""

    def maximum(self, x: Array, y: Array | float) -> Array:
        """The larger of two, number by number."""

    def minimum(self, x: Array, y: Array | float) -> Array:
        """The smaller of two."""

    def power(self, x: Array, exponent: float) -> Array:
        """Each number to a power."""

    def sqrt(self, x: Array) -> Array:
        """Square roots."""

    def exp(self, x: Array) -> Array:
        """Exponentials."""

    def log(self, x: Array) -> Array:
        """Natural logarithms."""

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """From ``x`` where a condition holds, else from ``y``."""

    def convolution(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        *,
        stride: int,
        pad: tuple[int, int],
        groups: int,
    ) -> Array:
        """Convolve maps with kernels ``(out, in / groups, h, w)`` over zeros before and after."""

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """``x @ weight.T + bias``."""

    def batch_norm(
        self, x: Array, weight: Array, bias: Array, mean: Array, variance: Array, epsilon: float
    ) -> Array:
        """``(x - mean) / sqrt(variance + epsilon) * weight + bias`` of each channel."""

    def response_norm(self, x: Array, *, size: int, alpha: float, beta: float, k: float) -> Array:
        """``x / (k + alpha / size * sum of squares of the channels around)^beta``.

        Krizhevsky, Sutskever and Hinton, NIPS 2012, section 3.3. Caffe divides alpha by the size, as this
        does; MatConvNet writes the quotient.
        """

    def max_pool(
        self, x: Array, kernel: tuple[int, int], stride: tuple[int, int], *, pad: int, ceil: bool
    ) -> Array:
        """Maxima of windows; with ``ceil`` also of those of which a part lies beyond the border."""

    def mean_pool(self, x: Array, kernel: tuple[int, int], stride: tuple[int, int]) -> Array:
        """Means of windows."""

    def resize(self, x: Array, like: Array) -> Array:
        """Maps brought to the sides of others, bilinear between the centres of cells."""

    def fold(self, x: Array, side: int) -> Array:
        """Squares of cells made one cell: ``(n, c, h, w)`` to ``(n, c side^2, h / side, w / side)``."""

    def relu(self, x: Array) -> Array:
        """``max(x, 0)``."""

    def relu6(self, x: Array) -> Array:
        """``min(max(x, 0), 6)``."""

    def sigmoid(self, x: Array) -> Array:
        """``1 / (1 + exp(-x))``."""

    def softmax(self, x: Array) -> Array:
        """Shares over axis 1."""


def as_they_are(ops: Ops, taps: Sequence[Array]) -> Sequence[Array]:
    """A head that gives what the taps give."""
    return taps


def normalised(ops: Ops, pictures: Array, preprocessing: Preprocessing) -> Array:
    """Turn uint8 ``(n, h, w, 3)`` RGB into a network's input ``(n, 3, h, w)``, as its weights ask for it."""
    exact = np.array([preprocessing.mean, preprocessing.std], np.float64)
    mean, factor = exact[0] / preprocessing.scale, preprocessing.scale / exact[1]
    x = ops.real(ops.transpose(pictures, (0, 3, 1, 2)))
    if preprocessing.order == "BGR":
        x = ops.take(x, ops.constant(np.array([2, 1, 0]), x), 1)
    # (v * scale - mean) / std as (v - mean / scale) * (scale / std): exact zeros where v is the mean
    less, times = (ops.constant(part.astype(np.float32)[:, None, None], x) for part in (mean, factor))
    return (x - less) * times


def walk(
    ops: Ops, chain: Chain, weight: Callable[[str], Array], given: Mapping[str, Array]
) -> Iterator[tuple[str, Array]]:
    """Run a chain layer by layer: each one's name and what comes out of it, held only while it is needed.

    Parameters
    ----------
    weight
        Gives a tensor of the canonical weights by its name.
    given
        What the chain begins with: the network's input as ``""``, or what layers before this part gave.
    """
    wires = chain.wires
    last = {name: index for index, (_, inputs) in enumerate(wires) for name in inputs}
    held = dict(given)
    for index, (layer, inputs) in enumerate(wires):
        output = _applied(ops, layer, [held[name] for name in inputs], weight)
        for name in inputs:
            if last[name] == index:
                held.pop(name, None)
        held[layer.name] = output
        yield layer.name, output


def _applied(ops: Ops, layer: Layer, inputs: Sequence[Array], weight: Callable[[str], Array]) -> Array:
    x = inputs[0]
    match layer.kind:
        case "conv":
            kernel, bias = _weights(layer, weight)
            return ops.convolution(x, kernel, bias, stride=layer.stride, pad=layer.pad, groups=layer.groups)
        case "linear":
            return ops.linear(x, *_weights(layer, weight))
        case "norm":
            kernel, bias = _weights(layer, weight)
            mean, variance = weight(f"{layer.key}.running_mean"), weight(f"{layer.key}.running_var")
            return ops.batch_norm(x, kernel, bias, mean, variance, layer.epsilon or NORM_EPSILON)
        case "maxpool":
            square, step = (layer.kernel, layer.kernel), (layer.stride, layer.stride)
            return ops.max_pool(x, square, step, pad=layer.pad[0], ceil=layer.ceil)
        case "meanpool":
            return ops.mean_pool(x, (layer.kernel, layer.kernel), (layer.stride, layer.stride))
        case "fold":
            return ops.fold(x, layer.kernel)
        case _:
            return PLAIN[layer.kind](ops, inputs)


def _weights(layer: Layer, weight: Callable[[str], Array]) -> tuple[Array, Array | None]:
    return weight(f"{layer.key}.weight"), weight(f"{layer.key}.bias") if layer.bias else None


def _response_norm(ops: Ops, inputs: Sequence[Array]) -> Array:
    return ops.response_norm(inputs[0], size=LRN_SIZE, alpha=LRN_ALPHA, beta=LRN_BETA, k=LRN_K)


def _instance_norm(ops: Ops, inputs: Sequence[Array]) -> Array:
    """Each channel of each picture brought to mean 0 and variance 1 (Ulyanov et al., arXiv:1607.08022)."""
    centred = inputs[0] - ops.mean(inputs[0], (2, 3), keep=True)
    return centred / ops.sqrt(ops.mean(centred * centred, (2, 3), keep=True) + INSTANCE_EPSILON)


def _added(ops: Ops, inputs: Sequence[Array]) -> Array:
    total = inputs[0]
    for other in inputs[1:]:
        total = total + other
    return total


PLAIN: dict[str, Callable[[Ops, Sequence[Array]], Array]] = {
    "relu": lambda ops, inputs: ops.relu(inputs[0]),
    "relu6": lambda ops, inputs: ops.relu6(inputs[0]),
    "sigmoid": lambda ops, inputs: ops.sigmoid(inputs[0]),
    "softmax": lambda ops, inputs: ops.softmax(inputs[0]),
    "lrn": _response_norm,
    "instancenorm": _instance_norm,
    "avgpool": lambda ops, inputs: ops.mean(inputs[0], (2, 3)),
    "grey": lambda ops, inputs: ops.mean(inputs[0], (1,), keep=True),
    "flatten": lambda ops, inputs: ops.flatten(inputs[0], 1),
    "add": _added,
    "concat": lambda ops, inputs: ops.concatenate(inputs, 1),
    "upsample": lambda ops, inputs: ops.resize(inputs[0], inputs[1]),
}
"""Layers without tensors and settings."""
