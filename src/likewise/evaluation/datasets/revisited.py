"""ROxford5k and RParis6k: 70 queries each, in three difficulties.

Radenović et al., Revisiting Oxford and Paris: large-scale image retrieval benchmarking (CVPR 2018). Queries
are cropped and never in the gallery. What a difficulty asks for is positive, what it finds too easy or too
hard is junk.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from likewise.arrays import read_plain_pickle
from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.datasets.files import Questions, by_stem, find_one, thinned
from likewise.tables.labels import read_text
from likewise.types import Box

Difficulty: TypeAlias = Literal["easy", "medium", "hard"]

_ROLES: dict[Difficulty, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}
"""Which lists of the ground truth are positive and which are junk, as the official evaluation has it."""


@dataclass(frozen=True)
class RevisitedTruth:
    """The ground truth file: names of gallery and queries, and for each query its box and three lists."""

    gallery: tuple[str, ...]
    queries: tuple[str, ...]
    boxes: tuple[Box, ...]
    lists: tuple[Mapping[str, frozenset[str]], ...]


def revisited(
    data: Path, *, dataset: str, difficulty: Difficulty = "medium", gt: Path | None = None
) -> Benchmark:
    """ROxford5k or RParis6k in one difficulty, whole or in part.

    Raises `UsageError` when the ground truth is not found or malformed, two pictures share a name, or no
    query can be asked.

    Parameters
    ----------
    data
        Folder with the pictures of Oxford5k or Paris6k at any depth.
    dataset
        ``roxford5k`` or ``rparis6k``.
    gt
        The official ``gnd_<dataset>.pkl``, the same as JSON, or the folder of either; by default it is
        looked for below ``data``. JSON is taken first. No code in a pickle is run.
    """
    if gt is None or gt.is_dir():
        patterns = (f"gnd_{dataset}.json", f"gnd_{dataset}.pkl")
        gt = find_one(gt or data, *patterns, what="ground truth")
    truth = read_truth(gt)
    pictures, surplus = by_stem(data, known=frozenset(truth.gallery + truth.queries).__contains__)
    gallery = {name: pictures[name] for name in truth.gallery if name in pictures}
    absent = set(truth.gallery) - gallery.keys()
    missing = [*thinned(len(gallery), len(truth.gallery), absent)]
    questions = Questions(pictures, gallery, missing)
    for name, box, lists in zip(truth.queries, truth.boxes, truth.lists, strict=True):
        positives, junk = (
            frozenset[str]().union(*(lists[key] for key in keys)) for keys in _ROLES[difficulty]
        )
        questions.ask(name, name, box, positives, junk, group=name.rpartition("_")[0])
    return Benchmark(
        name=f"{dataset}-{difficulty}",
        gallery=gallery,
        queries=tuple(questions.asked),
        query_in_gallery="absent",
        missing=tuple(missing),
        surplus=surplus,
    )


def read_truth(file: Path) -> RevisitedTruth:
    """Read an official pickle, or the same as JSON.

    Raises `UsageError` when the file is not there, cannot be read, or is not of the official form.
    """
    if not file.is_file():
        raise UsageError(f"no ground truth lies at {file}")
    content = _pickle(file) if file.suffix == ".pkl" else _json(file)
    try:
        return _checked(content)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UsageError(
            f"{file} is not of the official form, imlist, qimlist and a gnd of bbx, easy, hard and junk "
            f"({type(error).__name__}: {error})"
        ) from error


def _pickle(file: Path) -> object:
    try:
        return read_plain_pickle(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    except pickle.UnpicklingError as error:
        raise UsageError(f"{file} is not a pickle of plain values and nothing else: {error}") from error


def _json(file: Path) -> object:
    try:
        return json.loads(read_text(file, "ground truth"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {error}") from error


def _checked(content: Any) -> RevisitedTruth:
    gallery, queries = (_distinct(content[key], key) for key in ("imlist", "qimlist"))
    both = set(gallery) & set(queries)
    if both:
        raise ValueError(f"{min(both)} is a query and in the gallery")
    if len(content["gnd"]) != len(queries):
        raise ValueError(f"{len(content['gnd'])} entries in gnd for {len(queries)} queries")
    boxes, lists = [], []
    for entry in content["gnd"]:
        x1, y1, x2, y2 = (float(side) for side in entry["bbx"])
        boxes.append(Box(x1, y1, x2, y2))
        lists.append({key: _named(entry[key], gallery) for key in ("easy", "hard", "junk")})
    return RevisitedTruth(gallery, queries, tuple(boxes), tuple(lists))


def _distinct(names: Any, key: str) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{key} holds something that is no name")
    if len(set(names)) != len(names):
        raise ValueError(f"{key} names a picture twice")
    return tuple(names)


def _named(positions: Any, gallery: tuple[str, ...]) -> frozenset[str]:
    """Positions in the gallery, a list or an array, as names."""
    if isinstance(positions, np.ndarray):
        positions = positions.tolist()
    for position in positions:
        if not isinstance(position, int) or not 0 <= position < len(gallery):
            raise IndexError(f"position {position!r} in a gallery of {len(gallery)}")
    return frozenset(gallery[position] for position in positions)
