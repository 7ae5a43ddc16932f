"""The score of descriptors on the demo set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from likewise.demoset import KINDS, read_truth, seed_of
from likewise.errors import UsageError
from likewise.evaluation.metrics import leave_one_out, mean_average_precision
from likewise.types import FloatArray

PROTOCOL = (
    "leave one out: every shot of a subject is a query, the query itself is not ranked, distractors are "
    "ranked but never asked for; whole pictures; trapezoid AP; cosine similarity"
)


class DemoScore(TypedDict):
    """A score of the demo set.

    Attributes
    ----------
    map
        Mean average precision over all queries.
    by_kind
        The same over the queries of each kind of shot.
    pictures, queries, groups, distractors
        How many there are.
    seed
        Of the rendering.
    protocol
        How it was scored.
    """

    map: float
    by_kind: dict[str, float]
    pictures: int
    queries: int
    groups: int
    distractors: int
    seed: int
    protocol: str


def score_demo(folder: Path, vectors: Mapping[str, FloatArray] | Callable[[Path], FloatArray]) -> DemoScore:
    """Score descriptors on a rendered demo set.

    Returns a dictionary, ready for JSON. Raises `UsageError` when a picture has no vector.

    Parameters
    ----------
    folder
        Where `render` wrote it.
    vectors
        A vector of one length for each file name, or what makes one from a picture's path. They are brought
        to unit length here.
    """
    truth = read_truth(folder)
    if callable(vectors):
        vectors = {shot.file: vectors(folder / shot.file) for shot in truth}
    missing = [shot.file for shot in truth if shot.file not in vectors]
    if missing:
        raise UsageError(f"{len(missing)} pictures of the demo set have no vector, {missing[0]!r} among them")
    rows = np.stack([np.asarray(vectors[shot.file], dtype=np.float32) for shot in truth])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    precisions = leave_one_out(rows, [shot.group for shot in truth])
    kinds = np.array([shot.kind for shot in truth])
    queries = int((~np.isnan(precisions)).sum())
    return DemoScore(
        map=mean_average_precision(precisions),
        by_kind={kind: mean_average_precision(precisions[kinds == kind]) for kind in KINDS},
        pictures=len(truth),
        queries=queries,
        groups=len({shot.group for shot in truth} - {None}),
        distractors=len(truth) - queries,
        seed=seed_of(folder),
        protocol=PROTOCOL,
    )
