from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save

from likewise.descriptors.transforms import Origin, Whitening, l2, signed_root, whiten
from likewise.errors import BadWeights, StorageError, UsageError, WeightsMissing
from likewise.types import FloatArray
from tests import slow

ORIGIN = Origin(
    "ab" * 32, samples=7, exponent=0.5, shrinkage=0.0, about="seven pictures", pictures=("0" * 16, "1" * 16)
)
vectors = arrays(
    np.float32, st.tuples(st.integers(0, 4), st.integers(1, 9)), elements=st.floats(-1e4, 1e4, width=32)
)


def whitening() -> Whitening:
    random = np.random.default_rng(0)
    return Whitening(random.random(6).astype(np.float32), random.random((6, 2)).astype(np.float32), ORIGIN)


@settings(deadline=None)
@given(vectors)
def test_l2_equals_its_slow_version(x: FloatArray) -> None:
    expected = np.array([slow.unit(row.astype(np.float64)) for row in x]).reshape(x.shape)
    np.testing.assert_allclose(l2(x), expected, rtol=1e-5, atol=1e-6)
    assert l2(x).dtype == np.float32


@settings(deadline=None)
@given(vectors, st.sampled_from([0.5, 0.25, 1.0]))
def test_signed_root_equals_its_slow_version(x: FloatArray, exponent: float) -> None:
    expected = np.array([slow.signed_root(row.astype(np.float64), exponent) for row in x]).reshape(x.shape)
    np.testing.assert_allclose(signed_root(x, exponent), expected, rtol=1e-5)
    assert signed_root(x, exponent).dtype == np.float32


def test_worked_by_hand() -> None:
    np.testing.assert_allclose(l2(np.array([3.0, 4.0])), [0.6, 0.8])
    np.testing.assert_allclose(signed_root(np.array([4.0, -9.0, 0.0])), [2, -3, 0])
    mean, projection = np.array([1.0, 2.0]), np.array([[2.0], [10.0]])
    np.testing.assert_allclose(whiten(np.array([[2.0, 3.0]]), mean, projection), [[12.0]])


@settings(deadline=None)
@given(vectors)
def test_l2_twice_is_l2_once(x: FloatArray) -> None:
    np.testing.assert_allclose(l2(l2(x)), l2(x), atol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-42, 1e30])
def test_l2_of_tiny_and_huge_numbers(size: float) -> None:
    np.testing.assert_allclose(l2(np.array([size, size], np.float32)), [0.5**0.5, 0.5**0.5], rtol=1e-2)


def test_zero_stays_zero() -> None:
    zero = np.zeros((2, 3), np.float32)
    assert np.array_equal(l2(zero), zero)
    assert np.array_equal(signed_root(zero), zero)


def test_whitening_refuses_vectors_of_another_length() -> None:
    with pytest.raises(UsageError, match=r"vectors of 5 numbers .* learned on 6"):
        whitening()(np.zeros((1, 5), np.float32))


def test_whitening_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    whitening().save(path)
    found = Whitening.load(path)
    assert found.origin == ORIGIN
    x = np.random.default_rng(1).random((4, 6)).astype(np.float32)
    assert np.array_equal(found(x), whitening()(x))
    first = path.read_bytes()
    whitening().save(path)
    assert path.read_bytes() == first


def test_a_file_from_before_pictures_were_remembered_is_read(tmp_path: Path) -> None:
    old = {"fingerprint": "ab", "samples": 2, "exponent": 0.5, "shrinkage": 0.0, "about": "old"}
    tensors = {"mean": np.zeros(3, np.float32), "projection": np.zeros((3, 1), np.float32)}
    (tmp_path / "w.safetensors").write_bytes(save(tensors, {"origin": json.dumps(old)}))
    origin = Whitening.load(tmp_path / "w.safetensors").origin
    assert (origin.pictures, origin.recipe, origin.method, origin.regions) == ((), "", "pca", False)


def test_bad_whitening_files(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsMissing, match="cannot be read"):
        Whitening.load(path)
    whitening().save(path)
    with pytest.raises(BadWeights, match="not the one that the recipe names"):
        Whitening.load(path, sha256="0" * 64)
    no_origin = save({"mean": np.zeros(2, np.float32)})
    strange = save({"mean": np.zeros(2, np.float32)}, {"origin": json.dumps({"who": 1})})
    for data in (b"", b"no tensors", path.read_bytes()[:-3], no_origin, strange):
        path.write_bytes(data)
        with pytest.raises(BadWeights, match="holds no whitening"):
            Whitening.load(path)


def test_a_whitening_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for cache, remedy in (("elsewhere", "name another folder$"), (".", "set LIKEWISE_CACHE to another one$")):
        monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / cache))
        with pytest.raises(StorageError, match=f"cannot write .*{remedy}"):
            whitening().save(tmp_path / "file" / "w.safetensors")
