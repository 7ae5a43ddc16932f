"""A network over a whole picture at once: what it would say of every patch on a grid, in one pass.

Convolutions and pools run over the picture as they are. What a patch has only one of, its mean over all
cells or a fully connected layer, becomes a pool or a convolution as large as a patch's map, moved over the
picture's map (Sermanet et al., OverFeat, ICLR 2014). A patch then sees its neighbours where, cropped, it
would see zero padding: the numbers are near those of crops, not equal to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from likewise.errors import UsageError
from likewise.networks import Card, Chain, Layer, Tensors
from likewise.types import FloatArray


@dataclass(frozen=True)
class Window:
    """The cells of a tap's map that belong to one patch, and the step from a patch to the next, in cells."""

    cells: int
    step: int


def densified(card: Card, taps: Sequence[str], size: int, stride: int) -> Card:
    """The network up to its last wanted tap, its fully connected layers and its mean moved as windows.

    Raises `UsageError` when the network has no chain, or its fully connected layers take patches of another
    size.

    Parameters
    ----------
    taps
        Where it will be read.
    size, stride
        Side of a patch and distance of neighbouring patches, in pixels.
    """
    if not card.chain:
        raise UsageError(f"{card.name} is built by timm and has no shared mode: use mode 'exact'")
    names = [layer.name for layer in card.chain]
    card = replace(card, chain=Chain(card.chain[: 1 + max(names.index(card.tap(tap).name) for tap in taps)]))
    chain: list[Layer] = []
    window: Window | None = None  # of the next layer that spans the patch; None where it takes one cell
    for layer, cells, jump in _walk(card, size):
        match layer.kind:
            case "flatten":
                if size != card.input_size:
                    raise UsageError(
                        f"the fully connected layers of {card.name} take patches of {card.input_size} pixels "
                        f"only, not of {size}"
                    )
                window = Window(cells, _steps(card, layer, stride, jump))
            case "avgpool":
                step = _steps(card, layer, stride, jump)
                chain.append(replace(layer, kind="meanpool", kernel=cells, stride=step))
            case "linear":
                side, step = (window.cells, window.step) if window else (1, 1)
                chain.append(replace(layer, kind="conv", kernel=side, stride=step))
                window = None
            case _:
                chain.append(layer)
    return replace(card, chain=Chain(chain))


def dense_tensors(card: Card, tensors: Mapping[str, FloatArray]) -> Tensors:
    """The tensors of a network for its densified chain: matrices ``(out, c h w)`` as kernels."""
    converted = dict(tensors)
    for layer in card.chain:
        weight = converted.get(name := f"{layer.key}.weight")
        if layer.kind == "conv" and weight is not None and weight.ndim == 2:
            converted[name] = weight.reshape(len(weight), -1, layer.kernel, layer.kernel)
    return converted


def window(card: Card, tap: str, size: int, stride: int) -> Window:
    """Which cells of a tap's map make up a patch.

    Raises `UsageError` when patches do not begin where cells do.
    """
    name = card.tap(tap).name
    for layer, cells, jump in _walk(card, size):
        if layer.name == name:
            if not card.tap(tap).stride:
                return Window(1, 1)
            out = _out(layer, cells)
            return Window(out, _steps(card, layer, stride, jump * layer.stride))
    raise UsageError(f"{card.name} has no chain to find {tap!r} in: use mode 'exact'")


def _walk(card: Card, size: int) -> Iterator[tuple[Layer, int, int]]:
    """Every layer with the cells along a patch's side and the pixels between them that come into it."""
    cells, jump = size, 1
    for layer in card.chain:
        yield layer, cells, jump
        cells, jump = _out(layer, cells), jump * layer.stride
        if cells < 1:
            raise UsageError(f"a patch of {size} pixels is too small for {layer.name} of {card.name}")


def _out(layer: Layer, cells: int) -> int:
    if layer.kind not in ("conv", "maxpool"):
        return cells
    free = cells + sum(layer.pad) - layer.kernel
    return (-(-free // layer.stride) if layer.ceil else free // layer.stride) + 1


def _steps(card: Card, layer: Layer, stride: int, jump: int) -> int:
    if stride % jump:
        raise UsageError(
            f"patches {stride} pixels apart do not begin on cells of {layer.name} of {card.name}, which are "
            f"{jump} apart: use a multiple of {jump}, another tap, or mode 'exact'"
        )
    return stride // jump
