"""Pictures described in batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from likewise.descriptors.describing.batches import BATCH, describe_batches
from likewise.errors import BadBox, BadPicture
from likewise.pictures import Loaded
from likewise.types import FloatArray
from tests.fakes import FakeExtractor, make_pictures


def test_each_thing_comes_with_its_vector_or_its_reason(tmp_path: Path) -> None:
    files = make_pictures(tmp_path, 2 * BATCH + 3)
    files[1].write_text("no picture")
    files[BATCH].write_bytes(b"")
    extractor, sizes = FakeExtractor(), list[int]()

    def describe(loaded: Sequence[Loaded]) -> FloatArray:
        sizes.append(len(loaded))
        return extractor.describe(loaded)

    batches = list(describe_batches(files, extractor.prepare, describe))
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 3]
    assert sizes == [BATCH - 1, BATCH - 1, 3]
    outcomes = [outcome for batch in batches for outcome in batch]
    assert [file for file, _ in outcomes] == files
    for number, (file, outcome) in enumerate(outcomes):
        if number in (1, BATCH):
            assert isinstance(outcome, BadPicture)
        else:
            assert np.array_equal(outcome, extractor.describe([extractor.prepare(file)])[0])  # type: ignore[arg-type]


def test_a_picture_that_the_network_refuses_fails_alone(tmp_path: Path) -> None:
    files, extractor = make_pictures(tmp_path, 4), FakeExtractor()
    prepared = {file: extractor.prepare(file) for file in files}

    def describe(loaded: Sequence[Loaded]) -> FloatArray:
        if any(one is prepared[files[2]] for one in loaded):
            raise BadPicture("too small", "too-small")
        return extractor.describe(loaded)

    ((*_, third, fourth),) = describe_batches(files, prepared.__getitem__, describe)
    assert isinstance(third[1], BadPicture)
    assert not isinstance(fourth[1], BadPicture)


def test_other_errors_end_it() -> None:
    def prepare(_: int) -> Loaded:
        raise BadBox("outside")

    with pytest.raises(BadBox, match="outside"):
        list(describe_batches([1], prepare, FakeExtractor().describe))
