"""Multi-layer Orderless Fusion on Holidays and UKBench, its figure 2 and tables 1 and 2.

Li, Kong, Zheng and Tian, Exploiting hierarchical activations of neural network for image retrieval, ACM
Multimedia 2016. Patches of CNN-M-128 in three layers, pooled by sum or max, as bags of visual words with and
without Hamming embedding, alone and in every combination. The paper does not say on which pictures the
vocabulary was learned, nor to what size pictures were brought.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from likewise.errors import UsageError, WeightsMissing
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.reports.report import Report
from likewise.evaluation.reproduce.li_published import (
    ALL,
    FIGURE_2,
    LAYERS,
    POOLS,
    SCORED,
    SETS,
    TABLE_1,
    TABLE_2,
)
from likewise.evaluation.reproduce.orderings import orderings
from likewise.evaluation.reproduce.report_table import ReportTable, Setting, TableCell, part_of, usable
from likewise.evaluation.words import Sketched, open_sketcher, sketch, words_run
from likewise.files import made_folder, sha256_file
from likewise.learning import Chosen, Learning, choose, default_vocabulary, learn_vocabulary
from likewise.local import Patches
from likewise.networks import find
from likewise.networks.weights import locate
from likewise.recipes import load_recipe
from likewise.types import ProgressCallback
from likewise.words import WordsExtractor, WordsRecipe

BEST = ("max", "BoW+HE", "plain")
"""How the paper's MOF pools, scores and fuses."""

FILLED_IN = "mof-lite0"
"""The recipe that is measured where the weights of CNN-M-128 are not at hand."""

_COLUMNS = ("in", "data set", "layers", "pool", "scored by", "fusion")
_OTHERS = "not measured: a system of others"


def recipe_at_hand(name: str | None) -> tuple[WordsRecipe, str]:
    """The recipe to measure, and what has to be said of it; the paper's own where its weights are here.

    Raises `UnknownName` or `BadRecipe` when there is no such recipe; `UsageError` when it is none of visual
    words, or has not three layers.
    """
    recipe, note = load_recipe(name or "mof"), ""
    layer = recipe.words[0] if recipe.words else None
    if layer and name is None:
        card = find(layer.network)
        try:
            locate(card, _patches(layer).weights)
        except WeightsMissing as error:
            layer = load_recipe(FILLED_IN).words[0]
            note = f"{error}; measured with {FILLED_IN} instead, --recipe takes another"
    if layer is None or len(layer.features.taps) != len(LAYERS):
        raise UsageError(f"recipe {recipe.name!r} has not three layers of visual words, as this table needs")
    return layer, note


def li_2016(
    benchmarks: Mapping[str, Benchmark | None],
    recipe: WordsRecipe,
    *,
    words_on: Path | None = None,
    words: int = 20_000,
    engine: str = "openvino",
    device: str = "cpu",
    out: Path,
    note: str = "",
    progress: ProgressCallback | None = None,
) -> ReportTable:
    """Measure figure 2 and tables 1 and 2, and what the scaled sum of layers makes of table 1.

    Sketches are kept in ``<out>/sketches/`` and vocabularies in ``<out>/li-2016/``, and a run that is there
    is not ranked again, so that an interrupted reproduction goes on. A vocabulary that was half learned is
    learned again. Raises `UsageError` when there is no benchmark, no query picture can be read, or there are
    too few patches for the words; `StorageError` when a folder cannot be written.

    Parameters
    ----------
    benchmarks
        By what the table calls them. None for one that is not at hand: its cells say so.
    recipe
        Of three layers, which stand for the paper's.
    words_on, words
        Pictures to learn vocabularies on, and how many words; the small default vocabulary without pictures.
    note
        What has to be said besides.
    """
    there = {name: benchmark for name, benchmark in benchmarks.items() if benchmark}
    if not there:
        raise UsageError("nothing to measure on: give --holidays, --ukbench or --data")
    chosen = choose(words_on) if words_on else None
    folder = made_folder(out / "li-2016")
    measured: dict[Setting, TableCell] = {}
    notes = [note] if note else []
    for pool in POOLS:
        pooled = _pooled(recipe, pool)
        if chosen:
            file = _learned(pooled, chosen, words, folder, engine, device, progress)
        else:
            file = default_vocabulary(pooled, progress=progress)
        pooled = pooled.with_vocabulary(file)
        sketcher = open_sketcher(pooled, engine=engine, device=device)
        notes.append(_about(pool, sketcher))
        for name, benchmark in there.items():
            sketched = sketch(benchmark, sketcher, crop="full", out=out, progress=progress)
            if pool == POOLS[0]:
                notes.append(f"{name}: {usable(benchmark, sketched)}")
            measuring = _Measuring(sketched, pooled, sketcher, out)
            for setting in _settings((name,)):
                if setting[3] == pool:
                    measured[setting] = measuring(setting)
    table = [_cell(setting, measured) for setting in _settings(benchmarks)]
    title = f"Li et al. 2016, figure 2 and tables 1 and 2, by {recipe.name}: mAP, on UKBench N-S"
    return ReportTable(title, _COLUMNS, tuple(table), (*notes, *_stand_ins(recipe), *orderings(table)))


