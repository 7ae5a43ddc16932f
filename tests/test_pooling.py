from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial

import numpy as np
import openvino as ov
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openvino import opset13
from torch.jit._trace import TracerWarning

from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.poolings.crow import CROW
from likewise.descriptors.poolings.gem import GEM
from likewise.descriptors.poolings.rmac import RMAC
from likewise.descriptors.poolings.spoc import SPOC
from likewise.engines import Array, openvino_ops, torch_ops
from likewise.types import FloatArray
from tests import slow

Pool = Callable[..., Array]

CHANNELS = 5
_random = np.random.default_rng(0)
WHITENING = (_random.random(CHANNELS), _random.standard_normal((CHANNELS, 4)))


KINDS: dict[str, tuple[Pool, Callable[[slow.Array], slow.Array]]] = {
    "none": (POOLINGS["none"], np.ravel),
    "flatten": (POOLINGS["flatten"], np.ravel),
    "sum": (POOLINGS["sum"], slow.total),
    "mean": (POOLINGS["mean"], slow.mean),
    "max": (POOLINGS["max"], slow.maximum),
    "gem": (POOLINGS["gem"], lambda x: slow.gem(x, 3.0)),
    "gem, p 1.5": (partial(GEM, p=1.5), lambda x: slow.gem(x, 1.5)),
    "gem, centred": (partial(GEM, p=2.0, centre=0.3), lambda x: slow.centred_gem(x, 2.0, 0.3)),
    "spoc": (POOLINGS["spoc"], slow.total),
    "spoc, prior": (partial(SPOC, prior=True), slow.spoc),
    "crow": (POOLINGS["crow"], slow.crow),
    "rmac": (POOLINGS["rmac"], lambda x: slow.rmac(x, 3, Fraction(2, 5))),
    "rmac, 5 levels": (partial(RMAC, levels=5, overlap=0.25), lambda x: slow.rmac(x, 5, Fraction(1, 4))),
    "rmac, whitened": (
        partial(RMAC, whitening=(WHITENING[0].astype(np.float32), WHITENING[1].astype(np.float32))),
        lambda x: slow.rmac(x, 3, Fraction(2, 5), WHITENING),
    ),
}
SIZES = [(8, 6), (7, 7), (5, 9), (9, 5), (1, 8), (13, 1), (1, 1), (2, 2), (3, 2), (24, 7), (6, 31), (2, 40)]


def maps(n: int, height: int, width: int, seed: int = 0) -> FloatArray:
    """Maps as after a ReLU: half of the cells are zero, the last channel never fires."""
    random = np.random.default_rng(seed)
    x = random.random((n, CHANNELS, height, width)) * 20
    x[random.random(x.shape) < 0.5] = 0
    x[:, -1] = 0
    return x.astype(np.float32)


def in_torch(pool: Pool, x: FloatArray) -> FloatArray:
    with torch.inference_mode():
        return np.asarray(pool(torch_ops.OPS, torch.from_numpy(x)))


