"""A layer of a collection: it describes pictures, keeps something of each, and is searched.

`likewise.collection.layers.vector_layer` and `likewise.collection.layers.words_layer` are its two kinds, and
`likewise.collection.layers.layer_set` alone knows that. Whatever a kind cannot do it says itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.comparing import Comparison
from likewise.collection.layers.flaws import Flaw
from likewise.collection.layers.query import Query, QueryPicture, as_picture, is_number, is_vector, whole
from likewise.collection.layers.selecting import Selection
from likewise.collection.layers.words_shards import Shards
from likewise.collection.store.catalogue import Catalogue
from likewise.descriptors import Manifest
from likewise.errors import BadPicture, CollectionDamaged, LikewiseError, UnknownPicture, UsageError
from likewise.explaining import Explanation
from likewise.files.paths import real_path
from likewise.files.reading import as_indexed
from likewise.pictures import Loaded, Source
from likewise.ranking import Stage
from likewise.recipes import LayerRecipe
from likewise.types import Box, FloatArray, IntArray, ProgressCallback, Scores
from likewise.words import Fit, Matches


@dataclass(frozen=True, eq=False)
class LayerHits:
    """Hits of one layer.

    Attributes
    ----------
    ids
        Int64 ``(n,)``, best first; equal scores keep the order of the ids.
    scores
        Falling, ``(n,)``.
    boxes
        Where in them the query was found, by id, of those that were localised.
    recall
        As of `likewise.types.Hits`.
    """

    ids: IntArray
    scores: NDArray[Any]
    boxes: dict[int, Box] = field(default_factory=dict)
    recall: float | None = None


@dataclass(frozen=True, eq=False)
class PatchMatches:
    """Which patches of two pictures match.

    Attributes
    ----------
    score
        Of the second picture when the first is asked for: the weights of all matches together.
    layers
        Names of the layers that matches are numbered by.
    first, second
        float32 ``(n, 4)``: boxes of the patches of either picture, in pixels of the upright original.
    matches, fit
        See `likewise.words.index.layers.VerifiedHit`.
    """

    score: float
    layers: tuple[str, ...]
    first: FloatArray
    second: FloatArray
    matches: Matches
    fit: Fit | None


@dataclass(frozen=True, eq=False)
class Located:
    """Where a query lies in a picture.

    Attributes
    ----------
    fit
        Of the query's picture that fits best. Its score is by how many nats more that is than pictures of
        other things fit, less those by which one fits that is not wanted.
    evidence
        What the fits of all pictures of the query say together, by their weights.
    """

    fit: Fit
    evidence: float


class CollectionLayer(Protocol):
    """One layer of a collection."""

    @property
    def id(self) -> int:
        """Its number in the catalogue."""

    @property
    def recipe(self) -> LayerRecipe:
        """How it is made."""

    @property
    def manifest(self) -> Manifest:
        """How it was made."""

    @property
    def code(self) -> str:
        """How what it keeps is written, in a word."""

    def keep(self, given: Any) -> None:
        """Copy what the recipe by which it is added names beside the catalogue."""

    def encoder(self, streams: int) -> Any:
        """Its encoder, for so many threads at once; see `Encoders.open`."""

    def encode(self, loaded: Sequence[Loaded]) -> list[bytes | BadPicture]:
        """Codes of pictures that its encoder prepared, or why there is nothing to store."""

    def fault(self, code: object) -> str:
        """Why something that was stored is no code of this layer; empty when it is one."""

    def index(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Bring the files that it is searched by up to what the catalogue holds; the caller has the lock."""

    def optimise(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Make those files anew where that makes searching faster, or they are damaged."""

    def drop(self, catalogue: Catalogue) -> None:
        """Forget, within a change, all that it keeps."""

    def clear(self, catalogue: Catalogue) -> None:
        """Remove its files, once that is committed."""

    def load(self, catalogue: Catalogue, shards: Shards | None = None) -> tuple[int, Any]:
        """The generation of the catalogue, and what `open` needs of it, to be kept as long as that stays.

        Parameters
        ----------
        shards
            What searches visual words, if not this process.
        """

    def open(self, loaded: Any, sources: Sources, recipe: Any) -> LayerIndex:
        """That moment, ready to be asked as a recipe says that may score otherwise than the layer's own."""

    def searched(self, catalogue: Catalogue) -> str:
        """How it is searched, in a few words."""

    def verify(self, catalogue: Catalogue) -> Iterator[Flaw]:
        """Everything that is wrong with what it keeps."""


class LayerIndex(Protocol):
    """One layer at one moment, ready to be asked."""

    @property
    def name(self) -> str:
        """Of the layer."""

    @property
    def verifies(self) -> bool:
        """Whether it tells where a query lies in a picture, for the first hits; its scores are votes then."""

    @property
    def ids(self) -> IntArray:
        """Int64 ``(n,)``, rising: the pictures that it can find."""

    @property
    def left_out(self) -> int:
        """How many pictures it cannot find, because what it keeps of them is damaged."""

    def only(self, ids: IntArray) -> LayerIndex:
        """The same for some of the pictures."""

    def exactly(self) -> LayerIndex:
        """The same, in which every picture is compared."""

    def takes(self, query: Query) -> bool:
        """Whether it can be asked for this: a vector is one layer's own."""

    def check(self, stage: Stage) -> None:
        """Refuse, with a `UsageError`, a stage that it cannot run."""

    def ask(self, query: Query) -> Any:
        """A question to `search`, described; raises `BadPicture`, `BadBox` or `UsageError`."""

    def question_of(self, picture: int) -> Any:
        """A question to `search` by what is kept of a picture: its file is not looked at.

        Raises `CollectionDamaged` or `UsageError` where nothing sound is.
        """

    def search(self, question: Any, k: int, stages: Sequence[Stage]) -> LayerHits:
        """The ``k`` best after all stages."""

    def evidence(self, scores: NDArray[Any]) -> Scores:
        """Evidence of its scores of all pictures, to add to that of other layers; see `.evidence`."""

    def locate(self, question: Any, picture: QueryPicture) -> Located | None:
        """Where the query lies in a picture; None where it does not, or that cannot be told."""

    def against(self, question: Any, picture: QueryPicture) -> float:
        """The score of one picture, which the collection need not hold."""

    def compare(self, query: Query, picture: QueryPicture) -> Comparison:
        """The score of two pictures, and how unusual it is here."""

    def shares(self, query: Query, picture: QueryPicture) -> tuple[float, ...] | None:
        """Shares of a query's pictures in a score; None where that is no sum over them."""

    def explain(self, query: Query, picture: QueryPicture) -> Explanation:
        """Share the similarity of two pictures out among places; a `UsageError` where it cannot."""

    def matches(self, query: Query, picture: QueryPicture) -> PatchMatches:
        """Which places of two pictures match; a `UsageError` where it cannot say."""


@dataclass(frozen=True)
class Sources:
    """The pictures of a collection at one moment, and those that it is asked for.

    Attributes
    ----------
    path
        Where the collection lies, for messages.
    max_pixels
        Largest picture accepted.
    """

    path: Path
    catalogue: Catalogue
    max_pixels: int | None = None

    def source(self, picture: QueryPicture) -> Source:
        """A picture to be decoded: what was given, or what the file holds of the one whose id it is.

        Raises `UsageError` when it is no picture; `BadPicture` when the file cannot be read, or is not what
        was indexed.
        """
        if is_number(picture):
            return self.content(whole(picture, "an id"))
        if is_vector(picture):
            raise UsageError("a vector has no places: give a picture, or the id of one in the collection")
        return as_picture(picture)

    def path_of(self, picture: int) -> Path:
        """Where the file of a picture lies.

        Raises `UnknownPicture` when no picture has that id.
        """
        row = whole(picture, "an id")
        paths = self.catalogue.where([row])
        if not paths:
            raise self._lacking(row)
        return Path(paths[row])

    def content(self, picture: int) -> bytes | str:
        """Content of a picture's file; its path where that is very large.

        Raises `UnknownPicture` when no picture has that id; `BadPicture` when the file cannot be read, or is
        not what was indexed.
        """
        entries = self.catalogue.entries([picture])
        if not entries:
            raise self._lacking(picture)
        return as_indexed(str(entries[0].path), bytes.fromhex(entries[0].sha256))

    def _lacking(self, picture: int) -> LikewiseError:
        """Why there is no path of a picture."""
        if self.catalogue.has(picture):
            return CollectionDamaged(
                f"the picture {picture} of {self.path} cannot be read, for its path is none: "
                "`likewise verify` tells more"
            )
        return UnknownPicture(f"no picture in {self.path} has the id {picture}")

    def found(self, picture: int) -> bytes | str:
        """The same for a picture that was found a moment ago: one that is gone since is a `BadPicture`."""
        try:
            return self.content(picture)
        except UnknownPicture as error:
            raise BadPicture(f"the picture {picture} was removed a moment ago", "vanished") from error

    def size(self, picture: int) -> tuple[int, int]:
        """Width and height of a picture; raises `CollectionDamaged` when it is gone."""
        size = self.catalogue.size_of(picture)
        if size is None:
            raise CollectionDamaged(f"picture {picture} of {self.path} was removed a moment ago")
        return size

    def chosen(self, under: str | os.PathLike[str] | None, where: str | None) -> IntArray | None:
        """Ids of the pictures in a folder or matching a glob, of which a filter is true; None for all.

        Returns int64 ``(n,)``, rising. Raises `UsageError` when there are none; `BadFilter` when the filter
        cannot be understood.
        """
        ids = self.among(under, where)
        if ids is None or len(ids):
            return ids
        conditions = [f"lies under {os.fspath(under)!r}"] if under is not None else []
        conditions += [f"is such that {where}"] if where is not None else []
        raise UsageError(f"nothing in {self.path} {' and '.join(conditions)}")

    def among(self, under: str | os.PathLike[str] | None, where: str | None) -> IntArray | None:
        """The same, where there may be none."""
        ids: IntArray | None = None
        if under is not None:
            ids = np.fromiter(Selection(under).ids(self.catalogue), np.int64)
        if where is not None:
            wanted = self.catalogue.facts.chosen(self.catalogue.facts.filter(where))
            ids = wanted if ids is None else np.intersect1d(ids, wanted)
        return ids

    def own(self, picture: QueryPicture) -> int | None:
        """Id of a picture that the collection holds."""
        if is_number(picture):
            return whole(picture, "an id")
        if not isinstance(picture, str | os.PathLike):
            return None
        place = self.catalogue.place(real_path(picture))
        known = place and self.catalogue.picture(place)
        return known.id if known else None

    def owned(self, *pictures: QueryPicture) -> list[int]:
        """Ids of those of some pictures that the collection holds."""
        return [row for picture in pictures if (row := self.own(picture)) is not None]
