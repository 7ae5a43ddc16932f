"""Vectors that an engine keeps, in the place of an array."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.collection.layers.remote import FILTERED, SPARE, RemoteVectors, measured
from likewise.collection.layers.stored_vectors import Shortlist
from likewise.collection.store.rows import MOST
from likewise.descriptors.transforms import l2
from likewise.errors import CollectionDamaged
from likewise.ranking.exact import search
from likewise.ranking.gallery import Gallery
from likewise.types import FloatArray, IntArray, Metric


@dataclass
class Engine:
    """Keeps vectors in memory; a list is the rows whose number leaves one rest."""

    held: dict[int, FloatArray]
    metric: Metric = "dot"
    lists: int = 1
    asked: list[tuple[int, int, bool]] = field(default_factory=list)

    @property
    def dimensions(self) -> int:
        return len(next(iter(self.held.values())))

    def __len__(self) -> int:
        return len(self.held)

    def fetch(self, pictures: IntArray) -> FloatArray:
        if lost := set(pictures.tolist()) - self.held.keys():
            raise CollectionDamaged(f"no vectors of {len(lost)} pictures")
        return np.stack([self.held[picture] for picture in pictures.tolist()])

    def nearest(self, query: FloatArray, count: int, *, looked: int, among: IntArray | None) -> IntArray:
        self.asked.append((count, looked, among is not None))
        ids = np.array(sorted(self.held)) if among is None else among
        ids = ids[ids % self.lists < looked]
        near = search(self.fetch(ids), query[np.newaxis], min(count, len(ids)), ids=ids, metric=self.metric)
        found: IntArray = near.ids[0]
        return found

    def settle(self) -> None:
        """It searches all of them alike."""

    def divide(self, lists: int) -> None:
        self.lists = lists


def made(count: int, dimensions: int = 8, seed: int = 0, **how: Any) -> tuple[RemoteVectors, FloatArray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dimensions)).astype(np.float32)
    if how.get("metric", "dot") == "dot":
        vectors = l2(vectors)
    ids = np.sort(rng.choice(count * 3, count, replace=False))
    engine = Engine(dict(zip(ids.tolist(), vectors, strict=True)), **how)
    return RemoteVectors(engine, ids), vectors


@pytest.mark.parametrize("metric", ["dot", "l2"])
@pytest.mark.parametrize("rows", [3, -1, slice(2, 9), slice(None), [4, 4, 0], np.arange(40) % 3 == 0])
def test_rows_as_of_an_array(metric: str, rows: Any) -> None:
    remote, vectors = made(40, metric=metric)
    np.testing.assert_allclose(remote[rows], vectors[rows], rtol=1e-6)
    assert remote[rows].shape == vectors[rows].shape
    assert (remote.shape, len(remote), remote.ndim) == (vectors.shape, 40, 2)


def test_all_of_them_as_an_array() -> None:
    remote, vectors = made(40, metric="l2")
    np.testing.assert_array_equal(np.asarray(remote), vectors)
    np.testing.assert_array_equal(np.asarray(remote, np.float64), vectors)
    queries = vectors[:3]
    np.testing.assert_allclose(remote.products(queries), queries @ vectors.T, rtol=1e-5)
    np.testing.assert_allclose(remote.squares(), (vectors**2).sum(axis=1), rtol=1e-5)


@settings(max_examples=40)
@given(
    st.integers(1, 120),
    st.integers(1, 30),
    st.sampled_from(["dot", "l2"]),
    st.floats(0.05, 1),
    st.integers(0, 1000),
)
def test_the_same_as_of_an_array(count: int, k: int, metric: Metric, share: float, seed: int) -> None:
    remote, vectors = made(count, seed=seed, metric=metric)
    chosen = np.flatnonzero(np.random.default_rng(seed).random(count) < share)
    if not len(chosen):
        chosen = np.array([count - 1])
    queries = np.random.default_rng(seed + 1).normal(size=(2, 8)).astype(np.float32)
    some, kept = remote.only(chosen), vectors[chosen]
    found = Gallery(some, ids=some.ids, metric=metric).search(queries, k)
    every = search(kept, queries, len(kept), metric=metric)
    score_of = np.take_along_axis(every.scores, np.argsort(every.ids, axis=1), axis=1)
    np.testing.assert_allclose(found.scores, every.scores[:, :k], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        np.take_along_axis(score_of, found.ids, axis=1), found.scores, rtol=1e-4, atol=1e-5
    )


def test_few_are_named_to_the_engine_and_many_asked_for_until_enough_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote, vectors = made(400)
    engine = remote.engine
    assert isinstance(engine, Engine)
    few = remote.only(np.arange(100))
    assert set(few.ids[few.nearest(vectors[0], 5)]) <= set(few.ids)
    assert engine.asked == [(5 + SPARE, 1, True)]
    engine.asked.clear()
    monkeypatch.setattr("likewise.collection.layers.remote.FILTERED", 50)
    rows = few.nearest(-vectors[0], 5)  # the least like it, most of which are others
    wanted = search(vectors[:100], -vectors[:1], 5).ids[0]
    assert set(wanted) <= set(rows.tolist())
    counts = [count for count, _, _ in engine.asked]
    assert counts[0] == 5 + SPARE and all(after == 4 * count for count, after in itertools.pairwise(counts))
    assert not any(named for _, _, named in engine.asked)
    assert FILTERED <= MOST


def test_what_an_engine_has_lost_is_said() -> None:
    remote, _ = made(40)
    engine = remote.engine
    assert isinstance(engine, Engine)
    del engine.held[int(remote.ids[3])]
    with pytest.raises(CollectionDamaged):
        remote[:]


def test_lists_that_are_looked_at() -> None:
    remote, vectors = made(400, lists=10)
    engine = remote.engine
    assert isinstance(engine, Engine)
    assert measured(remote, 20, (1, 2, 5), 0.99) is None  # rows lie in lists by chance
    shortlist = measured(remote, 20, (1, 9), 0.8)
    assert shortlist is not None and shortlist.length == 9 and 0.8 <= shortlist.recall < 1
    engine.asked.clear()
    listed = RemoteVectors(engine, remote.ids, shortlist)
    listed.nearest(vectors[0], 10)
    listed.exactly().nearest(vectors[0], 10)
    assert [looked for _, looked, _ in engine.asked] == [9, 10]
    assert (listed.recall(10), listed.exactly().recall(10), listed.recall(400)) == (
        shortlist.recall,
        None,
        None,
    )


def test_a_shortlist_holds_for_what_is_chosen() -> None:
    remote, _ = made(100, lists=4)
    listed = RemoteVectors(remote.engine, remote.ids, Shortlist(2, 0.9)).only(np.arange(50))
    assert (listed.shortlist, listed.some) == (Shortlist(2, 0.9), True)
