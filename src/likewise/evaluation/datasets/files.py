"""Files of data sets: named, strangers sorted out, and what is missing said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import BenchmarkQuery, MissingFiles
from likewise.pictures import pictures_below
from likewise.types import Box


def by_stem(folder: Path, *, known: Callable[[str], bool]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The pictures below a folder by file name without suffix, sorted by name.

    Raises `UsageError` when two known pictures share a name.

    Returns
    -------
    dict
        Those that the data set knows.
    tuple of str
        Paths below the folder of those that it does not know.
    """
    named: dict[str, Path] = {}
    surplus = []
    for file in pictures_below(folder):
        if not known(file.stem):
            surplus.append(file.relative_to(folder).as_posix())
        elif file.stem in named:
            raise UsageError(
                f"two pictures are called {file.stem}: {named[file.stem]} and {file}; "
                "give the folder that holds only one of them"
            )
        else:
            named[file.stem] = file
    return {name: named[name] for name in sorted(named)}, tuple(surplus)


@dataclass
class Questions:
    """The queries of a data set as far as their files are there, and what its ground truth lacks.

    ``pictures``: where the pictures of queries may be, by name.
    """

    pictures: Mapping[str, Path]
    gallery: Mapping[str, Path]
    missing: list[MissingFiles]
    asked: list[BenchmarkQuery] = field(default_factory=list)

    def ask(
        self,
        name: str,
        picture: str,
        box: Box | None,
        positives: Collection[str],
        junk: Collection[str] = (),
        *,
        group: str,
        own: Collection[str] = (),
    ) -> None:
        """Add a query unless it has to be left out, and what is missing of its ground truth.

        ``own``: its own picture, where that counts as junk if it is in the gallery.
        """
        gap = self._shortfall(name, picture, positives, junk)
        if gap:
            self.missing.append(gap)
        if not gap or not gap.left_out:
            present, out = (self.gallery.keys() & names for names in (positives, {*junk, *own}))
            query = BenchmarkQuery(
                name, self.pictures[picture], box, frozenset(present), frozenset(out), group
            )
            self.asked.append(query)

    def _shortfall(
        self, query: str, picture: str, positives: Collection[str], junk: Collection[str]
    ) -> MissingFiles | None:
        """The missing part of one query's ground truth and its effect; None when all of it is there."""
        present = [name for name in positives if name in self.gallery]
        absent = {name for name in (*positives, *junk) if name not in self.gallery}
        effects = []
        if picture not in self.pictures:
            absent.add(picture)
            effects.append("its picture is not there: left out")
        elif not positives:
            effects.append("no positive in the ground truth: left out")
        elif not present:
            effects.append(f"none of {len(positives)} positives present: left out")
        elif len(present) < len(positives):
            effects.append(
                f"{len(present)} of {len(positives)} positives present: AP is over the {len(present)}"
            )
        if not effects and not absent:
            return None
        left_out = picture not in self.pictures or not present
        if not left_out and any(name in absent for name in junk):
            kept = sum(name in self.gallery for name in junk)
            effects.append(f"{kept} of {len(junk)} junk pictures present: no effect, junk does not count")
        return MissingFiles(query, tuple(sorted(absent)), "; ".join(effects), left_out=left_out)


def thinned(present: int, official: int, absent: Iterable[str] = ()) -> tuple[MissingFiles, ...]:
    """Effect of a gallery of the wrong size on every score; nothing when it has the official size."""
    if present == official:
        return ()
    if present > official:
        effect = f"{present} gallery pictures where the official set has {official}: not comparable with it"
    else:
        effect = (
            f"{present} of {official} gallery pictures present: fewer wrong answers, so scores are higher "
            "than over the whole set"
        )
    return (MissingFiles("", tuple(sorted(absent)), effect),)


def find_one(folder: Path, *patterns: str, what: str) -> Path:
    """The one file at any depth that fits the first pattern that any file fits.

    Raises `UsageError` when there is none, or more than one.
    """
    for pattern in patterns:
        matches = sorted(file for file in folder.rglob(pattern) if file.is_file())
        if len(matches) > 1:
            raise UsageError(
                f"more than one {what} lies below {folder}: {matches[0]} and {matches[1]}; name one"
            )
        if matches:
            return matches[0]
    raise UsageError(f"no {what} ({' or '.join(patterns)}) lies below {folder}: say where it is")