def _settings(names: Iterable[str]) -> Iterator[Setting]:
    """Every cell of the figure and the tables, in their order."""
    names = tuple(names)
    for name, scored, layer, pool in product(names, SCORED, LAYERS, POOLS):
        yield "figure 2", name, layer, pool, scored, "-"
    for where, fusion in (("table 1", "plain"), ("beyond", "scaled")):
        for name, (scored, layers), pool in product(names, TABLE_1, POOLS):
            yield where, name, layers, pool, scored, fusion
    for name, system in product(names, TABLE_2):
        yield ("table 2", name, ALL, *BEST) if system == "MOF" else ("table 2", name, system, "-", "-", "-")


def _published(setting: Setting) -> float | None:
    where, name, layers, pool, scored, _ = setting
    if name not in SETS or where == "beyond":
        return None
    place = SETS.index(name)
    match where:
        case "figure 2":
            return FIGURE_2.get((name, layers, pool, scored))
        case "table 1":
            return TABLE_1[scored, layers][2 * place + POOLS.index(pool)]
        case _:
            return TABLE_2["MOF" if layers == ALL else layers][place]


def _cell(setting: Setting, measured: Mapping[Setting, TableCell]) -> TableCell:
    """A cell with what was measured, or why nothing was."""
    cell = TableCell(setting, _published(setting))
    if setting in measured:
        return replace(measured[setting], published=cell.published)
    if setting[2] in TABLE_2:
        return replace(cell, reason=_OTHERS)
    return replace(cell, reason=f"not measured: no --{setting[1].lower()}")


@dataclass(frozen=True)
class _Measuring:
    """One data set under one pooling."""

    sketched: Sketched
    recipe: WordsRecipe
    sketcher: WordsExtractor
    out: Path

    def __call__(self, setting: Setting) -> TableCell:
        _, _, layers, _, scored, fusion = setting
        names = dict(zip(LAYERS, self.recipe.features.taps, strict=True))
        taps = tuple(names[layer] for layer in layers.split("+"))
        rule = "plain" if fusion == "-" else fusion
        scored_by = self.recipe.scored({"layers": taps, "hamming": scored == "BoW+HE", "fusion": rule})
        run = words_run(self.sketched, scored_by, self.sketcher, out=self.out, again=False)
        return TableCell(
            setting, measured=Report.of(run).scores.value, run=run.path, part=part_of(self.sketched)
        )


def _patches(recipe: WordsRecipe) -> Patches:
    if not isinstance(recipe.features, Patches):
        raise UsageError(f"recipe {recipe.name!r} has keypoints, and the paper is of patches")
    return recipe.features


def _pooled(recipe: WordsRecipe, pool: str) -> WordsRecipe:
    return replace(recipe, name=f"{recipe.name}-{pool}", features=replace(_patches(recipe), pool=pool))


def _learned(
    recipe: WordsRecipe,
    chosen: Chosen,
    words: int,
    folder: Path,
    engine: str,
    device: str,
    progress: ProgressCallback | None,
) -> Path:
    """The vocabulary of these pictures, learned unless it is there."""
    digests = []
    for file in chosen.files:
        with suppress(OSError):  # learning passes it over
            digests.append(sha256_file(file))
    facts = json.dumps([recipe.hash, words, engine, digests])
    key = hashlib.sha256(facts.encode()).hexdigest()[:8]
    path = folder / f"{recipe.name}-{words}-{key}.safetensors"
    if not path.is_file():
        extractor = recipe.features.open(engine=engine, device=device)
        learned = learn_vocabulary(extractor, chosen, recipe, Learning(words), progress=progress)
        learned.vocabulary.save(path)
    return path


def _about(pool: str, sketcher: WordsExtractor) -> str:
    origin = sketcher.vocabulary.origin
    sizes = sorted(set(sketcher.vocabulary.sizes.values()))
    count = " to ".join(map(str, dict.fromkeys((sizes[0], sizes[-1]))))
    return f"{pool}: {count} words a layer, learned on {origin.samples} patches of {origin.about}"


def _stand_ins(recipe: WordsRecipe) -> Iterator[str]:
    named = ", ".join(f"{layer} is {tap}" for layer, tap in zip(LAYERS, recipe.features.taps, strict=True))
    whose = "" if recipe.network == "cnn-m-128" else "; the published numbers are those of CNN-M-128"
    yield f"{named} of {recipe.network}, patches {_patches(recipe).mode}{whose}"
    yield "figure 2 is not published as numbers, except for two that its text gives"
