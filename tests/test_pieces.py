"""Learning the pieces of a product quantiser."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.arrays.artifacts import Sample
from likewise.descriptors.transforms.quantiser import Quantiser
from likewise.learning.quantisers import learn_pieces
from likewise.types import FloatArray


def sample(count: int = 600, dimensions: int = 8) -> FloatArray:
    return np.random.default_rng(0).standard_normal((count, dimensions)).astype(np.float32)


def error(vectors: FloatArray, bytes_: int) -> float:
    by = Quantiser(learn_pieces(vectors, bytes_), Sample("", 0))
    return float(np.square(by.decode(by.encode(vectors)) - vectors).mean())


def test_more_bytes_forget_less() -> None:
    vectors = sample()
    errors = [error(vectors, bytes_) for bytes_ in (1, 2, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01 * float(np.square(vectors).mean())


def test_the_same_every_time() -> None:
    seen: list[int] = []
    first = learn_pieces(sample(), 2, report=seen.append)
    assert np.array_equal(first, learn_pieces(sample(), 2))
    assert first.dtype == np.float32
    assert seen == [1, 2]


def test_few_different_rows_are_kept_exactly() -> None:
    vectors = np.tile(sample(10), (30, 1))
    assert error(vectors, 4) == 0


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(ValueError, match=r"8 numbers cannot be cut into 3 equal pieces; \[8\] would do"):
        learn_pieces(sample(), 3)
    with pytest.raises(ValueError, match=f"{Quantiser.PIECES - 1} vectors are too few"):
        learn_pieces(sample(Quantiser.PIECES - 1), 2)
