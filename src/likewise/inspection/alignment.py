"""Which layers of two networks, or of one, are alike on a set of pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import averaged
from likewise.errors import BadPicture, UsageError
from likewise.inspection.cka import LEAST, linear_cka
from likewise.inspection.network import Network, walk
from likewise.pictures import load
from likewise.types import FloatArray, Progress, ProgressCallback

_SIDE = 4  # cells along a side that a map is averaged to, so that pictures of all shapes can be compared


@dataclass(frozen=True)
class Alignment:
    """CKA of each layer of one network with each of another.

    Attributes
    ----------
    first, second
        Names of the networks.
    rows, columns
        Their taps.
    values
        float64 ``(rows, columns)``: debiased linear CKA; 1 for layers that are alike but for a rotation and a
        scale, around 0 for unrelated ones.
    pictures
        On how many pictures.
    failures
        Pictures that could not be read, and why.
    """

    first: str
    second: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    pictures: int
    failures: dict[Path, BadPicture]

    @classmethod
    def of(
        cls,
        first: Network,
        second: Network,
        pictures: Sequence[Path],
        taps: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
        *,
        size: int = 0,
        max_pixels: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> Alignment:
        """Compare the layers of two networks by `likewise.inspection.cka.linear_cka`, debiased.

        Of each picture and tap the means over 4 x 4 equal areas of the map are compared, so that pictures may
        have any shape; of a vector its numbers. Raises `UsageError` when fewer than four of the pictures can
        be read.

        Parameters
        ----------
        first, second
            Opened networks; one and the same compares its layers with each other.
        taps
            Which taps of each; all that can be read for None.
        """
        networks = [(first, first.names(taps[0], size))]
        if second is not first:
            networks.append((second, second.names(taps[1], size)))
        layers: list[dict[str, list[FloatArray]]] = [defaultdict(list) for _ in networks]
        failures: dict[Path, BadPicture] = {}
        for done, path in enumerate(pictures, 1):
            try:
                seen = [_features(*network, path, size, max_pixels) for network in networks]
            except BadPicture as error:
                failures[path] = error
            else:
                for layer, features in zip(layers, seen, strict=True):
                    for name, vector in features.items():
                        layer[name].append(vector)
            if progress:
                progress(Progress(done, len(pictures), len(failures), note=path.name))
        if len(pictures) - len(failures) < LEAST:
            raise UsageError(
                f"CKA needs {LEAST} pictures at least, better a hundred: "
                f"{len(pictures) - len(failures)} of {len(pictures)} could be read"
            )
        mine, theirs = (
            {name: np.stack(rows) for name, rows in layer.items()} for layer in (layers[0], layers[-1])
        )
        values = [[linear_cka(x, y) for y in theirs.values()] for x in mine.values()]
        return cls(
            first.name,
            second.name,
            tuple(mine),
            tuple(theirs),
            np.array(values),
            len(pictures) - len(failures),
            failures,
        )


def _features(
    network: Network, names: Sequence[str], picture: Path, size: int, max_pixels: int | None
) -> dict[str, FloatArray]:
    """Features of a picture, one vector a tap."""
    loaded = load(
        picture,
        [network.resize(names, size)],
        grid=network.grid,
        minimum=network.minimum,
        interpolation=network.preprocessing.interpolation,
        max_pixels=max_pixels,
    )
    return {
        tap.name: cells if cells.ndim == 1 else averaged(cells, _SIDE).astype(np.float32).reshape(-1)
        for tap, cells in walk(network, loaded.pixels[0], names)
    }
