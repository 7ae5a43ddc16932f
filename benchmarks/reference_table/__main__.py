"""Descriptors beside reference figures: ``python -m benchmarks.reference_table run``, then ``table``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import typer
from benchmarks.reference_table.reading import Bicubic
from benchmarks.sets import (
    DISTRACTORS,
    RESULTS,
    Oxford,
    PictureSet,
    Vectors,
    describe,
    describe_all,
    load,
    load_sets,
    markdown,
    save,
    score,
)

from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import l2
from likewise.networks import find
from likewise.pictures import Resize
from likewise.types import FloatArray

FOLDER = RESULTS / "reference_table"
GOAL = 0.02
SETS = ("tmbud", "ukbench96", "oxford")
COLUMNS = ("tmbud", "N-S", "oxford crop")
OWN = "oxford boxes on their own"
RECIPES = {
    network: VectorRecipe("reference", network, parts, Resize("longest", 512))
    for network, parts in {
        "vgg16": (
            Part("relu5_3", "sum"),
            Part("relu5_3", "max"),
            Part("relu5_3", options={"p": 3.0}),
        ),
        "efficientnet-lite0": (Part("head", "mean"), Part("head", options={"p": 3.0})),
    }.items()
}


@dataclass(frozen=True)
class Reference:
    """A row of the reference table; its figures stand in the order of `COLUMNS`."""

    title: str
    network: str
    part: int
    white: bool
    figures: tuple[float, float, float]

    def vectors(
        self, found: Mapping[str, Vectors], sample: FloatArray | None = None
    ) -> dict[str, FloatArray]:
        """Its part of what the network gave, whitened by a sample, by default the distractors."""
        rows = {name: self.sliced(one) for name, one in found[self.network].items()}
        if not self.white:
            return rows
        whitening = PCAWhitening(256).fit(rows[DISTRACTORS] if sample is None else sample)
        return {name: l2(whitening.transform(one)) for name, one in rows.items()}

    def sliced(self, vectors: FloatArray) -> FloatArray:
        """Unit vectors of its part."""
        recipe = RECIPES[self.network]
        channels = [find(recipe.network).tap(part.tap).channels for part in recipe.parts]
        start, end = list(pairwise(np.cumsum([0, *channels])))[self.part]
        return l2(vectors[:, start:end])


REFERENCES = (
    Reference("VGG16 relu5_3 sum", "vgg16", 0, False, (0.623, 3.96, 0.922)),
    Reference("VGG16 relu5_3 sum, PCA-white 256", "vgg16", 0, True, (0.637, 3.95, 0.943)),
    Reference("VGG16 relu5_3 max", "vgg16", 1, False, (0.572, 3.93, 0.853)),
    Reference("VGG16 relu5_3 GeM p=3, PCA-white 256", "vgg16", 2, True, (0.655, 4.00, 0.914)),
    Reference("Lite0 head mean", "efficientnet-lite0", 0, False, (0.658, 4.00, 0.853)),
    Reference("Lite0 head GeM p=3", "efficientnet-lite0", 1, False, (0.694, 4.00, 0.889)),
)

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run() -> None:
    """Describe every set with both networks, as the package reads pictures and by a bicubic filter."""
    every = load_sets()
    sets = [one for one in every if one.name in SETS]
    if len(sets) < len(SETS):
        raise SystemExit("the reference figures are of sets that are not at hand")
    distractors = [one for one in every if one.name == DISTRACTORS]
    for network, recipe in RECIPES.items():
        print(network, file=sys.stderr)
        extractor = Extractor(recipe, streams=2)
        vectors = describe_all(extractor, [*sets, *distractors])
        boxes = [box for one in sets if isinstance(one, Oxford) for box in one.boxes]
        save(_file(network), vectors | {OWN: describe(extractor, boxes, crop="own")})
        bicubic = Bicubic(extractor)
        save(_file(network, "bicubic"), describe_all(bicubic, sets) | {DISTRACTORS: vectors[DISTRACTORS]})


@app.command()
def table() -> None:
    """Print measured, reference and difference, and how much cells move with what they leave open."""
    sets = [one for one in load_sets() if one.name in SETS]
    found = {network: load(_file(network)) for network in RECIPES}
    head = ["descriptor", *(f"{column}: here, reference, difference" for column in COLUMNS)]
    rows = []
    for reference in REFERENCES:
        scores = score(sets, reference.vectors(found))
        pairs = zip(COLUMNS, reference.figures, strict=True)
        rows.append([reference.title, *(_compared(scores[column], figure) for column, figure in pairs)])
    print(f"\n### Reference table\n\n{markdown(head, rows)}")
    print(f"\n### What the cells leave open\n\n{_open(sets, found)}")


def _file(network: str, reading: str = "own") -> Path:
    return FOLDER / f"{network}-{reading}.safetensors"


def _compared(found: float, figure: float) -> str:
    difference = found - figure
    cell = f"{found:.3f}, {figure:.3f}, {difference:+.3f}"
    return cell if abs(difference) <= GOAL else f"**{cell}**"


def _open(sets: Sequence[PictureSet], found: Mapping[str, Vectors]) -> str:
    """The same descriptors under other readings of what the reference does not say."""
    bicubic = {network: load(_file(network, "bicubic")) for network in RECIPES}
    rows: list[list[str | float]] = []
    for reference in REFERENCES:
        own = reference.vectors(found)
        boxes = own | {"oxford": np.concatenate([own["oxford"][: -len(own[OWN])], own[OWN]])}
        crowd = own | {
            DISTRACTORS: np.concatenate([own[name] for name in (DISTRACTORS, "tmbud", "ukbench96")])
        }
        readings = {"": own, ", bicubic": reference.vectors(bicubic), ", box resized on its own": boxes}
        for title, vectors in readings.items():
            scores = score(sets, vectors)
            rows.append([reference.title + title, *(scores[column] for column in COLUMNS)])
        crowded = score([one for one in sets if one.name == "oxford"], crowd)["oxford crop"]
        rows.append([f"{reference.title}, tmbud and ukbench96 as distractors too", "", "", crowded])
        if reference.white:
            rows.append(
                [f"{reference.title}, whitening learned on 400 of the 500", *_ranges(sets, reference, found)]
            )
    return markdown(["descriptor", *COLUMNS], rows)


def _ranges(sets: Sequence[PictureSet], reference: Reference, found: Mapping[str, Vectors]) -> list[str]:
    """Least and largest score over samples for the whitening."""
    chance = np.random.default_rng(0)
    sample = reference.sliced(found[reference.network][DISTRACTORS])
    scores = [
        score(sets, reference.vectors(found, sample[chance.permutation(len(sample))[:400]]))
        for _ in range(20)
    ]
    return [f"{min(s[c] for s in scores):.3f} to {max(s[c] for s in scores):.3f}" for c in COLUMNS]


if __name__ == "__main__":
    app()
