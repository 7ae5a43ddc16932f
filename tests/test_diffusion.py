"""Diffusion, by hand and against dense matrices that are solved outright."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from likewise.ranking import diffusion
from likewise.ranking.diffusion import conjugate_gradient, diffuse, normalised, over_shortlists, whole
from likewise.ranking.neighbours import KeptNeighbours
from likewise.types import FloatArray

Dense = NDArray[np.float64]


def clouds(seed: int, n: int = 40) -> FloatArray:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((4, 8))
    vectors = centres[np.arange(n) % 4] + random.standard_normal((n, 8)) / 2
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def mutual(vectors: FloatArray, k: int, gamma: float) -> Dense:
    """Mutual neighbours by sorting everything."""
    similar = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(similar, -np.inf)
    near = [set(np.argsort(-row)[:k].tolist()) for row in similar]
    out = np.zeros(similar.shape)
    for i, j in np.ndindex(*similar.shape):
        if j in near[i] and i in near[j]:
            out[i, j] = max(float(similar[i, j]), 0.0) ** gamma
    return out


def solved(affinity: Dense, y: Dense, alpha: float) -> Dense:
    degrees = affinity.sum(axis=1)
    roots = np.array([1 / np.sqrt(degree) if degree > 0 else 0.0 for degree in degrees])
    flow = np.diag(roots) @ affinity @ np.diag(roots)
    return np.asarray((1 - alpha) * np.linalg.solve(np.eye(len(y)) - alpha * flow, y), np.float64)


def test_two_by_hand() -> None:
    """``S`` swaps the two, so ``(I - S/2)^-1 (1, 0)`` is ``(4/3, 2/3)``, and half of it counts."""
    graph = normalised(sparse.csr_array(np.array([[0, 0.3], [0.3, 0]], np.float32)))
    np.testing.assert_allclose(graph.toarray(), [[0, 1], [1, 0]], rtol=1e-6)
    found = diffuse(graph, np.array([[1, 0]], np.float32), 0.5, 20)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3]], rtol=1e-5)


def test_nothing_flows_where_no_path_leads() -> None:
    graph = normalised(sparse.csr_array(np.kron(np.eye(2), [[0, 1], [1, 0]]).astype(np.float32)))
    found = diffuse(graph, np.array([[1, 0, 0, 0], [0, 0, 0, 0]], np.float32), 0.9, 20)
    assert (found[0, :2] > 0).all()
    assert found[0, 2:].tolist() == [0, 0]
    assert found[1].tolist() == [0, 0, 0, 0]


@given(seed=st.integers(0, 999), n=st.integers(1, 12))
def test_conjugate_gradients_solve(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    root = random.standard_normal((n, n))
    matrix = (root @ root.T / n + np.eye(n)).astype(np.float32)
    wanted = random.standard_normal((3, n)).astype(np.float32)
    found = conjugate_gradient(lambda x: x @ matrix, wanted, 100)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, wanted.T).T, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 45), alpha=st.sampled_from([0.5, 0.9, 0.99]))
def test_the_whole_gallery_equals_the_dense_solution(seed: int, k: int, alpha: float) -> None:
    vectors = clouds(seed)
    sources = np.zeros((3, 40), np.float32)
    sources[np.arange(3), [0, 1, 2]] = 0.5
    found = diffuse(whole(KeptNeighbours(vectors, "dot"), k, 3), sources, alpha, 200)
    for row, y in zip(found, sources.astype(np.float64), strict=True):
        np.testing.assert_allclose(row, solved(mutual(vectors, k, 3), y, alpha), atol=2e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), edges=st.sampled_from([1, 300, 1 << 20]))
def test_shortlists_are_cut_out_of_the_graph_and_then_normalised(seed: int, edges: int) -> None:
    vectors = clouds(seed)
    random = np.random.default_rng(seed)
    places = np.array([random.permutation(40)[:15] for _ in range(5)])
    sources = np.zeros((5, 15), np.float32)
    sources[:, :3] = random.random((5, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "EDGES", edges)
        lists = KeptNeighbours(vectors, "dot")
        found = over_shortlists(lists, places, sources, k=12, gamma=3, alpha=0.9, iterations=100)
    for row, places_of_row, y in zip(found, places, sources.astype(np.float64), strict=True):
        cut = mutual(vectors, 12, 3)[np.ix_(places_of_row, places_of_row)]
        np.testing.assert_allclose(row, solved(cut, y, 0.9), atol=1e-4)
