"""What a query costs among many pictures: features of a few hundred, mixed at random into thousands.

Each made picture has as many features as one of the set, drawn from those of all, a quarter of the bits of
each code flipped, and the vector of one with noise: lists of words are as long as those of so many pictures
would be, and nothing shows the same thing. Described is only the query.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.same_thing.sets import Asked
from benchmarks.sets import markdown

from likewise.collection.collection import Collection
from likewise.collection.moving import MovedFile
from likewise.collection.store.catalogue import Content
from likewise.words.sketch import Sketch

FLIPPED = 0.25
QUERIES = 12
NAME = "keypoints"
RECIPES = ("quick", "default", "best")


def sized(asked: Asked, folder: Path, count: int) -> None:
    """Print what queries cost among the pictures of a set and among ``count`` made of them."""
    rows = []
    with Collection.open(folder / f"{asked.name}-best.likewise", recipe="best") as given:
        given.add(*asked.gallery)
        held, manifests = list(given.rows()), [layer.manifest for layer in given.layers]
    for layers, recipe in enumerate(RECIPES, 1):
        small, large = (folder / f"{asked.name}-{recipe}{size}.likewise" for size in ("", f"-{count}"))
        with Collection.open(small, recipe=recipe) as given:
            given.add(*asked.gallery)
        with Collection.open(large, recipe=recipe) as made:
            made.take_over(_mixed(held, count, layers), manifests[:layers])
        rows += [_row(recipe, path, asked) for path in (small, large)]
    print(markdown(["recipe", "pictures", "s of processor a query", "s", "bytes a picture"], rows))


def _row(recipe: str, path: Path, asked: Asked) -> list[str | float]:
    with Collection.open(path) as collection:
        collection.search(asked.queries[0], box=asked.boxes.get(asked.queries[0]))
        begin, clock = time.process_time(), time.perf_counter()
        for query in asked.queries[:QUERIES]:
            collection.search(query, box=asked.boxes.get(query))
        spent = time.process_time() - begin, time.perf_counter() - clock
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        count = len(collection)
    return [recipe, f"{count:,}", *(one / QUERIES for one in spent), f"{size / count:,.0f}"]


def _mixed(rows: list[MovedFile], count: int, layers: int) -> Iterator[MovedFile]:
    random = np.random.default_rng(0)
    some = [row.content for row in rows if isinstance(row.content, Content)]
    first, *local = zip(*(content.codes.values() for content in some), strict=True)
    vectors = np.stack([np.frombuffer(code, np.float16) for code in first]).astype(np.float32)
    words = [_Features([Sketch.from_bytes(code, {NAME: 1 << 16}) for code in codes]) for codes in local]
    for number in range(count):
        vector = vectors[number % len(vectors)] + random.standard_normal(vectors.shape[1]) / 40
        codes = [(vector / np.linalg.norm(vector)).astype(np.float16).tobytes()]
        codes += [layer.mixed(number, random).to_bytes() for layer in words[: layers - 1]]
        digest = number.to_bytes(32, "big") if number else bytes([1] * 32)
        made = replace(some[number % len(some)], sha256=digest, codes=dict(enumerate(codes)))
        yield MovedFile(f"/made/{number:07}.jpg", rows[0].stamp, made)


class _Features:
    """Those of one layer, of all pictures."""

    def __init__(self, sketches: list[Sketch]) -> None:
        self.counts = [len(one) for one in sketches]
        self.words = np.concatenate([one.words[NAME] for one in sketches])
        self.codes = np.concatenate([one.codes[NAME] for one in sketches])
        self.boxes = np.concatenate([one.boxes for one in sketches])
        self.points = np.concatenate([one.points for one in sketches if one.points is not None])

    def mixed(self, number: int, random: np.random.Generator) -> Sketch:
        """As many as one of the pictures has, drawn from those of all."""
        drawn = random.integers(0, len(self.words), self.counts[number % len(self.counts)])
        flips = np.packbits(random.random((len(drawn), 64)) < FLIPPED, axis=1).view(np.uint64)
        codes = {NAME: self.codes[drawn] ^ flips[:, None, :]}
        return Sketch(self.boxes[drawn], {NAME: self.words[drawn]}, codes, self.points[drawn])
