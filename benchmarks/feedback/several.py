"""What several pictures are worth to the layers of `default` together.

    python -m benchmarks.feedback several

Everything that one picture says of another is measured once and kept (similarity, votes, nats of the fit); it
is put together as a search does, but for the surest hit. Each query is asked with the first one or two
pictures that show the same thing besides, with what a simulated person says of its first three hits, and with
the noes of that alone; scored is how the rest of what is right stands among what was not named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.same_thing.__main__ import FOLDER
from benchmarks.same_thing.sets import Asked, load
from benchmarks.sets import markdown
from numpy.typing import NDArray

from likewise.collection import Collection, Query
from likewise.collection.layers.evidence import candidates, of_fit, of_similarities, of_votes, together
from likewise.evaluation import metrics
from likewise.ranking.feedback import BETA, GAMMA, combined, refined
from likewise.types import FloatArray

Scores = NDArray[np.float64]
SETS = ("demo", "tmbud", "cdcovers")
JUDGED = 3


@dataclass(frozen=True)
class Pairs:
    """What pictures that are asked, by rows, say of those that are held.

    ``asked`` and ``held`` are vectors ``(n, d)``, ``votes`` and ``nats``, of fits, ``(n, n)``.
    """

    asked: FloatArray
    held: FloatArray
    votes: Scores
    nats: Scores


@dataclass(frozen=True)
class Question:
    """Pictures by their rows: the one that is asked, more of the same thing, judged ones."""

    first: int
    also: Sequence[int] = ()
    yes: Sequence[int] = ()
    no: Sequence[int] = ()

    @property
    def wanted(self) -> list[int]:
        """All that show the thing."""
        return [self.first, *self.also, *self.yes]

    @property
    def named(self) -> list[int]:
        """All of them."""
        return [*self.wanted, *self.no]

    @property
    def weights(self) -> Scores:
        """Of those, in a sum of 1 of the wanted ones."""
        sides = (self.yes, BETA), (self.no, -GAMMA)
        weights = [1.0] * (1 + len(self.also)) + [by / len(rows) for rows, by in sides for _ in rows]
        return np.array(weights) / sum(weight for weight in weights if weight > 0)


def measured(asked: Asked) -> Pairs:
    """What was kept, or what the collection says that `same_thing` makes."""
    file = FOLDER / f"{asked.name}-pairs.npz"
    if not file.exists():
        np.savez(file, **vars(_measured(asked)))
    return Pairs(**np.load(file))


def _measured(asked: Asked) -> Pairs:
    with Collection.open(FOLDER / f"{asked.name}-default.likewise", recipe="default") as collection:
        collection.add(*asked.gallery)
        held = {path: picture for picture, path in collection.paths()}
        ids = [held[path.resolve()] for path in asked.gallery]
        vector, keypoints = collection.asker().indexes
        rows = []
        for path in asked.gallery:
            question = keypoints.ask(Query(path))
            hits = keypoints.search(question, len(ids), ())
            given = dict(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))
            found = [keypoints.locate(question, picture) for picture in ids]
            nats = [one.fit.score if one else 0.0 for one in found]
            rows.append((vector.ask(Query(path)), [given[picture] for picture in ids], nats))
        kept = np.stack([vector.question_of(picture) for picture in ids])
    described, votes, fits = (np.stack(part) for part in zip(*rows, strict=True))
    return Pairs(described, kept, votes, fits)


def first_verified(pairs: Pairs, question: Question) -> tuple[Scores, Scores]:
    """The mean of votes; only the first picture is verified."""
    votes = np.maximum(question.weights @ pairs.votes[question.named], 0.0)
    return of_votes(votes), _fitted(pairs.nats[question.first])


def best_fit(pairs: Pairs, question: Question) -> tuple[Scores, Scores]:
    """The mean of evidence of votes; of fits the best, less the best of what is not wanted."""
    against = pairs.nats[list(question.no)].max(axis=0, initial=0.0)
    return mean(pairs, question)[0], _fitted(np.maximum(pairs.nats[question.wanted].max(axis=0) - against, 0))


def mean(pairs: Pairs, question: Question) -> tuple[Scores, Scores]:
    """The mean of evidence, of votes and of fits."""
    weights, named = question.weights, question.named
    against = pairs.nats[list(question.no)].max(axis=0, initial=0.0)
    fits = np.maximum(weights @ _fitted(pairs.nats[named]), 0.0)
    votes = np.maximum(weights @ [of_votes(row) for row in pairs.votes[named]], 0.0)
    return votes, np.where(pairs.nats[question.wanted].max(axis=0) > against, fits, 0.0)


_fitted = np.vectorize(of_fit, otypes=[np.float64])

Rule = Callable[[Pairs, Question], tuple[Scores, Scores]]
RULES: dict[str, Rule] = {
    "mean of votes, the first picture verified": first_verified,
    "mean of evidence, the best fit": best_fit,
    "mean of evidence": mean,
}


def ranked(pairs: Pairs, question: Question, rule: Rule) -> NDArray[np.int64]:
    """Pictures that were not named, best first."""
    vector = combined(pairs.asked[[question.first, *question.also]], unit=True)
    vector = refined(vector, pairs.asked[list(question.yes)], pairs.asked[list(question.no)], unit=True)
    votes, fits = rule(pairs, question)
    parts = [of_similarities((pairs.held @ vector).astype(np.float64)), votes]
    total = together(parts)
    first = candidates(total, parts)
    total[first] += fits[first]
    order = np.argsort(-total, kind="stable")
    return order[~np.isin(order, question.named)]


def _questions(pairs: Pairs, row: int, right: Sequence[int]) -> list[Question | None]:
    seen = ranked(pairs, Question(row), mean)[:JUDGED]
    yes, no = (seen[np.isin(seen, right, invert=not told)].tolist() for told in (True, False))
    return [
        Question(row, also=right[:1]),
        Question(row, also=right[:2]),
        Question(row, yes=yes, no=no),
        Question(row, no=no) if no else None,
    ]


def _score(asked: Asked, pairs: Pairs, rule: Rule) -> list[str]:
    """MAP of each way to ask, on one half of the queries, by sixes, and on the other."""
    found: list[tuple[list[float], list[float]]] = [([], []) for _ in range(4)]
    for row, right in enumerate(asked.right):
        for halves, question in zip(found, _questions(pairs, row, right) if right else (), strict=False):
            left = np.setdiff1d(right, question.named).tolist() if question else []
            if question and left:
                halves[row // 6 % 2].append(metrics.average_precision(ranked(pairs, question, rule), left))
    return [" / ".join(f"{np.mean(half):.3f}" if half else "-" for half in halves) for halves in found]


def several() -> None:
    """Print a table for each set."""
    for asked in load(SETS):
        pairs = measured(asked)
        rows = [[name, *_score(asked, pairs, rule)] for name, rule in RULES.items()]
        print(markdown([asked.name, "one more", "two more", "3 judged", "noes alone"], rows), "\n")
