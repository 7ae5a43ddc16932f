"""Comparing codes for votes of keypoints, with numpy, compiled, and compiled by two threads, in turns.

Lists of 12,000 codes are those that a feature of `default` is compared with among 10,000 pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.sets import markdown

from likewise.collection.collection import Collection
from likewise.words.hamming import Scan
from likewise.words.index.inverted import InvertedIndex, _shared
from likewise.words.index.kernel import NUMPY, Kernel, compiled

LISTS, LENGTHS, BELOW, TURNS = 1000, (300, 12_000), 16, 9
QUERIES = 12
KERNELS: Mapping[str, Callable[[], Kernel]] = {"numpy": lambda: NUMPY, "numba": compiled}


def pairs() -> str:
    """Nanoseconds a pair of codes of 64 bits, as a table."""
    random = np.random.default_rng(0)
    scans: dict[str, Scan] = {
        "numpy": NUMPY.near,
        "numba": compiled().near,
        "numba, two threads": partial(_shared, compiled().near, 2),
    }
    rows: list[list[str | float]] = []
    for length in LENGTHS:
        begins = length * np.arange(LISTS)
        codes = random.integers(0, 2**64, LISTS * length + 8, np.uint64)  # with the padding of a segment
        asked = random.integers(0, 2**64, (LISTS, 1), np.uint64)
        calls = {
            name: partial(scan, codes, begins, begins + length, asked, BELOW) for name, scan in scans.items()
        }
        for name, spans in _turns(calls, range(TURNS)).items():
            wall, processor = (1e9 * median(span) / LISTS / length for span in zip(*spans, strict=True))
            rows.append([f"{length:,}", name, wall, processor])
    return markdown(["codes a list", "kernel", "ns a pair by the clock", "of the processor"], rows)


def queries(path: Path, pictures: Iterable[Path]) -> str:
    """Seconds of whole queries of a collection that votes, as a table, and the median of ratios."""
    kernels = {name: make() for name, make in KERNELS.items()}
    with Collection.open(path) as collection:

        def ask(name: str, picture: Path) -> None:
            InvertedIndex._kernel = lambda self, comparisons: kernels[name]  # type: ignore[method-assign]
            collection.search(picture)

        asked = list(islice(pictures, QUERIES))
        collection.search(asked[0])
        spans = _turns({name: partial(ask, name) for name in kernels}, asked, given=True)
    rows = [[name, *map(median, zip(*some, strict=True))] for name, some in spans.items()]
    ratios = [
        median(slow[kind] / fast[kind] for slow, fast in zip(*spans.values(), strict=True)) for kind in (0, 1)
    ]
    table = markdown(["kernel", "s by the clock", "of the processor"], [*rows, ["times as fast", *ratios]])
    return f"{QUERIES} queries\n\n{table}"


def _turns(
    calls: Mapping[str, Callable[..., object]], turns: Iterable[object], *, given: bool = False
) -> dict[str, list[tuple[float, float]]]:
    """Seconds by the clock and of the processor of each call, one after the other."""
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in turns:
        for name, call in calls.items():
            clock, processor = time.perf_counter(), time.process_time()
            call(*([turn] if given else []))
            spans[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return spans
