"""Ways to put the layers of `default` together: evidence, the plain rule, sums, ranks, what is learned.

    python -m benchmarks.same_thing rules [SET ...]

Each query is asked once; its similarities, votes and fits are then put together in every way. The plain rule
is the similarity and ``lambda (log(1 + votes) + log(1 + inliers above 4))``; scaled sums are in deviations of
each layer from its mean; of ranks the reciprocals are added (Cormack, Clarke and Büttcher, SIGIR 2009).

What is learned is the logarithm of the likelihood ratio of each layer, in the collection at hand: pictures of
it are asked as rendered views, tilted, lit anew and laid on others, and what a view gives the picture that it
is of stands against what it gives all others. Log-linear is a straight line in the shipped form of each
layer's evidence, isotonic any rising steps of it.

Queries fall in halves by sixes: figures of evidence were chosen on the first half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.same_thing.sets import load
from benchmarks.sets import markdown
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from likewise.collection.collection import Collection
from likewise.collection.layers.evidence import candidates, of_fit, of_similarities, of_votes, together
from likewise.collection.layers.query import Query
from likewise.collection.searching import Searcher
from likewise.demoset.shots import altered

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


LAYERS = ("similarity", "votes", "fit")
VIEWS = 100
"""Pictures of a collection that are asked as rendered views."""

Learns = Callable[[Scores, NDArray[np.bool_]], Callable[[Scores], Scores]]
"""From evidence of pairs ``(n,)``, and whether they show the same, to what such evidence is worth."""


def log_linear(given: Scores, same: NDArray[np.bool_]) -> Callable[[Scores], Scores]:
    """A straight line, by logistic regression with both kinds of pairs weighing as much."""
    fit = LogisticRegression(class_weight="balanced").fit(given[:, None], same)
    return lambda other: np.asarray(fit.decision_function(other[:, None]))


def isotonic(given: Scores, same: NDArray[np.bool_]) -> Callable[[Scores], Scores]:
    """Rising steps, joined by lines; never more sure than of one pair in as many as there are."""
    weight = np.where(same, 1 / same.sum(), 1 / (~same).sum())
    fit = IsotonicRegression(out_of_bounds="clip").fit(given, same, weight)
    least = 1 / (~same).sum()
    return lambda other: np.asarray(_odds(np.clip(fit.predict(other), least, 1 - least)))


def _odds(share: Scores) -> Scores:
    return np.asarray(np.log(share / (1 - share)))


LEARNED: dict[str, Learns] = {"learned, log-linear": log_linear, "learned, isotonic": isotonic}


def learned(learns: Learns, views: Sequence[tuple[Found, int, int]]) -> Callable[[Found], Scores]:
    """The sum of what layers are worth by views, each with its picture's place and that of the one behind."""
    same = np.concatenate([np.arange(len(found.votes)) == own for found, own, _ in views])
    other = np.concatenate([np.arange(len(found.votes)) != behind for found, _, behind in views])
    pairs = [_layers(found) for found, _, _ in views]
    worth = [learns(np.concatenate(layer)[other], same[other]) for layer in zip(*pairs, strict=True)]
    return lambda found: together([put(layer) for put, layer in zip(worth, _layers(found), strict=True)])


def _layers(found: Found) -> list[Scores]:
    """The evidence of each layer in the shipped form."""
    return [of_similarities(found.similar), of_votes(found.votes), np.array([*map(of_fit, found.fit)])]


def rules(names: Sequence[str], folder: Path) -> None:
    """Print a row for each rule: for each set the first half of the queries, and the other."""
    rows: dict[str, list[str | float]] = {rule: [rule] for rule in (*RULES, *LEARNED)}
    usual: list[list[str | float]] = []
    sets = list(load(names))
    for asked in sets:
        with Collection.open(folder / f"{asked.name}-default.likewise", recipe="default") as collection:
            collection.add(*asked.gallery)
            place = {file.resolve(): number for number, file in enumerate(asked.gallery)}
            places = {picture: place[file.resolve()] for picture, file in collection.paths()}
            searcher = collection.asker()
            order = np.array([places[int(picture)] for picture in searcher.ids])
            found = [_found(searcher, Query(file, asked.boxes.get(file)), order) for file in asked.queries]
            views = [
                (_found(searcher, Query(view), order), place, behind)
                for view, place, behind in _views(asked.gallery)
            ]
        usual.append([asked.name, "views", *_usual([(one, [own]) for one, own, _ in views])])
        usual.append([asked.name, "others", *_usual(list(zip(found, asked.right, strict=True)))])
        halves = [(np.arange(len(found)) // 6) % 2 == half for half in (0, 1)]
        by_views = {rule: learned(learns, views) for rule, learns in LEARNED.items()}
        for rule, put in (RULES | by_views).items():
            scores = np.stack([put(one) for one in found])
            rows[rule].append(" / ".join(f"{asked.part(half).measured(scores[half]):.3f}" for half in halves))
    print(markdown(["", *(asked.name for asked in sets)], rows.values()), "\n")
    print(markdown(["", "of the same thing", *LAYERS], usual))


def _usual(right: Sequence[tuple[Found, Sequence[int]]]) -> list[str]:
    """The median evidence of each layer for pictures that show the same thing."""
    layers = zip(*([layer[list(rows)] for layer in _layers(found)] for found, rows in right), strict=True)
    return [f"{np.median(np.concatenate(layer)):.1f}" for layer in layers]


def _views(gallery: Sequence[Path]) -> Iterator[tuple[Image.Image, int, int]]:
    """Views of pictures, the places of these, and of the pictures that they were laid on."""
    chance = np.random.default_rng(0)
    for place in chance.permutation(len(gallery))[:VIEWS].tolist():
        behind = (place + int(chance.integers(1, len(gallery)))) % len(gallery)
        yield altered(chance, _opened(gallery[place]), _opened(gallery[behind])), place, behind


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((1024, 1024))
    return picture


def _found(searcher: Searcher, query: Query, order: NDArray[np.int64]) -> Found:
    """What a query finds; order has the places of the searcher's pictures."""
    columns = np.zeros((4, len(order)))
    questions = [index.ask(query) for index in searcher.indexes]
    answers = searcher._answers(questions, [(), ()])
    columns[:2, order] = [searcher._aligned(answer.ids, answer.scores) for answer in answers]
    parts = searcher._evidence(answers)
    for at, located in searcher._fits(questions, candidates(together(parts), parts)).items():
        columns[2:, order[at]] = located.fit.score, located.fit.count
    return Found(*np.nan_to_num(columns))
