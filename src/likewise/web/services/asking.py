"""From what a client asks to vectors, and from vectors to a page of hits."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from likewise.collection import Query, QueryPicture
from likewise.errors import UsageError
from likewise.ranking import Stage
from likewise.types import Box, FloatArray, Hit, Hits
from likewise.web import schemas
from likewise.web.problems import Problem
from likewise.web.services.library import Served
from likewise.web.services.uploads import Uploads
from likewise.web.settings import Limits

T = TypeVar("T")

AT_LEAST = 200
"""Hits that are ranked even when fewer are asked for, so that scrolling on asks nothing anew."""


class Kept(Generic[T]):
    """The last few of some values, by key; threads may share it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """The value, if it is still there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: T) -> T:
        """Keep a value; give it."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


class Asking:
    """Describes queries and ranks; what was described or ranked a moment ago is not done again."""

    def __init__(self, uploads: Uploads, limits: Limits) -> None:
        self._uploads, self._limits = uploads, limits
        self._vectors: Kept[FloatArray] = Kept(256)
        self._rankings: Kept[Hits] = Kept(64)
        self._subjects: Kept[list[list[float]]] = Kept(256)

    def source(self, served: Served, query: schemas.Query) -> bytes | Path:
        """The picture of a query: what was sent, or what the file of a picture here holds.

        Raises `Problem` 404, when it is unknown; `BadPicture` as `Served.source`.
        """
        if query.upload is not None:
            return self._uploads.read(query.upload)
        if query.picture is not None:
            return served.source(served.entry(query.picture))
        raise UsageError("this takes a picture, not a vector")

    def vector(self, served: Served, query: schemas.Query) -> FloatArray:
        """The vector of a query, shape ``(d,)``."""
        if query.vector is not None:
            with np.errstate(over="ignore"):  # what is not finite is refused
                vector = np.array(query.vector, np.float32)
            return served.collection.describe(vector, box=box_of(query))
        if query.picture is not None and query.box is None:
            served.entry(query.picture)  # unknown ones are a 404
            return served.collection.describe(query.picture)
        moment = served.moment if query.picture is not None else served.collection.manifest.recipe_hash
        key = (served.name, moment, query.model_dump_json())
        held = self._vectors.get(key)
        if held is None:
            held = self._vectors.put(key, self._describe(served, query))
        return held

    def _describe(self, served: Served, query: schemas.Query) -> FloatArray:
        source = self.source(served, query)
        limit = self._limits.upload_pixels if query.upload is not None else None
        return served.collection.describe(source, box=box_of(query), crop=query.crop, max_pixels=limit)

    def subjects(self, served: Served, query: schemas.Query) -> schemas.Subjects:
        """Parts of a picture to search with."""
        if not served.collection.recipe.vectors:
            return schemas.Subjects(boxes=[])
        key = (served.name, served.moment, query.model_dump_json())
        boxes = self._subjects.get(key)
        if boxes is None:
            limit = self._limits.upload_pixels if query.upload is not None else None
            regions = served.collection.subjects(self.source(served, query), max_pixels=limit)
            boxes = self._subjects.put(key, [list(box.corners) for box in regions])
        return schemas.Subjects(boxes=boxes)

    def search(self, served: Served, asked: schemas.Search) -> schemas.Hits:
        """A page of hits."""
        begin = time.perf_counter()
        count = min(asked.k, self._limits.page)
        digest = _digest(asked)
        start = _place(asked.cursor, digest)
        moment = served.moment
        hits, total = self._found(served, asked, start + count)
        more = start + count < min(total, len(hits)) or (len(hits) >= start + count and start + count < total)
        return schemas.Hits(
            hits=_shown(served, hits[start : start + count]),
            total=total,
            next=_cursor(start + count, digest) if more else None,
            generation=moment[1],
            seconds=time.perf_counter() - begin,
            then=[str(Stage.parse(stage)) for stage in asked.then],
            left_out=hits.left_out,
            recall=hits.recall,
            verdicts=_verdicts(hits, total),
        )

    def account(
        self, served: Served, asked: schemas.Search, picture: int
    ) -> tuple[schemas.Hit | None, list[float] | None]:
        """A picture's hit in the list of a search, and what each picture of the query gives to it."""
        hits, _ = self._found(served, asked, AT_LEAST)
        shown = _shown(served, [hit for hit in hits if hit.id == picture])
        sums = None
        if not served.collection.recipe.words:
            shares = served.collection.shares(self._query(served, asked), picture)
            sums = list(shares) if shares is not None else None
        return shown[0] if shown else None, sums

    def _found(self, served: Served, asked: schemas.Search, k: int) -> tuple[Hits, int]:
        """The first ``k`` hits or more, and how many pictures are searched among."""
        self._check(asked)
        stages = [Stage.parse(stage) for stage in asked.then]
        under = served.folder(asked.folder) if asked.folder else None
        total = self._total(served, asked, under)
        if asked.where is not None and not total:
            return Hits(), total
        return self._ranked(served, asked, under, stages, k), total

    def _total(self, served: Served, asked: schemas.Search, under: Path | None) -> int:
        """How many pictures are searched among."""
        if asked.where is not None:
            return served.collection.count(under, asked.where)
        return served.folders()[asked.folder][1] if asked.folder else len(served.collection)

    def _check(self, asked: schemas.Search) -> None:
        pictures = len(asked.queries) + len(asked.yes) + len(asked.no)
        if pictures > 4 * self._limits.queries or len(asked.queries) > self._limits.queries:
            raise Problem(400, "bad-request", f"one query takes at most {self._limits.queries} pictures")

    def _ranked(
        self,
        served: Served,
        asked: schemas.Search,
        under: Path | None,
        stages: Sequence[Stage],
        k: int,
    ) -> Hits:
        """The first ``k`` hits or more, unless there are fewer."""
        key = (served.name, served.moment, _digest(asked))
        held = self._rankings.get(key)
        if held is not None and (len(held) >= k or len(held) >= len(served.collection)):
            return held
        hits = served.collection.search(
            self._query(served, asked),
            k=max(k, AT_LEAST),
            under=under,
            where=asked.where,
            then=stages,
            max_pixels=self._limits.upload_pixels if asked.queries[0].upload is not None else None,
        )
        return self._rankings.put(key, hits)

    def _query(self, served: Served, asked: schemas.Search) -> Query:
        """The query, as one value.

        Where all layers make vectors, those that were described a moment ago are taken. Visual words have
        none: the pictures themselves are asked, and a box is for the first of them.
        """
        first, *others = asked.queries
        judged = (*others, *asked.yes, *asked.no)
        ask: Callable[[Served, schemas.Query], QueryPicture] = self.vector
        box, crop = None, first.crop
        if served.collection.recipe.words:
            if any(query.box is not None for query in judged):
                raise UsageError(
                    "in a collection of visual words only the first picture of a query can have a box"
                )
            ask, box = self.source, box_of(first)
        own = first.picture if first.box is None or box is not None else None
        # a picture that is asked for by its id comes before copies of it
        picture = ask(served, first) if own is None else served.entry(own).id
        also = [ask(served, query) for query in others]
        yes, no = ([ask(served, query) for query in queries] for queries in (asked.yes, asked.no))
        return Query(picture, box, crop, also, yes, no)


