"""A network opened to be looked into: what comes out of each tap, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from likewise.engines.openvino_walk import Walk
from likewise.errors import UsageError
from likewise.inspection.sizes import any_size
from likewise.networks import Card, Preprocessing, Tap, find
from likewise.networks.weights import locate, tensor_shapes
from likewise.pictures import Resize
from likewise.types import FloatArray, UInt8Array

if TYPE_CHECKING:
    from torch import nn


class Network(Protocol):
    """An inspected network.

    Attributes
    ----------
    name
        For people, with its weights.
    preprocessing
        What its weights ask for.
    grid, minimum
        Picture sides are multiples of ``grid`` and not below ``minimum``.
    left_out
        Taps that it has, but whose weights are not here.
    """

    name: str
    preprocessing: Preprocessing
    grid: int
    minimum: int
    left_out: tuple[str, ...]

    def names(self, taps: Sequence[str] | None, size: int) -> list[str]:
        """The taps asked for, or all of them that can be read at that size, by their own names.

        Raises `UnknownName` when there is no such tap.
        """

    def resize(self, names: Sequence[str], size: int) -> Resize:
        """How a picture is brought to size for these taps, 0 for the usual size.

        Raises `UsageError` when they need another size.
        """

    def stages(self, size: int) -> dict[int, str]:
        """The last map of each stride, where strides are known without a picture."""

    def outputs(self, x: FloatArray, names: Sequence[str]) -> Iterator[tuple[str, FloatArray]]:
        """Run prepared pictures ``(n, 3, h, w)``: each wanted tap once, in the order of the forward pass."""

    def tap(self, name: str, output: FloatArray, side: int) -> Tap:
        """The facts of a tap whose output for a picture ``side`` pixels high is given."""


class _Runs(Protocol):
    def run(self, x: FloatArray) -> Iterator[tuple[str, FloatArray]]:
        """Run prepared pictures and give each tap."""


class CardNetwork:
    """A network of `likewise.networks`, with weights that are on this machine.

    Raises `UnknownName` when there is no such network, or it has no such weights; `WeightsMissing` or
    `BadWeights` when the weights are not here, or damaged.
    """

    def __init__(self, network: str, weights: str = "") -> None:
        self.card: Card = find(network)
        file = locate(self.card, weights)
        self.name = f"{self.card.name} ({file.weights.name})"
        self.preprocessing = file.weights.preprocessing
        self.grid, self.minimum = self.card.grid, self.card.minimum
        self._tensors = file.tensors()
        self._opened: tuple[Sequence[str], _Runs] | None = None
        self.left_out = tuple(tap for tap in self.card.taps if not self._has(tap))

    def names(self, taps: Sequence[str] | None, size: int) -> list[str]:
        """See `Network.names`; fully connected taps are left out at a size that they cannot take."""
        if taps is None:
            repeated = {layer.name for layer in self.card.chain if layer.kind == "flatten"}
            names = [tap for tap in self.card.taps if tap not in repeated.union(self.left_out)]
            fixed = size and self.card.input_size and size != self.card.input_size
            return [tap for tap in names if self.card.taps[tap].stride or not fixed] if fixed else names
        wanted = {self.card.tap(tap).name for tap in taps}
        if missing := wanted.intersection(self.left_out):
            raise UsageError(
                f"{', '.join(sorted(missing))} of {self.name} need weights that are not here, only the "
                f"convolutions are: run `likewise networks import {self.card.name}` with a full file"
            )
        return [tap for tap in self.card.taps if tap in wanted]

    def resize(self, names: Sequence[str], size: int) -> Resize:
        """See `Network.resize`."""
        side = self.card.input_size
        whole = [name for name in names if not self.card.taps[name].stride]
        if side and (whole or not self.card.chain):
            if size not in (0, side):
                raise UsageError(
                    f"{', '.join(whole or names)} of {self.card.name} needs pictures of {side} x {side} "
                    "pixels: leave the size out, or choose other taps"
                )
            return Resize("square", side)
        return any_size(size)

    def stages(self, size: int) -> dict[int, str]:
        """See `Network.stages`."""
        taps = [self.card.taps[name] for name in self.names(None, size)]
        return {tap.stride: tap.name for tap in taps if tap.stride}

    def outputs(self, x: FloatArray, names: Sequence[str]) -> Iterator[tuple[str, FloatArray]]:
        """See `Network.outputs`; of a chain only what later layers need is kept."""
        if self._opened is None or self._opened[0] != names:
            self._opened = (names, self._open(names))
        yield from self._opened[1].run(x)

    def tap(self, name: str, output: FloatArray, side: int) -> Tap:
        """See `Network.tap`."""
        return self.card.taps[name]

    def _open(self, names: Sequence[str]) -> _Runs:
        if self.card.chain:
            return Walk(self.card.chain, self._tensors, names)
        from likewise.inspection.modules import Taps  # torch: there, since a card of timm is

        return Taps(self.card, self._tensors, names)

    def _has(self, tap: str) -> bool:
        return tensor_shapes(self.card, [tap]).keys() <= self._tensors.keys()


def open_network(
    network: str | nn.Module | Network,
    *,
    weights: str = "",
    preprocessing: Preprocessing | None = None,
    side: int = 0,
) -> Network:
    """Open a network by its name, or wrap a torch module."""
    if isinstance(network, str):
        return CardNetwork(network, weights)
    if hasattr(network, "outputs"):
        return cast(Network, network)
    from likewise.inspection.modules import ModuleNetwork  # torch: there, since its module is

    return ModuleNetwork(cast("nn.Module", network), preprocessing=preprocessing, side=side)


def walk(network: Network, pixels: UInt8Array, names: Sequence[str]) -> Iterator[tuple[Tap, FloatArray]]:
    """Run one picture and give each tap with its activations, as soon as they are there.

    Raises `UsageError` when the picture is too small for the network, or a tap gives neither a map nor a
    vector, or numbers that are not finite.

    Parameters
    ----------
    pixels
        uint8 RGB ``(h, w, 3)``, brought to size.

    Yields
    ------
    tuple
        The tap and float32 ``(h, w, c)``, or ``(c,)`` where it is a vector; C-contiguous.
    """
    x = _prepared(pixels, network.preprocessing)
    try:
        for name, output in network.outputs(x, names):
            yield network.tap(name, output, len(pixels)), _cells(name, output)
    except RuntimeError as error:  # an engine's own: a kernel larger than what it is moved over
        height, width = pixels.shape[:2]
        raise UsageError(
            f"a picture of {width} x {height} pixels is too small for {network.name}: "
            "give a larger size, or taps that come earlier"
        ) from error


def _prepared(pixels: UInt8Array, preprocessing: Preprocessing) -> FloatArray:
    """uint8 ``(h, w, 3)`` as the input ``(1, 3, h, w)``; the arithmetic of `likewise.engines.ops`."""
    exact = np.array([preprocessing.mean, preprocessing.std], np.float64)
    less = (exact[0] / preprocessing.scale).astype(np.float32)
    times = (preprocessing.scale / exact[1]).astype(np.float32)
    ordered = pixels[:, :, ::-1] if preprocessing.order == "BGR" else pixels
    return np.ascontiguousarray(((ordered.astype(np.float32) - less) * times).transpose(2, 0, 1)[None])


def _cells(name: str, output: FloatArray) -> FloatArray:
    if output.ndim == 4:
        cells = output[0].transpose(1, 2, 0)
    elif output.ndim == 2:
        cells = output[0]
    else:
        raise UsageError(
            f"{name} gives an array of shape {tuple(output.shape)}; a tap gives a map (n, c, h, w) or a "
            "vector (n, c): choose other taps"
        )
    if not np.isfinite(cells).all():
        raise UsageError(f"{name} gives numbers that are not finite: look at the network's weights")
    return np.ascontiguousarray(cells, np.float32)
