"""Dense patches: squares on a grid over the picture, each described at several layers in one pass.

Patches are squares of `Patches.size` pixels, `Patches.stride` apart, on the picture as it was resized; the
grid lies in its middle, and what it leaves over at the borders, less than one stride in all, is not seen.
640 x 480 pixels have 14 x 9 patches of 224 with stride 32, 1024 x 768 have 26 x 18 (Li, Kong, Zheng and Tian,
Exploiting hierarchical activations of neural network for image retrieval, ACM Multimedia 2016, section 2).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, TypeAlias, Unpack, get_args

import numpy as np
from PIL import Image

from likewise.descriptors import POOLINGS
from likewise.descriptors.transforms import l2, signed_root
from likewise.engines import Array, EngineChoice, Head, Ops, Program, open_engine
from likewise.errors import UsageError
from likewise.local import dense
from likewise.local.features import LocalFeatures
from likewise.networks import Card, Tensors, find
from likewise.networks.weights import locate
from likewise.pictures import Loaded, Resize, Source, load
from likewise.registry import lookup
from likewise.types import Box, Cut, FloatArray, UInt8Array

Mode: TypeAlias = Literal["exact", "shared"]
"""``exact``: every patch is cut out and goes through the network alone; ``shared``: the picture goes through
the network once, and a patch is a window of its maps."""

POOLS = ("sum", "max")
PATCH_PART_VERSION = 1  # raise when the same patches and weights begin to give other numbers
SIZE = Resize("longest", 1024)
ENLARGED = 4  # a picture smaller than a patch is enlarged so many times at most, then padded


@dataclass(frozen=True)
class Patches:
    """Which patches, and how they are described.

    Attributes
    ----------
    taps
        Layers to read, in the order of the result.
    pool
        ``sum`` (equation 1 of the paper) or ``max`` (equation 2) over a patch's cells. Fully connected
        layers and pooled ones have one cell.
    size, stride
        Side of a patch and distance of neighbouring patches, in pixels of the resized picture.
    scales
        The picture is resized by each and the patches of all are taken: at scale 2 a patch sees half as much.
    mode
        See `Mode`. The two give different numbers and must not be mixed in one index.
    weights
        Name of the network's weights; empty for the first.
    """

    bits: ClassVar[int] = 128
    """Of a code, unless a vocabulary is learned otherwise."""
    transforms: ClassVar[tuple[str, ...]] = ("signed root", "l2")
    """Steps after a patch's pooling."""

    network: str
    taps: tuple[str, ...]
    pool: str = "max"
    size: int = 224
    stride: int = 32
    resize: Resize = SIZE
    scales: tuple[float, ...] = (1.0,)
    mode: Mode = "shared"
    weights: str = ""

    def __post_init__(self) -> None:
        lookup("mode", self.mode, dict.fromkeys(get_args(Mode)))
        lookup("pool of patches", self.pool, dict.fromkeys(POOLS))
        for name, numbers in (("size", (self.size,)), ("stride", (self.stride,)), ("scales", self.scales)):
            if not numbers or not all(math.isfinite(number) and number > 0 for number in numbers):
                raise UsageError(f"{name} of patches is {numbers}: give numbers above 0")
        if not self.taps:
            raise UsageError(f"patches of {self.network} need at least one tap")

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of patches on a picture of at least one patch's size."""
        return (width - self.size) // self.stride + 1, (height - self.size) // self.stride + 1

    @property
    def field(self) -> int:
        """Side of the largest patch, in pixels of the resized picture."""
        return round(self.size / min(self.scales))

    @property
    def parts(self) -> tuple[str, ...]:
        """Its layers in words, for the card of a score."""
        return tuple(f"{tap}, {self.pool}" for tap in self.taps)

    @property
    def told(self) -> dict[str, str]:
        """The rest in words, for the same card."""
        return {"patches": f"{self.size} x {self.size} every {self.stride} pixels, {self.mode}"}

    def open(self, **how: Unpack[EngineChoice]) -> PatchExtractor:
        """Open what describes them; parameters and errors as for `PatchExtractor`."""
        return PatchExtractor(self, **how)


