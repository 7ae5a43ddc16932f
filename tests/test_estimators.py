from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.descriptors.estimators import PairWhitening, PCAWhitening
from likewise.descriptors.transforms import Whitening, l2, signed_root

CHECKED = [
    PCAWhitening(),
    PCAWhitening(1, exponent=0.25, shrinkage=0.1),
    PairWhitening(),
    PairWhitening(1, shrinkage=0.5),
]


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


def test_pipeline_equals_the_functions() -> None:
    x = sample().astype(np.float32)
    root, unit = (FunctionTransformer(one, feature_names_out="one-to-one") for one in (signed_root, l2))
    chain = make_pipeline(root, unit, PCAWhitening(4), clone(unit))
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


def grouped(n: int = 90, d: int = 5, groups: int = 12) -> tuple[Any, Any]:
    """Groups about centres of their own; within a group the first number varies most and says nothing."""
    random = np.random.default_rng(4)
    labels = np.arange(n) % groups
    spread = np.array([5.0, 0.1, 0.3, 0.5, 0.2])[:d]
    return random.standard_normal((groups, d))[labels] + random.standard_normal((n, d)) * spread, labels


def pair_covariances(x: Any, labels: Any) -> tuple[Any, Any]:
    """Equation 8 and its like for pairs of two groups, pair by pair."""
    sums, counts = [np.zeros((x.shape[1],) * 2) for _ in range(2)], [0, 0]
    for i in range(len(x)):
        for j in range(i):
            kind = int(labels[i] != labels[j])
            sums[kind] += np.outer(x[i] - x[j], x[i] - x[j])
            counts[kind] += 1
    return sums[0] / counts[0], sums[1] / counts[1]


def test_pair_whitening_makes_matching_pairs_differ_equally_in_all_directions() -> None:
    x, labels = grouped()
    found = PairWhitening(shrinkage=0.0).fit(x, labels)
    same, different = pair_covariances(found.transform(x), labels)
    np.testing.assert_allclose(same, np.eye(5), atol=1e-9)
    between = np.diag(different)
    np.testing.assert_allclose(different, np.diag(between), atol=1e-9)
    assert (np.diff(between) < 0).all()


def test_pair_whitening_equals_the_equations_pair_by_pair() -> None:
    x, labels = grouped()
    same, different = pair_covariances(x, labels)
    mean_variance = np.trace(same) / 5
    values, vectors = np.linalg.eigh(0.7 * same + 0.3 * mean_variance * np.eye(5))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    axes = np.linalg.eigh(root @ different @ root)[1][:, ::-1][:, :3]
    expected = (x - x.mean(axis=0)) @ root @ axes
    got = PairWhitening(3, shrinkage=0.3).fit(x, labels).transform(x)
    np.testing.assert_allclose(np.abs(got), np.abs(expected), atol=1e-9)


def test_pair_whitening_worked_by_hand() -> None:
    # Pairs of a group differ by (2, 0) and by (0, 1): C_S = diag(2, 1/2), its root diag(1/sqrt 2, sqrt 2).
    x: Any = np.array([[1, 0], [-1, 0], [0, 10.5], [0, 9.5]])
    found: Any = PairWhitening(1, shrinkage=0.0).fit(x, ["a", "a", "b", "b"])
    np.testing.assert_allclose(found.mean_, [0, 5])
    np.testing.assert_allclose(found.projection_, np.array([[0], [2**0.5]]), atol=1e-12)


def test_pair_whitening_brings_groups_together() -> None:
    x, labels = grouped()

    def right(vectors: Any) -> float:
        apart = np.square(vectors[:, None] - vectors[None]).sum(axis=2)
        np.fill_diagonal(apart, np.inf)
        return float(np.mean(labels[apart.argmin(axis=1)] == labels))

    whitened = PairWhitening(shrinkage=0.0).fit_transform(x, labels)
    assert right(x) < 0.6
    assert right(whitened) > 0.9


def test_pairs_that_do_not_suffice_are_refused() -> None:
    x, labels = grouped()
    for wrong, message in ((np.arange(90), "no two samples share"), (np.zeros(90), "all samples share")):
        with pytest.raises(ValueError, match=message):
            PairWhitening().fit(x, wrong)
    with pytest.raises(ValueError, match="learn on more pairs, or with a shrinkage above 0"):
        PairWhitening(shrinkage=0.0).fit(x[:4], [0, 0, 1, 2])
    with pytest.raises(ValueError, match="dimensions=6 must lie between 1 and 5"):
        PairWhitening(6).fit(x, labels)
    with pytest.raises(ValueError, match="between 0 and 1"):
        PairWhitening(shrinkage=-1).fit(x, labels)


def test_a_large_sample_is_worked_on_in_blocks() -> None:
    x = sample(9000, 4).astype(np.float32)
    found = PCAWhitening().fit(x)
    values = np.linalg.eigvalsh(np.cov(x.astype(np.float64), rowvar=False))[::-1]
    np.testing.assert_allclose(found.variances_, values)
