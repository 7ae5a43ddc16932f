"""Near-duplicates: pictures that are one picture but for how it was stored, cut, edited or turned."""

from __future__ import annotations

import os
from collections.abc import Collection as Sized
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from likewise.collection import Collection
from likewise.collection.store import Entry, holds_collection, located
from likewise.downstream.calibration import FOUND, Calibration, calibrate, distance_of, score_of
from likewise.downstream.copies import ALTERATIONS, HALVED
from likewise.downstream.duplicates.dismissed import Dismissed
from likewise.downstream.duplicates.grouping import chained_groups, complete_groups, with_parts
from likewise.downstream.duplicates.groups import Duplicates, Group, Member
from likewise.downstream.duplicates.judging import NEAREST, ContentPair, CopyDistances, Judge
from likewise.downstream.duplicates.keeping import DEFAULT, Keeping
from likewise.downstream.duplicates.keypoint_pairs import FileKeypoints, matching_pairs
from likewise.downstream.duplicates.kinds import DISPENSABLE, Kind, Link
from likewise.downstream.duplicates.links import DuplicateFile, LeftOut, present
from likewise.downstream.vectors import checked
from likewise.errors import ManifestMismatch
from likewise.progress import Meter
from likewise.types import FloatArray, IntArray, Metric, ProgressCallback

ROUNDS = 4
"""How often groups are compared again as one picture each, where one has about as many as are looked at."""

STAYING = 8
"""Pictures of a group that stay and that each other one is compared with."""


def find_duplicates(
    collection: Collection,
    *,
    threshold: float | None = None,
    under: str | os.PathLike[str] | None = None,
    where: str | None = None,
    against: str | os.PathLike[str] | None = None,
    turned: bool = False,
    keep: str = DEFAULT,
    kinds: Sized[Kind] = DISPENSABLE,
    progress: ProgressCallback | None = None,
) -> Duplicates:
    """Group the pictures of a collection that are one picture, and say what each is to the one to keep.

    Vectors say which pictures may be copies: the nearest ones of each that are at least as similar as altered
    copies of the collection's own pictures are; and keypoints, where a layer keeps them
    (`likewise.downstream.duplicates.keypoint_pairs`). Then pixels decide, laid over each other
    (`likewise.downstream.duplicates.pixels.overlay`), so that neither many copies nor many pictures that look
    alike mislead it. In a group each picture is a copy of each other one, but for parts: a crop is one of at
    least half of those that show the whole, and shares half of what it shows with each other part.

    Links to one file are one picture. A file that is gone, or no longer what was indexed, is passed over.
    Raises `UsageError` when there is no picture, the threshold is no similarity, or it links nearly
    everything; `UnknownName` when a rule of ``keep`` has no such name; `ManifestMismatch` when the reference
    was made by another recipe; `CollectionNotFound` or `CollectionDamaged` when there is no collection to
    look into.

    Parameters
    ----------
    threshold
        Link pictures from this similarity on, whatever their pixels say. By default it is calibrated on the
        collection, see `likewise.downstream.calibration.calibrate`, and pixels decide; they also do where
        keypoints match.
    under
        Only in a folder, or where the path matches a glob.
    where
        Only pictures of which a filter is true, see `likewise.collection.store.filters`.
    against
        Only what is a copy of a picture of this reference, a folder or glob of the same collection, or
        another collection that was made by the same recipe. Pictures of the reference are kept.
    turned
        Look also for copies that lie on their side, whose vectors are far away: reads every file.
    keep
        Which picture of a group is kept: rules in order, see `likewise.downstream.duplicates.keeping`.
    kinds
        What could go, where the kept one is there.
    """
    keeping = Keeping.parse(keep)
    pictures = collection.pictures(under, where)
    checked(pictures.vectors, 1, "finding duplicates")
    given = None if threshold is None else distance_of(threshold, pictures.metric)
    files, vectors, left_out = _gathered(collection, under, where, against)
    calibration = calibrate(collection, pictures=pictures, progress=progress)
    contents = _contents(files, keeping)
    first = [rows[0] for rows in contents]
    firsts = [files[row] for row in first]
    judge = Judge(
        files=firsts,
        vectors=vectors[first],
        reach=_reach(calibration, given, vectors),
        dismissed=Dismissed.of(collection.path),
        matching=_matching(collection, firsts, against, progress),
    )
    groups, bursts = _joined(judge, turned=turned, progress=progress)
    grouping = _Grouping(
        judge, [[files[row] for row in rows] for rows in contents], keeping, kinds, pictures.metric
    )
    return Duplicates(
        groups=grouping.copies(groups) if against is None else tuple(filter(_spans, grouping.copies(groups))),
        bursts=grouping.bursts(bursts) if against is None else (),
        pictures=len(pictures.vectors),
        threshold=score_of(judge.reach.near, pictures.metric),
        reason=_reason(calibration, judge.reach),
        found=_found(calibration, judge.reach),
        by_chance=calibration.expected(judge.reach.near),
        looked_at=judge.looked_at,
        left_out=replace(left_out, unreadable=(*left_out.unreadable, *sorted(judge.shots.unreadable))),
        dismissed=len(judge.refused),
    )


