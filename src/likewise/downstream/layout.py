"""A place on a plane for every picture, near those that are like it."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.collection import Collection
from likewise.downstream.clusters import shortened
from likewise.downstream.vectors import canonical, checked, distinct, threads_for
from likewise.errors import MissingExtra
from likewise.types import FloatArray, Progress, ProgressCallback

LayoutMethod: TypeAlias = Literal["pca", "tsne", "umap"]

AXES = 50
"""Numbers to which vectors are shortened first, as van der Maaten and Hinton do."""

FEWEST = 5
"""Fewer different pictures than this are laid out by PCA, whatever was asked for."""

STEPS = 1000
"""Steps of gradient descent that t-SNE takes at most, as scikit-learn does by default."""

_ASIDE = 0.004  # of the width of the map: how far apart equal pictures are put
_TURN = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True)
class MapLayout:
    """Where the pictures of a collection lie on a map.

    Attributes
    ----------
    ids
        int64, shape ``(n,)``.
    paths, names
        Where their files lie, and that below the folder that was indexed.
    positions
        float32, shape ``(n, 2)``, from 0 to 1; the longer side of the map is filled.
    method
        How they were found, which is ``pca`` where there are too few for another.
    """

    ids: NDArray[np.int64]
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    positions: FloatArray
    method: LayoutMethod


def find_layout(
    collection: Collection,
    *,
    method: LayoutMethod = "tsne",
    under: str | os.PathLike[str] | None = None,
    where: str | None = None,
    most: int | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> MapLayout:
    """Lay the pictures of a collection out on a plane.

    Raises `UsageError` when there is no picture; `MissingExtra` when UMAP is asked for and not installed.

    Parameters
    ----------
    method
        ``pca``, the two directions in which they vary most: at once; ``tsne`` (van der Maaten and Hinton,
        2008) and ``umap`` (McInnes, Healy and Melville, 2018), which keep neighbours together and say
        nothing about what lies far apart.
    under
        Only pictures in a folder, or whose path matches a glob.
    where
        Only pictures of which a filter is true, see `likewise.collection.store.filters`.
    most
        At most so many pictures, spread evenly over the ids.
    seed
        Of what begins with chance.
    """
    pictures = collection.pictures(under, where)
    count = min(len(pictures.ids), most or len(pictures.ids))
    rows = np.arange(count) * len(pictures.ids) // max(1, count)
    positions, used = lay_out(pictures.vectors[rows], method=method, seed=seed, progress=progress)
    paths, names = ([all_of[row] for row in rows.tolist()] for all_of in (pictures.paths, pictures.names))
    return MapLayout(pictures.ids[rows], tuple(paths), tuple(names), positions, used)  # type: ignore[arg-type]


def lay_out(
    vectors: FloatArray,
    *,
    method: LayoutMethod = "tsne",
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> tuple[FloatArray, LayoutMethod]:
    """Positions ``(n, 2)`` from 0 to 1 of rows ``(n, d)``, all different, and the method that found them.

    The order of the rows does not matter. Equal rows are put side by side. Raises `UsageError` when there is
    no row, or one is not finite; `MissingExtra` when UMAP is asked for and not installed.
    """
    checked(vectors, 1, "a map")
    order = canonical(vectors)
    first, back = distinct(vectors[order])
    rows = shortened(vectors[order][first], AXES)
    used: LayoutMethod = "pca" if len(rows) < FEWEST else method
    match used:
        case "tsne":
            flat = _tsne(rows, seed, progress)
        case "umap":
            flat = _umap(rows, seed)
        case _:
            flat = np.pad(rows, ((0, 0), (0, 2)))[:, :2]
    positions = np.empty((len(vectors), 2), np.float32)
    positions[order] = _fitted(_aside(_fitted(flat)[back], back))
    return positions, used


def _tsne(rows: FloatArray, seed: int, progress: ProgressCallback | None) -> NDArray[np.floating]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(rows) - 1) / 3)
    wide = np.pad(rows, ((0, 0), (0, 1)))  # it starts from two principal components: a line has one
    with threads_for(len(rows)), _steps_told(progress):
        reducer = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=STEPS)
        places: NDArray[np.floating] = reducer.fit_transform(wide)
    return places


@contextmanager
def _steps_told(progress: ProgressCallback | None) -> Iterator[None]:
    """Tell of each step of t-SNE, which scikit-learn does not.

    It asks for the gradient once a step, and Python tells what a thread calls. Somebody who looks at that
    already, as profilers do, is left alone.
    """
    if progress is None or sys.getprofile() is not None:
        yield
        return
    done = 0

    def on_call(frame: FrameType, event: str, _: object) -> None:
        nonlocal done
        if event == "call" and frame.f_code.co_name.startswith("_kl_divergence"):
            done += 1
            progress(Progress(done, STEPS, note="putting neighbours side by side"))

    sys.setprofile(on_call)
    try:
        yield
    finally:
        sys.setprofile(None)


def _umap(rows: FloatArray, seed: int) -> NDArray[np.floating]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says of another package that it is not there
            from umap import UMAP  # an extra, and seconds to import
    except ImportError:
        raise MissingExtra("a map by UMAP", "umap") from None
    neighbours = min(15, len(rows) - 1)
    # one job, which a fixed seed means; the spectral start cannot be had of a handful of rows
    reducer = UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1)
    places: NDArray[np.floating] = reducer.fit_transform(rows)
    return places


def _fitted(flat: NDArray[np.floating]) -> FloatArray:
    """Moved and scaled, by one factor, into the square from 0 to 1, the shorter side in its middle."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    side = float((high - low).max()) or 1.0
    return np.asarray((flat - (low + high) / 2) / side + 0.5, np.float32)


def _aside(positions: FloatArray, kinds: NDArray[np.int64]) -> FloatArray:
    """Positions of which those of equal rows wind around the first in a spiral."""
    order = np.argsort(kinds, kind="stable")
    starts = np.searchsorted(kinds[order], kinds[order])
    number = np.empty(len(kinds))
    number[order] = np.arange(len(kinds)) - starts
    radius, angle = _ASIDE * np.sqrt(number), _TURN * number
    offset = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return np.asarray(positions + offset, np.float32)