def box_of(query: schemas.Query) -> Box | None:
    """The box of a query."""
    return Box(*query.box) if query.box is not None else None


def _verdicts(hits: Sequence[Hit], total: int) -> schemas.Verdicts | None:
    """How many of what was searched among show the same thing, or are alike.

    None where that is not said, or more may follow behind those that were ranked.
    """
    said = [hit.verdict for hit in hits]
    if None in said or not ("nothing" in said or len(said) >= total > 0):
        return None
    return schemas.Verdicts(same=said.count("same"), alike=said.count("alike"))


def _shown(served: Served, hits: Sequence[Hit]) -> list[schemas.Hit]:
    entries = {entry.id: entry for entry in served.collection.entries([hit.id for hit in hits])}
    labels = served.labels()
    return [
        schemas.Hit(
            **dict(served.picture(entries[hit.id], labels)),
            rank=hit.rank,
            score=hit.score,
            box=list(hit.box.corners) if hit.box else None,
            outline=[list(corner) for corner in hit.outline] if hit.outline else None,
            evidence=dict(hit.evidence) if hit.evidence is not None else None,
            inliers=hit.inliers,
            expected_false=hit.expected_false,
            verdict=hit.verdict,
        )
        for hit in hits
        if hit.id in entries  # unless it was removed a moment ago
    ]


def _digest(asked: schemas.Search) -> str:
    """A name for what is asked, whichever page of it."""
    text = asked.model_dump_json(exclude={"k", "cursor"})
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _cursor(start: int, digest: str) -> str:
    return base64.urlsafe_b64encode(f"{start}.{digest}".encode()).decode().rstrip("=")


def _place(cursor: str | None, digest: str) -> int:
    """Where a page begins."""
    if cursor is None:
        return 0
    start, _, of = decoded(cursor).partition(".")
    if not start.isdecimal() or len(start) > 12 or of != digest:
        raise Problem(400, "bad-request", "this cursor belongs to another search")
    return int(start)


def decoded(cursor: str) -> str:
    """The text in a cursor, empty if it is none."""
    try:
        return base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        return ""
