"""The vocabularies that come with likewise, and how near features of other things come by chance.

python -m benchmarks.vocabularies sift
python -m benchmarks.vocabularies chance sift PICTURES
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.demoset import rendering
from likewise.learning import Chosen, Learning, learn_vocabulary
from likewise.recipes import load_recipe
from likewise.types import Progress
from likewise.words.index.votes import chances
from likewise.words.sketch import Sketch
from likewise.words.sketcher import WordsExtractor

RESULTS = Path(__file__).parents[1] / "results" / "vocabularies"
SHIPPED = Path(__file__).parents[2] / "src" / "likewise" / "recipes" / "words"
SCENES = 240
WORDS = {"sift": 2048, "xfeat": 2048}


def main() -> None:
    if sys.argv[1:2] == ["chance"]:
        chance(sys.argv[2], Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=WORDS)
    parser.add_argument("-o", "--output", type=Path, help="the shipped file unless another is named")
    given = parser.parse_args()
    bare = replace(load_recipe(given.recipe).words[0], vocabulary={})
    how = Learning(WORDS[given.recipe], bits=bare.features.bits, iterations=8)
    learned = learn_vocabulary(bare.features.open(), pictures(), bare, how, progress=told)
    path = given.output or SHIPPED / f"{given.recipe}.words"
    learned.vocabulary.save(path, packed=True)
    print(f"{path.name}: {path.stat().st_size:,} bytes, from {learned.features:,} features")


def chance(recipe: str, folder: Path) -> None:
    """Print in how many bits features of different pictures differ that share a word, and the normal for it.

    The pictures of the folder have to show different things; every sixth of them is taken, at most 80.
    """
    extractor = WordsExtractor(load_recipe(recipe).words[0])
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".png"))[::6][:80]
    sketches = [extractor.describe([extractor.prepare(file)])[0] for file in files]
    pairs = counted(sketches)
    bits = np.arange(len(pairs))
    mean = float((bits * pairs).sum() / pairs.sum())
    deviation = float(np.sqrt((np.square(bits - mean) * pairs).sum() / pairs.sum()))
    print(f"{recipe}: {pairs.sum():,} pairs, mean {mean:.1f}, standard deviation {deviation:.1f}\n")
    print("| bits | share that is as near | of the normal that votes use |\n|---|---|---|")
    for at in range(8, 33, 4):
        share = pairs[: at + 1].sum() / pairs.sum()
        print(f"| {at} | {share:.2g} | {chances(len(pairs) - 1)[at]:.2g} |")


def counted(sketches: Sequence[Sketch]) -> NDArray[np.int64]:
    """Pairs of features of one word and different pictures by the bits that differ, ``(bits + 1,)``."""
    first = [next(iter(one.words.values()))[:, 0] for one in sketches]
    words, codes = (
        np.concatenate(first),
        np.concatenate([next(iter(one.codes.values()))[:, 0] for one in sketches]),
    )
    owner = np.repeat(np.arange(len(first)), [len(one) for one in first])
    pairs = np.zeros(64 * codes.shape[1] + 1, np.int64)
    for word in np.unique(words):
        at = np.flatnonzero(words == word)
        away = np.bitwise_count(codes[at, None] ^ codes[None, at]).sum(axis=2)
        pairs += np.bincount(away[owner[at, None] != owner[None, at]], minlength=len(pairs))
    return pairs


def pictures() -> Chosen:
    """Scenes rendered from photographs that packages carry, without anything that the demo set looks for."""
    scenes = rendering.render_scenes(RESULTS / "scenes", SCENES)
    return Chosen(f"{SCENES} scenes rendered from pictures of scikit-image and scikit-learn", tuple(scenes))


def told(progress: Progress) -> None:
    print(f"\r{progress.note} {progress.done} of {progress.total} ", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
