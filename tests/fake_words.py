"""Visual words without a network: patches described by their pixels, a small vocabulary, a brute scorer."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from likewise.arrays.artifacts import Sample
from likewise.collection import Collection
from likewise.descriptors.transforms import l2, signed_root
from likewise.local import patches
from likewise.local.features import LocalFeatures
from likewise.local.patches import Patches
from likewise.pictures import Loaded, Resize, Source, load
from likewise.types import Box, CropScale, FloatArray
from likewise.words.codebook import WordArray, learn_codebook
from likewise.words.hamming import Embedding
from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.layers import QuerySketch
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import Sketch
from likewise.words.vocabulary import Vocabulary, VocabularyLayer

TAPS = ("block10", "pooled")
PATCHES = Patches("efficientnet-lite0", TAPS, size=8, stride=8, resize=Resize("longest", 48))
RECIPE = WordsRecipe("fake-words", PATCHES)
WORDS = 24
LENGTHS = {"block10": 24, "pooled": 12}


class FakePatches:
    """Stands for `likewise.local.patches.PatchExtractor`."""

    weights_hash = "0" * 64

    def __init__(self, patches: Patches, **options: object) -> None:
        self.patches, self.taps = patches, patches.taps

    def sized(self, features: Patches) -> FakePatches:
        """See `PatchExtractor.sized`."""
        return FakePatches(features)

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        return load(source, [self.patches.resize], box=box, crop=crop, minimum=8, max_pixels=max_pixels)

    def describe(self, loaded: Loaded, *, box: Box | None = None) -> LocalFeatures:
        pixels = loaded.pixels[0].astype(np.float32)
        rows, columns = pixels.shape[0] // 8, pixels.shape[1] // 8
        cells = pixels[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8, 3).transpose(0, 2, 1, 3, 4)
        flat = cells.reshape(rows * columns, -1) - 128
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) * 8
        region = box.clip(loaded.width, loaded.height) if box else (0, 0, loaded.width, loaded.height)
        factor = (region[2] - region[0]) / pixels.shape[1]
        boxes = np.stack([x, y, x + 8, y + 8], axis=1) * factor + np.tile(region[:2], 2)
        vectors = {tap: l2(signed_root(flat @ _projection(tap))) for tap in self.taps}
        return LocalFeatures(boxes.astype(np.float32), vectors)


@cache
def _projection(tap: str) -> FloatArray:
    return np.random.default_rng(len(tap)).standard_normal((192, LENGTHS[tap])).astype(np.float32)


def picture(seed: int) -> Image.Image:
    """Blocks of four pixels in colours of their own."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8 + seed % 2, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse.repeat(4, axis=0).repeat(4, axis=1))


def make_pictures(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.png" for number in range(first, first + count)]
    for number, path in enumerate(paths, first):
        picture(number).save(path)
    return paths


def vocabulary(words: int = WORDS, recipe: WordsRecipe = RECIPE) -> Vocabulary:
    """Learned on pictures of other seeds."""
    assert isinstance(recipe.features, Patches)
    describe = FakePatches(recipe.features)
    features = [describe.describe(describe.prepare(picture(seed))) for seed in range(9000, 9060)]
    layers, origin = {}, Sample("f" * 64, 1, "fakes", (), recipe.to_toml())
    for number, tap in enumerate(recipe.features.taps):
        vectors = np.concatenate([one.vectors[tap] for one in features])
        codebook = learn_codebook(vectors, words, iterations=3)
        nearest = codebook.assign(vectors)[:, 0].astype(np.int64)
        embedding = Embedding.learn(vectors, nearest, words)
        layers[tap] = VocabularyLayer(codebook, embedding, 1.0 + number)
    return Vocabulary(layers, origin)


def open_fake(path: Path, words: Path | None = None) -> Collection:
    """A collection of fake words; the recipe is needed only to make it."""
    return Collection.open(path, recipe=RECIPE.with_vocabulary(words) if words else None)


def indexes(
    sketches: Mapping[int, Sketch], folder: Path, sizes: Mapping[str, int]
) -> dict[str, InvertedIndex]:
    """An index of one segment for each layer."""
    found = {}
    for tap, size in sizes.items():
        parts = [Postings.of(picture, one.words[tap], one.codes[tap]) for picture, one in sketches.items()]
        segment = Segment.write(folder / f"{tap}.words", Postings.join(parts), size)
        found[tap] = InvertedIndex(size, [segment], np.array(sorted(sketches)))
    return found


def brute(
    sketches: Mapping[int, Sketch],
    question: Sequence[QuerySketch],
    recipe: WordsRecipe,
    scales: Mapping[str, float],
    *,
    among: Mapping[int, Sketch] | None = None,
) -> dict[int, float]:
    """Equations 3 to 8 as loops, layers added up as rules ``scaled`` and ``plain`` say; not normalised.

    The idf is that of the sketches, or of those that these are ``among``.
    """
    total = dict.fromkeys(sketches, 0.0)
    for tap in recipe.fusion.layers or recipe.features.taps:
        scale = scales[tap] if recipe.fusion.fusion == "scaled" else 1.0
        idf = _idf([one.words[tap] for one in (among or sketches).values()])
        for asked, (row, held) in product(question, sketches.items()):
            tf = Counter(held.words[tap].ravel().tolist())
            for mine, its in product(_copies(asked.sketch, tap), _copies(held, tap)):
                away = sum((a ^ b).bit_count() for a, b in zip(mine[1], its[1], strict=True))
                if mine[0] == its[0] and (not recipe.scoring.hamming or away < recipe.scoring.threshold):
                    match = math.exp(-((away / recipe.scoring.sigma) ** 2)) if recipe.scoring.hamming else 1
                    part = idf.get(mine[0], 0) ** 2 * match / math.sqrt(tf[mine[0]])
                    total[row] += asked.weight * scale * part
    return total


def self_score(
    sketches: Mapping[int, Sketch], one: QuerySketch, recipe: WordsRecipe, scales: Mapping[str, float]
) -> float:
    """What a picture of a question would score if its nearest words were indexed."""
    words = {tap: words[:, :1] for tap, words in one.sketch.words.items()}
    codes = {tap: codes[:, :1] for tap, codes in one.sketch.codes.items()}
    stored = {0: Sketch(one.sketch.boxes, words, codes)}
    return brute(stored, [one], recipe, scales, among=sketches)[0]


def _idf(words: Sequence[WordArray]) -> dict[int, float]:
    counts = Counter(word for one in words for word in set(one.ravel().tolist()))
    return {word: math.log(len(words) / count) for word, count in counts.items()}


def _copies(sketch: Sketch, tap: str) -> list[tuple[int, list[int]]]:
    words, codes = sketch.words[tap].ravel().tolist(), sketch.codes[tap].reshape(-1, 2).tolist()
    return list(zip(words, codes, strict=True))


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Index, extend or optimise in a process of its own: ``collection vocabulary folder``."""
    setattr(patches, "PatchExtractor", FakePatches)  # noqa: B010
    path, words, folder = map(Path, sys.argv[1:])
    say("ready")
    with open_fake(path, words) as collection:
        collection.add(folder, prune=True, progress=lambda progress: say(progress.done))
        say("added")
        collection.optimise()
        say("optimised")


if __name__ == "__main__":
    main()
