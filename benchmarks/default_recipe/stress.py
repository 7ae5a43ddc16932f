"""How much the centre prior costs where the subject is not in the middle.

The default against the same recipe without its prior, and against R-MAC at the same sizes, on the demo set.
Every picture of a subject asks for the others of it, which are:

- ``as shot``: unchanged; then only the kinds `turn`, `clutter` and `occluded`, laid into a scene;
- ``cut``: the latter, cut along the subject's box on one or two sides, so that it touches a border or two;
- ``pasted``: the subjects of the kinds `view` and `light` cut out and pasted into the scenes without a
  subject, at most a half or a third as wide and high as these: in the middle, at an edge, in a corner.

Queries are never changed, and nothing made from the query itself is ranked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from benchmarks.default_recipe.sweep import DEFAULT, RMAC, gem, recipe, split
from benchmarks.sets import DEMO, Picture, describe
from numpy.typing import NDArray
from PIL import Image, ImageOps

from likewise.demoset import rendering
from likewise.demoset.rendering import ShotLabel
from likewise.descriptors.extractor import Extractor
from likewise.evaluation import metrics
from likewise.pictures import size_of
from likewise.types import Box, FloatArray, UInt8Array

SCENE = (640, 480)
PLACES = {"in the middle": (0.5, 0.5), "at an edge": (0.0, 0.5), "in a corner": (0.0, 1.0)}
SHARES = {"half": 2, "third": 3}
PASTED = ("view", "light")
LAID = ("turn", "clutter", "occluded")

POWER, CENTRE = (float(DEFAULT.parts[0].options[key]) for key in ("p", "centre"))
PARTS = [gem(POWER, CENTRE), gem(POWER), RMAC]
SIZES = [round(DEFAULT.resize.size * scale) for scale in DEFAULT.scales]


@dataclass(frozen=True)
class Outcome:
    """What one test gives."""

    test: str
    queries: int
    offset: float
    weight: float
    default: float
    without: float
    rmac: float


@dataclass(frozen=True)
class Made:
    """A picture of the database, which subject it shows and which query it was made from (-1 for none)."""

    picture: Picture
    group: str | None
    owner: int
    offset: tuple[float, float] = (0.0, 0.0)


def run() -> list[dict[str, object]]:
    """Every test, ready for JSON."""
    extractor = Extractor(recipe(PARTS, SIZES), streams=2)
    shots = [shot for shot in rendering.read_truth(DEMO) if shot.box]
    scenes = [
        Made(Picture(DEMO / shot.file), None, -1) for shot in rendering.read_truth(DEMO) if not shot.box
    ]
    asked = [_shot(index, shot) for index, shot in enumerate(shots)]
    queries = _vectors(extractor, asked)
    plain = _vectors(extractor, scenes)
    laid = [index for index, shot in enumerate(shots) if shot.kind in LAID]

    def test(title: str, made: Sequence[Made]) -> Outcome:
        databases = _vectors(extractor, made)
        scores = [
            _precisions(asked, rows, [*made, *scenes], np.concatenate([base, more]))
            for rows, base, more in zip(queries, databases, plain, strict=True)
        ]
        offsets = np.median(np.abs([one.offset for one in made]), axis=0)
        count = int((~np.isnan(scores[0])).sum())
        maps = [metrics.mean_average_precision(score) for score in scores]
        return Outcome(title, count, float(offsets.max()), _weight(offsets), *maps)

    tests = {
        "as shot": asked,
        "as shot, laid": [asked[index] for index in laid],
        "laid, cut on one side": [_cut(index, shots[index], sides=1) for index in laid],
        "laid, cut on two sides": [_cut(index, shots[index], sides=2) for index in laid],
    }
    for (share, part), place in product(SHARES.items(), PLACES):
        tests[f"pasted, a {share}, {place}"] = _pasted(shots, scenes, part, PLACES[place])
    return [asdict(test(title, made)) for title, made in tests.items()]


def _vectors(extractor: Extractor, made: Sequence[Made]) -> list[FloatArray]:
    """One array for the default and one without its prior."""
    return split(describe(extractor, [one.picture for one in made], crop="own"), PARTS)


def _precisions(
    asked: Sequence[Made], queries: FloatArray, database: Sequence[Made], rows: FloatArray
) -> NDArray[np.float64]:
    """Average precision of each query; NaN where the database has no other picture of its subject."""
    groups = np.array([made.group or "" for made in database])
    owners = np.array([made.owner for made in database])
    ranked = np.argsort(-(queries @ rows.T), axis=1, kind="stable")
    return np.array(
        [
            metrics.average_precision(
                order,
                np.flatnonzero((groups == query.group) & (owners != query.owner)),
                np.flatnonzero(owners == query.owner),
            )
            for order, query in zip(ranked, asked, strict=True)
        ]
    )


def _weight(offset: NDArray[np.float64]) -> float:
    """The prior's weight at an offset, in shares of the sides, from the middle; 1 there."""
    return math.exp(-float(np.square(offset).sum()) / (2 * CENTRE**2))