def _gathered(
    collection: Collection,
    under: str | os.PathLike[str] | None,
    where: str | None,
    against: str | os.PathLike[str] | None,
) -> tuple[list[DuplicateFile], FloatArray, LeftOut]:
    """The files that are there with their vectors ``(n, d)``, those of a reference among them."""
    entries, vectors = _rows(collection, under, where)
    in_reference = [False] * len(entries)
    if against is not None:
        with _opened(collection, against) as (other, below):
            more, theirs = _rows(other, below)
        in_reference += [True] * len(more)
        entries, vectors = [*entries, *more], np.concatenate([vectors, theirs])
    rows, files, left_out = present(entries, in_reference)
    return files, _chosen(vectors, rows), left_out


def _rows(
    collection: Collection, under: str | os.PathLike[str] | None, where: str | None = None
) -> tuple[list[Entry], FloatArray]:
    """Pictures of a collection with their vectors; those that were removed a moment ago are passed over."""
    pictures = collection.pictures(under, where)
    known = {entry.id: entry for entry in collection.entries(pictures.ids.tolist())}
    rows = [row for row, id in enumerate(pictures.ids.tolist()) if id in known]
    return [known[int(pictures.ids[row])] for row in rows], _chosen(pictures.vectors, rows)


def _chosen(vectors: FloatArray, rows: list[int]) -> FloatArray:
    """Some of the rows ``(n, d)``; all of them are no copy, which would be as large again."""
    return vectors if rows == list(range(len(vectors))) else vectors[rows]


@contextmanager
def _opened(
    collection: Collection, against: str | os.PathLike[str]
) -> Iterator[tuple[Collection, str | os.PathLike[str] | None]]:
    """The collection that a reference lies in, and where in it."""
    folder = located(os.fspath(against))
    if not holds_collection(folder):
        yield collection, against
        return
    with Collection.open(folder) as other:
        if difference := collection.manifest.difference(other.manifest):
            raise ManifestMismatch(f"{against} cannot be compared with: {difference}")
        yield other, None


def _contents(files: Sequence[DuplicateFile], keeping: Keeping) -> list[list[int]]:
    """Rows of the files that hold the same bytes, the one to keep of them first."""
    rows: dict[str, list[int]] = {}
    for row in sorted(range(len(files)), key=lambda row: keeping.order(files[row])):
        rows.setdefault(files[row].sha256, []).append(row)
    return list(rows.values())


def _matching(
    collection: Collection,
    files: Sequence[DuplicateFile],
    against: str | os.PathLike[str] | None,
    progress: ProgressCallback | None,
) -> IntArray:
    """Pairs whose keypoints match; with a reference, of one of its files and another one."""
    report = Meter(progress, note="comparing keypoints")
    if against is None:
        kept = FileKeypoints.of(collection, files, range(len(files)))
        return matching_pairs(kept, kept, report)
    own, theirs = (
        [place for place, file in enumerate(files) if file.in_reference is belongs]
        for belongs in (False, True)
    )
    with _opened(collection, against) as (other, _):
        sides = FileKeypoints.of(collection, files, own), FileKeypoints.of(other, files, theirs)
        asking, asked = sorted(sides, key=lambda side: len(side.places))
        return matching_pairs(asking, asked, report)


def _reach(calibration: Calibration, given: float | None, vectors: FloatArray) -> CopyDistances:
    """How far apart vectors of copies may be: anything, where there are too few pictures to learn it from."""
    if given is not None:
        return CopyDistances(given, given, given=True)
    widest = 2.0 if calibration.metric == "dot" else 2 * float(np.linalg.norm(vectors, axis=1).max(initial=0))
    near, sizes = calibration.reach, calibration.reach_of_sizes
    return CopyDistances(widest if near is None else near, widest if sizes is None else sizes)


def _joined(
    judge: Judge, *, turned: bool, progress: ProgressCallback | None
) -> tuple[list[list[int]], list[list[int]]]:
    """Groups of contents that are copies of each other, and those that are bursts; each content is in one."""
    count, among = len(judge.files), np.arange(len(judge.files))
    groups, linked = list[list[int]](), dict[ContentPair, Link]()
    for again in range(ROUNDS):
        pairs = judge.candidates(among, turned=turned and not again, progress=progress)
        linked |= judge.look(pairs, progress)
        before, groups = groups, _grouped(judge, linked)
        if judge.reach.given or groups == before or max(map(len, groups), default=0) <= NEAREST // 2:
            break
        # the neighbours of a picture with many copies are these: once more, with one picture of each group
        stand = [max(group, key=lambda row: judge.files[row].pixels) for group in groups]
        among = np.setdiff1d(among, np.setdiff1d([row for group in groups for row in group], stand))
    first = {row: group[0] for group in groups for row in group}
    shots = [pair for pair in sorted(linked, key=judge.order) if linked[pair].kind == "burst"]
    ends = [(first.get(pair.first, pair.first), first.get(pair.second, pair.second)) for pair in shots]
    return groups, chained_groups(count, ends)


