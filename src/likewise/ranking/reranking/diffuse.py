"""Similarity flows from the first ``kq`` hits along the graph of ``k`` neighbours.

It does so among the first ``top`` hits or, with 0, in the whole gallery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from likewise.ranking.exact import best
from likewise.ranking.reranking.block import BLOCK, Block, Reranking
from likewise.tables import Option
from likewise.types import FloatArray, IntArray


def run(block: Block, top: int, kq: int, **options: Any) -> None:
    """Let it flow; see `likewise.ranking.diffusion`."""
    gamma, vectors = np.float32(options["gamma"]), block.gallery.vectors
    near = block.places[:, : min(kq, top or kq)]
    pairs = zip(near, block.queries, strict=True)
    cosines = np.array([vectors[rows] @ query for rows, query in pairs], np.float32).reshape(near.shape)
    sources = np.maximum(cosines, 0) ** gamma
    if top:
        _over_shortlists(block, sources, top, options)
    else:
        _everywhere(block, sources, near, **options)


def _over_shortlists(block: Block, near: FloatArray, top: int, options: Mapping[str, Any]) -> None:
    from likewise.ranking import diffusion  # loads scipy

    heads = block.places[:, :top].copy()
    sources = np.zeros(heads.shape, np.float32)
    sources[:, : near.shape[1]] = near
    flows = diffusion.over_shortlists(block.gallery.neighbours, heads, sources, **options)
    for row, (head, flow) in enumerate(zip(heads, flows, strict=True)):
        block.put(row, head[flow > 0], flow[flow > 0])


def _everywhere(
    block: Block, weights: FloatArray, near: IntArray, *, k: int, gamma: float, alpha: float, iterations: int
) -> None:
    from likewise.ranking import diffusion  # loads scipy

    graph, everything = block.gallery.graph(k, gamma), np.arange(len(block.gallery.vectors))
    step = max(1, BLOCK // len(everything))
    for start in range(0, len(near), step):
        rows = slice(start, start + step)
        sources = np.zeros((len(near[rows]), len(everything)), np.float32)
        np.put_along_axis(sources, near[rows], weights[rows], axis=1)
        for row, flow in enumerate(diffusion.diffuse(graph, sources, alpha, iterations), start):
            head = best(flow, everything, block.depth)
            head = head[flow[head] > 0]
            block.put(row, head, flow[head])


def cosines(**_: Option) -> bool:
    """The graph is made of cosines."""
    return True


DIFFUSE = Reranking(
    "diffuse",
    "Likeness is passed on from picture to picture, along the graph of neighbours.",
    options={"k": 50, "kq": 10, "alpha": 0.99, "gamma": 3.0, "top": 1000, "iterations": 20},
    bounds={
        "k": (1, 10_000),
        "kq": (1, 10_000),
        "alpha": (0, 0.9999),
        "gamma": (0.01, 100),
        "top": (0, 1_000_000),
        "iterations": (1, 10_000),
    },
    run=run,
    depth=("kq", "top"),
    cosines=cosines,
)
