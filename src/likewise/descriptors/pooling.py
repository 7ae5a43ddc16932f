"""From a map of activations to one vector a picture, as torch modules.

Every module takes float32 ``(n, c, h, w)`` and gives ``(n, d)``; vectors ``(n, c)`` pass through all of
them unchanged. Sizes are read from the tensor by tensor operations only, so that `torch.jit.trace` and
``openvino.convert_model`` keep ``n``, ``h`` and ``w`` free: a Python number taken from a traced size would
freeze the example's. None of them makes a NaN of a map that is zero everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

TINY = 1e-12
"""Norms below this divide as if they were this, so that zero stays zero."""


class Pooling(nn.Module):
    """Base: passes vectors through and hands maps to `pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool maps ``(n, c, h, w)`` to ``(n, d)``; give vectors ``(n, c)`` back as they are."""
        return x if x.ndim == 2 else self.pool(x)

    def pool(self, x: Tensor) -> Tensor:
        """Pool maps ``(n, c, h, w)`` to ``(n, d)``."""
        raise NotImplementedError


class Flatten(Pooling):
    """Every cell of the map, in the order channel, row, column: ``(n, c * h * w)``."""

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.flatten(1)


class Sum(Pooling):
    """Sum over the cells (SPoC without its centre prior, once L2 normalised)."""

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.sum((2, 3))


class Mean(Pooling):
    """Mean over the cells (global average pooling)."""

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.mean((2, 3))


class Max(Pooling):
    """Maximum over the cells: MAC (Razavian et al., 2014; Tolias et al., ICLR 2016, eq. 1)."""

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.amax((2, 3))


class GeM(Pooling):
    """Generalised mean (Radenovic, Tolias and Chum, TPAMI 2019, eq. 3).

    ``(mean over cells of max(x, eps)^p)^(1/p)``: the mean for ``p = 1``, towards the maximum as p grows.
    With ``centre`` above 0 it is a weighted mean: a Gaussian around the centre of the picture whose standard
    deviation is that share of the picture's width along rows and of its height along columns.
    """

    def __init__(self, p: float = 3.0, eps: float = 1e-6, centre: float = 0.0) -> None:
        super().__init__()
        self.p, self.eps, self.centre = p, eps, centre

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        x = x.clamp(min=self.eps)
        # Powers are taken of shares of the channel's maximum: activations of 100 to the power 20 overflow
        # float32, and 1e-6 to the power 8 vanishes.
        top = x.amax((2, 3), keepdim=True)
        powers = (x / top).pow(self.p)
        mean = (powers * _centre_weights(x, self.centre)).sum((2, 3)) if self.centre else powers.mean((2, 3))
        return mean.pow(1 / self.p) * top.flatten(1)


class SPoC(Pooling):
    """Sum over the cells, weighted towards the centre (Babenko and Lempitsky, ICCV 2015, eq. 2 to 4).

    The weight of a cell is ``exp(-distance^2 / (2 sigma^2))``, with sigma a third of the distance from the
    centre of the map to its nearest border, all measured in cells between cell centres. The prior helps where
    the object is centred (Oxford) and hurts elsewhere (Holidays), hence it is off unless asked for.
    """

    def __init__(self, prior: bool = False) -> None:
        super().__init__()
        self.prior = prior

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        return (x * _centre_prior(x)).sum((2, 3)) if self.prior else x.sum((2, 3))


class CroW(Pooling):
    """Cross-dimensional weighting (Kalantidis, Mellina and Osindero, ECCV workshops 2016, section 3).

    Cells are weighted by ``(S / |S|)^(1/2)`` with S the sum over channels, channels by the log of the inverse
    of their share of non-zero cells (0 for a channel that never fires). Meant for maps after a ReLU: negative
    activations count as zero in both weights.
    """

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        total = x.sum(1, keepdim=True).clamp(min=0)
        norm = total.square().sum((2, 3), keepdim=True).sqrt()
        spatial = (total / norm.clamp(min=TINY)).sqrt()
        share = (x > 0).to(x.dtype).mean((2, 3))
        rarity = (share.sum(1, keepdim=True) / share.clamp(min=TINY)).clamp(min=TINY).log()
        return (x * spatial).sum((2, 3)) * torch.where(share > 0, rarity, torch.zeros_like(share))


class RMAC(Pooling):
    """Regional maxima (Tolias, Sicre and Jegou, ICLR 2016, section 4).

    At level ``l`` squares of side ``floor(2 min(h, w) / (l + 1))`` are spread evenly, ``l`` along the shorter
    side and as many more along the longer one as bring the overlap of the largest squares closest to
    ``overlap``. Each square is max pooled, L2 normalised, whitened if `whitening` is given, normalised again,
    and all are added. As in the authors' code there is no region of the whole map besides these.

    Parameters
    ----------
    levels
        How many sizes of squares.
    overlap
        Wanted overlap of neighbouring squares, to three decimals.
    whitening
        ``(mean (c,), projection (c, d))`` applied to each region's vector.
    """

    mean: Tensor
    projection: Tensor

    def __init__(
        self, levels: int = 3, overlap: float = 0.4, whitening: tuple[Tensor, Tensor] | None = None
    ) -> None:
        super().__init__()
        self.levels, self.overlap = levels, overlap
        self.whitens = whitening is not None
        if whitening is not None:
            self.register_buffer("mean", whitening[0])
            self.register_buffer("projection", whitening[1])

    def pool(self, x: Tensor) -> Tensor:  # noqa: D102
        height, width = _sides(x)
        short = torch.minimum(height, width)
        extra = self._extra(torch.maximum(height, width) - short, short)
        extra_rows, extra_columns = extra * (height > width), extra * (width > height)
        levels = range(1, self.levels + 1)
        return torch.stack(
            [self._level(x, level, short, (extra_rows, extra_columns)) for level in levels]
        ).sum(0)

    def _level(self, x: Tensor, level: int, short: Tensor, extra: tuple[Tensor, Tensor]) -> Tensor:
        """Sum of the normalised region vectors of one level, ``(n, d)``."""
        # A side of 0 means that the map is too small for this level. Its squares are then taken with
        # side 1, since nothing can be pooled over no cells, and multiplied by zero.
        side = 2 * short // (level + 1)
        squares = _windows(x, 2, side.clamp(min=1), level + extra[0])
        squares = _windows(squares, 3, side.clamp(min=1), level + extra[1])
        return self._whitened(_unit(squares.flatten(2).transpose(1, 2))).sum(1) * (side > 0)

    def _whitened(self, vectors: Tensor) -> Tensor:
        return _unit((vectors - self.mean) @ self.projection) if self.whitens else vectors

    def _extra(self, surplus: Tensor, short: Tensor) -> Tensor:
        """How many more squares lie along the longer side: 0 for a square map, else 1 to 6.

        With s + 1 of the largest squares, which have side ``short``, neighbours overlap by the share
        ``1 - surplus / (s short)``. The share for s + 1 is nearer to `overlap` than the share for s once
        ``surplus (2 s + 1) > 2 (1 - overlap) s (s + 1) short``; so s is the number of such steps passed,
        beginning with s = 0. In whole numbers, since ties are common (9 x 5 cells at overlap 0.4) and would
        otherwise be settled by rounding, differently in each engine; a tie takes the larger number.
        """
        gap = round(2000 * (1 - self.overlap))
        passed = [surplus * (1000 * (2 * s + 1)) >= gap * s * (s + 1) * short for s in range(1, 6)]
        return sum((step.to(surplus.dtype) for step in passed), (surplus > 0).to(surplus.dtype))


def _sides(x: Tensor) -> tuple[Tensor, Tensor]:
    """Height and width as integer tensors, which tracing follows; in eager mode ``x.shape`` holds ints.

    They stay on the CPU, so that no size is fetched back from another device.
    """
    one = torch.ones((), dtype=torch.int64)
    return one * x.shape[2], one * x.shape[3]


def _range(count: Tensor, x: Tensor) -> Tensor:
    """0, 1, ... count - 1 on the device of ``x``; torch takes a tensor here, its stubs do not."""
    return torch.arange(count, device=x.device)  # type: ignore[call-overload, no-any-return]


def _windows(x: Tensor, axis: int, side: Tensor, count: Tensor) -> Tensor:
    """Maxima over ``count`` windows of ``side`` cells, spread evenly along rows (axis 2) or columns (3)."""
    length = _sides(x)[axis - 2]
    starts = _range(count, x) * (length - side) // (count - 1).clamp(min=1)
    cells = starts[:, None] + _range(side, x)
    if axis == 2:
        return x[:, :, cells].amax(3)
    return x[:, :, :, cells].amax(4)


def _unit(vectors: Tensor) -> Tensor:
    """L2 normalise the last axis; zero stays zero."""
    return vectors / vectors.square().sum(-1, keepdim=True).sqrt().clamp(min=TINY)


def _centre_weights(x: Tensor, centre: float) -> Tensor:
    """Gaussian weights ``(h, w)`` that add up to 1; the deviation is ``centre`` times each side."""
    height, width = _sides(x)
    rows = (_range(height, x).to(x.dtype) + 0.5) / height.to(x.dtype) - 0.5
    columns = (_range(width, x).to(x.dtype) + 0.5) / width.to(x.dtype) - 0.5
    weights = torch.exp(-(rows.square()[:, None] + columns.square()) / (2 * centre**2))
    return weights / weights.sum()


def _centre_prior(x: Tensor) -> Tensor:
    """Gaussian weights ``(h, w)`` around the centre of the map."""
    height, width = _sides(x)
    sigma = torch.minimum(height, width).to(x.dtype) / 6
    rows = _range(height, x).to(x.dtype) + 0.5 - height.to(x.dtype) / 2
    columns = _range(width, x).to(x.dtype) + 0.5 - width.to(x.dtype) / 2
    return torch.exp(-(rows.square()[:, None] + columns.square()) / (2 * sigma.square()))


POOLINGS: dict[str, Callable[..., Pooling]] = {
    "none": Flatten,
    "flatten": Flatten,
    "sum": Sum,
    "mean": Mean,
    "max": Max,
    "gem": GeM,
    "spoc": SPoC,
    "crow": CroW,
    "rmac": RMAC,
}
"""Pooling by the name a recipe gives it; options and defaults as in `likewise.descriptors.recipe.POOLS`."""
