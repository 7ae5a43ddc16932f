"""The picture sets that the accuracy benchmarks score, and how each of them is scored.

The demo set is rendered on the spot. The others lie in the folder that the environment variable
LIKEWISE_SHARED names, and are left out, with a line that says so, where it does not.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from safetensors import numpy as tensorfile

from likewise.demoset import rendering
from likewise.evaluation import metrics
from likewise.pictures import Loaded, Source
from likewise.types import Box, CropScale, FloatArray

RESULTS = Path(__file__).parent / "results"
DEMO = RESULTS / "demo-set"
DISTRACTORS = "distractors"
TRAINING = "training"
_WANTED = 500
_CHUNK = 8
_FOLDERS = {"oxford": "oxford5k_allsouls100"}

Vectors: TypeAlias = Mapping[str, FloatArray]
"""Unit vectors ``(n, d)`` by the name of their set."""


@dataclass(frozen=True)
class Picture:
    """A picture, or a box of one."""

    source: Source
    box: Box | None = None


class Describes(Protocol):
    """An `Extractor`, or what stands in for one."""

    def prepare(self, source: Source, *, box: Box | None = None, crop: CropScale = "whole") -> Loaded:
        """Decode a picture and bring it to size."""

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        """One vector a picture, ``(n, d)``."""


class PictureSet(Protocol):
    """Pictures, and what their vectors are worth."""

    @property
    def name(self) -> str:
        """Key of the set's vectors."""

    @property
    def pictures(self) -> Sequence[Picture]:
        """What is to be described."""

    def scores(self, vectors: Vectors) -> dict[str, float]:
        """Score by column of a table."""


@dataclass(frozen=True)
class Groups:
    """Every picture of a group is a query for the others of it; the query is not ranked; trapezoid AP."""

    name: str
    pictures: Sequence[Picture]
    labels: Sequence[str | None]

    def scores(self, vectors: Vectors) -> dict[str, float]:  # noqa: D102
        return {self.name: metrics.leave_one_out_map(vectors[self.name], self.labels)}


@dataclass(frozen=True)
class UKBench:
    """Groups of four among foreign distractors: mAP as `Groups`, and N-S, for which the query is ranked."""

    name: str
    pictures: Sequence[Picture]
    labels: Sequence[str]

    def scores(self, vectors: Vectors) -> dict[str, float]:  # noqa: D102
        rows = np.concatenate([vectors[self.name], vectors[DISTRACTORS]])
        labels = [*self.labels, *[None] * len(vectors[DISTRACTORS])]
        queries = np.arange(len(self.labels))
        ranked = np.argsort(-(rows[queries] @ rows.T), axis=1, kind="stable")
        return {
            self.name: metrics.leave_one_out_map(rows, labels),
            "N-S": metrics.ns_score(ranked, labels, queries),
        }


@dataclass(frozen=True)
class Question:
    """An Oxford5k query: rows of the set."""

    picture: int
    positives: Sequence[int]
    junk: Sequence[int]


@dataclass(frozen=True)
class Oxford:
    """Oxford5k's protocol on the pictures at hand, among foreign distractors.

    The query picture is ranked and is a positive, junk is taken out, trapezoid AP; positives that are not at
    hand do not count. Behind the pictures come the queries' boxes, each resized by its picture's factor.
    """

    name: str
    pictures: Sequence[Picture]
    questions: Sequence[Question]

    @property
    def boxes(self) -> Sequence[Picture]:
        """The queries' boxes."""
        return self.pictures[-len(self.questions) :]

    def scores(self, vectors: Vectors) -> dict[str, float]:  # noqa: D102
        boxes = vectors[self.name][-len(self.questions) :]
        images = vectors[self.name][: -len(self.questions)]
        full = images[[question.picture for question in self.questions]]
        database = np.concatenate([images, vectors[DISTRACTORS]])
        return {
            f"{self.name} crop": self._map(boxes, database),
            f"{self.name} full": self._map(full, database),
        }

    def _map(self, queries: FloatArray, database: FloatArray) -> float:
        ranked = np.argsort(-(queries @ database.T), axis=1, kind="stable")
        pairs = zip(ranked, self.questions, strict=True)
        return metrics.mean_average_precision(
            [metrics.average_precision(row, asked.positives, asked.junk) for row, asked in pairs]
        )


@dataclass(frozen=True)
class Unscored:
    """Pictures that are only ranked, or only learned from."""

    name: str
    pictures: Sequence[Picture]

    def scores(self, vectors: Vectors) -> dict[str, float]:  # noqa: D102
        return {}


