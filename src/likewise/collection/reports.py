"""What the collection answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from likewise.collection.catalogue import Catalogue
from likewise.collection.reach import out_of_reach
from likewise.collection.remembering import excludes_of
from likewise.descriptors import Manifest
from likewise.types import FloatArray, IntArray, Metric

if TYPE_CHECKING:
    from likewise.collection.layer import CollectionLayer


SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
"""Quantiles that a comparison tells."""


@dataclass(frozen=True)
class AddReport:
    """What adding did, in files; each file that was looked at counts once.

    Attributes
    ----------
    added
        New content, through the network.
    copied
        New files whose content was known already.
    changed
        Known files with another content.
    moved
        Known content that lies elsewhere now and no longer where it was.
    completed
        As before, but described for layers that were added, or again where what was kept was damaged; or what
        their files say was read for the first time.
    unchanged
        As before.
    failed
        Files that cannot be indexed, those that were not tried again among them.
    forgotten
        Files that are gone and were dropped, which takes ``prune``.
    away
        Pictures that stay though their files cannot be found, for their folder holds none of its pictures: a
        disk may not be mounted.
    gone
        Pictures whose files are gone and which are kept, for want of ``prune``.
    passed_over
        Files that are no pictures by their name, by suffix in lower case, the most frequent first.
    seconds
        Wall time of all of it, learning words included.
    """

    added: int = 0
    copied: int = 0
    changed: int = 0
    moved: int = 0
    completed: int = 0
    unchanged: int = 0
    failed: int = 0
    forgotten: int = 0
    away: int = 0
    gone: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """How alike two pictures are, and what that means in this collection.

    Attributes
    ----------
    similarity
        Score of the pair, as searching gives it.
    quantiles
        Scores of other pairs by their share: ``{0.5: median, ...}``; empty when there is no pair. They are
        random ones of a collection of one vector, else the query and each picture.
    percentile
        Per cent of those pairs that are less alike than this one; None when there is none.
    rank
        Place that ``b`` takes, or would take, when ``a`` is searched for; 1 is the best.
    """

    similarity: float
    quantiles: dict[float, float]
    percentile: float | None
    rank: int

    @classmethod
    def among(cls, similarity: float, pairs: NDArray[Any], others: NDArray[Any]) -> Comparison:
        """Where a score stands among those of other pairs, and of all pictures with the query."""
        return cls(
            similarity,
            dict(zip(SHARES, np.quantile(pairs, SHARES).tolist(), strict=True)) if len(pairs) else {},
            100 * float(np.mean(pairs < similarity)) if len(pairs) else None,
            1 + int(np.count_nonzero(others > similarity)),
        )


@dataclass(frozen=True)
class Info:
    """A collection in a few numbers; ``bytes`` on the disk, ``changed`` as Unix time.

    Attributes
    ----------
    store
        The address of the server that keeps it; None where its folder does.
    manifest, code
        How the first layer was made, and how what it keeps is written.
    layers, codes, searched
        The same of each layer, by its name, and how it is searched.
    away
        Folders that hold none of their pictures now, as when a disk is not mounted.
    excludes
        Patterns of what is left out.
    columns
        Columns of one's own, and of how many pictures each says something.
    """

    path: Path
    store: str | None
    recipe: str
    manifest: Manifest
    code: str
    layers: dict[str, Manifest]
    codes: dict[str, str]
    searched: dict[str, str]
    pictures: int
    failures: int
    roots: list[Path]
    away: list[Path]
    excludes: list[str]
    columns: dict[str, int]
    bytes: int
    generation: int
    changed: float

    @classmethod
    def of(
        cls,
        path: Path,
        store: str | None,
        catalogue: Catalogue,
        recipe: str,
        layers: Sequence[CollectionLayer],
    ) -> Info:
        """Ask the catalogue in a folder."""
        return cls(
            path=path,
            store=store,
            recipe=recipe,
            manifest=layers[0].manifest,
            code=layers[0].code,
            layers={layer.recipe.name: layer.manifest for layer in layers},
            codes={layer.recipe.name: layer.code for layer in layers},
            searched={layer.recipe.name: layer.searched(catalogue) for layer in layers},
            pictures=catalogue.count(),
            failures=catalogue.failure_count(),
            roots=[Path(root) for root in sorted(catalogue.roots().values())],
            away=[Path(folder) for folder in out_of_reach(catalogue)],
            excludes=list(excludes_of(catalogue).patterns),
            columns=catalogue.facts.columns(),
            bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
            generation=catalogue.generation,
            changed=catalogue.changed,
        )


@dataclass(frozen=True)
class Pictures:
    """Pictures of a collection at one moment, row by row, by id.

    Attributes
    ----------
    ids
        int64, shape ``(n,)``.
    vectors
        Finite float32, shape ``(n, d)``, read-only; of length 1, or 0, when the metric is ``dot``.
    metric
        How they are compared.
    paths
        Where their files lie.
    names
        Their paths below the folder that was indexed.
    pixels, bytes
        int64, shape ``(n,)``: width times height, and the size of the file.
    """

    ids: IntArray
    vectors: FloatArray
    metric: Metric
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    pixels: IntArray
    bytes: IntArray


@dataclass(frozen=True)
class Flaw:
    """Something wrong with a collection.

    Attributes
    ----------
    kind
        ``database``, ``commits-lost``, ``row-damaged``, ``manifest``, ``vector-missing``, ``vector-stray``,
        ``vector-length``, ``vector-damaged``, ``vector-not-finite``, ``vector-not-normalised``,
        ``sketch-damaged``, ``segment-damaged``, ``vocabulary``, ``facts-damaged``,
        ``failure-damaged``, ``path-damaged``, ``file-missing`` or ``folder-away``.
    subject
        What it is about: a path, or the catalogue.
    message
        A sentence with the remedy.
    """

    kind: str
    subject: str
    message: str


@dataclass(frozen=True)
class VerifyReport:
    """Faults that were found among ``checked`` pictures."""

    faults: list[Flaw]
    checked: int
