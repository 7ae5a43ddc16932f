"""Which part of a picture is most like the query: the search for a window on its maps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from likewise.descriptors import Encoder, Part, VectorRecipe
from likewise.descriptors.transforms import l2
from likewise.errors import BadPicture, UsageError
from likewise.pictures import Source
from likewise.ranking.windows import grid, moved, stretched
from likewise.types import Box, FloatArray, IntArray, Progress, ProgressCallback

KEPT_BYTES = 256 << 20
"""Maps kept in memory, since the candidates of one query are often those of the next."""

LARGER = 1e-4
"""Gain of a window as large as the picture: of windows that are as good the largest is meant."""

_ROUNDS = 12


@dataclass(frozen=True)
class _Mapped:
    """Maps of one picture, and the size of its upright original."""

    maps: list[FloatArray]
    width: int
    height: int

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.maps)


class Localiser:
    """Searches the maps of pictures for the rectangle that is most like a query.

    After the approximate max-pooling localisation of Tolias, Sicre and Jegou (Particular object retrieval
    with integral max-pooling of CNN activations, ICLR 2016, section 5), for every pooling that has a form for
    windows: a grid of windows is scored, then the sides of the best one are moved as long as that helps. A
    window is pooled, and its vector goes through the recipe's transforms, as the whole picture's does; only
    the first scale of the recipe is looked at. Raises `UsageError` when the recipe keeps no map to search in.

    Parameters
    ----------
    encoder
        What described the pictures.
    queries
        float32 ``(q, d)``, the vectors asked for.
    file_of
        Where a picture lies, by its id.
    max_pixels
        Largest picture accepted.
    progress
        Told how many of the queries are done.
    """

    def __init__(
        self,
        encoder: Encoder,
        queries: FloatArray,
        file_of: Callable[[int], Source],
        *,
        max_pixels: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        self._encoder, self._queries, self._file_of = encoder, queries, file_of
        self._max_pixels, self._progress = max_pixels, progress
        self._window = _WindowVector(encoder.recipe)
        self._metric = encoder.recipe.distance
        self._kept: OrderedDict[int, _Mapped] = OrderedDict()

    def __call__(self, query: int, ids: IntArray) -> tuple[FloatArray, list[Box | None]]:
        """Find the best window of each candidate.

        Returns scores, float32 ``(m,)``, and boxes in pixels of the upright originals. A candidate whose file
        can no longer be read has no box, and the score minus infinity.

        Parameters
        ----------
        query
            Row of the queries.
        ids
            The candidates, int64 ``(m,)``.
        """
        if self._progress:
            self._progress(Progress(query, len(self._queries), note="localising"))
        windows = [self._find(self._queries[query], picture) for picture in ids.tolist()]
        return np.array([score for score, _ in windows], np.float32), [box for _, box in windows]

    def _find(self, query: FloatArray, picture: int) -> tuple[float, Box | None]:
        try:
            mapped = self._mapped(picture)
        except BadPicture:
            return -np.inf, None
        vectors = self._window.of(mapped.maps)
        size = mapped.maps[0].shape[1:]

        def best(windows: IntArray) -> tuple[float, float, IntArray]:
            scores = self._scores(query, vectors(windows))
            areas = np.prod(windows[:, 2:] - windows[:, :2], axis=1)
            worth = scores + LARGER * areas / (size[0] * size[1])
            place = int(worth.argmax())
            return float(worth[place]), float(scores[place]), windows[place]

        _, score, window = _climb(best, *size)
        return score, _in_pixels(window, mapped)

    def _scores(self, query: FloatArray, vectors: FloatArray) -> FloatArray:
        scores: FloatArray = (
            -np.linalg.norm(vectors - query, axis=1) if self._metric == "l2" else vectors @ query
        )
        return scores

    def _mapped(self, picture: int) -> _Mapped:
        """Maps of a picture, from memory if they are there; those not used for longest leave it."""
        if picture not in self._kept:
            loaded = self._encoder.prepare(self._file_of(picture), max_pixels=self._max_pixels)
            (maps,) = self._encoder.maps([loaded])
            self._kept[picture] = _Mapped(maps, loaded.width, loaded.height)
        self._kept.move_to_end(picture)
        while len(self._kept) > 1 and sum(mapped.bytes for mapped in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return self._kept[picture]


class _WindowVector:
    """A recipe, applied to windows of maps instead of pictures."""

    def __init__(self, recipe: VectorRecipe) -> None:
        flat = [part for part in recipe.parts if part.pooling.windows is None]
        if flat:
            raise UsageError(
                f"recipe {recipe.name!r} does not pool {flat[0].tap}, so that a part of a picture cannot be "
                "compared with a whole one: to localise, use a recipe that does, such as default, gem or rmac"
            )
        self._recipe = recipe
        self._regions = [_region(part) for part in recipe.parts]
        self._chain = recipe.chain

    def of(self, maps: list[FloatArray]) -> Callable[[IntArray], FloatArray]:
        """Make ready the maps of one picture: windows of the first to vectors ``(m, d)``."""
        sizes = [one.shape[1:] for one in maps]
        pools = [
            part.pooling.over(one, part.options) for one, part in zip(maps, self._recipe.parts, strict=True)
        ]

        def vectors(windows: IntArray) -> FloatArray:
            pooled = [
                region(one(stretched(windows, sizes[0], size)))
                for one, region, size in zip(pools, self._regions, sizes, strict=True)
            ]
            return self._chain(self._recipe.joined([pooled]))

        return vectors


def _climb(
    best: Callable[[IntArray], tuple[float, float, IntArray]], height: int, width: int
) -> tuple[float, float, IntArray]:
    """Take the best window of the grid and move its sides, by ever smaller steps, while that helps."""
    window = best(grid(height, width))
    step = max(1, max(height, width) // 16)
    for _ in range(_ROUNDS):
        moved_to = best(moved(window[2], step, height, width))
        if moved_to[0] > window[0]:
            window = moved_to
        elif step > 1:
            step //= 2
        else:
            break
    return window


def _region(part: Part) -> Callable[[FloatArray], FloatArray]:
    """The transform of each region's vector before a pooling adds them; none for other poolings."""
    if part.pooling.regions is None:
        return lambda vectors: vectors
    whitening = part.whitening
    return l2 if whitening is None else lambda vectors: l2(whitening(l2(vectors)))


def _in_pixels(window: IntArray, mapped: _Mapped) -> Box:
    """A window of the first map on the upright original, over which the cells lie evenly."""
    _, height, width = mapped.maps[0].shape
    across, down = mapped.width / width, mapped.height / height
    top, left, bottom, right = window.tolist()
    return Box(left * across, top * down, right * across, bottom * down)
