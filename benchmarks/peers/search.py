"""Searching a collection, beside three libraries that are given the same vectors in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import faiss
import hnswlib
import numba
import numpy as np
from benchmarks.million.__main__ import FOLDER, Mixtures, make
from benchmarks.peers.figures import Figure, beside, turns
from numpy.typing import NDArray
from usearch.index import Index

from likewise.collection.collection import Collection
from likewise.types import FloatArray, IntArray

GROUP = "search"
K, QUERIES, WANTED = 10, 50, 1 / 1.2
REACH = (16, 32, 64, 128, 256, 512, 1024)
"""How far graphs are walked: the least that finds as much as our own search does is taken."""

PRODUCTS = "products with every vector, numpy"
"""Of an exact search what only fewer or shorter vectors would take less time for."""

CODES = "codes of 8 bits, numba, then those that may be nearest"
"""Exact too: what the codes leave out is bounded, and whatever may be among the nearest is compared."""

Find = Callable[[FloatArray], IntArray]
"""One query ``(d,)`` to the places of its nearest."""


def figures(sizes: tuple[int, ...], repetitions: int) -> Iterator[Figure]:
    """Milliseconds of a query of one client, by vector, among so many pictures."""
    faiss.omp_set_num_threads(1)  # a query is work for one core with each of them
    for size in sizes:
        path = FOLDER / f"{size}.likewise"
        if not path.exists():
            make(path, size)
        queries = Mixtures(2)(QUERIES)
        with Collection.open(path) as collection:
            ids, vectors = collection.vectors()
            exact = [set(np.argsort(-(vectors @ query))[:K].tolist()) for query in queries]
            ours = partial(_ours, collection, ids)
            least = recall(ours, queries, exact)
            finders: dict[str, Find] = {"likewise": ours, **peers(vectors, queries, exact, least)}
            works = {name: partial(_all, find, queries) for name, find in finders.items()}
            taken = turns(works, repetitions)
        wanted = {
            name: None if name in (PRODUCTS, CODES) else WANTED for name in finders if name != "likewise"
        }
        yield from beside(GROUP, f"{QUERIES} of {size:,}, recall {least:.3f}", taken, wanted)


def _ours(collection: Collection, ids: IntArray, query: FloatArray) -> IntArray:
    return np.searchsorted(ids, [hit.id for hit in collection.search(query, k=K)])


def _all(find: Find, queries: FloatArray) -> None:
    for query in queries:
        find(query)


def recall(find: Find, queries: FloatArray, exact: list[set[int]]) -> float:
    """Share of the nearest that are found."""
    shares = [len(set(find(q).tolist()) & near) / K for q, near in zip(queries, exact, strict=True)]
    return float(np.mean(shares))


def peers(vectors: FloatArray, queries: FloatArray, exact: list[set[int]], least: float) -> dict[str, Find]:
    """Searches that find as much as ours, or the most that they do."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    graph = hnswlib.Index("ip", vectors.shape[1])
    graph.init_index(len(vectors), M=16, ef_construction=200)
    graph.add_items(vectors)
    other = Index(ndim=vectors.shape[1], metric="ip", dtype="f16")
    other.add(np.arange(len(vectors)), vectors)

    def by_hnswlib(query: FloatArray) -> IntArray:
        return np.asarray(graph.knn_query(query, K, num_threads=1)[0][0], np.int64)

    def by_usearch(query: FloatArray) -> IntArray:
        return np.asarray(other.search(query, K, threads=1).keys, np.int64)

    for reach in REACH:
        graph.set_ef(reach)
        if recall(by_hnswlib, queries, exact) >= least:
            break
    for reach in REACH:
        other.expansion_search = reach
        if recall(by_usearch, queries, exact) >= least:
            break
    return {
        CODES: by_codes(vectors),
        PRODUCTS: lambda query: np.asarray(vectors @ query),
        "faiss IndexFlatIP": lambda query: flat.search(query[None], K)[1][0],
        "hnswlib": by_hnswlib,
        "usearch f16": by_usearch,
    }


def by_codes(vectors: FloatArray) -> Find:
    """What an exact search could do instead: 8 bits of each number first, a quarter of the bytes."""
    scales = np.abs(vectors).max(axis=1) / 127
    codes = np.rint(vectors / scales[:, np.newaxis]).astype(np.int8)
    lost = np.linalg.norm(vectors - codes * scales[:, np.newaxis], axis=1)
    lengths = np.linalg.norm(codes * scales[:, np.newaxis], axis=1)
    dots = np.empty(len(vectors), np.int32)

    def find(query: FloatArray) -> IntArray:
        scale = np.abs(query).max() / 127
        asked = np.rint(query / scale).astype(np.int8)
        _dots(codes, asked, dots)
        products = dots * (scales * scale)
        error = lost * np.linalg.norm(query) + lengths * np.linalg.norm(query - asked * scale)
        least = np.partition(products - error, -K)[-K]
        may = np.flatnonzero(products + error >= least)
        return may[np.argsort(-(vectors[may] @ query))[:K]]

    return find


@numba.njit(nogil=True)
def _dots(codes: NDArray[np.int8], asked: NDArray[np.int8], dots: NDArray[np.int32]) -> None:
    for row in range(len(codes)):
        total = np.int32(0)
        for at in range(len(asked)):
            total += np.int32(codes[row, at]) * np.int32(asked[at])
        dots[row] = total
