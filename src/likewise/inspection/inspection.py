"""Looking into networks: what every tap makes of a picture, in one pass, and two networks side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from likewise.errors import UnknownName, UsageError
from likewise.inspection.classes import ClassProbabilities, answer, read_names
from likewise.inspection.fields import measured
from likewise.inspection.maps import View
from likewise.inspection.network import Network, open_network, walk
from likewise.inspection.statistics import Histogram, extent, jensen_shannon
from likewise.networks import Preprocessing, Tap
from likewise.pictures import Loaded, Source, load
from likewise.types import FloatArray, Progress, ProgressCallback, UInt8Array

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Inspection:
    """A network's response to a picture.

    Attributes
    ----------
    network
        Its name and its weights'.
    width, height
        Of the upright original.
    pixels
        uint8 ``(h, w, 3)``: the picture as the network got it, before its own preprocessing.
    colours
        How the values of these pixels are spread, in bins of one value.
    views
        One for each tap, in the order of the forward pass.
    answer
        What a classifier says; None where no tap gives probabilities.
    left_out
        Taps that were not asked for by name and could not be read: their weights are not here.
    """

    network: str
    width: int
    height: int
    pixels: UInt8Array
    colours: Histogram
    views: tuple[View, ...]
    answer: ClassProbabilities | None = None
    left_out: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[Inspection, ...]:
        """Itself: what is drawn and told goes through one side, or the two of a `Pair`."""
        return (self,)

    @property
    def divergences(self) -> list[float]:
        """None: a `Pair` has them."""
        return []

    def gain(self, view: View) -> float:
        """Bits by which the values of a tap are more certain than those of the picture's pixels.

        The entropy of the pixels less that of the tap, both over 256 bins; below 0 where the tap is less
        certain.
        """
        return self.colours.entropy - view.statistics.histogram.entropy

    def view(self, tap: str) -> View:
        """The view of a tap.

        Raises `UnknownName` when it was not looked at.
        """
        for view in self.views:
            if tap == view.tap.name or tap in view.tap.aliases:
                return view
        seen = ", ".join(view.tap.name for view in self.views)
        raise UnknownName(f"tap {tap!r} was not looked at, only {seen}")

    def cell(self, network: Network, tap: str, row: int, column: int) -> tuple[Tap, tuple[int, int]]:
        """A cell of a map, with its tap's receptive field, measured in the network where it is not known.

        Raises `UnknownName` when its tap was not looked at; `UsageError` when the map has no such cell, its
        tap is a vector, or each cell sees the whole picture.
        """
        view = self.view(tap)
        if len(view.shape) == 1:
            raise UsageError(f"{tap} is a vector of the whole picture: a cell belongs to a map")
        _, rows, columns = view.shape
        if row >= rows or column >= columns:
            raise UsageError(
                f"cell {row},{column} lies outside {tap}, whose {rows} rows and {columns} columns are "
                "counted from 0"
            )
        known = view.tap if view.tap.field else measured(network, view.tap.name)
        if not known.field:
            raise UsageError(f"every cell of {tap} sees the whole picture")
        return known, (row, column)


@dataclass(frozen=True)
class Pair:
    """Two networks, or two sets of weights, on one picture.

    Attributes
    ----------
    first, second
        Their views belong together by their places; the histograms of the two have the same range.
    """

    first: Inspection
    second: Inspection

    @property
    def sides(self) -> tuple[Inspection, ...]:
        """Both."""
        return self.first, self.second

    @property
    def divergences(self) -> list[float]:
        """Jensen-Shannon divergence in bits between the values of each two taps, 0 to 1."""
        return [
            jensen_shannon(a.statistics.histogram.shares, b.statistics.histogram.shares)
            for a, b in zip(self.first.views, self.second.views, strict=True)
        ]


def inspect(
    network: str | nn.Module | Network,
    picture: Source,
    taps: Sequence[str] | None = None,
    *,
    weights: str = "",
    size: int = 0,
    side: int = 0,
    top: int | None = None,
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] | Path | None = None,
    max_pixels: int | None = None,
    progress: ProgressCallback | None = None,
) -> Inspection:
    """Look into a network while it sees a picture.

    All taps are read in one pass, and of each only what a sheet shows is kept, so that memory stays near what
    the pass itself takes (of a torch module and of timm's models the maps of all taps are held at once).
    Raises `UnknownName` when the network or a tap is not known; `WeightsMissing` or `BadWeights` when the
    weights are not on this machine, or damaged; `BadPicture` when the picture cannot be read; `UsageError`
    when a tap needs pictures of another size, or gives no map and no vector.

    Parameters
    ----------
    network
        A name of ``likewise networks``, ``timm/<model>``, or any torch module that takes pictures
        ``(n, 3, h, w)``, whose taps are its submodules by name.
    picture
        Anything that `likewise.pictures.load` takes.
    taps
        Which taps; all of them for None.
    weights
        Which weights of a named network; the first for "".
    size
        Longest side of the picture in pixels; 0 for 320, or for the side of a network that takes only one.
    side
        Of a torch module: the side of the only square that it takes; 0 when it takes any size.
    top
        Keep the maps of so many channels, the strongest; all for None.
    preprocessing
        Of a torch module: how pixels become its input. Without it: what a timm model says, else ImageNet's.
    classes
        Names of the classes, where they are not known, or a text file of them, one a line.
    progress
        Called after each tap.
    """
    said = read_names(classes) if isinstance(classes, Path) else classes
    opened = open_network(network, weights=weights, preprocessing=preprocessing, side=side)
    names = opened.names(taps, size)
    loaded = _loaded(opened, names, picture, size, max_pixels)
    views = []
    for view in _behind(walk(opened, loaded.pixels[0], names), top):
        views.append(view)
        if progress:
            progress(Progress(len(views), len(names), note=view.tap.name))
    _see_all(opened, taps, views)
    return _inspection(opened, loaded, views, said)


def inspect_pair(
    first: str | nn.Module | Network,
    second: str | nn.Module | Network,
    picture: Source,
    taps: Sequence[str] | None = None,
    *,
    weights: tuple[str, str] = ("", ""),
    size: int = 0,
    top: int | None = None,
    classes: Sequence[str] | Path | None = None,
    max_pixels: int | None = None,
    progress: ProgressCallback | None = None,
) -> Pair:
    """Look into two networks, or one with two sets of weights, while they see one picture.

    Raises `UsageError` when the taps of the two come in different orders, or nothing says which belong
    together. Otherwise as `inspect`.

    Parameters
    ----------
    taps
        Which taps: the names that both have, or ``mine=theirs``. Without it all taps that both have, or where
        their names differ the last map of each stride that both have.
    weights
        Which weights of each.
    """
    said = read_names(classes) if isinstance(classes, Path) else classes
    opened = [
        open_network(network, weights=which) for network, which in zip((first, second), weights, strict=True)
    ]
    names = _paired(opened[0], opened[1], taps, size)
    loaded = [_loaded(*pair, picture, size, max_pixels) for pair in zip(opened, names, strict=True)]
    views: tuple[list[View], list[View]] = ([], [])
    for pair in _in_step(opened, loaded, names):
        ranges = [extent(cells) for _, cells in pair]
        bounds = (min(low for low, _ in ranges), max(high for _, high in ranges))
        for side, (tap, cells) in zip(views, pair, strict=True):
            side.append(View.of(tap, cells, top=top, bounds=bounds))
        if progress:
            progress(Progress(len(views[0]), len(names[0]), note=pair[0][0].name))
    return Pair(*(_inspection(*parts, said) for parts in zip(opened, loaded, views, strict=True)))


def _behind(steps: Iterator[tuple[Tap, FloatArray]], top: int | None) -> Iterator[View]:
    """Look at each tap in a second thread while the network goes on to the next: one map more is held."""
    # numpy's BLAS threads and the network's would wait for each other's processors, many times a tap
    with ThreadPoolExecutor(1) as pool, threadpool_limits(1, "blas"):
        last: Future[View] | None = None
        for tap, cells in steps:
            if last:
                yield last.result()
            last = pool.submit(View.of, tap, cells, top=top)
        if last:
            yield last.result()


def _loaded(
    network: Network, names: Sequence[str], picture: Source, size: int, max_pixels: int | None
) -> Loaded:
    return load(
        picture,
        [network.resize(names, size)],
        grid=network.grid,
        minimum=network.minimum,
        interpolation=network.preprocessing.interpolation,
        max_pixels=max_pixels,
    )


def _inspection(
    network: Network, loaded: Loaded, views: Sequence[View], classes: Sequence[str] | None
) -> Inspection:
    answers = (answer(view.vector, network.name, classes) for view in views if view.vector is not None)
    said = [probabilities for probabilities in answers if probabilities]
    if classes is not None and not said:
        raise UsageError(f"no tap of {network.name} that was looked at gives probabilities to put names to")
    pixels = loaded.pixels[0]
    return Inspection(
        network.name,
        loaded.width,
        loaded.height,
        pixels,
        Histogram.of_pixels(pixels),
        tuple(views),
        said[-1] if said else None,
        network.left_out,
    )


def _in_step(
    networks: Sequence[Network], loaded: Sequence[Loaded], names: Sequence[Sequence[str]]
) -> Iterator[tuple[tuple[Tap, FloatArray], tuple[Tap, FloatArray]]]:
    """Both networks at once, tap by tap, so that two maps at most are held beside the passes."""
    walks = [
        walk(network, many.pixels[0], which)
        for network, many, which in zip(networks, loaded, names, strict=True)
    ]
    for place, (mine, theirs) in enumerate(zip(*walks, strict=True)):
        if (mine[0].name, theirs[0].name) != (names[0][place], names[1][place]):
            raise UsageError(
                f"the taps of {networks[0].name} and {networks[1].name} come in different orders "
                f"({mine[0].name} with {theirs[0].name}): compare fewer at a time"
            )
        yield mine, theirs


def _paired(
    first: Network, second: Network, taps: Sequence[str] | None, size: int
) -> tuple[list[str], list[str]]:
    """The taps of two networks that belong together, those of each in the order of its forward pass."""
    if taps is not None:
        halves = [tap.partition("=") for tap in taps]
        mine = first.names([name for name, _, _ in halves], size)
        theirs = second.names([other or name for name, _, other in halves], size)
        if len(mine) != len(theirs):
            raise UsageError(f"taps {', '.join(taps)}: name each tap of either network once")
        return mine, theirs
    stages, others = first.stages(size), second.stages(size)
    mine, theirs = first.names(None, size), second.names(None, size)
    shared = [name for name in mine if name in theirs]
    if not stages.keys().isdisjoint(others) and not any(name in shared for name in stages.values()):
        strides = sorted(stages.keys() & others.keys())
        mine = [stages[stride] for stride in strides] + shared
        return mine, [others[stride] for stride in strides] + shared
    if not shared:
        raise UsageError(
            f"{first.name} and {second.name} share no tap: say which belong together, --taps mine=theirs,..."
        )
    return shared, shared


def _see_all(network: Network, taps: Sequence[str] | None, views: Sequence[View]) -> None:
    """Refuse a tap that was asked for and did not run."""
    if taps is not None and len(views) < len(set(taps)):
        seen = {view.tap.name for view in views} | {alias for view in views for alias in view.tap.aliases}
        if silent := [tap for tap in taps if tap not in seen]:
            raise UnknownName(f"{', '.join(silent)} of {network.name} did not run for this picture")