class PatchExtractor:
    """Turns pictures into the local features of one choice of patches.

    `prepare` and `describe` may be called from many threads at once. ``how``: as in
    `likewise.engines.open_engine`. Raises `UnknownName` when the network, a tap or an option is not known;
    `UsageError` when the network cannot describe patches of that size, or not in that mode; `WeightsMissing`
    when the network's weights are not on this machine.
    """

    def __init__(self, patches: Patches, **how: Unpack[EngineChoice]) -> None:
        self.patches = patches
        self._card = find(patches.network)
        self.taps = tuple(dict.fromkeys(self._card.tap(tap).name for tap in patches.taps))
        self._check()
        card, head = self._run_on()
        file = locate(self._card, patches.weights)
        preprocessing = file.weights.preprocessing
        self._interpolation = preprocessing.interpolation
        self.weights_hash = file.fingerprint(self.taps)
        facts = [PATCH_PART_VERSION, self._card.name, self.weights_hash, asdict(preprocessing)]
        facts += [self.taps, patches.pool, patches.size, patches.stride, patches.mode]
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        exact = patches.mode == "exact"

        def tensors() -> Tensors:
            return file.tensors() if exact else dense.dense_tensors(card, file.tensors())

        side = patches.size if exact else None
        program = Program(key, card, self.taps, preprocessing, tensors, head, side)
        self._engine = open_engine(program, **how)

    def sized(self, features: Patches) -> PatchExtractor:
        """The same patches of pictures brought to other sizes; it shares the network."""
        other = copy(self)
        other.patches = features
        return other

    def prepare(self, source: Source, **cut: Unpack[Cut]) -> Loaded:
        """Decode a picture and bring it to every scale; see `likewise.pictures.load`."""
        resizes = [self.patches.resize.scaled(scale) for scale in self.patches.scales]
        return load(source, resizes, interpolation=self._interpolation, **cut)

    def describe(self, loaded: Loaded, *, box: Box | None = None) -> LocalFeatures:
        """Describe every patch of a prepared picture: pooled, signed root, L2 normalised.

        A picture smaller than a patch is enlarged until its shorter side is as long, though four times at
        most; what is then missing repeats the border's pixels. ``box``: the box it was prepared with, so that
        positions are those of the whole original.
        """
        scales = [self._of_scale(pixels, loaded, box) for pixels in loaded.pixels]
        boxes = np.concatenate([part.boxes for part in scales])
        vectors = {tap: np.concatenate([part.vectors[tap] for part in scales]) for tap in self.taps}
        return LocalFeatures(boxes, vectors)

    def _of_scale(self, pixels: UInt8Array, loaded: Loaded, box: Box | None) -> LocalFeatures:
        enlarged = _enlarged(pixels, self.patches.size)
        padded = _padded(enlarged, self.patches.size)
        corners, covered = _centred(padded, self.patches)
        run = self._exact if self.patches.mode == "exact" else self._shared
        raw = run(covered)
        vectors = {tap: l2(signed_root(rows)) for tap, rows in zip(self.taps, raw, strict=True)}
        region = box.clip(loaded.width, loaded.height) if box else (0, 0, loaded.width, loaded.height)
        return LocalFeatures(_boxes(corners, self.patches.size, enlarged.shape, region), vectors)

    def _exact(self, covered: UInt8Array) -> list[FloatArray]:
        size, stride = self.patches.size, self.patches.stride
        windows = np.lib.stride_tricks.sliding_window_view(covered, (size, size), axis=(0, 1))
        windows = windows[::stride, ::stride].transpose(0, 1, 3, 4, 2).reshape(-1, size, size, 3)
        step = max(1, self._engine.batch_pixels // size**2)
        runs = [self._engine.run(windows[at : at + step].copy()) for at in range(0, len(windows), step)]
        return [np.concatenate(part) for part in zip(*runs, strict=True)]

    def _shared(self, covered: UInt8Array) -> list[FloatArray]:
        maps = self._engine.run(covered[None])
        return [np.ascontiguousarray(tensor[0].reshape(tensor.shape[1], -1).T) for tensor in maps]

    def _run_on(self) -> tuple[Card, Head]:
        """The network as the mode runs it, and what becomes of its maps; refuses what cannot be shared."""
        patches = self.patches
        if patches.mode == "exact":
            return self._card, _of_crops(patches.pool)
        card = dense.densified(self._card, self.taps, patches.size, patches.stride)
        windows = [dense.window(self._card, tap, patches.size, patches.stride) for tap in self.taps]
        return card, _of_windows(windows, patches.pool)

    def _check(self) -> None:
        """Refuse sizes that the network cannot take."""
        card, size, stride = self._card, self.patches.size, self.patches.stride
        grid = math.gcd(size, stride) if self.patches.mode == "shared" else size
        if size < card.minimum or grid % card.grid:
            raise UsageError(
                f"{card.name} takes patches of at least {card.minimum} pixels and multiples of {card.grid}"
                f"{', as is their stride' if grid != size else ''}, not {size} every {stride}"
            )
        exact = self.patches.mode == "exact"
        if exact and card.input_size not in (0, size) and any(not card.tap(tap).stride for tap in self.taps):
            raise UsageError(
                f"{', '.join(self.taps)} of {card.name} need patches of {card.input_size} pixels"
            )


def _of_crops(pool: str) -> Head:
    """One vector a crop: its maps pooled."""

    def pool_all(ops: Ops, maps: Sequence[Array]) -> list[Array]:
        return [POOLINGS[pool](ops, tensor) for tensor in maps]

    return pool_all


def _of_windows(windows: Sequence[dense.Window], pool: str) -> Head:
    """Maps of patches: each tap's window slid over its map, rows and columns apart.

    The sides must be ``size`` and a multiple of ``stride`` more, so that maps hold whole windows only.
    """

    def slide_all(ops: Ops, maps: Sequence[Array]) -> list[Array]:
        slide = _sums if pool == "sum" else _maxima
        return [slide(ops, tensor, over) for tensor, over in zip(maps, windows, strict=True)]

    return slide_all


def _sums(ops: Ops, x: Array, over: dense.Window) -> Array:
    n, step = over.cells, over.step
    rows = ops.mean_pool(x, (n, 1), (step, 1))
    return ops.mean_pool(rows, (1, n), (1, step)) * float(n * n)


def _maxima(ops: Ops, x: Array, over: dense.Window) -> Array:
    """Maxima over windows by ``2 n`` comparisons in place of ``n^2``."""
    n, step = over.cells, over.step
    rows = ops.max_pool(x, (n, 1), (step, 1), pad=0, ceil=False)
    return ops.max_pool(rows, (1, n), (1, step), pad=0, ceil=False)


def _enlarged(pixels: UInt8Array, size: int) -> UInt8Array:
    """Bring the shorter side to ``size``, but at most to `ENLARGED` times as much as it was."""
    height, width, _ = pixels.shape
    factor = min(size / min(height, width), ENLARGED)
    if factor <= 1:
        return pixels
    sides = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(sides, Image.Resampling.BICUBIC))


