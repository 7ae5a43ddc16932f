"""How alike two layers are on a set of pictures: centred kernel alignment with a linear kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.types import FloatArray

LEAST = 4
"""Pictures that the unbiased estimate needs."""


def linear_cka(x: FloatArray, y: FloatArray, *, biased: bool = False) -> float:
    """Linear CKA (Kornblith, Norouzi, Lee and Hinton, ICML 2019, eq. 1 and 2).

    ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` with ``K = x x'`` and ``L = y y'``. It does not change when
    the numbers of either are rotated, scaled all alike, or moved. Raises `UsageError` when there are fewer
    pictures than `LEAST`, or not as many in ``x`` as in ``y``.

    Parameters
    ----------
    x, y
        ``(n, d)`` and ``(n, e)``: what two layers make of the same n pictures.
    biased
        Take the paper's own estimate of HSIC, which nears 1 for any two layers with more numbers than there
        are pictures. By default the unbiased one of Song et al. (JMLR 2012, eq. 5), whose CKA scatters around
        0 for unrelated layers and can be a little below.
    """
    if len(x) != len(y) or len(x) < LEAST:
        raise UsageError(
            f"CKA compares layers on the same {LEAST} pictures or more, not on {len(x)} and {len(y)}"
        )
    hsic = _biased if biased else _unbiased
    k, l = _kernel(x), _kernel(y)  # noqa: E741
    product = hsic(k, k) * hsic(l, l)
    return float(hsic(k, l) / np.sqrt(product)) if product > 0 else 0.0


def _kernel(x: FloatArray) -> NDArray[np.float64]:
    """Products of all pairs of centred rows; centring costs nothing and spares digits."""
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return np.asarray(centred @ centred.T)


def _biased(k: NDArray[np.float64], l: NDArray[np.float64]) -> float:  # noqa: E741
    """``tr(K L) / (n - 1)^2`` of kernels of centred rows."""
    return float((k * l).sum()) / (len(k) - 1) ** 2


def _unbiased(k: NDArray[np.float64], l: NDArray[np.float64]) -> float:  # noqa: E741
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    trace = float((k * l).sum())
    sums = float(k.sum() * l.sum()) / ((n - 1) * (n - 2))
    rows = 2 * float(k.sum(axis=0) @ l.sum(axis=0)) / (n - 2)
    return (trace + sums - rows) / (n * (n - 3))
