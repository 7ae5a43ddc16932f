"""What the machine can do at most, and what part of it is used: arithmetic, reading memory, decoding."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import torch
from benchmarks.indexing.passes import FOLDER, bare
from benchmarks.indexing.pictures import make, photographs
from benchmarks.million.__main__ import FOLDER as VECTORS
from benchmarks.million.__main__ import Mixtures
from benchmarks.million.__main__ import make as make_vectors
from benchmarks.peers.figures import Figure, beside, turns
from benchmarks.sets import DEMO
from benchmarks.words_kernel.__main__ import measure
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from likewise.collection.collection import Collection
from likewise.descriptors.extractor import Extractor, program_of
from likewise.engines.torch_module import ProgramModule
from likewise.files.system import cores
from likewise.networks import find
from likewise.networks.weights.files import locate
from likewise.pictures import Loaded

GROUP = "of the machine's limits"
SIDE = 2048
"""Of the matrices whose product tells the peak of fp32: large enough to be bound by arithmetic."""

PEAK = "the peak of fp32, by a product of matrices"
PICTURES, VECTORS_READ, POSTINGS = 64, 100_000, 1_000_000


def figures(repetitions: int) -> Iterator[Figure]:
    """Fractions of limits: 1 is the limit itself."""
    paths = make(FOLDER / f"640x480-{PICTURES}", (640, 480), PICTURES, photographs(None, DEMO))
    extractor = Extractor("quick", streams=cores())
    contents = [path.read_bytes() for path in paths]
    ready = [extractor.prepare(content) for content in contents]
    yield _arithmetic(extractor, ready, repetitions)
    yield from _decoding(extractor, contents, repetitions)
    yield from _memory(repetitions)
    yield _kernel()


def operations(extractor: Extractor, ready: list[Loaded]) -> int:
    """Floating point operations of the network for these pictures, a product and a sum counted as two."""
    recipe = extractor.recipe
    card = find(recipe.network)
    network = ProgramModule(program_of(recipe, locate(card))).eval()
    shapes = [pixels.shape for loaded in ready for pixels in loaded.pixels]
    counted = 0
    with torch.inference_mode():
        for shape in set(shapes):
            with FlopCounterMode(display=False) as counter:
                network(torch.zeros((1, *shape), dtype=torch.uint8))
            counted += shapes.count(shape) * counter.get_total_flops()
    return counted


def _arithmetic(extractor: Extractor, ready: list[Loaded], repetitions: int) -> Figure:
    matrix = torch.rand(SIDE, SIDE)
    torch.set_num_threads(cores())
    bare(extractor, ready)
    works = {"likewise": lambda: bare(extractor, ready), "product": lambda: matrix @ matrix}
    taken = turns(works, repetitions)
    wanted = operations(extractor, ready)
    taken[PEAK] = [seconds * wanted / (2 * SIDE**3) for seconds in taken["product"]]
    [figure] = beside(GROUP, "the network of quick", taken, {PEAK: None})
    return figure


def _decoding(extractor: Extractor, contents: list[bytes], repetitions: int) -> Iterator[Figure]:
    works = {
        "likewise": lambda: [extractor.prepare(content) for content in contents],
        "Pillow, decoding alone": lambda: [
            Image.open(io.BytesIO(content)).convert("RGB") for content in contents
        ],
    }
    taken = turns(works, repetitions)
    yield from beside(GROUP, "decoding, checks and three sizes", taken, {"Pillow, decoding alone": None})


def _memory(repetitions: int) -> Iterator[Figure]:
    path = VECTORS / f"{VECTORS_READ}.likewise"
    if not path.exists():
        make_vectors(path, VECTORS_READ)
    [query] = Mixtures(2)(1)
    held = np.ones((VECTORS_READ, len(query) // 4), np.uint64)  # as many bytes as the codes of 16 bits
    with Collection.open(path) as collection:
        collection.search(query, k=10, exact=True)
        works = {
            "likewise": lambda: collection.search(query, k=10, exact=True),
            "reading as many bytes": lambda: int(np.bitwise_or.reduce(held, axis=None)),
        }
        taken = turns(works, repetitions)
    yield from beside(GROUP, f"--exact among {VECTORS_READ:,}", taken, {"reading as many bytes": None})


def _kernel() -> Figure:
    """Scans of inverted lists, in turns with reading the same lists (see `benchmarks.words_kernel`)."""
    scans = measure(POSTINGS, 60)
    ours, reading = ([1e-9 * one for one in scans[name]] for name in ("numba", "read"))
    ratios = [b / a for a, b in zip(ours, reading, strict=True)]
    return Figure(GROUP, f"a posting of {POSTINGS:,}, seconds", "reading it", ours, ratios)
