"""What every pooling promises, asked of each that is registered, with its default options."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import openvino as ov
import pytest
import torch
from openvino import opset13

from likewise.descriptors.parts import Part
from likewise.descriptors.poolings import POOLINGS, Pooling, find
from likewise.descriptors.transforms import l2
from likewise.engines import openvino_ops, torch_ops
from likewise.errors import BadRecipe, UnknownName, UsageError
from likewise.tables import settle
from likewise.types import FloatArray
from tests import slow

CHANNELS = 5
SIZES = [(1, 1), (6, 6), (5, 9), (13, 4), (1, 8)]
SLOW: dict[str, Callable[[slow.Array], slow.Array]] = {
    "none": np.ravel,
    "flatten": np.ravel,
    "sum": slow.total,
    "mean": slow.mean,
    "max": slow.maximum,
    "gem": lambda x: slow.gem(x, 3.0),
    "spoc": slow.total,
    "crow": slow.crow,
    "rmac": lambda x: slow.rmac(x, 3, Fraction(2, 5)),
}
"""Slow versions of those that we have; a pooling of others is asked for everything else."""

NEAR = {"max": 0.97, "rmac": 0.93}
"""Least cosine of the window form and the forward form of the crop, where the window form approximates."""


def maps(height: int, width: int, n: int = 1) -> FloatArray:
    """Maps as after a ReLU: half of the cells are zero, the last channel never fires."""
    random = np.random.default_rng(height * width)
    x = random.random((n, CHANNELS, height, width)) * 20
    x[random.random(x.shape) < 0.5] = 0
    x[:, 0, 0, 0] = 1.0
    x[:, -1] = 0
    return x.astype(np.float32)


def forward(pooling: Pooling, x: FloatArray) -> FloatArray:
    with torch.inference_mode():
        return np.asarray(pooling(torch_ops.OPS, torch.from_numpy(x)))


@cache
def graph(name: str) -> ov.CompiledModel:
    """The pooling as a graph of OpenVINO with free n, h and w."""
    given = opset13.parameter([-1, CHANNELS, -1, -1], np.float32)
    vectors = POOLINGS[name](openvino_ops.OPS, openvino_ops.Value(given))
    return ov.Core().compile_model(
        ov.Model([vectors.node], [given]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )


@pytest.fixture(params=list(POOLINGS))
def pooling(request: pytest.FixtureRequest) -> Pooling:
    return POOLINGS[request.param]


def test_it_is_registered_by_its_own_name_and_a_recipe_takes_its_defaults(pooling: Pooling) -> None:
    assert find(pooling.name) is pooling
    assert Part("tap", pooling.name).options == pooling.options


def test_its_defaults_lie_within_its_bounds_and_what_lies_beyond_is_refused(pooling: Pooling) -> None:
    numbers = {key for key, value in pooling.options.items() if type(value) in (int, float)}
    assert pooling.bounds.keys() == numbers
    assert settle(pooling.options, pooling.options, "it", pooling.bounds) == pooling.options
    for key, (_, most) in pooling.bounds.items():
        with pytest.raises(BadRecipe, match=f"{key} of pool '{pooling.name}' must lie between"):
            Part("tap", pooling.name, options={key: type(pooling.options[key])(most + 1)})


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_forward_is_the_slow_version_in_every_engine(pooling: Pooling, height: int, width: int) -> None:
    x = maps(height, width, 2)
    found = forward(pooling, x)
    if not (pooling.keeps_cells or pooling.name == "none"):
        assert found.shape == (2, CHANNELS)
    np.testing.assert_allclose(graph(pooling.name)(x)[0], found, rtol=1e-5, atol=1e-4)
    if pooling.name in SLOW:
        expected = np.stack([SLOW[pooling.name](picture) for picture in x.astype(np.float64)])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * float(np.abs(expected).max()))


def test_forward_makes_no_nan_of_zeros_and_leaves_vectors_alone(pooling: Pooling) -> None:
    assert np.isfinite(forward(pooling, np.zeros((1, CHANNELS, 4, 7), np.float32))).all()
    vectors = np.random.default_rng(1).standard_normal((3, CHANNELS)).astype(np.float32)
    assert np.array_equal(forward(pooling, vectors), vectors)


def test_a_window_is_pooled_as_the_crop_is(pooling: Pooling) -> None:
    x = maps(9, 12)
    if pooling.windows is None:
        with pytest.raises(
            UsageError, match=f"pool '{pooling.name}' cannot pool a part of a map; use another"
        ):
            pooling.over(x[0], {})
        return
    windows = np.array([[0, 0, 9, 12], [2, 3, 7, 8], [0, 5, 9, 6], [4, 4, 5, 5]])
    found = pooling.over(x[0], {})(windows)
    assert found.dtype == np.float32
    crops = [x[:, :, top:bottom, left:right] for top, left, bottom, right in windows]
    expected = np.concatenate([forward(pooling, crop) for crop in crops])
    cosines = (l2(found.astype(np.float64)) * l2(expected.astype(np.float64))).sum(axis=1)
    fires = expected.max(axis=1) > 1e-3  # the least that GeM makes of zeros has no direction
    assert fires[0]
    assert cosines[fires].min() >= NEAR.get(pooling.name, 1 - 1e-6)
    assert np.isfinite(pooling.over(np.zeros_like(x[0]), {})(windows)).all()


def test_what_cells_give_adds_up_to_the_vector(pooling: Pooling) -> None:
    x = maps(5, 9)
    if pooling.shares is None:
        with pytest.raises(
            UsageError, match=f"pool '{pooling.name}' does not share out among cells; use another"
        ):
            pooling.shared(x[0], {})
        return
    found = pooling.shared(x[0], {})
    assert found.dtype == np.float64
    assert found.shape == x[0].shape
    np.testing.assert_allclose(found.sum(axis=(1, 2)), forward(pooling, x)[0], rtol=1e-5, atol=1e-5)


def test_regions_are_unit_vectors_that_add_up_to_the_vector(pooling: Pooling) -> None:
    x = maps(5, 9)
    if pooling.regions is None:
        with pytest.raises(UsageError, match=f"pool '{pooling.name}' has no regions; use another"):
            pooling.regions_of(x[0], {})
        return
    found = pooling.regions_of(x[0], {})
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=0), forward(pooling, x)[0], rtol=1e-5, atol=1e-5)
    assert {"file", "sha256"} <= pooling.options.keys()


def test_a_pooling_that_does_not_exist_is_named_with_what_there_is() -> None:
    with pytest.raises(UnknownName, match=r"no pooling is called 'netvlad'; known: crow, flatten, gem, max"):
        find("netvlad")
    with pytest.raises(BadRecipe, match=r"pool cannot be 'gme'; did you mean 'gem'"):
        Part("tap", "gme")
