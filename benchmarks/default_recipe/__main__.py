"""Why the default recipe is what it is: ``python -m benchmarks.default_recipe run``, then ``table``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import typer
from benchmarks.default_recipe import paired, stress
from benchmarks.default_recipe.sweep import (
    CHOSEN,
    PASSES,
    RIVALS,
    SECTIONS,
    SIMPLER,
    VARIANTS,
    Pass,
    PassExtractor,
    Variant,
)
from benchmarks.sets import (
    DISTRACTORS,
    RESULTS,
    TRAINING,
    Groups,
    Picture,
    PictureSet,
    Vectors,
    demo_set,
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
from likewise.descriptors.transforms import l2, signed_root
from likewise.pictures import size_of
from likewise.types import FloatArray

FOLDER = RESULTS / "default_recipe"
LARGE, TIMED = 640, 16
TOLERANCE = 1e-4
GOAL = 0.74

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run() -> None:
    """Describe every set at every size, time every variant, and put the centre prior under stress."""
    sets = load_sets()
    for one in PASSES:
        print("{} px, decoded for {}".format(*one), file=sys.stderr)
        wanted = [some for some in sets if some.name != TRAINING or one in CHOSEN.passes]
        save(_file(one), describe_all(PassExtractor(one), wanted))
    (FOLDER / "cost.json").write_text(json.dumps(_costs(), indent=1), encoding="utf-8")
    (FOLDER / "stress.json").write_text(json.dumps(stress.run(), indent=1), encoding="utf-8")


@app.command()
def table() -> None:
    """Print the tables."""
    sets, passes = load_sets(), _passes()
    costs = json.loads((FOLDER / "cost.json").read_text(encoding="utf-8"))
    columns = list(score(sets, CHOSEN.vectors(passes)))
    head = ["variant", *columns, "dimensions", "CPU ms"]

    def row(variant: Variant) -> list[str | float]:
        scores = score(sets, variant.vectors(passes)).values()
        title = f"**{variant.title}**" if variant == CHOSEN else variant.title
        return [title, *scores, str(variant.dimensions), f"{costs[variant.cost]:.0f}"]

    for title, section in SECTIONS.items():
        print(f"\n### {title}\n\n{markdown(head, map(row, section))}")
    if any(one.name == TRAINING for one in sets):
        learned = _learned(sets, CHOSEN.vectors(passes))
        print(f"\n### Transforms after the default\n\n{markdown(['transform', *columns], learned)}")
    print(f"\n### The default against simpler variants\n\n{_differences(sets, passes)}")
    print(f"\n### The centre prior under stress\n\n{_stress_table()}\n\n### Checks\n")
    check()


@app.command()
def check() -> None:
    """Print PASS or FAIL for what the default promises; exit with 1 if anything fails."""
    sets, passes = load_sets(), _passes()
    own = score(sets, CHOSEN.vectors(passes))
    claims = [("tmbud", f"goal {GOAL}", GOAL)] if "tmbud" in own else []
    for rival in RIVALS:
        other = score(sets, rival.vectors(passes))
        claims += [
            (name, f"{rival.title} has {other[name]:.3f}", other[name])
            for name in ("ukbench96", "N-S", "cdcovers", "demo")
            if name in other
        ]
    for name, against, bound in claims:
        verdict = "PASS" if own[name] >= bound else "FAIL"
        print(f"{verdict} {name}: {own[name]:.3f}, {against}")
    if any(own[name] < bound for name, _, bound in claims):
        raise typer.Exit(1)


def _file(one: Pass) -> Path:
    return FOLDER / "{}of{}.safetensors".format(*one)


def _passes() -> dict[Pass, Vectors]:
    return {one: load(_file(one)) for one in PASSES}


def _costs() -> dict[str, float]:
    """CPU milliseconds a picture, from file to vector, for each tap, pooling and sizes.

    Taken on pictures of the demo set of at least `LARGE` px, the second time they are described.
    The first time serves to see that the passes slice to what the recipe gives.
    """
    passes, demo = _passes(), demo_set()
    large = [row for row, picture in enumerate(demo.pictures) if max(size_of(picture.source)) >= LARGE]
    rows = large[:TIMED]
    pictures = [demo.pictures[row] for row in rows]
    costs = {}
    for variant in {variant.cost: variant for variant in reversed(VARIANTS)}.values():
        extractor = Extractor(variant.recipe)
        sliced = variant.vectors(
            {one: {demo.name: vectors[demo.name][rows]} for one, vectors in passes.items()}
        )
        error = float(np.abs(describe(extractor, pictures) - sliced[demo.name]).max())
        if error > TOLERANCE:
            raise SystemExit(f"{variant.title}: the sweep is off by {error:.2g} from the recipe itself")
        costs[variant.cost] = _cpu_ms(extractor, pictures)
    return costs


def _cpu_ms(extractor: Extractor, pictures: Sequence[Picture]) -> float:
    start = time.process_time()
    for picture in pictures:
        extractor.describe([extractor.prepare(picture.source)])
    return 1000 * (time.process_time() - start) / len(pictures)


def _learned(sets: Iterable[PictureSet], vectors: Vectors) -> list[list[str | float]]:
    """Signed root, and whitening learned on the training photos."""
    sample = np.concatenate([vectors[DISTRACTORS], vectors[TRAINING]])
    rooted = PCAWhitening(256).fit(signed_root(sample))
    transforms: dict[str, Callable[[FloatArray], FloatArray]] = {
        "none": lambda rows: rows,
        "signed root": signed_root,
        "PCA to 256, not whitened": PCAWhitening(256, exponent=0).fit(sample).transform,
        "PCA-whitening to 256": PCAWhitening(256).fit(sample).transform,
        "PCA-whitening to 256, half (exponent 0.25)": PCAWhitening(256, exponent=0.25).fit(sample).transform,
        "PCA-whitening to 512, shrinkage 0.5": PCAWhitening(512, shrinkage=0.5).fit(sample).transform,
        "signed root, PCA-whitening to 256": lambda rows: rooted.transform(signed_root(rows)),
    }
    return [
        [title, *score(sets, {name: l2(step(rows)) for name, rows in vectors.items()}).values()]
        for title, step in transforms.items()
    ]


def _differences(sets: Iterable[PictureSet], passes: Mapping[Pass, Vectors]) -> str:
    """What the default gains in mAP, give or take one standard error."""
    groups = [one for one in sets if isinstance(one, Groups)]
    own = CHOSEN.vectors(passes)

    def row(variant: Variant) -> list[str]:
        other = variant.vectors(passes)
        pairs = [paired.difference(one, own[one.name], other[one.name]) for one in groups]
        return [variant.title, *(f"{gain:+.3f} ± {error:.3f}" for gain, error in pairs)]

    return markdown(["variant", *(one.name for one in groups)], map(row, SIMPLER))


def _stress_table() -> str:
    head = [
        "database",
        "queries",
        "subject off the middle by",
        "prior's weight there",
        "default",
        "without prior",
        "R-MAC",
    ]
    outcomes = json.loads((FOLDER / "stress.json").read_text(encoding="utf-8"))
    return markdown(
        head,
        [
            [
                outcome["test"],
                str(outcome["queries"]),
                f"{outcome['offset']:.2f} of a side",
                f"{outcome['weight']:.2f}",
                outcome["default"],
                outcome["without"],
                outcome["rmac"],
            ]
            for outcome in outcomes
        ],
    )


if __name__ == "__main__":
    app()
