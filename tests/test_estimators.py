from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.descriptors.estimators import L2, PCAWhitening, SignedRoot
from likewise.descriptors.transforms import Whitening, l2, signed_root

CHECKED = [L2(), SignedRoot(), PCAWhitening(), PCAWhitening(1, exponent=0.25, shrinkage=0.1)]


@parametrize_with_checks(CHECKED)  # type: ignore[untyped-decorator]
def test_scikit_learns_contract(estimator: Any, check: Any) -> None:
    assert check(estimator) is None


def sample(n: int = 60, d: int = 8) -> Any:
    """A correlated sample with a slowly falling spectrum and a mean."""
    random = np.random.default_rng(3)
    return random.standard_normal((n, d)) @ random.standard_normal((d, d)) + random.random(d)


def test_whitened_sample_has_the_identity_as_covariance() -> None:
    white = PCAWhitening().fit_transform(sample())
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(np.cov(white, rowvar=False), np.eye(8), atol=1e-8)


def test_worked_by_hand() -> None:
    # Variance 8 along (1, 1) / sqrt 2 and 2 along (1, -1) / sqrt 2, about the mean (1, 2).
    x = np.array([[1 + 2, 2 + 2], [1 - 2, 2 - 2], [1 + 1, 2 - 1], [1 - 1, 2 + 1]], float)
    found = PCAWhitening().fit(x)
    np.testing.assert_allclose(found.mean_, [1, 2])
    np.testing.assert_allclose(found.variances_, [16 / 3, 4 / 3])
    expected = [8**0.5 / (16 / 3) ** 0.5, 0]
    np.testing.assert_allclose(found.transform(x[:1])[0], expected, atol=1e-12)


@pytest.mark.parametrize(("n", "d"), [(60, 8), (7, 30)])
def test_equals_exact_pca(n: int, d: int) -> None:
    x = sample(n, d)
    ours = PCAWhitening(5).fit_transform(x)
    theirs = PCA(5, whiten=True, svd_solver="full").fit_transform(x)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-8)


def test_few_samples_take_the_short_way_to_the_same_axes() -> None:
    x = sample(7, 30)
    found = PCAWhitening().fit(x)
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    np.testing.assert_allclose(found.variances_, values[::-1][:6])
    whitened = (x - x.mean(axis=0)) @ (vectors[:, ::-1][:, :6] / np.sqrt(values[::-1][:6]))
    np.testing.assert_allclose(np.abs(found.transform(x)), np.abs(whitened), atol=1e-8)


def test_exponent_zero_only_rotates_and_shrinkage_one_is_rotation_and_scale() -> None:
    x = sample()
    centred = x - x.mean(axis=0)
    rotated = PCAWhitening(exponent=0.0).fit_transform(x)
    np.testing.assert_allclose(rotated @ rotated.T, centred @ centred.T, atol=1e-8)
    scaled = PCAWhitening(shrinkage=1.0).fit_transform(x)
    variance = np.var(x, axis=0, ddof=1).mean()
    np.testing.assert_allclose(scaled @ scaled.T, centred @ centred.T / variance, atol=1e-8)


def test_a_channel_that_never_fires_does_not_explode() -> None:
    x = np.concatenate([sample(), np.zeros((60, 2))], axis=1).astype(np.float32)
    found = PCAWhitening().fit(x)
    assert found.projection_.shape == (10, 8)
    assert np.isfinite(found.transform(x)).all()


def test_more_dimensions_than_the_sample_has_are_refused() -> None:
    with pytest.raises(ValueError, match="dimensions=7 must lie between 1 and 4"):
        PCAWhitening(7).fit(sample(5, 8))
    with pytest.raises(ValueError, match="between 0 and 1"):
        PCAWhitening(shrinkage=2.0).fit(sample())


def test_pipeline_of_all_three_equals_the_functions() -> None:
    x = sample().astype(np.float32)
    chain = make_pipeline(SignedRoot(), L2(), PCAWhitening(4), L2())
    found = chain.fit_transform(x)
    rooted = l2(signed_root(x))
    np.testing.assert_allclose(found, l2(PCAWhitening(4).fit(rooted).transform(rooted)), rtol=1e-6)
    assert found.dtype == np.float32
    assert list(chain.get_feature_names_out()) == [f"pcawhitening{i}" for i in range(4)]


def test_saved_whitening_does_the_same_and_says_where_it_comes_from(tmp_path: Path) -> None:
    x = sample().astype(np.float32)
    found = PCAWhitening(3, exponent=0.25, shrinkage=0.1).fit(x)
    found.save(tmp_path / "w.safetensors", about="sixty made-up rows")
    loaded = Whitening.load(tmp_path / "w.safetensors")
    np.testing.assert_allclose(loaded(x), found.transform(x), rtol=1e-6)
    origin = loaded.origin
    assert (origin.samples, origin.exponent, origin.shrinkage) == (60, 0.25, 0.1)
    assert origin.about == "sixty made-up rows"
    assert origin.fingerprint == found.fingerprint_ != PCAWhitening(3).fit(x[1:]).fingerprint_
