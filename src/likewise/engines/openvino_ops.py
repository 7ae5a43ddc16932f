"""The words of `likewise.engines.ops` as nodes of an OpenVINO graph; no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
from openvino import opset1
from openvino import opset13 as op

from likewise.engines.engine import Program
from likewise.engines.ops import normalised, walk


class Value:
    """A node with numpy's arithmetic: a plain number takes the type of the array it meets."""

    def __init__(self, node: ov.Node) -> None:
        self.node = node

    def _other(self, other: Value | float) -> ov.Node:
        if isinstance(other, Value):
            return other.node
        return op.constant(np.array(other), self.node.get_output_element_type(0))

    def __add__(self, other: Value | float) -> Value:
        return Value(op.add(self.node, self._other(other)))

    def __sub__(self, other: Value | float) -> Value:
        return Value(op.subtract(self.node, self._other(other)))

    def __mul__(self, other: Value | float) -> Value:
        return Value(op.multiply(self.node, self._other(other)))

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __truediv__(self, other: Value | float) -> Value:
        return Value(op.divide(self.node, self._other(other)))

    def __floordiv__(self, other: Value | float) -> Value:
        """Of whole numbers, which OpenVINO divides as Python does."""
        return self / other

    def __neg__(self) -> Value:
        return Value(op.negative(self.node))

    def __gt__(self, other: Value | float) -> Value:
        return Value(op.greater(self.node, self._other(other)))

    def __ge__(self, other: Value | float) -> Value:
        return Value(op.greater_equal(self.node, self._other(other)))


