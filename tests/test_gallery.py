"""What is kept about the vectors that are searched."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import UsageError
from likewise.ranking.gallery import Gallery
from likewise.types import FloatArray

VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, -0.8]], np.float32)


def test_rows_are_kept_by_id() -> None:
    gallery = Gallery(VECTORS, ids=np.array([9, 2, 7, 4]))
    assert gallery.ids.tolist() == [2, 4, 7, 9]
    assert np.asarray(gallery.vectors).tolist() == VECTORS[[1, 3, 2, 0]].tolist()


def test_each_vector_needs_an_id() -> None:
    with pytest.raises(UsageError, match=r"ids \(3,\) must be one for each of 4 vectors"):
        Gallery(VECTORS, ids=np.arange(3))


@pytest.mark.parametrize(
    ("vectors", "unit"), [(VECTORS, True), (VECTORS * 2, False), (np.vstack([VECTORS, np.zeros(2)]), True)]
)
def test_lengths_are_looked_at_where_l2_compares(vectors: FloatArray, unit: bool) -> None:
    assert Gallery(vectors.astype(np.float32), metric="l2").unit == unit
    assert Gallery(vectors.astype(np.float32)).unit


def test_the_last_augmented_gallery_and_the_last_graph_are_kept() -> None:
    gallery = Gallery(VECTORS, ids=np.array([9, 2, 7, 4]))
    first = gallery.augmented(1, 0.0)
    assert gallery.augmented(1, 0.0) is first
    assert gallery.augmented(2, 0.0) is not first
    assert gallery.augmented(1, 0.0) is not first
    assert first.ids.tolist() == [2, 4, 7, 9]
    graph = gallery.graph(2, 3.0)
    assert gallery.graph(2, 3.0) is graph
    assert gallery.graph(1, 3.0) is not graph
