"""Stages by name, and what they make of a ranking."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.models import OptionInfo

from likewise.cli.options import Then
from likewise.errors import UsageError
from likewise.ranking import diffusion, stages
from likewise.ranking.diffusion import diffuse, whole
from likewise.ranking.exact import search
from likewise.ranking.gallery import Gallery
from likewise.ranking.reranking import STAGES
from likewise.ranking.reranking import diffuse as diffusing
from likewise.ranking.reranking.reciprocal import reciprocal
from likewise.ranking.stages import Stage, rank
from likewise.types import Box, FloatArray, IntArray, Metric
from tests.ordering import same_hits, same_places, same_ranking

VECTORS_ONLY = [
    "augment:n=3,alpha=3",
    "expand:n=4,alpha=3",
    "reciprocal:k1=6,top=20",
    "diffuse:k=8,top=25",
    "diffuse:k=8,top=0",
]
EVERY = [*VECTORS_ONLY, "localise:top=7"]


def clouds(seed: int = 0, n: int = 60) -> FloatArray:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((6, 8))
    vectors = centres[np.arange(n) % 6] + random.standard_normal((n, 8)) / 2
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def by_id(query: int, ids: IntArray) -> tuple[FloatArray, list[Box | None]]:
    """Likes high ids; sees nothing in those that five divides."""
    scores = np.where(ids % 5 == 0, -np.inf, ids / 1000).astype(np.float32)
    return scores, [None if name % 5 == 0 else Box(query, 0, int(name) + query + 1, 1) for name in ids]


def staged(gallery: Gallery, queries: FloatArray, k: int, *texts: str) -> stages.Ranked:
    return rank(gallery, queries, k, [Stage.parse(text) for text in texts], localiser=by_id)


# --- names and options ---


def test_the_defaults_are_spelt_out() -> None:
    assert str(Stage("expand")) == "expand(n=10, alpha=0)"
    assert Stage.parse("expand") == Stage("expand") == Stage("expand", {"n": 10, "alpha": 0})


def test_the_query_may_be_left_out_of_its_expansion() -> None:
    assert str(Stage.parse("expand:n=3,own=false")) == "expand(n=3, alpha=0, own=false)"
    assert Stage.parse("expand:own=true") == Stage("expand")


def test_options_are_read() -> None:
    assert Stage.parse(" reciprocal : k1=5, weight=.25 ") == Stage("reciprocal", {"k1": 5, "weight": 0.25})
    assert str(Stage.parse("diffuse:top=0")) == (
        "diffuse(k=50, kq=10, alpha=0.99, gamma=3, top=0, iterations=20)"
    )


def test_the_help_names_every_stage_in_their_order() -> None:
    [option] = [one for one in get_args(Then) if isinstance(one, OptionInfo)]
    named = str(option.help).partition("search: ")[2].partition(", with options")[0]
    assert named.replace(" or ", ", ").split(", ") == list(STAGES)


@given(st.sampled_from(sorted(STAGES)))
def test_every_kind_has_bounds_for_its_options_and_keeps_them(kind: str) -> None:
    assert STAGES[kind].bounds.keys() == STAGES[kind].options.keys()
    assert Stage(kind).options == STAGES[kind].options
    assert (STAGES[kind].run is None) != (STAGES[kind].prepare is None)
    assert set(STAGES[kind].depth) <= STAGES[kind].options.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("expnd", "no stage is called 'expnd'; did you mean 'expand'"),
        ("", "no stage is called ''; known: augment, diffuse, expand, localise, reciprocal"),
        ("expand:m=3", "stage 'expand' has no key 'm'"),
        ("expand:n", "'n' in stage 'expand:n' is not of the form key=value; write expand:key=value"),
        ("expand:n=3,n=4", "'n=4' in stage 'expand:n=3,n=4' is given twice"),
        ("expand:n=three", "n of stage 'expand' must be a whole number, not 'three'"),
        ("expand:n=2.5", "n of stage 'expand' must be a whole number, not '2.5'"),
        ("expand:n=0", "n of stage 'expand' must lie between 1 and 10000, not 0"),
        ("expand:own=no", "own of stage 'expand' must be true or false, not 'no'"),
        ("expand:alpha=nan", "alpha of stage 'expand' must lie between 0 and 100, not nan"),
        ("reciprocal:weight=1.5", "weight of stage 'reciprocal' must lie between 0 and 1, not 1.5"),
        ("diffuse:alpha=1", "alpha of stage 'diffuse' must lie between 0 and 0.9999, not 1.0"),
        ("localise:top=", "top of stage 'localise' must be a whole number, not ''"),
    ],
)
def test_what_cannot_be_understood_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Stage.parse(text)
    assert message in str(caught.value)


# --- rankings ---


@given(seed=st.integers(0, 99), k=st.integers(1, 70), metric=st.sampled_from(["dot", "l2"]))
def test_without_stages_it_is_the_search(seed: int, k: int, metric: Metric) -> None:
    vectors, ids = clouds(seed), np.random.default_rng(seed).permutation(1000)[:60]
    found = rank(Gallery(vectors, ids=ids, metric=metric), vectors[:3], k)
    wanted = search(vectors, vectors[:3], k, ids=ids, metric=metric)
    same_ranking(found.ranking, wanted)
    assert found.boxes == ({}, {}, {})


def test_expansion_asks_again_with_the_mean() -> None:
    vectors = clouds()
    first = search(vectors, vectors[:2], 3)
    means = (vectors[:2] + vectors[first.ids].sum(axis=1)) / 4
    wanted = search(vectors, means / np.linalg.norm(means, axis=1, keepdims=True), 9)
    found = staged(Gallery(vectors), vectors[:2], 9, "expand:n=3").ranking
    same_ranking(found, wanted, 1e-6)


def test_expansion_without_the_query_asks_with_the_mean_of_the_hits() -> None:
    vectors = clouds()
    first = search(vectors, vectors[:2], 3)
    means = vectors[first.ids].sum(axis=1) / 3
    wanted = search(vectors, means / np.linalg.norm(means, axis=1, keepdims=True), 9)
    found = staged(Gallery(vectors), vectors[:2], 9, "expand:n=3,own=false").ranking
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)


def test_augmentation_searches_means() -> None:
    vectors = clouds()
    near = np.argsort(-(vectors @ vectors.T - 9 * np.eye(60)), axis=1)[:, :2]
    means = vectors + vectors[near].sum(axis=1)
    wanted = vectors[:2] @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    found = staged(Gallery(vectors), vectors[:2], 60, "augment:n=2").ranking
    np.testing.assert_allclose(found.scores, np.take_along_axis(wanted, found.ids, axis=1), atol=1e-6)


def test_reciprocal_neighbours_order_the_first_hits_and_leave_the_others() -> None:
    vectors = clouds()
    plain = search(vectors, vectors[:1], 60)
    head = plain.ids[0, :20]
    scores = reciprocal(vectors[0], vectors[head], k1=6, k2=6, weight=0.3)
    found = staged(Gallery(vectors), vectors[:1], 60, "reciprocal:k1=6,top=20").ranking
    order = np.lexsort((head, -scores))
    same_hits(found.ids[0, :20], found.scores[0, :20], head[order], scores[order], 1e-6)
    assert found.ids[0, 20:].tolist() == plain.ids[0, 20:].tolist()  # of one search
    steps = np.diff(plain.scores[0, 20:])
    np.testing.assert_allclose(np.diff(found.scores[0, 20:]), steps, atol=1e-6)


def test_diffusion_starts_from_the_first_hits_and_orders_what_it_reaches() -> None:
    vectors = clouds()
    gallery, query = Gallery(vectors), clouds(0, 7)[6:]
    plain = search(vectors, query, 60)
    sources = np.zeros((1, 60), np.float32)
    sources[0, plain.ids[0, :4]] = np.maximum(plain.scores[0, :4], 0) ** 3
    flow = diffuse(whole(gallery.neighbours, 3, 3), sources, 0.9, 20)[0]
    assert 0 < (flow > 0).sum() < 60
    order = np.lexsort((np.arange(60), -flow))[: (flow > 0).sum()]
    behind = [row for row in plain.ids[0].tolist() if row not in order]
    found = staged(gallery, query, 60, "diffuse:top=0,k=3,kq=4,alpha=0.9").ranking
    count = len(order)
    same_hits(found.ids[0, :count], found.scores[0, :count], order, flow[order], 1e-6)
    assert found.ids[0, count:].tolist() == behind  # in the order of one search


def test_a_shortlist_of_everything_is_the_whole_gallery() -> None:
    vectors = clouds()
    cut = staged(Gallery(vectors), vectors[:5], 60, "diffuse:k=8,top=1000").ranking
    uncut = staged(Gallery(vectors), vectors[:5], 60, "diffuse:k=8,top=0").ranking
    np.testing.assert_allclose(cut.scores, uncut.scores, atol=1e-4)


def test_localising_orders_what_it_can_see_and_says_where() -> None:
    vectors, ids = clouds(), np.arange(100, 160)
    plain = search(vectors, vectors[:2], 7, ids=ids).ids
    found = staged(Gallery(vectors, ids=ids), vectors[:2], 5, "localise:top=7")
    for query, (row, before) in enumerate(zip(found.ranking.ids.tolist(), plain.tolist(), strict=True)):
        seen = sorted((name for name in before if name % 5), reverse=True)
        assert row == [*seen, *(name for name in before if name % 5 == 0)][:5]
        assert found.boxes[query] == {name: Box(query, 0, name + query + 1, 1) for name in row if name % 5}


def test_a_stage_goes_on_from_the_one_before() -> None:
    vectors = clouds()
    localised = staged(Gallery(vectors), vectors[:1], 7, "localise:top=7").ranking.ids[0]
    mean = vectors[0] + vectors[localised[:2]].sum(axis=0)
    wanted = search(vectors, (mean / np.linalg.norm(mean))[np.newaxis], 9)
    found = staged(Gallery(vectors), vectors[:1], 9, "localise:top=7", "expand:n=2")
    same_ranking(found.ranking, wanted, 1e-6)
    assert set(found.boxes[0]) == {n for n in localised.tolist() if n % 5 and n in found.ranking.ids[0]}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), k=st.integers(1, 70), texts=st.lists(st.sampled_from(EVERY[1:]), max_size=3))
def test_every_ranking_holds_each_picture_once_and_falls(seed: int, k: int, texts: list[str]) -> None:
    vectors = clouds(seed)
    found = staged(Gallery(vectors), vectors[:4], k, "augment:n=3", *texts).ranking  # Ranking checks the fall
    assert found.ids.shape == (4, min(k, 60))
    assert all(len(set(row)) == len(row) for row in found.ids.tolist())


@pytest.mark.parametrize("text", EVERY)
def test_each_query_is_ranked_as_if_it_were_asked_alone(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clouds()
    gallery = Gallery(vectors)
    together = staged(gallery, vectors[:9], 30, text)
    monkeypatch.setattr(stages, "BLOCK", 100)
    monkeypatch.setattr(diffusing, "BLOCK", 100)
    monkeypatch.setattr(diffusion, "EDGES", 500)
    in_blocks = staged(gallery, vectors[:9], 30, text)
    same_ranking(in_blocks.ranking, together.ranking)
    assert in_blocks.boxes == together.boxes
    for row in range(9):
        alone = staged(gallery, vectors[row : row + 1], 30, text).ranking
        same_hits(alone.ids[0], alone.scores[0], together.ranking.ids[row], together.ranking.scores[row])


@pytest.mark.parametrize("text", VECTORS_ONLY)
def test_unit_vectors_rank_alike_by_both_metrics(text: str) -> None:
    vectors = clouds()
    by_angle = staged(Gallery(vectors), vectors[:5], 40, text).ranking
    by_distance = staged(Gallery(vectors, metric="l2"), vectors[:5], 40, text).ranking
    for row in range(5):
        same_places(by_distance.ids[row], by_angle.ids[row], by_angle.scores[row])


@pytest.mark.parametrize("text", EVERY)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_tiny_galleries_and_no_queries(text: str, count: int) -> None:
    vectors = clouds()[:count]
    assert staged(Gallery(vectors), clouds()[:3], 5, text).ranking.ids.shape == (3, count)
    none = staged(Gallery(vectors), clouds()[:0], 5, text)
    assert none.ranking.ids.shape == (0, count)
    assert none.boxes == ()


@pytest.mark.parametrize(
    ("texts", "metric", "message"),
    [
        (["expand", "augment"], "dot", "augment(n=10, alpha=0) changes the gallery before it is searched"),
        (["augment", "augment"], "dot", "put it first"),
        (["localise"], "dot", "needs the pictures themselves"),
        (["diffuse"], "l2", "is made of cosines"),
        (["expand:alpha=1"], "l2", "is made of cosines"),
        (["augment:alpha=1"], "l2", "is made of cosines"),
    ],
)
def test_stages_that_do_not_fit_are_refused(texts: Sequence[str], metric: Metric, message: str) -> None:
    gallery = Gallery(clouds() * 2, metric=metric)
    with pytest.raises(UsageError) as caught:
        rank(gallery, clouds()[:1], 5, [Stage.parse(text) for text in texts])
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["augment", "expand", "reciprocal"])
def test_vectors_of_any_length_do_for_the_others(text: str) -> None:
    vectors = clouds() * np.linspace(1, 3, 60, dtype=np.float32)[:, np.newaxis]
    assert staged(Gallery(vectors, metric="l2"), vectors[:2], 5, text).ranking.ids.shape == (2, 5)


def test_scipy_is_loaded_by_diffusion_only() -> None:
    heavy = {"torch", "sklearn", "scipy", "faiss"}
    code = f"import likewise.ranking.stages, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