def _grouped(judge: Judge, linked: Mapping[ContentPair, Link]) -> list[list[int]]:
    """Groups of contents along links: of those that show all of a scene, then parts, of the largest first."""
    order = sorted((pair for pair in linked if judge.joins(linked[pair])), key=judge.order)
    wholes = [pair[:2] for pair in order if linked[pair].kind != "cropped"]
    parts = [
        pair[1::-1] if linked[pair].larger else pair[:2] for pair in order if linked[pair].kind == "cropped"
    ]
    parts.sort(key=lambda pair: -judge.files[pair[0]].pixels)
    groups = complete_groups(len(judge.files), wholes, judge.copies)
    return with_parts(groups, parts, judge)


def _spans(group: Group) -> bool:
    """Whether a group has pictures of the reference and others."""
    return len({member.file.in_reference for member in group.members}) == 2


@dataclass(frozen=True)
class _Grouping:
    """Turns groups of contents into groups of pictures, the one to keep first.

    ``contents``: the files that hold each content, the one to keep first.
    """

    judge: Judge
    contents: Sequence[Sequence[DuplicateFile]]
    keeping: Keeping
    kinds: Sized[Kind]
    metric: Metric

    def copies(self, groups: Sequence[Sequence[int]]) -> tuple[Group, ...]:
        """Groups of copies: those of several contents, and the contents that several files hold."""
        joined = {row for group in groups for row in group}
        alone = [[row] for row, files in enumerate(self.contents) if len(files) > 1 and row not in joined]
        return self._ordered([*groups, *alone])

    def bursts(self, groups: Iterable[Sequence[int]]) -> tuple[Group, ...]:
        """Groups of shots, one file of each content."""
        return self._ordered(groups, shots=True)

    def _ordered(self, groups: Iterable[Sequence[int]], *, shots: bool = False) -> tuple[Group, ...]:
        ordered = [self._group(rows, shots=shots) for rows in groups]
        return tuple(sorted(ordered, key=lambda group: (-len(group.ids), min(group.ids))))

    def _group(self, rows: Sequence[int], *, shots: bool) -> Group:
        best = min(rows, key=lambda row: self.keeping.order(self.contents[row][0]))
        kept = self.contents[best][0]
        vectors = self.judge.vectors
        others = [
            (file, score_of(float(np.linalg.norm(vectors[row] - vectors[best])), self.metric))
            for row in rows
            for file in self.contents[row][: 1 if shots else None]
            if file is not kept
        ]
        members, staying = [], [kept]
        for file, similarity in sorted(others, key=lambda pair: self.keeping.order(pair[0])):
            members.append(self._member(staying, file, similarity, shots=shots))
            if not members[-1].surplus:
                staying.append(file)
        members.sort(key=lambda member: (-round(member.similarity, 6), *self.keeping.order(member.file)))
        return Group((Member(kept, score_of(0.0, self.metric)), *members))

    def _member(
        self, staying: Sequence[DuplicateFile], file: DuplicateFile, similarity: float, *, shots: bool
    ) -> Member:
        """A file, what it is to one that stays, and whether it could go.

        The kept one may be an edit: then others are copies of what was edited, which stays as well.
        """
        first = self._against(staying[0], file, similarity, shots=shots)
        if first.surplus or shots or _is_held(file):
            return first
        more = (self._against(kept, file, similarity) for kept in staying[1:STAYING] if not kept.is_link)
        members = [first, *more]
        return next(
            (member for member in members if member.surplus),
            min(members, key=lambda member: member.kind == "alike"),
        )

    def _against(
        self, kept: DuplicateFile, file: DuplicateFile, similarity: float, *, shots: bool = False
    ) -> Member:
        link = self.judge.told(kept, file)
        if shots and link.kind != "burst":  # its ends may be far apart
            link = Link("burst", "of the same burst")
        why = f"{link.why}; a file by {len(file.others) + 1} names" if file.others else link.why
        surplus = link.kind in self.kinds and not _is_held(file) and not kept.is_link
        return Member(file, similarity, link.kind, why, surplus, kept.path)


def _is_held(file: DuplicateFile) -> bool:
    """Whether it stays whatever it is a copy of: it is of the reference, or another name of a file."""
    return file.in_reference or file.is_link or bool(file.others)


def _found(calibration: Calibration, reach: CopyDistances) -> dict[str, float]:
    """By alteration the share of copies whose vectors let them be found."""
    shares = calibration.found(reach.near)
    if HALVED in shares:
        shares[HALVED] = calibration.found(reach.sizes)[HALVED]
    return shares


def _reason(calibration: Calibration, reach: CopyDistances) -> str:
    """Why the threshold lies where it does."""
    if reach.given:
        return "given"
    if calibration.reach is None:
        return "too few pictures to learn from: the pixels of all decide"
    return (
        f"{100 * FOUND:.0f} % of copies, altered in {len(ALTERATIONS)} ways, are at least so similar to "
        "their originals; the pixels of what is so similar decide"
    )
