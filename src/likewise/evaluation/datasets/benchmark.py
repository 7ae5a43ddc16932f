"""A benchmark: queries with their right answers, the gallery they are looked for in, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from likewise.errors import BadPicture, UsageError
from likewise.pictures import pictures_below
from likewise.types import Box

QueryRule: TypeAlias = Literal["counts", "ignored", "absent"]
"""The rule for the query's own picture: it is ranked and ``counts`` as a positive (Oxford5k, Paris6k,
UKBench), it is ``ignored`` wherever it is ranked (Holidays, folders), or it is ``absent`` from the gallery
(ROxford, RParis)."""

Measure: TypeAlias = Literal["mAP", "N-S"]


@dataclass(frozen=True)
class BenchmarkQuery:
    """One question and its answers.

    Attributes
    ----------
    name
        As tables print it, ``all_souls_1``.
    picture
        The file.
    box
        The official box in pixels of the upright original; None where the protocol has none.
    positives
        Gallery names of the right answers that are there.
    junk
        Gallery names that are taken out of the ranking before anything is counted. The query's own name is
        among them where the benchmark ignores queries, so that a ranking needs no other treatment.
    group
        Landmark or category, for tables.
    """

    name: str
    picture: Path
    box: Box | None
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()
    group: str = ""


@dataclass(frozen=True)
class MissingFiles:
    """Files that the ground truth names and the folder lacks.

    Attributes
    ----------
    query
        Name of the query whose score it changes; empty when it concerns the gallery as a whole.
    files
        The names that are not there, sorted; empty when none is missing by name.
    effect
        What that does to the score, in words: ``43 of 78 positives present: AP is over the 43``.
    left_out
        Whether the query is left out altogether: its picture is not there, or no right answer is.
    """

    query: str
    files: tuple[str, ...]
    effect: str
    left_out: bool = False


@dataclass(frozen=True)
class Benchmark:
    """Queries, gallery and protocol of one data set, as far as its files are there.

    Raises `UsageError` when two queries share a name, no query is left, an answer is not in the gallery, or a
    picture is both positive and junk.

    Attributes
    ----------
    name
        ``oxford5k``, ``roxford5k-medium``, ``holidays``, ``ukbench``, ``folder``...
    gallery
        Name to file, in the order in which equal scores are ranked.
    queries
        Those that can be asked and have a right answer, in the official order.
    query_in_gallery
        What happens to the query's own picture.
    measure
        The number that the data set is reported by.
    missing
        What is not there, with the effect on the score; one entry for each query that is left out.
    surplus
        Names of pictures there that the official list does not know: not in the gallery.
    distractors
        How many gallery pictures `with_distractors` added.
    notes
        Facts for the protocol card, as ``upright variant``.
    """

    name: str
    gallery: Mapping[str, Path]
    queries: tuple[BenchmarkQuery, ...]
    query_in_gallery: QueryRule
    measure: Measure = "mAP"
    missing: tuple[MissingFiles, ...] = ()
    surplus: tuple[str, ...] = ()
    distractors: int = 0
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> list[Path]:
        """Files of the queries and of the gallery, in this order; nothing that is written may replace one."""
        return [*(query.picture for query in self.queries), *self.gallery.values()]

    @property
    def own_places(self) -> list[int | None]:
        """For each query the place of its own picture in the gallery, if it is there."""
        places = {file: place for place, file in enumerate(self.gallery.values())}
        return [places.get(query.picture) for query in self.queries]

    def __post_init__(self) -> None:
        if not self.queries:
            raise UsageError(f"{self.name}: no query can be asked{self._because()}")
        names = set[str]()
        for query in self.queries:
            if query.name in names:
                raise UsageError(f"{self.name}: two queries are called {query.name!r}: names must differ")
            names.add(query.name)
            self._check(query)

    def _check(self, query: BenchmarkQuery) -> None:
        both = query.positives & query.junk
        if both:
            raise UsageError(f"{self.name}: query {query.name} has {min(both)} as positive and as junk")
        strangers = (query.positives | query.junk) - self.gallery.keys()
        if strangers:
            raise UsageError(
                f"{self.name}: query {query.name} names {min(strangers)}, which is not in the gallery"
            )

    def _because(self) -> str:
        reason = next((missing for missing in self.missing if missing.left_out), None)
        if not reason:
            return ""
        files = ", ".join(reason.files[:3]) + (", ..." if len(reason.files) > 3 else "")
        return f"; {reason.query}: {reason.effect}" + (f" ({files})" if files else "")

    def with_distractors(self, *folders: Path) -> Benchmark:
        """The same queries in a larger gallery: every picture below ``folders`` is added as a wrong answer.

        Distractors are named ``distractors/<path below the folder>``, from the second folder on
        ``distractors2/...``, and stand after all others. Raises `UsageError` when a folder is not there or
        holds no picture, or a picture is in the benchmark already.
        """
        own = {file.resolve() for file in self.gallery.values()} | {q.picture.resolve() for q in self.queries}
        gallery = dict(self.gallery)
        for folder in folders:
            stem = _unused("distractors", gallery)
            for file in pictures_below(folder):
                if file.resolve() in own:
                    raise UsageError(f"{file} is in {self.name} already: it cannot be a distractor")
                own.add(file.resolve())
                gallery[f"{stem}/{file.relative_to(folder).as_posix()}"] = file
        added = len(gallery) - len(self.gallery)
        return replace(self, gallery=gallery, distractors=self.distractors + added)

    def among(self, files: Collection[Path], note: str) -> Benchmark:
        """The same with some of the pictures, in the gallery and as queries.

        A query that has no right answer left is not asked. The note goes on the protocol card.
        """
        kept = {name: file for name, file in self.gallery.items() if file in files}
        queries = (
            replace(query, positives=query.positives & kept.keys(), junk=query.junk & kept.keys())
            for query in self.queries
            if query.picture in files
        )
        last = list(self.gallery)[len(self.gallery) - self.distractors :]
        return replace(
            self,
            gallery=kept,
            queries=tuple(query for query in queries if query.positives),
            distractors=sum(name in kept for name in last),
            notes=(*self.notes, note),
        )

    def without(self, failures: Mapping[int, BadPicture]) -> Benchmark:
        """The same without the pictures that could not be read, which are listed as missing.

        ``failures``: why, by number: queries first, then the gallery.
        """
        count = len(self.queries)
        names = list(self.gallery)
        lost = {names[n - count]: why for n, why in failures.items() if n >= count}
        unread = [
            MissingFiles("", (name,), f"cannot be read ({why.reason}): not ranked")
            for name, why in lost.items()
        ]
        gaps = [
            self._gap(query, failures.get(number), lost.keys()) for number, query in enumerate(self.queries)
        ]
        return replace(
            self,
            gallery={name: file for name, file in self.gallery.items() if name not in lost},
            queries=tuple(
                replace(query, positives=query.positives - lost.keys(), junk=query.junk - lost.keys())
                for query, gap in zip(self.queries, gaps, strict=True)
                if not (gap and gap.left_out)
            ),
            missing=(*self.missing, *unread, *(gap for gap in gaps if gap)),
        )

    def _gap(
        self, query: BenchmarkQuery, unasked: BadPicture | None, lost: Collection[str]
    ) -> MissingFiles | None:
        """The effect of unreadable pictures on one query, if any."""
        if unasked is not None:
            own = next((n for n, file in self.gallery.items() if file == query.picture), query.picture.name)
            why = f"the query picture cannot be read ({unasked.reason}): left out"
            return MissingFiles(query.name, (own,), why, left_out=True)
        files = tuple(sorted(query.positives.intersection(lost)))
        if not files:
            return None
        all_, there = len(query.positives), len(query.positives) - len(files)
        if self.measure == "N-S":
            why = f"{there} of {all_} positives can be read: left out, it could not reach {all_}"
        elif not there:
            why = f"none of {all_} positives can be read: left out"
        else:
            why = f"{there} of {all_} positives can be read: AP is over the {there}"
        return MissingFiles(query.name, files, why, left_out=self.measure == "N-S" or not there)


def _unused(stem: str, gallery: Mapping[str, Path]) -> str:
    """``stem``, or with the first number from 2 on that no gallery name begins with."""
    taken = {name.partition("/")[0] for name in gallery}
    number, candidate = 1, stem
    while candidate in taken:
        number += 1
        candidate = f"{stem}{number}"
    return candidate