@cache
def compiled(kind: str) -> ov.CompiledModel:
    """The pooling as a graph of OpenVINO with free n, h and w."""
    maps = opset13.parameter([-1, CHANNELS, -1, -1], np.float32)
    vectors = KINDS[kind][0](openvino_ops.OPS, openvino_ops.Value(maps))
    return ov.Core().compile_model(
        ov.Model([vectors.node], [maps]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )


@cache
def traced(kind: str) -> ov.CompiledModel:
    """The pooling traced by torch from an example of 8 x 6 cells, as networks of timm are converted."""

    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            vectors: torch.Tensor = KINDS[kind][0](torch_ops.OPS, x)
            return vectors

    with warnings.catch_warnings():
        # Only torch's own notice that tracing has a successor; a tracer warning would be a frozen size.
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", message="`torch.jit", category=category)
        warnings.filterwarnings("ignore", message="torch.from_numpy results", category=TracerWarning)
        model = ov.convert_model(
            Module(), example_input=torch.rand(2, CHANNELS, 8, 6), input=[-1, CHANNELS, -1, -1]
        )
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def assert_close(got: FloatArray, expected: slow.Array) -> None:
    """Agreement to 1e-5 of the largest number."""
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 1e-5 * max(float(np.abs(expected).max()), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_equals_the_slow_version_at_every_size(kind: str) -> None:
    pool, slowly = KINDS[kind]
    for height, width in SIZES:
        x = maps(2, height, width)
        expected = np.stack([slowly(picture) for picture in x.astype(np.float64)])
        assert_close(in_torch(pool, x), expected)
        assert_close(compiled(kind)(x)[0], expected)


@pytest.mark.parametrize("kind", ["gem, centred", "spoc, prior", "crow", "rmac, whitened"])
def test_a_trace_keeps_sizes_free(kind: str) -> None:
    model = traced(kind)
    for height, width in ((8, 6), (5, 9), (13, 1)):
        x = maps(2, height, width)
        assert_close(model(x)[0], in_torch(KINDS[kind][0], x).astype(np.float64))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_rmac_equals_its_slow_version(n: int, height: int, width: int, seed: int) -> None:
    x = maps(n, height, width, seed)
    expected = np.stack([slow.rmac(picture, 3, Fraction(2, 5)) for picture in x.astype(np.float64)])
    assert_close(in_torch(RMAC, x), expected)
    assert_close(compiled("rmac")(x)[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_of_zeros_gives_no_nan(kind: str) -> None:
    x = np.zeros((1, CHANNELS, 4, 7), np.float32)
    for got in (in_torch(KINDS[kind][0], x), compiled(kind)(x)[0]):
        assert np.isfinite(got).all()
        assert np.abs(got).max() <= 1e-6 or kind == "rmac, whitened"


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_pass_unchanged(kind: str) -> None:
    x = np.random.default_rng(1).standard_normal((3, CHANNELS)).astype(np.float32)
    assert np.array_equal(in_torch(KINDS[kind][0], x), x)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_its_pictures_give(kind: str) -> None:
    x = maps(3, 6, 9)
    module = KINDS[kind][0]
    alone = np.concatenate([in_torch(module, picture[None]) for picture in x])
    np.testing.assert_allclose(in_torch(module, x), alone, rtol=1e-6, atol=1e-6)


def test_gem_worked_by_hand() -> None:
    # (1 + 8 + 27 + 0) / 4 = 9, whose cube root is 2.0801
    x = np.array([[[[1, 2], [3, 0]]]], np.float32)
    assert in_torch(GEM, x)[0, 0] == pytest.approx(9 ** (1 / 3), rel=1e-6)
    assert in_torch(partial(GEM, p=1.0), x)[0, 0] == pytest.approx(1.5, rel=1e-6)


def test_gem_of_high_powers_neither_overflows_nor_vanishes() -> None:
    x = maps(1, 6, 6) * 50
    near = in_torch(partial(GEM, p=100.0), x)
    assert np.isfinite(near).all()
    np.testing.assert_allclose(near[0, :-1], x.max((2, 3))[0, :-1], rtol=0.05)
    assert in_torch(partial(GEM, p=100.0), np.zeros((1, 1, 3, 3), np.float32))[0, 0] == pytest.approx(1e-6)


def test_centre_prior_worked_by_hand() -> None:
    # 3 x 3 cells: sigma = 1.5 / 3 = 0.5, so a side neighbour weighs exp(-2) and a corner exp(-4).
    x = np.eye(9, dtype=np.float32).reshape(1, 9, 3, 3)
    side, corner = np.exp(-2), np.exp(-4)
    expected = [corner, side, corner, side, 1, side, corner, side, corner]
    np.testing.assert_allclose(in_torch(partial(SPOC, prior=True), x)[0], expected, rtol=1e-6)


def test_crow_worked_by_hand() -> None:
    # S = [3, 4], |S| = 5; shares of cells that fire: 1 and 1/2, so weights log 1.5 and log 3.
    x = np.array([[[[3, 1]], [[0, 3]]]], np.float32)
    cells = np.sqrt(np.array([3, 4]) / 5)
    expected = [np.log(1.5) * (3 * cells[0] + cells[1]), np.log(3) * 3 * cells[1]]
    np.testing.assert_allclose(in_torch(CROW, x)[0], expected, rtol=1e-6)


def test_crow_counts_negative_activations_as_silent() -> None:
    assert np.isfinite(in_torch(CROW, -maps(1, 4, 5))).all()


def test_rmac_regions_of_the_paper() -> None:
    # A square map of 6 x 6 has 1 + 4 + 9 squares, of sides 6, 4 and 3.
    found = slow.regions(6, 6, 3, Fraction(2, 5))
    assert found[:5] == [(0, 0, 6), (0, 0, 4), (0, 2, 4), (2, 0, 4), (2, 2, 4)]
    assert len(found) == 14
    # 24 x 32 cells: two squares of side 24 overlap by 2/3, three by 5/6; two are nearer to 0.4.
    assert len(slow.regions(24, 32, 3, Fraction(2, 5))) == 2 + 2 * 3 + 3 * 4


def test_rmac_of_a_tie_takes_the_denser_grid() -> None:
    # 5 x 9 cells: two squares overlap by 0.2 and three by 0.6, equally far from 0.4.
    x = maps(1, 5, 9)
    assert len(slow.regions(5, 9, 1, Fraction(2, 5))) == 3
    columns = [x[0, :, :, start : start + 5].max((1, 2)) for start in (0, 2, 4)]
    expected = np.sum([slow.unit(column.astype(np.float64)) for column in columns], axis=0)
    assert_close(in_torch(partial(RMAC, levels=1), x)[0], expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.1, 50))
def test_pooled_maps_scale_with_activations(height: int, width: int, factor: float) -> None:
    x = maps(1, height, width)
    for kind in ("sum", "mean", "max", "crow"):
        module = KINDS[kind][0]
        scaled = in_torch(module, (x * factor).astype(np.float32))
        np.testing.assert_allclose(scaled, in_torch(module, x) * factor, rtol=1e-4, atol=1e-5)
