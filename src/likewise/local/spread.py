"""Which of many keypoints are kept."""

from __future__ import annotations

import numpy as np

from likewise.types import FloatArray, IntArray

CELLS = 8
"""Columns and rows of the grid over which keypoints are spread."""


def spread(places: FloatArray, response: FloatArray, size: tuple[int, int], number: int) -> IntArray:
    """Choose keypoints that are strong and spread over the picture.

    Half of them are the strongest of all. The others are the strongest of their cells in a grid of `CELLS` by
    `CELLS` that are not yet chosen: first the best left in every cell, then the second best, and so on.
    Returns int64 ``(m,)``: their numbers, the strongest first; of equal ones the first.

    Parameters
    ----------
    places
        float32 ``(n, 2)``: x and y.
    response
        float32 ``(n,)``: how strong each is.
    size
        Width and height of the picture.
    number
        How many at most.
    """
    order = np.argsort(-response, kind="stable")
    if len(order) <= number:
        return order
    strong, rest = order[: number // 2], order[number // 2 :]
    steps = (places[rest] * CELLS / np.array(size, np.float32)).astype(np.int64).clip(0, CELLS - 1)
    cells = steps[:, 1] * CELLS + steps[:, 0]
    by_cell = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[by_cell], cells[by_cell])
    turn = np.empty(len(rest), np.int64)
    turn[by_cell] = np.arange(len(rest)) - starts
    others = rest[np.argsort(turn, kind="stable")[: number - len(strong)]]
    chosen = np.sort(np.concatenate([strong, others]))
    return np.asarray(chosen[np.argsort(-response[chosen], kind="stable")])
