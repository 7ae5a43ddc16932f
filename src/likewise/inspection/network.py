"""A network opened to be looked into: what comes out of each tap, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from likewise.engines.ops import normalised
from likewise.engines.torch_module import Chain, build
from likewise.engines.torch_ops import OPS
from likewise.errors import UnknownName, UsageError
from likewise.networks import find, formats
from likewise.networks.card import Card, Preprocessing, Tap
from likewise.networks.weights import choose, locate, read
from likewise.pictures import Resize
from likewise.registry import nearest
from likewise.types import FloatArray, UInt8Array

DEFAULT_SIZE = 320
"""Longest side in pixels of a picture for a network that takes any size."""


class Network(Protocol):
    """What is looked into.

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

        Raises
        ------
        UnknownName
            When there is no such tap.
        """

    def resize(self, names: Sequence[str], size: int) -> Resize:
        """How a picture is brought to size for these taps, 0 for the usual size.

        Raises
        ------
        UsageError
            When they need another size.
        """

    def stages(self, size: int) -> dict[int, str]:
        """The last map of each stride, where strides are known without a picture."""

    def outputs(self, x: Tensor, names: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """Run prepared pictures ``(n, 3, h, w)``: each wanted tap once, in the order of the forward pass."""

    def tap(self, name: str, output: Tensor, side: int) -> Tap:
        """What is known of a tap whose output for a picture ``side`` pixels high is given."""


class CardNetwork:
    """A network of `likewise.networks`, with weights that are on this machine.

    Raises
    ------
    UnknownName
        When there is no such network, or it has no such weights.
    WeightsMissing, BadWeights
        When the weights are not here, or damaged.
    """

    def __init__(self, network: str, weights: str = "") -> None:
        self.card: Card = find(network)
        chosen = choose(self.card, weights)
        self.name = f"{self.card.name} ({chosen.name})"
        self.preprocessing = chosen.preprocessing
        self.grid, self.minimum = self.card.grid, self.card.minimum
        self._tensors = read(locate(self.card, chosen), self.card)
        self._built: tuple[Sequence[str], nn.Module] | None = None
        self.left_out = tuple(tap for tap in self.card.taps if not self._has(tap))

    def names(self, taps: Sequence[str] | None, size: int) -> list[str]:
        """See `Network.names`; fully connected taps are left out at a size that they cannot take."""
        if taps is None:
            repeated = {layer.name for layer in self.card.chain if layer.kind == "flatten"}
            found = [tap for tap in self.card.taps if tap not in repeated.union(self.left_out)]
            fixed = size and self.card.input_size and size != self.card.input_size
            return [tap for tap in found if self.card.taps[tap].stride or not fixed] if fixed else found
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
        return Resize("longest", size or DEFAULT_SIZE, enlarge=True)

    def stages(self, size: int) -> dict[int, str]:
        """See `Network.stages`."""
        taps = [self.card.taps[name] for name in self.names(None, size)]
        return {tap.stride: tap.name for tap in taps if tap.stride}

    def outputs(self, x: Tensor, names: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """See `Network.outputs`; of a chain only what the next layer needs is kept."""
        if self._built is None or self._built[0] != names:
            self._built = (names, _channels_last(build(self.card, self._tensors, names)))
        module = self._built[1]
        x = x.contiguous(memory_format=torch.channels_last)
        if isinstance(module, Chain):
            steps = _without_gradient(module.walk(x))
            yield from ((name, value) for name, value in steps if name in names)
            return
        with torch.inference_mode():
            found = module(x)
        yield from zip(names, found, strict=True)

    def tap(self, name: str, output: Tensor, side: int) -> Tap:
        """See `Network.tap`."""
        return self.card.taps[name]

    def _has(self, tap: str) -> bool:
        return formats.expected(self.card, [tap]).keys() <= self._tensors.keys()


class ModuleNetwork:
    """Any torch module that takes pictures ``(n, 3, h, w)``; its taps are its submodules by their names.

    A submodule that runs several times is read when it runs last. The module is put into evaluation mode
    while it runs, and its parameters stay where they are. The maps of all wanted taps are held at once.

    Parameters
    ----------
    module
        The network.
    preprocessing
        How pixels become its input. Without it: what a model of timm says about itself, else ImageNet's mean
        and deviation on RGB in 0 to 1.
    side
        The side of the only square that it takes; 0 when it takes any size.
    """

    grid, minimum = 1, 1
    left_out: tuple[str, ...] = ()

    def __init__(
        self, module: nn.Module, *, preprocessing: Preprocessing | None = None, side: int = 0
    ) -> None:
        self.module, self.side = module, side
        self.name = type(module).__name__
        self.preprocessing = preprocessing or _own_preprocessing(module)
        self._known = {name: part for name, part in module.named_modules() if name}

    def names(self, taps: Sequence[str] | None, size: int) -> list[str]:
        """See `Network.names`; without taps: every submodule that has none of its own."""
        if taps is None:
            return [name for name, part in self._known.items() if not list(part.children())]
        for tap in taps:
            if tap not in self._known:
                raise UnknownName(f"{self.name} has no module {tap!r}; {nearest(tap, self._known)}")
        return [name for name in self._known if name in taps]

    def resize(self, names: Sequence[str], size: int) -> Resize:
        """See `Network.resize`."""
        if self.side:
            if size not in (0, self.side):
                raise UsageError(f"{self.name} takes pictures of {self.side} x {self.side} only, not {size}")
            return Resize("square", self.side)
        return Resize("longest", size or DEFAULT_SIZE, enlarge=True)

    def stages(self, size: int) -> dict[int, str]:
        """See `Network.stages`: not known."""
        return {}

    def outputs(self, x: Tensor, names: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """See `Network.outputs`."""
        found: dict[str, Tensor] = {}

        def keep(name: str, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                found.pop(name, None)  # the last run counts, also for the order
                found[name] = output.clone()  # a ReLU that works in place would overwrite it

        where = next(self.module.parameters(), x)
        with self._hooked(names, keep), torch.inference_mode():
            try:
                self.module(x.to(where.device, where.dtype))
            except (RuntimeError, ValueError, AssertionError) as error:  # what modules say of a wrong size
                raise UsageError(
                    f"{self.name} cannot take a picture of {x.shape[3]} x {x.shape[2]} pixels: "
                    f"{str(error).splitlines()[0]}; give the size it was made for"
                ) from error
        yield from found.items()

    def tap(self, name: str, output: Tensor, side: int) -> Tap:
        """See `Network.tap`; the receptive field is not known: `likewise.inspection.fields` measures it."""
        if output.ndim == 2:
            return Tap(name, output.shape[1], 0, 0, 0.0)
        return Tap(name, output.shape[1], max(1, round(side / output.shape[2])), 0, 0.0)

    @contextmanager
    def _hooked(self, names: Sequence[str], keep: Any) -> Iterator[None]:
        training = self.module.training
        handles = [
            self._known[name].register_forward_hook(lambda _, __, output, name=name: keep(name, output))
            for name in names
        ]
        self.module.eval()
        try:
            yield
        finally:
            self.module.train(training)
            for handle in handles:
                handle.remove()


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
    if isinstance(network, nn.Module):
        return ModuleNetwork(network, preprocessing=preprocessing, side=side)
    return network


def walk(network: Network, pixels: UInt8Array, names: Sequence[str]) -> Iterator[tuple[Tap, FloatArray]]:
    """Run one picture and give each tap with its activations, as soon as they are there.

    Parameters
    ----------
    pixels
        uint8 RGB ``(h, w, 3)``, brought to size.

    Yields
    ------
    tuple
        The tap and float32 ``(h, w, c)``, or ``(c,)`` where it is a vector; C-contiguous.

    Raises
    ------
    UsageError
        When the picture is too small for the network, or a tap gives neither a map nor a vector, or numbers
        that are not finite.
    """
    x = normalised(OPS, torch.from_numpy(pixels.copy())[None], network.preprocessing)
    try:
        for name, output in network.outputs(x, names):
            yield network.tap(name, output, len(pixels)), _cells(name, output)
    except RuntimeError as error:  # torch's own: a kernel larger than what it is moved over
        height, width = pixels.shape[:2]
        raise UsageError(
            f"a picture of {width} x {height} pixels is too small for {network.name}: "
            f"{str(error).splitlines()[0]}; give a larger size, or taps that come earlier"
        ) from error


def _cells(name: str, output: Tensor) -> FloatArray:
    if output.ndim == 4:
        cells = output[0].permute(1, 2, 0)
    elif output.ndim == 2:
        cells = output[0]
    else:
        raise UsageError(
            f"{name} gives an array of shape {tuple(output.shape)}; a tap gives a map (n, c, h, w) or a "
            "vector (n, c): choose other taps"
        )
    if not bool(torch.isfinite(cells.sum())):
        raise UsageError(f"{name} gives numbers that are not finite: look at the network's weights")
    found: FloatArray = cells.float().cpu().contiguous().numpy()
    return found


def _channels_last(module: nn.Module) -> nn.Module:
    """Convolutions are 1.3 to 1.6 times as fast on channels-last data."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def _without_gradient(steps: Iterator[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Take each step in inference mode, and leave it in between: others may take theirs."""
    while True:
        with torch.inference_mode():
            step = next(steps, None)
        if step is None:
            return
        yield step


def _own_preprocessing(module: nn.Module) -> Preprocessing:
    config = getattr(module, "pretrained_cfg", None) or {}
    if "mean" in config and "std" in config:
        return Preprocessing(mean=tuple(config["mean"]), std=tuple(config["std"]))
    return Preprocessing()
