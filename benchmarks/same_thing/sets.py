"""Galleries, queries and what is right for them, by the files of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from benchmarks.clutter import queries as clutter
from benchmarks.sets import DISTRACTORS, Groups, Oxford, UKBench, load_sets
from numpy.typing import NDArray

from likewise.evaluation import metrics
from likewise.types import Box

_SHOWN = {"31_2.jpg": "Clapton", "32_2.jpg": "Nelly", "32_3.jpg": "Nelly", "33_3.jpg": "32"}
"""Covers of cdcovers that are filed under the number of another cover, and what they show."""


@dataclass(frozen=True)
class Asked:
    """A gallery and its queries.

    Attributes
    ----------
    right
        For each query the places of the pictures that show the same thing.
    out
        For each query the places that are not ranked: its own, or junk.
    measure
        mAP (trapezoid), N-S, or the share of right first hits.
    """

    name: str
    gallery: Sequence[Path]
    queries: Sequence[Path]
    right: Sequence[Sequence[int]]
    out: Sequence[Sequence[int]]
    measure: Literal["map", "n-s", "first"] = "map"
    boxes: Mapping[Path, Box] = field(default_factory=dict)

    def measured(self, scores: NDArray[np.float64]) -> float:
        """Of scores ``(queries, gallery)``."""
        total = 0.0
        asked = 0
        for row, right, out in zip(scores, self.right, self.out, strict=True):
            if not right:
                continue
            asked += 1
            order = np.argsort(-row, kind="stable")
            left = order[~np.isin(order, out)]
            if self.measure == "map":
                total += metrics.average_precision(left, right)
            else:
                total += float(np.isin(left[: 4 if self.measure == "n-s" else 1], right).sum())
        return total / asked

    def part(self, chosen: NDArray[np.bool_]) -> Asked:
        """The same with some of the queries."""
        some = np.flatnonzero(chosen).tolist()
        return replace(
            self,
            queries=[self.queries[n] for n in some],
            right=[self.right[n] for n in some],
            out=[self.out[n] for n in some],
        )

    def told(self, same: NDArray[np.bool_]) -> tuple[float, float]:
        """False alarms and misses at the default cut.

        A false alarm is a query of which, were its thing taken out of the gallery, some picture would be said
        to show the same thing; a miss one for which no picture that does is said to.
        """
        alarms, misses = [], []
        for row, right, out in zip(same, self.right, self.out, strict=True):
            if right:
                others = np.delete(row, [*right, *out])
                alarms.append(bool(others.any()))
                misses.append(not row[[place for place in right if place not in out]].any())
        return float(np.mean(alarms)), float(np.mean(misses))


def load(names: Sequence[str]) -> Iterator[Asked]:
    """Those of these names, or all that can be had here."""
    sets = {one.name: one for one in load_sets()}
    distractors = _files(sets[DISTRACTORS]) if DISTRACTORS in sets else []
    for name, one in sets.items():
        if names and name not in names:
            continue
        match one:
            case Groups():
                files = _files(one)
                right = [_like(one.labels, number) for number in range(len(files))]
                yield Asked(name, files, files, right, [[number] for number in range(len(files))])
            case UKBench():
                files = _files(one)
                right = [[*_like(one.labels, number), number] for number in range(len(files))]
                yield Asked(name, [*files, *distractors], files, right, [[] for _ in files], "n-s")
            case Oxford():
                files = _files(one)[: -len(one.questions)]
                asked = [files[question.picture] for question in one.questions]
                boxes = {file: box.box for file, box in zip(asked, one.boxes, strict=True) if box.box}
                right = [list(question.positives) for question in one.questions]
                junk = [list(question.junk) for question in one.questions]
                yield Asked(name, [*files, *distractors], asked, right, junk, boxes=boxes)
    for name, behind in {"clutter": clutter.SCENES, "clutter, photographs": clutter.PHOTOGRAPHS}.items():
        if not names or name in names:
            yield _clutter(name, behind)


def by_what_they_show(asked: Asked) -> Asked:
    """Record covers that are filed under the number of another cover, under their own."""
    shown = [
        _SHOWN.get(file.name, file.name[:2]) if "cdcovers" in file.parts else "" for file in asked.gallery
    ]
    right = [
        _like(shown, own) if shown[own] else given
        for (own, *_), given in zip(asked.out, asked.right, strict=True)
    ]
    return replace(asked, right=right)


def best_possible(asked: Asked, shown: Asked) -> float:
    """What is measured of all that shows the same thing first and the rest by chance: the mean of 100."""
    rng = np.random.default_rng(0)
    size = (len(asked.queries), len(asked.gallery))
    same = np.zeros(size)
    for row, right in zip(same, shown.right, strict=True):
        row[list(right)] = 1
    return float(np.mean([asked.measured(same + rng.random(size) / 2) for _ in range(100)]))


def _clutter(name: str, behind: str) -> Asked:
    """Things in other scenes; the picture that a query was made from is not ranked."""
    clutter.render(behind)
    known = clutter.groups()
    files = list(known)
    queries = clutter.queries(behind)
    right, out = [], []
    for thing in queries.values():
        own = thing.file.resolve()
        right.append([at for at, file in enumerate(files) if known[file] == thing.group and file != own])
        out.append([files.index(own)])
    return Asked(name, files, list(queries), right, out, "first")


def _files(one: object) -> list[Path]:
    return [Path(picture.source) for picture in one.pictures]  # type: ignore[attr-defined]


def _like(labels: Sequence[str | None], number: int) -> list[int]:
    label = labels[number]
    return [
        place
        for place, other in enumerate(labels)
        if label is not None and other == label and place != number
    ]
