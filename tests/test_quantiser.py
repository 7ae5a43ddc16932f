"""Product quantisation: encoding and decoding by learned pieces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from likewise.arrays.artifacts import Sample
from likewise.descriptors.transforms.quantiser import Quantiser
from likewise.errors import BadWeights, UsageError, WeightsMissing

ORIGIN = Sample("ab" * 32, 300, "three hundred pictures", ("0" * 16,))


def quantiser(bytes_: int = 3, width: int = 2, seed: int = 0) -> Quantiser:
    pieces = np.random.default_rng(seed).standard_normal((bytes_, Quantiser.PIECES, width)).astype(np.float32)
    return Quantiser(pieces, ORIGIN)


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_encodes_to_the_nearest_piece(count: int, bytes_: int, width: int, seed: int) -> None:
    by = quantiser(bytes_, width, seed)
    vectors = np.random.default_rng(seed + 1).standard_normal((count, bytes_ * width)).astype(np.float32)
    codes = by.encode(vectors)
    for row, code in zip(vectors, codes, strict=True):
        for place, number in enumerate(code):
            cut = row[place * width : (place + 1) * width]
            away = [float(np.square(cut - piece).sum()) for piece in by.pieces[place].astype(np.float64)]
            assert away[number] <= min(away) + 1e-5
    assert codes.dtype == np.uint8
    assert by.decode(codes).shape == vectors.shape


def test_worked_by_hand() -> None:
    pieces = np.zeros((2, Quantiser.PIECES, 2), np.float32)
    pieces[0, 7], pieces[1, 255] = (1, 0), (0, -2)
    by = Quantiser(pieces, ORIGIN)
    codes = by.encode(np.array([[0.9, 0.1, 0.2, -1.8]], np.float32))
    assert codes.tolist() == [[7, 255]]
    assert by.decode(codes).tolist() == [[1, 0, 0, -2]]


def test_many_rows_are_encoded_in_blocks() -> None:
    by = quantiser()
    vectors = np.random.default_rng(2).standard_normal((5000, 6)).astype(np.float32)
    alone = np.concatenate([by.encode(vectors[:4500]), by.encode(vectors[4500:])])
    assert np.array_equal(by.encode(vectors), alone)


def test_pieces_come_back_as_they_are() -> None:
    by = quantiser()
    codes = np.random.default_rng(3).integers(0, 256, (20, 3), np.uint8)
    assert np.array_equal(by.encode(by.decode(codes)), codes)


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError, match="5 numbers do not fit a quantiser learned on 6"):
        quantiser().encode(np.zeros((1, 5), np.float32))


def test_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    quantiser().save(path)
    found = Quantiser.load(path)
    assert np.array_equal(found.pieces, quantiser().pieces)
    assert found.origin == ORIGIN
    assert (found.bytes, found.dimensions) == (3, 6)


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    with pytest.raises(WeightsMissing, match=r"quantiser .* cannot be read"):
        Quantiser.load(path)
    quantiser().save(path)
    with pytest.raises(BadWeights, match="not the one that the recipe names"):
        Quantiser.load(path, sha256="0" * 64)
    origin = {"origin": json.dumps({"fingerprint": "", "samples": 1})}
    of_another_kind = save({"mean": np.zeros(2, np.float32)}, origin)
    few_pieces = save({"pieces": np.zeros((2, 9, 2), np.float32)}, origin)
    for data in (b"", path.read_bytes()[:-3], of_another_kind, few_pieces):
        path.write_bytes(data)
        with pytest.raises(BadWeights, match="holds no quantiser"):
            Quantiser.load(path)
