"""Ways to put the layers of `default` together: evidence, the plain rule, scaled sums, ranks.

    python -m benchmarks.same_thing rules [SET ...]

Each query is asked once; its similarities, votes and fits are then put together in every way. The plain rule
is the similarity and ``lambda (log(1 + votes) + log(1 + inliers above 4))``; scaled sums are in deviations of
each layer from its mean; of ranks the reciprocals are added (Cormack, Clarke and Büttcher, SIGIR 2009).
Queries fall in halves by sixes: figures of evidence were chosen on the first half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.same_thing.sets import Asked, load
from benchmarks.sets import markdown
from numpy.typing import NDArray

from likewise.collection.collection import Collection
from likewise.collection.query import Query
from likewise.ranking.evidence import candidates, of_fit, of_similarities, of_votes, together

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What the layers say of every picture: similarity, votes, nats of a fit, and its matches."""

    similar: Scores
    votes: Scores
    fit: Scores
    inliers: Scores


def evidence(found: Found) -> Scores:
    """As a search does before the surest hit is asked as well."""
    total = together([of_similarities(found.similar), of_votes(found.votes)])
    return np.asarray(total + np.array([of_fit(nats) for nats in found.fit]))


def plain(weight: float) -> Callable[[Found], Scores]:
    """The plain rule with this lambda."""
    return lambda found: (
        found.similar + weight * (np.log1p(found.votes) + np.log1p(np.maximum(0.0, found.inliers - 4)))
    )


def scaled(found: Found) -> Scores:
    """Deviations of both layers."""
    local = found.votes + found.inliers
    return sum(((one - one.mean()) / max(one.std(), 1e-9) for one in (found.similar, local)), np.zeros(1))


def ranks(found: Found) -> Scores:
    """Reciprocals of 60 and the rank."""
    local = found.votes + found.inliers
    places = [np.argsort(np.argsort(-one, kind="stable")) for one in (found.similar, local)]
    return np.asarray(sum(1 / (60 + place) for place in places), np.float64)


RULES: dict[str, Callable[[Found], Scores]] = {
    "evidence": evidence,
    "evidence, nothing verified": lambda found: together(
        [of_similarities(found.similar), of_votes(found.votes)]
    ),
    **{f"plain, lambda {weight}": plain(weight) for weight in (0.03, 0.06, 0.1)},
    "scaled sums": scaled,
    "ranks": ranks,
}


def rules(names: Sequence[str], folder: Path) -> None:
    """Print a row for each rule: for each set the first half of the queries, and the other."""
    rows: dict[str, list[str | float]] = {rule: [rule] for rule in RULES}
    sets = list(load(names))
    for asked in sets:
        found = _found(asked, folder / f"{asked.name}-default.likewise")
        halves = [(np.arange(len(found)) // 6) % 2 == half for half in (0, 1)]
        for rule, put in RULES.items():
            scores = np.stack([put(one) for one in found])
            rows[rule].append(" / ".join(f"{asked.part(half).measured(scores[half]):.3f}" for half in halves))
    print(markdown(["", *(asked.name for asked in sets)], rows.values()))


def _found(asked: Asked, path: Path) -> list[Found]:
    with Collection.open(path, recipe="default") as collection:
        collection.add(*asked.gallery)
        place = {file.resolve(): number for number, file in enumerate(asked.gallery)}
        places = {picture: place[file.resolve()] for picture, file in collection.paths()}
        searcher = collection.asker()
        order = np.array([places[int(picture)] for picture in searcher.ids])
        told = []
        for file in asked.queries:
            columns = np.zeros((4, len(asked.gallery)))
            questions = [index.ask(Query(file, asked.boxes.get(file))) for index in searcher.indexes]
            answers = searcher._answers(questions, [(), ()])
            columns[:2, order] = [searcher._aligned(answer.ids, answer.scores) for answer in answers]
            parts = searcher._evidence(answers)
            for at, located in searcher._fits(questions, candidates(together(parts), parts)).items():
                columns[2:, order[at]] = located.fit.score, located.fit.count
            told.append(Found(*np.nan_to_num(columns)))
        return told
