"""The vocabularies that come with likewise, learned anew: ``python -m benchmarks.vocabularies RECIPE``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from likewise.evaluation import minibench
from likewise.evaluation.learning import Chosen
from likewise.evaluation.vocabularies import Learning, learn_vocabulary
from likewise.recipes.recipe import load_recipe
from likewise.types import Progress

RESULTS = Path(__file__).parents[1] / "results" / "vocabularies"
SHIPPED = Path(__file__).parents[2] / "src" / "likewise" / "recipes" / "words"
SCENES = 240
WORDS = {"sift": 2048, "xfeat": 2048}


def main() -> None:
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


def pictures() -> Chosen:
    """Scenes rendered from photographs that packages carry, without anything that the demo set looks for."""
    scenes = minibench.render_scenes(RESULTS / "scenes", SCENES)
    return Chosen(f"{SCENES} scenes rendered from pictures of scikit-image and scikit-learn", tuple(scenes))


def told(progress: Progress) -> None:
    print(f"\r{progress.note} {progress.done} of {progress.total} ", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
