"""Oxford5k and Paris6k: 55 queries each on landmarks, with the official text files as ground truth.

Philbin et al., Object retrieval with large vocabularies and fast spatial matching (CVPR 2007), and Lost in
quantization (CVPR 2008). Positives are the pictures listed as good or ok; junk is taken out of the ranking.
The query's own picture lies in the gallery and counts as a positive.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.datasets.files import Questions, by_stem, thinned
from likewise.tables.labels import read_text
from likewise.types import Box

_PREFIX = "oxc1_"  # Oxford's query files put it before the name of the picture; nothing else has it.

_CORRUPT_PARIS = {
    "louvre": (136, 146),
    "moulinrouge": (422,),
    "museedorsay": (1059,),
    "notredame": (188,),
    "pantheon": (284, 960, 974),
    "pompidou": (195, 196, 201, 467, 640),
    "sacrecoeur": (299, 330, 353),
    "triomphe": (662, 833, 863, 867),
}
CORRUPT_PARIS: frozenset[str] = frozenset(
    f"paris_{place}_{number:06d}" for place, numbers in _CORRUPT_PARIS.items() for number in numbers
)
"""The twenty files of Paris6k that are no pictures, as listed in the data set's ``corrupt.txt``. No ground
truth names any of them."""


@dataclass(frozen=True)
class _Official:
    """The facts of a whole data set: how pictures are named and how many there are."""

    pattern: re.Pattern[str]
    pictures: int
    corrupt: frozenset[str] = frozenset()

    def knows(self, stem: str) -> bool:
        return self.pattern.fullmatch(stem) is not None


OXFORD5K = _Official(
    re.compile(
        "(all_souls|ashmolean|balliol|bodleian|christ_church|cornmarket|hertford|jesus|keble|magdalen|new|"
        r"oriel|oxford|pitt_rivers|radcliffe_camera|trinity|worcester)_\d{6}"
    ),
    5063,
)
PARIS6K = _Official(
    re.compile(
        "paris_(defense|eiffel|general|invalides|louvre|moulinrouge|museedorsay|notredame|pantheon|pompidou|"
        r"sacrecoeur|triomphe)_\d{6}"
    ),
    6392,
    CORRUPT_PARIS,
)


def oxford5k(data: Path, *, gt: Path | None = None) -> Benchmark:
    """Oxford5k, whole or in part.

    Raises `UsageError` when the ground truth is not found or malformed, two pictures share a name, or no
    query can be asked.

    Parameters
    ----------
    data
        Folder with the pictures at any depth.
    gt
        Folder with the ground truth at any depth; by default it is looked for below ``data``.
    """
    return _load("oxford5k", OXFORD5K, data, gt)


def paris6k(data: Path, *, gt: Path | None = None) -> Benchmark:
    """Paris6k without its twenty corrupt files, whole or in part; parameters as `oxford5k`."""
    return _load("paris6k", PARIS6K, data, gt)


def _load(name: str, official: _Official, data: Path, gt: Path | None) -> Benchmark:
    truths = read_truths(gt or data)
    gallery, surplus = by_stem(data, known=official.knows)
    corrupt = [gallery.pop(stem) for stem in sorted(official.corrupt & gallery.keys())]
    questions = Questions(gallery, gallery, [*thinned(len(gallery), official.pictures)])
    for truth in truths:
        group = truth.name.rpartition("_")[0]
        questions.ask(truth.name, truth.picture, truth.box, truth.positives, truth.junk, group=group)
    return Benchmark(
        name=name,
        gallery=gallery,
        queries=tuple(questions.asked),
        query_in_gallery="counts",
        missing=tuple(questions.missing),
        surplus=surplus,
        notes=(f"{len(corrupt)} corrupt pictures left out",) if corrupt else (),
    )


@dataclass(frozen=True)
class QueryTruth:
    """The four files of one query."""

    name: str
    picture: str
    box: Box
    positives: frozenset[str]
    junk: frozenset[str]


def read_truths(folder: Path) -> list[QueryTruth]:
    """Every query of a folder of ground truth, by name; a name that a file lists twice counts once.

    Raises `UsageError` when there is no query, queries lie in several folders, or a file is missing or
    malformed.
    """
    files = sorted(folder.rglob("*_query.txt"))
    if not files:
        raise UsageError(f"no ground truth (*_query.txt) lies below {folder}: say where it is with gt")
    strays = [file for file in files if file.parent != files[0].parent]
    if strays:
        raise UsageError(
            f"ground truth lies in {files[0].parent} and in {strays[0].parent}: name one of them with gt"
        )
    return [_truth(file) for file in files]


def _truth(file: Path) -> QueryTruth:
    name = file.name.removesuffix("_query.txt")
    picture, box = _question(file)
    good, okay, junk = (_names(file.with_name(f"{name}_{kind}.txt")) for kind in ("good", "ok", "junk"))
    both = (good | okay) & junk
    if both:
        raise UsageError(f"query {name} has {min(both)} both as good or ok and as junk: it can be only one")
    return QueryTruth(name, picture, box, good | okay, junk)


def _question(file: Path) -> tuple[str, Box]:
    """Name of the picture and box; the four numbers are two corners, not a corner and a size."""
    words = read_text(file, "ground truth").split()
    try:
        name, *numbers = words
        x1, y1, x2, y2 = (float(number) for number in numbers)
    except ValueError:
        raise UsageError(f"{file} should hold a name and x1 y1 x2 y2, not {' '.join(words)!r}") from None
    if not (math.isfinite(x1 + y1 + x2 + y2) and x1 < x2 and y1 < y2):
        raise UsageError(f"{file} has an empty box {x1:g} {y1:g} {x2:g} {y2:g}: it takes x1 < x2, y1 < y2")
    return name.removeprefix(_PREFIX), Box(x1, y1, x2, y2)


def _names(file: Path) -> frozenset[str]:
    lines = (line.strip() for line in read_text(file, "ground truth").splitlines())
    names = frozenset(line.removeprefix(_PREFIX) for line in lines if line)
    for name in names:
        if len(name.split()) > 1:
            raise UsageError(f"{file} should hold one name a line, not {name!r}")
    return names
