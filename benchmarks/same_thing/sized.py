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

from likewise.collection.catalogue import Content
from likewise.collection.collection import Collection
from likewise.collection.moving import MovedFile
from likewise.words.sketch import Sketch

FLIPPED = 0.25
QUERIES = 12
TOGETHER = ("quick", "default")


def sized(asked: Asked, folder: Path, count: int) -> None:
    """Print what queries cost among the pictures of a set and among ``count`` made of them."""
    small = folder / f"{asked.name}-default.likewise"
    large = folder / f"{asked.name}-{count}.likewise"
    with Collection.open(small, recipe="default") as given:
        given.add(*asked.gallery)
        manifests = [layer.manifest for layer in given.layers]
        with Collection.open(large, recipe="default") as made:
            made.take_over(_mixed(list(given.rows()), count), manifests)
    rows: list[list[str | float]] = []
    for path in (small, large):
        for recipe in TOGETHER:
            with Collection.open(path, recipe=recipe) as collection:
                collection.search(asked.queries[0], box=asked.boxes.get(asked.queries[0]))
                begin, clock = time.process_time(), time.perf_counter()
                for query in asked.queries[:QUERIES]:
                    collection.search(query, box=asked.boxes.get(query))
                spent = time.process_time() - begin, time.perf_counter() - clock
                size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                each = f"{size / len(collection):,.0f}"
                rows.append([f"{len(collection):,}", recipe, *(one / QUERIES for one in spent), each])
    print(markdown(["pictures", "recipe", "s of processor a query", "s", "bytes a picture"], rows))


def _mixed(rows: list[MovedFile], count: int) -> Iterator[MovedFile]:
    random = np.random.default_rng(0)
    some = [row.content for row in rows if isinstance(row.content, Content)]
    name = "keypoints"
    sketches = [Sketch.from_bytes(content.codes[1], {name: 1 << 16}) for content in some]
    vectors = np.stack([np.frombuffer(content.codes[0], np.float16) for content in some]).astype(np.float32)
    words = np.concatenate([one.words[name] for one in sketches])
    codes = np.concatenate([one.codes[name] for one in sketches])
    boxes = np.concatenate([one.boxes for one in sketches])
    points = np.concatenate([one.points for one in sketches if one.points is not None])
    for number in range(count):
        features = random.integers(0, len(words), len(sketches[number % len(sketches)]))
        flips = np.packbits(random.random((len(features), 64)) < FLIPPED, axis=1).view(np.uint64)
        sketch = Sketch(
            boxes[features],
            {name: words[features]},
            {name: codes[features] ^ flips[:, None, :]},
            points[features],
        )
        vector = vectors[number % len(vectors)] + random.standard_normal(vectors.shape[1]) / 40
        code = (vector / np.linalg.norm(vector)).astype(np.float16).tobytes()
        content = some[number % len(some)]
        path = f"/made/{number:07}.jpg"
        digest = number.to_bytes(32, "big") if number else bytes([1] * 32)
        made = replace(content, sha256=digest, codes={0: code, 1: sketch.to_bytes()})
        yield MovedFile(path, rows[0].stamp, made)