class OpenVinoOps:
    """See `likewise.engines.ops.Ops`."""

    def constant(self, values: np.ndarray, like: Value) -> Value:  # noqa: D102
        return Value(op.constant(values))

    def rank(self, x: Value) -> int:  # noqa: D102
        return int(x.node.get_output_partial_shape(0).rank.get_length())

    def sides(self, x: Value) -> tuple[Value, Value]:  # noqa: D102
        shape, zero = op.shape_of(x.node), op.constant(0)
        return Value(op.gather(shape, op.constant(2), zero)), Value(op.gather(shape, op.constant(3), zero))

    def real(self, x: Value) -> Value:  # noqa: D102
        return Value(op.convert(x.node, "f32"))

    def whole(self, x: Value) -> Value:  # noqa: D102
        return Value(op.convert(x.node, "i64"))

    def arange(self, count: Value, like: Value) -> Value:  # noqa: D102
        return Value(op.range(op.constant(np.int64(0)), count.node, op.constant(np.int64(1)), "i64"))

    def transpose(self, x: Value, axes: Sequence[int]) -> Value:  # noqa: D102
        return Value(op.transpose(x.node, op.constant(list(axes))))

    def column(self, x: Value) -> Value:  # noqa: D102
        return Value(op.unsqueeze(x.node, op.constant(1)))

    def flatten(self, x: Value, axis: int) -> Value:  # noqa: D102
        kept = [0] * axis  # a zero keeps the side that is there
        return Value(op.reshape(x.node, op.constant([*kept, -1]), special_zero=True))

    def take(self, x: Value, indices: Value, axis: int) -> Value:  # noqa: D102
        return Value(op.gather(x.node, indices.node, op.constant(axis)))

    def concatenate(self, arrays: Sequence[Value], axis: int) -> Value:  # noqa: D102
        return Value(op.concat([array.node for array in arrays], axis))

    def matmul(self, x: Value, y: Value) -> Value:  # noqa: D102
        return Value(op.matmul(x.node, y.node, False, False))

    def sum(self, x: Value, axes: Sequence[int], keep: bool = False) -> Value:  # noqa: D102
        return Value(op.reduce_sum(x.node, op.constant(list(axes)), keep))

    def mean(self, x: Value, axes: Sequence[int], keep: bool = False) -> Value:  # noqa: D102
        return Value(op.reduce_mean(x.node, op.constant(list(axes)), keep))

    def max(self, x: Value, axes: Sequence[int], keep: bool = False) -> Value:  # noqa: D102
        return Value(op.reduce_max(x.node, op.constant(list(axes)), keep))

    def maximum(self, x: Value, y: Value | float) -> Value:  # noqa: D102
        return Value(op.maximum(x.node, x._other(y)))

    def minimum(self, x: Value, y: Value | float) -> Value:  # noqa: D102
        return Value(op.minimum(x.node, x._other(y)))

    def power(self, x: Value, exponent: float) -> Value:  # noqa: D102
        return Value(op.power(x.node, x._other(exponent)))

    def sqrt(self, x: Value) -> Value:  # noqa: D102
        return Value(op.sqrt(x.node))

    def exp(self, x: Value) -> Value:  # noqa: D102
        return Value(op.exp(x.node))

    def log(self, x: Value) -> Value:  # noqa: D102
        return Value(op.log(x.node))

    def where(self, condition: Value, x: Value, y: Value) -> Value:  # noqa: D102
        return Value(op.select(condition.node, x.node, y.node))

    def convolution(  # noqa: D102
        self,
        x: Value,
        weight: Value,
        bias: Value | None,
        *,
        stride: int,
        pad: tuple[int, int],
        groups: int,
    ) -> Value:
        before, after = ([side, side] for side in pad)
        if groups == 1:
            convolved = op.convolution(x.node, weight.node, [stride] * 2, before, after, [1, 1])
        else:
            out, inner, *kernel = weight.node.get_output_shape(0)
            split = op.reshape(weight.node, op.constant([groups, out // groups, inner, *kernel]), False)
            convolved = op.group_convolution(x.node, split, [stride] * 2, before, after, [1, 1])
        if bias is None:
            return Value(convolved)
        return Value(op.add(convolved, op.reshape(bias.node, op.constant([1, -1, 1, 1]), False)))

    def linear(self, x: Value, weight: Value, bias: Value | None) -> Value:  # noqa: D102
        product = op.matmul(x.node, weight.node, False, True)
        return Value(product if bias is None else op.add(product, bias.node))

    def batch_norm(  # noqa: D102
        self, x: Value, weight: Value, bias: Value, mean: Value, variance: Value, epsilon: float
    ) -> Value:
        parts = (part.node for part in (weight, bias, mean, variance))
        return Value(op.batch_norm_inference(x.node, *parts, epsilon))

    def response_norm(self, x: Value, *, size: int, alpha: float, beta: float, k: float) -> Value:  # noqa: D102
        return Value(op.lrn(x.node, op.constant([1]), alpha, beta, k, size))

    def max_pool(  # noqa: D102
        self, x: Value, kernel: tuple[int, int], stride: tuple[int, int], *, pad: int, ceil: bool
    ) -> Value:
        rounding = "ceil" if ceil else "floor"
        return Value(opset1.max_pool(x.node, list(stride), [pad] * 2, [pad] * 2, list(kernel), rounding))

    def mean_pool(self, x: Value, kernel: tuple[int, int], stride: tuple[int, int]) -> Value:  # noqa: D102
        return Value(op.avg_pool(x.node, list(stride), [0, 0], [0, 0], list(kernel), False))

    def resize(self, x: Value, like: Value) -> Value:  # noqa: D102
        sides = op.gather(op.shape_of(like.node), op.constant([2, 3]), op.constant(0))
        return Value(
            op.interpolate(
                x.node,
                sides,
                "linear_onnx",
                "sizes",
                coordinate_transformation_mode="half_pixel",
                axes=op.constant([2, 3]),
            )
        )

    def fold(self, x: Value, side: int) -> Value:  # noqa: D102
        return Value(op.space_to_depth(x.node, "depth_first", side))

    def relu(self, x: Value) -> Value:  # noqa: D102
        return Value(op.relu(x.node))

    def relu6(self, x: Value) -> Value:
        """See `Ops.relu6`; unlike a minimum, OpenVINO computes it as part of the convolution before it."""
        return Value(op.clamp(x.node, 0.0, 6.0))

    def sigmoid(self, x: Value) -> Value:  # noqa: D102
        return Value(op.sigmoid(x.node))

    def softmax(self, x: Value) -> Value:  # noqa: D102
        return Value(op.softmax(x.node, 1))


OPS = OpenVinoOps()


def drawn(program: Program) -> ov.Model:
    """The graph of a program whose network is written out as a chain.

    Raises `BadWeights` when a tensor that its taps need is missing or of another shape.
    """
    side = program.side or -1
    pictures = op.parameter([-1, side, side, 3], np.uint8)
    chain = program.card.chain.needed(program.taps)
    tensors = chain.fitting(program.tensors())
    x = normalised(OPS, Value(pictures), program.preprocessing)
    steps = walk(OPS, chain, lambda name: Value(op.constant(tensors[name])), {"": x})
    values = {name: value for name, value in steps if name in program.taps}
    outputs = program.head(OPS, [values[tap] for tap in program.taps])
    return ov.Model([op.result(output.node) for output in outputs], [pictures])
