"""Writing vectors down and reading them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likewise.arrays.artifacts import Sample
from likewise.collection.collection import Collection
from likewise.collection.store.codes import Code
from likewise.descriptors.transforms.quantiser import Quantiser
from likewise.errors import CollectionDamaged, UnknownName, UsageError
from likewise.types import FloatArray
from tests.fakes import RECIPE, FakeFactory, make_pictures

sound = arrays(
    np.float32,
    st.tuples(st.integers(0, 5), st.just(6)),
    elements=st.floats(-1, 1, width=32, allow_subnormal=False),
)


@given(sound)
def test_fp32_is_exact(vectors: FloatArray) -> None:
    code = Code("fp32", 6)
    np.testing.assert_array_equal(code.decode(code.encode(vectors)), vectors)


@given(sound)
def test_fp16_is_rounding_to_half_precision(vectors: FloatArray) -> None:
    code = Code("fp16", 6)
    np.testing.assert_array_equal(code.decode(code.encode(vectors)), vectors.astype(np.float16))


@given(sound)
def test_int8_errs_by_half_a_step_at_most(vectors: FloatArray) -> None:
    code = Code("int8", 6)
    errors = np.abs(code.decode(code.encode(vectors)) - vectors)
    steps = np.abs(vectors).max(axis=1, keepdims=True, initial=0) / 127
    assert (errors <= steps * 0.5001 + 1e-30).all()


def test_layouts_by_hand() -> None:
    vector = np.array([[1.0, -0.5]], np.float32)
    assert Code("fp32", 2).encode(vector) == [b"\0\0\x80\x3f\0\0\0\xbf"]
    assert Code("fp16", 2).encode(vector) == [b"\0\x3c\0\xb8"]
    # The scale is 1/127; -0.5 is -63.5 steps, which rounds to the even -64.
    assert Code("int8", 2).encode(vector) == [np.float32(1 / 127).tobytes() + bytes([127, 256 - 64])]


@pytest.mark.parametrize(("name", "width"), [("fp32", 40), ("fp16", 20), ("int8", 14)])
def test_widths(name: str, width: int) -> None:
    code = Code(name, 10)
    assert code.width == width
    assert [len(written) for written in code.encode(np.zeros((3, 10), np.float32))] == [width] * 3
    assert not code.decode(code.encode(np.zeros((3, 10), np.float32))).any()


@pytest.mark.parametrize("name", ["fp16", "int8", "fp32"])
def test_what_does_not_fit_is_not_finite_when_read(name: str) -> None:
    vectors = np.array([[np.nan, 1], [1e6 if name == "fp16" else np.inf, 1]], np.float32)
    code = Code(name, 2)
    assert not np.isfinite(code.decode(code.encode(vectors))).all(axis=1).any()


def test_a_row_of_another_length_is_damage() -> None:
    code = Code("fp16", 4)
    good = code.encode(np.ones((1, 4), np.float32))[0]
    with pytest.raises(CollectionDamaged, match="8 bytes"):
        code.decode([good, good[:-1]])
    with pytest.raises(CollectionDamaged, match="8 bytes"):
        code.decode([good + b"x", good[:-1]])  # of the right length only together


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="fp16"):
        Code("fp17", 4)


def quantiser() -> Quantiser:
    pieces = np.random.default_rng(0).standard_normal((3, 256, 2)).astype(np.float32)
    return Quantiser(pieces, Sample("", 0))


def test_pq_is_one_byte_a_piece() -> None:
    vectors = np.random.default_rng(1).standard_normal((7, 6)).astype(np.float32)
    code = Code("pq", 6, quantiser())
    assert code.width == 3
    written = code.encode(vectors)
    assert written == [row.tobytes() for row in quantiser().encode(vectors)]
    np.testing.assert_array_equal(code.decode(written), quantiser().decode(quantiser().encode(vectors)))
    with pytest.raises(CollectionDamaged, match="3 bytes"):
        code.decode([b"four"])


def test_pq_needs_a_quantiser_for_its_vectors() -> None:
    with pytest.raises(UsageError, match="needs a quantiser for 6 numbers, not 0"):
        Code("pq", 6)
    with pytest.raises(UsageError, match="needs a quantiser for 8 numbers, not 6"):
        Code("pq", 8, quantiser())


def test_the_code_of_a_recipe(tmp_path: Path) -> None:
    quantiser().save(tmp_path / "q.safetensors")
    assert Code.of(RECIPE, 6) == Code("fp16", 6)
    code = Code.of(RECIPE.quantised(tmp_path / "q.safetensors"), 6)
    assert (code.name, code.width) == ("pq", 3)


def test_a_collection_of_pq_vectors(tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 8)
    pieces = np.random.default_rng(0).random((6, 256, 2)).astype(np.float32)
    Quantiser(pieces, Sample("", 0)).save(tmp_path / "q.safetensors")
    recipe = RECIPE.quantised(tmp_path / "q.safetensors")
    with Collection.open(tmp_path / "c.likewise", recipe=recipe, extractor_factory=FakeFactory()) as made:
        assert made.add(tmp_path / "photos").added == 8
        assert made.info().code == "pq"
        assert not made.verify().faults
    with Collection.open(tmp_path / "c.likewise", extractor_factory=FakeFactory()) as opened:
        assert len(opened.search(tmp_path / "photos" / "0000.png", k=3)) == 3
