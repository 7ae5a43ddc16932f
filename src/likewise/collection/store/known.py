"""Facts and annotations of pictures, as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.fact_tables import FactTables
from likewise.pictures import Facts

MOST = 20
"""Values of a facet."""


@dataclass(frozen=True)
class Known:
    """Facts and annotations of one picture.

    Attributes
    ----------
    facts
        What its file says; None before it was read.
    added
        When it was indexed first, as ``2019-06-03T14:05:09``; None where that was before this was noted.
    annotations
        Columns of one's own.
    """

    facts: Facts | None
    added: str | None
    annotations: Mapping[str, str]

    @classmethod
    def of(cls, catalogue: Catalogue, picture: int) -> Known:
        """Ask the catalogue."""
        tables = catalogue.facts
        return cls(tables.of(picture), tables.added(picture), tables.annotations(picture))


_FACETS = {
    "year": "substr(taken, 1, 4)",
    "camera": "camera",
    "lens": "lens",
    "rating": "rating",
    "folder": "folder(path)",
}
"""Facets of pictures, in SQL."""


@dataclass(frozen=True)
class FacetCounts:
    """How many pictures have each value of something; None stands for those of which it is not known.

    Attributes
    ----------
    counts
        The most frequent `MOST` values, those first.
    """

    name: str
    counts: tuple[tuple[str | int | None, int], ...]


def facets(tables: FactTables, where: str | None = None) -> list[FacetCounts]:
    """Count the pictures, or those of which a filter is true, by what is often asked for.

    Raises `BadFilter` when the filter cannot be understood.
    """
    if not tables.are_there:
        return []
    wanted = None if where is None else tables.filter(where)
    facet_counts = []
    for name, expression in _FACETS.items():
        counts = tables.counts(expression, wanted, MOST)
        shown = tuple((v if isinstance(v, str | int) else None, count) for v, count in counts)
        facet_counts.append(FacetCounts(name, shown))
    return facet_counts
