"""Which of many keypoints are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.types import FloatArray, IntArray

CELLS = 8
"""Columns and rows of the grid over which keypoints are spread."""


@dataclass(frozen=True)
class Choice:
    """Which keypoints are wanted of many.

    Attributes
    ----------
    number
        How many at most.
    among
        Of how many at least, those of the largest response, they are chosen.
    scale_power
        A keypoint is as strong as its response times its scale to this power: large ones are found again
        where the picture is small.
    """

    number: int
    among: int
    scale_power: float = 0.0


def spread(points: FloatArray, response: FloatArray, size: tuple[int, int], choice: Choice) -> IntArray:
    """Choose keypoints that are strong and spread over the picture.

    Half of them are the strongest of all. The others are the strongest of their cells in a grid of `CELLS` by
    `CELLS` that are not yet chosen: first the best left in every cell, then the second best, and so on.
    Returns int64 ``(m,)``: their numbers, the strongest first; of equal ones the first.

    Parameters
    ----------
    points
        float32 ``(n, 4)``: x, y, scale and angle.
    response
        float32 ``(n,)``: as the detector has it.
    size
        Width and height of the picture.
    """
    number, strength = choice.number, response * points[:, 2] ** choice.scale_power
    order = np.argsort(-strength, kind="stable")
    if len(order) <= number:
        return order
    strong, rest = order[: number // 2], order[number // 2 :]
    steps = (points[rest, :2] * CELLS / np.array(size, np.float32)).astype(np.int64).clip(0, CELLS - 1)
    cells = steps[:, 1] * CELLS + steps[:, 0]
    by_cell = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[by_cell], cells[by_cell])
    turn = np.empty(len(rest), np.int64)
    turn[by_cell] = np.arange(len(rest)) - starts
    others = rest[np.argsort(turn, kind="stable")[: number - len(strong)]]
    chosen = np.sort(np.concatenate([strong, others]))
    return np.asarray(chosen[np.argsort(-strength[chosen], kind="stable")])
