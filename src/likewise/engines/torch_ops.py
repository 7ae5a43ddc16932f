"""The words of `likewise.engines.ops` in torch: they run, can be trained, and can be traced.

Sizes are tensors throughout, so that a trace keeps ``n``, ``h`` and ``w`` free: a Python number taken from a
traced size would freeze the example's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


class TorchOps:
    """See `likewise.engines.ops.Ops`."""

    def constant(self, values: np.ndarray, like: Tensor) -> Tensor:  # noqa: D102
        return torch.from_numpy(np.array(values)).to(like.device)

    def rank(self, x: Tensor) -> int:  # noqa: D102
        return x.ndim

    def sides(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Ops.sides`; they stay on the CPU, so that no size is fetched back from another device."""
        one = torch.ones((), dtype=torch.int64)  # in eager mode x.shape holds plain numbers
        return one * x.shape[2], one * x.shape[3]

    def real(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.float()

    def whole(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.long()

    def arange(self, count: Tensor, like: Tensor) -> Tensor:
        """See `Ops.arange`; torch takes a tensor here, its stubs do not."""
        return torch.arange(count, device=like.device)  # type: ignore[call-overload, no-any-return]

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:  # noqa: D102
        return x.permute(*axes)

    def column(self, x: Tensor) -> Tensor:  # noqa: D102
        return x[:, None]

    def flatten(self, x: Tensor, axis: int) -> Tensor:  # noqa: D102
        return x.flatten(axis)

    def take(self, x: Tensor, indices: Tensor, axis: int) -> Tensor:  # noqa: D102
        where: tuple[slice | Tensor, ...] = (*[slice(None)] * axis, indices)
        return x[where]

    def concatenate(self, arrays: Sequence[Tensor], axis: int) -> Tensor:  # noqa: D102
        return torch.cat(list(arrays), axis)

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:  # noqa: D102
        return x @ y

    def sum(self, x: Tensor, axes: Sequence[int], keep: bool = False) -> Tensor:  # noqa: D102
        return x.sum(tuple(axes), keepdim=keep)

    def mean(self, x: Tensor, axes: Sequence[int], keep: bool = False) -> Tensor:  # noqa: D102
        return x.mean(tuple(axes), keepdim=keep)

    def max(self, x: Tensor, axes: Sequence[int], keep: bool = False) -> Tensor:  # noqa: D102
        return x.amax(tuple(axes), keepdim=keep)

    def maximum(self, x: Tensor, y: Tensor | float) -> Tensor:  # noqa: D102
        return torch.maximum(x, y) if isinstance(y, Tensor) else x.clamp(min=y)

    def minimum(self, x: Tensor, y: Tensor | float) -> Tensor:  # noqa: D102
        return torch.minimum(x, y) if isinstance(y, Tensor) else x.clamp(max=y)

    def power(self, x: Tensor, exponent: float) -> Tensor:  # noqa: D102
        return x.pow(exponent)

    def sqrt(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.sqrt()

    def exp(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.exp()

    def log(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.log()

    def where(self, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:  # noqa: D102
        return torch.where(condition, x, y)

    def convolution(  # noqa: D102
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: int,
        pad: tuple[int, int],
        groups: int,
    ) -> Tensor:
        before, after = pad
        if before != after:  # TensorFlow's SAME puts the odd pixel after
            x, before = functional.pad(x, (before, after, before, after)), 0
        return functional.conv2d(x, weight, bias, stride, before, groups=groups)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: D102
        return functional.linear(x, weight, bias)

    def batch_norm(  # noqa: D102
        self, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: float
    ) -> Tensor:
        return functional.batch_norm(x, mean, variance, weight, bias, eps=epsilon)

    def response_norm(self, x: Tensor, *, size: int, alpha: float, beta: float, k: float) -> Tensor:  # noqa: D102
        half = size // 2
        squares = functional.pad(x.square(), (0, 0, 0, 0, half, half))
        total = torch.stack([squares[:, start : start + 1 - size or None] for start in range(size)]).sum(0)
        return x * (k + alpha / size * total).pow(-beta)

    def max_pool(  # noqa: D102
        self, x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], *, pad: int, ceil: bool
    ) -> Tensor:
        return functional.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil)

    def mean_pool(self, x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:  # noqa: D102
        return functional.avg_pool2d(x, kernel, stride)

    def resize(self, x: Tensor, like: Tensor) -> Tensor:  # noqa: D102
        return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)

    def fold(self, x: Tensor, side: int) -> Tensor:  # noqa: D102
        return functional.pixel_unshuffle(x, side)

    def relu(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.relu()

    def relu6(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.relu().clamp(max=6)

    def sigmoid(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.sigmoid()

    def softmax(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.softmax(1)


OPS = TorchOps()
