"""Similarity that flows along the graph of nearest neighbours, by conjugate gradients.

Iscen, Tolias, Avrithis, Furon and Chum, Efficient diffusion on region manifolds (CVPR 2017), who also cut the
graph to a shortlist, as do Yang et al., Efficient image retrieval via decoupling diffusion into online and
offline processing (AAAI 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from likewise.ranking.neighbours import NeighbourLists
from likewise.types import FloatArray, IntArray

Matrix: TypeAlias = Any
"""A sparse float32 matrix of scipy, ``csr_array``."""

EDGES = 1 << 20
"""Entries of the neighbour lists of a block of shortlists."""

TOLERANCE = 1e-6


def affinity(near: IntArray, similar: FloatArray, gamma: float) -> Matrix:
    """Weights ``max(s, 0) ** gamma`` between rows that are each among the other's neighbours.

    Returns ``(n, n)``, symmetric, without a diagonal.

    Parameters
    ----------
    near
        int64, shape ``(n, k)``: the neighbours of each row; entries below 0 are none.
    similar
        float32, shape ``(n, k)``: their inner products.
    """
    there = near >= 0
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    weights = np.maximum(similar[there], 0) ** np.float32(gamma)
    matrix = sparse.csr_array((weights, near[there], starts), shape=(len(near), len(near)))
    return matrix.minimum(matrix.T.tocsr())


def normalised(matrix: Matrix) -> Matrix:
    """``S = D^-1/2 A D^-1/2`` with the degrees ``D``; rows without neighbours stay zero."""
    degrees = np.asarray(matrix.sum(axis=1), np.float64)
    roots = np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0).astype(np.float32)
    lengths = np.diff(matrix.indptr)
    data = matrix.data * np.repeat(roots, lengths) * roots[matrix.indices]
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def conjugate_gradient(
    times: Callable[[FloatArray], FloatArray], wanted: FloatArray, iterations: int
) -> FloatArray:
    """Solve ``A x = y`` for several ``y`` at once, where ``A`` is symmetric and positive definite.

    Hestenes and Stiefel, Methods of conjugate gradients for solving linear systems (1952), from zero. Returns
    float32, shape ``(q, n)``.

    Parameters
    ----------
    times
        Multiplies each row of ``(q, n)`` by ``A``.
    wanted
        float32, shape ``(q, n)``: the right sides.
    iterations
        How many at most; fewer when every residual is a millionth of its right side.
    """
    solution, residual = np.zeros_like(wanted), wanted.copy()
    direction = wanted.copy()
    left = first = _squares(residual)
    for _ in range(iterations):
        if (left <= TOLERANCE**2 * first).all():
            break
        image = times(direction)
        step = _ratio(left, np.einsum("qn,qn->q", direction, image))
        solution += step * direction
        residual -= step * image
        last, left = left, _squares(residual)
        direction = residual + _ratio(left, last) * direction
    return solution


def _squares(rows: FloatArray) -> FloatArray:
    squares: FloatArray = np.einsum("qn,qn->q", rows, rows)
    return squares


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Quotients as a column, 0 where nothing is left to divide: that system is solved."""
    ratio: FloatArray = np.where(below > 0, above / np.where(below > 0, below, 1), 0)[:, np.newaxis]
    return ratio


def diffuse(graph: Matrix, sources: FloatArray, alpha: float, iterations: int) -> FloatArray:
    """Solve ``f = (1 - alpha) (I - alpha S)^-1 y``.

    Returns float32, shape ``(q, n)``; exactly 0 for what no path leads to.

    Parameters
    ----------
    graph
        ``S``, `normalised`: ``(n, n)``, or ``(q n, q n)`` when each query has a graph of its own.
    sources
        ``y``, float32, shape ``(q, n)``: similarities to the query, zero but for its neighbours.
    alpha
        How much flows on, from 0 to below 1.
    """

    def times(x: FloatArray) -> FloatArray:
        own = graph.shape[0] == x.size
        flown = (graph @ x.ravel()).reshape(x.shape) if own else (graph @ x.T).T
        left: FloatArray = x - np.float32(alpha) * flown
        return left

    return np.float32(1 - alpha) * conjugate_gradient(times, sources, iterations)


def shortlisted(neighbours: NeighbourLists, places: IntArray, k: int, gamma: float) -> Matrix:
    """Graphs of some shortlists, side by side in one matrix; each is cut out and then normalised.

    Returns ``(q t, q t)``, without an entry between two shortlists.

    Parameters
    ----------
    places
        int64, shape ``(q, t)``: the rows of each shortlist.
    k
        How many neighbours a row has in the whole gallery.
    """
    lists = neighbours.of(places.ravel(), k)
    near = lists.ids.reshape(*places.shape, -1)
    local = np.full(len(neighbours.vectors), -1)
    for row, shortlist in enumerate(places):
        local[shortlist] = np.arange(len(shortlist)) + row * len(shortlist)
        near[row] = local[near[row]]
        local[shortlist] = -1
    return normalised(affinity(near.reshape(lists.ids.shape), lists.scores, gamma))


def over_shortlists(
    neighbours: NeighbourLists,
    places: IntArray,
    sources: FloatArray,
    *,
    k: int,
    gamma: float,
    alpha: float,
    iterations: int,
) -> FloatArray:
    """`diffuse` on the graph of each shortlist, in blocks of `EDGES` entries of neighbour lists.

    Returns float32, shape ``(q, t)``. ``places``, ``sources``: int64 and float32, shape ``(q, t)``: the rows
    of each shortlist, and their ``y``.
    """
    flows = np.empty_like(sources)
    step = max(1, EDGES // max(1, places.shape[1] * k))
    for start in range(0, len(places), step):
        rows = slice(start, start + step)
        graph = shortlisted(neighbours, places[rows], k, gamma)
        flows[rows] = diffuse(graph, sources[rows], alpha, iterations)
    return flows


def whole(neighbours: NeighbourLists, k: int, gamma: float) -> Matrix:
    """Graph of all rows: at most ``k`` entries of 8 bytes a row."""
    lists = neighbours.of(np.arange(len(neighbours.vectors)), k)
    return normalised(affinity(lists.ids, lists.scores, gamma))