def _padded(pixels: UInt8Array, size: int) -> UInt8Array:
    """Repeat the pixels of the right and lower border until a patch fits."""
    missing = [max(0, size - side) for side in pixels.shape[:2]]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


def _centred(pixels: UInt8Array, patches: Patches) -> tuple[FloatArray, UInt8Array]:
    """Left upper corners ``(n, 2)`` of the patches, and the part of the picture that they cover."""
    height, width, _ = pixels.shape
    columns, rows = patches.grid(width, height)
    wide, high = ((count - 1) * patches.stride + patches.size for count in (columns, rows))
    left, top = (width - wide) // 2, (height - high) // 2
    y, x = np.mgrid[:rows, :columns].reshape(2, -1) * patches.stride
    corners = np.stack([x + left, y + top], axis=1).astype(np.float32)
    return corners, pixels[top : top + high, left : left + wide].copy()


def _boxes(
    corners: FloatArray, size: int, shape: Sequence[int], region: tuple[int, int, int, int]
) -> FloatArray:
    """Boxes in the original from corners in the resized picture, whose ``shape`` is (height, width, 3)."""
    sides = np.array([shape[1], shape[0]], np.float32)
    factor = np.array([region[2] - region[0], region[3] - region[1]], np.float32) / sides
    first = np.array(region[:2], np.float32)
    ends = np.minimum(corners + size, sides)
    return np.concatenate([corners * factor + first, ends * factor + first], axis=1).astype(np.float32)
