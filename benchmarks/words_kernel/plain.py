"""The scan of `likewise.words.index.compiled` with plain loops for the instructions that it writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from likewise.words.index import compiled
from likewise.words.index.kernel import Kernel, unpacked

PLACE, LANES = 8, compiled.LANES
_MASKS = tuple(np.uint64(mask) for mask in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F))
_ONES = np.uint64(0x0101010101010101)


@numba.njit(nogil=True, error_model="numpy")
def _bits(number: np.uint64) -> np.uint64:
    """How many bits are set; LLVM knows the pattern."""
    number -= (number >> np.uint64(1)) & _MASKS[0]
    number = (number & _MASKS[1]) + ((number >> np.uint64(2)) & _MASKS[1])
    return (((number + (number >> np.uint64(4))) & _MASKS[2]) * _ONES) >> np.uint64(56)


@numba.njit(nogil=True, error_model="numpy")
def _near(
    codes: NDArray[np.uint64],
    low: int,
    high: int,
    one: np.uint64,
    other: np.uint64,
    threshold: int,
    left: int,
    tag: int,
    found: NDArray[np.int64],
    at: int,
) -> int:
    """As the intrinsic of that name."""
    count = 0
    for lane in range(min(left, LANES)):
        away = _bits(codes[low + lane] ^ one) + _bits(codes[high + lane] ^ other)
        if away < threshold:
            found[at + count] = tag + (lane << PLACE) + np.int64(away)
            count += 1
    return count


@numba.njit(nogil=True, error_model="numpy")
def _fetch(codes: NDArray[Any], at: int) -> None:
    """Nothing is asked of memory ahead."""


def load(cache: Path) -> Kernel:
    """Compile it, with a folder of its own for numba."""
    spec = importlib.util.spec_from_file_location("plainly_compiled", compiled.__file__)
    if spec is None or spec.loader is None:
        raise ImportError(compiled.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(_near=_near, _fetch=_fetch, cache_dir=lambda: cache)
    scan, add, near = module.load()
    return Kernel(unpacked(scan), unpacked(add), near)