def _shot(index: int, shot: ShotLabel) -> Made:
    width, height = size_of(DEMO / shot.file)
    return Made(Picture(DEMO / shot.file), shot.group, index, _offset(_box(shot), (0, 0, width, height)))


def _offset(box: tuple[int, ...], window: tuple[int, ...]) -> tuple[float, float]:
    """How far the middle of a box lies from that of a window, in shares of the window's sides."""
    x, y = (
        ((box[axis] + box[axis + 2]) - (window[axis] + window[axis + 2]))
        / (2 * (window[axis + 2] - window[axis]))
        for axis in (0, 1)
    )
    return x, y


def _box(shot: ShotLabel) -> tuple[int, int, int, int]:
    if shot.box is None:
        raise ValueError(f"{shot.file} shows no subject")
    return shot.box


def _cut(index: int, shot: ShotLabel, *, sides: int) -> Made:
    """Cut the narrower margin away, along the axis where that moves the subject furthest, or along both."""
    width, height = size_of(DEMO / shot.file)
    x1, y1, x2, y2 = box = _box(shot)
    across = (x1, 0, width, height) if width - x2 >= x1 else (0, 0, x2, height)
    down = (0, y1, width, height) if height - y2 >= y1 else (0, 0, width, y2)
    if sides == 2:
        window = (across[0], down[1], across[2], down[3])
    else:
        window = max(across, down, key=lambda cut: max(map(abs, _offset(box, cut))))
    return Made(Picture(DEMO / shot.file, Box(*window)), shot.group, index, _offset(box, window))


def _pasted(
    shots: Sequence[ShotLabel], scenes: Sequence[Made], part: int, place: tuple[float, float]
) -> list[Made]:
    """Subjects pasted into scenes, each into the same scene whatever the place."""
    chosen = [(index, shot) for index, shot in enumerate(shots) if shot.kind in PASTED]
    return [
        _paste(index, shot, scenes[number % len(scenes)], part, place)
        for number, (index, shot) in enumerate(chosen)
    ]


def _paste(index: int, shot: ShotLabel, scene: Made, part: int, place: tuple[float, float]) -> Made:
    canvas = ImageOps.fit(_upright(str(scene.picture.source)), SCENE)
    tile = _upright(str(DEMO / shot.file)).crop(_box(shot))
    tile.thumbnail((SCENE[0] // part, SCENE[1] // part))
    x, y = (round((side - own) * at) for side, own, at in zip(SCENE, tile.size, place, strict=True))
    canvas.paste(tile, (x, y))
    offset = _offset((x, y, x + tile.width, y + tile.height), (0, 0, *SCENE))
    pixels: UInt8Array = np.asarray(canvas)
    return Made(Picture(pixels), shot.group, index, offset)


def _upright(path: str) -> Image.Image:
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")
