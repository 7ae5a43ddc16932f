"""CKA: by hand, against the formula with explicit centring matrices, invariances, and its bias."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.inspection.cka import linear_cka
from likewise.types import FloatArray


def sample(seed: int, n: int = 12, d: int = 5) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 1, (n, d)).astype(np.float32)


def test_by_hand() -> None:
    x = np.array([[1], [-1], [0], [0]], np.float32)
    y = np.array([[1], [-1], [1], [-1]], np.float32)
    # one number a picture: the squared correlation, (1 + 1)^2 / (2 * 4)
    assert linear_cka(x, y, biased=True) == pytest.approx(0.5)


def test_against_explicit_centring_matrices() -> None:
    x, y = sample(1), sample(2, d=9)
    n = len(x)
    centre = np.eye(n) - 1 / n

    def hsic(k: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float(np.trace(k @ centre @ other @ centre))

    k, other = (m.astype(np.float64) @ m.T for m in (x, y))
    wanted = hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other))
    assert linear_cka(x, y, biased=True) == pytest.approx(wanted)


def test_unbiased_against_sums_over_different_pictures() -> None:
    x, y = sample(3, n=6), sample(4, n=6)
    kernels = [m.astype(np.float64) @ m.T for m in (x - x.mean(0), y - y.mean(0))]

    def hsic(k: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        """E[k(i,j) l(i,j)] + E[k(i,j)] E[l(q,r)] - 2 E[k(i,j) l(i,q)] over pictures that all differ."""
        n, one, two, three = len(k), [], [], []
        for i in range(n):
            for j in set(range(n)) - {i}:
                one.append(k[i, j] * other[i, j])
                for q in set(range(n)) - {i, j}:
                    two.append(k[i, j] * other[i, q])
                    three += [k[i, j] * other[q, r] for r in set(range(n)) - {i, j, q}]
        return float(np.mean(one) + np.mean(three) - 2 * np.mean(two))

    k, other = kernels
    wanted = hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other))
    assert linear_cka(x, y) == pytest.approx(wanted)


@pytest.mark.parametrize("biased", [False, True])
def test_rotations_scales_and_moves_change_nothing(biased: bool) -> None:
    x, y = sample(5), sample(6)
    turn = np.linalg.qr(np.random.default_rng(7).normal(0, 1, (5, 5)))[0].astype(np.float32)
    moved = 3 * x @ turn + 10
    assert linear_cka(x, x, biased=biased) == pytest.approx(1)
    assert linear_cka(moved, y, biased=biased) == pytest.approx(linear_cka(x, y, biased=biased), abs=1e-5)
    assert linear_cka(x, y, biased=biased) == pytest.approx(linear_cka(y, x, biased=biased))


def test_more_numbers_than_pictures_fool_the_biased_estimate_only() -> None:
    pairs = [(sample(2 * seed, 10, 2000), sample(2 * seed + 1, 10, 2000)) for seed in range(10)]
    assert min(linear_cka(x, y, biased=True) for x, y in pairs) > 0.9
    assert abs(np.mean([linear_cka(x, y) for x, y in pairs])) < 0.1


def test_what_never_differs_is_alike_to_nothing() -> None:
    assert linear_cka(np.ones((5, 2), np.float32), sample(1, 5)) == 0


def test_few_or_unlike_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="same 4 pictures or more, not on 3 and 3"):
        linear_cka(sample(1, 3), sample(2, 3))
    with pytest.raises(UsageError, match="not on 5 and 6"):
        linear_cka(sample(1, 5), sample(2, 6))