def load_sets() -> list[PictureSet]:
    """Every set that can be had here; the ones that cannot are named on standard error."""
    sets: list[PictureSet] = [demo_set()]
    data = Path(os.environ.get("LIKEWISE_SHARED", "")) / "data"
    photos = sorted((data / "training_photos").glob("*.jpg"))
    chosen = {photos[number * len(photos) // _WANTED] for number in range(_WANTED)} if photos else set()
    for name, make in (
        ("tmbud", _groups),
        ("cdcovers", _groups),
        ("ukbench96", _ukbench),
        ("oxford", _oxford),
    ):
        folder = data / _FOLDERS.get(name, name)
        if folder.is_dir() and len(chosen) == _WANTED:
            sets.append(make(name, folder))
        else:
            print(
                f"skipped {name}: it and training_photos must lie in $LIKEWISE_SHARED/data", file=sys.stderr
            )
    if len(sets) > 1:
        sets.append(Unscored(DISTRACTORS, _pictures(sorted(chosen))))
        sets.append(Unscored(TRAINING, _pictures(photo for photo in photos if photo not in chosen)))
    return sets


def demo_set() -> Groups:
    """The demo set, rendered when it is not there yet."""
    pictures = _pictures(rendering.render(DEMO))
    return Groups("demo", pictures, [shot.group for shot in rendering.read_truth(DEMO)])


def describe(extractor: Describes, pictures: Sequence[Picture], *, crop: CropScale = "whole") -> FloatArray:
    """Vectors ``(n, d)`` of pictures, made by two threads."""

    def chunk(start: int) -> FloatArray:
        some = pictures[start : start + _CHUNK]
        return extractor.describe(
            [extractor.prepare(picture.source, box=picture.box, crop=crop) for picture in some]
        )

    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(chunk, range(0, len(pictures), _CHUNK))))


def describe_all(extractor: Describes, sets: Iterable[PictureSet]) -> dict[str, FloatArray]:
    """Vectors of every set, with a line on standard error for each."""
    vectors = {}
    for one in sets:
        start = time.perf_counter()
        vectors[one.name] = describe(extractor, one.pictures)
        seconds = time.perf_counter() - start
        print(f"  {one.name}: {len(one.pictures)} pictures in {seconds:.1f} s", file=sys.stderr)
    return vectors


def score(sets: Iterable[PictureSet], vectors: Vectors) -> dict[str, float]:
    """Every score of every set by column."""
    return {column: value for one in sets for column, value in one.scores(vectors).items()}


def save(path: Path, vectors: Vectors) -> None:
    """Keep vectors in the folder of results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensorfile.save_file(dict(vectors), path)


def load(path: Path) -> dict[str, FloatArray]:
    """Read what `save` wrote."""
    if not path.exists():
        raise SystemExit(f"{path.name} is not there yet: run the benchmark first")
    return tensorfile.load_file(path)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """A table; numbers are written with three digits."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.3f}"


def _pictures(paths: Iterable[Path]) -> list[Picture]:
    return [Picture(path) for path in paths]


def _table(folder: Path) -> list[list[str]]:
    """The rows of a set's ``groups.csv``: file and group first."""
    with (folder / "groups.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))[1:]


def _groups(name: str, folder: Path) -> Groups:
    rows = _table(folder)
    return Groups(name, _pictures(folder / row[0] for row in rows), [row[1] for row in rows])


def _ukbench(name: str, folder: Path) -> UKBench:
    rows = _table(folder)
    return UKBench(name, _pictures(folder / "full" / row[0] for row in rows), [row[1] for row in rows])


def _oxford(name: str, folder: Path) -> Oxford:
    paths = sorted((folder / "images").glob("*.jpg"))
    place = {path.stem: index for index, path in enumerate(paths)}

    def listed(query: str, kind: str) -> list[int]:
        stems = (folder / "gt" / f"{query}_{kind}.txt").read_text(encoding="utf-8").split()
        return [place[stem] for stem in stems if stem in place]

    boxes, questions = [], []
    for query in ("all_souls_1", "all_souls_2", "all_souls_4"):
        stem, *sides = (folder / "gt" / f"{query}_query.txt").read_text(encoding="utf-8").split()
        index = place[stem.removeprefix("oxc1_")]
        boxes.append(Picture(paths[index], Box.parse(",".join(sides))))
        positives = listed(query, "good") + listed(query, "ok")
        questions.append(Question(index, positives, listed(query, "junk")))
    return Oxford(name, [*_pictures(paths), *boxes], questions)
