"""What cells give to pooled vectors: by hand, and adding up to what the torch poolings make."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from likewise.descriptors.parts import Part
from likewise.descriptors.poolings import POOLINGS
from likewise.engines.torch_ops import OPS
from likewise.types import FloatArray

OPTIONS: list[tuple[str, dict[str, float | bool]]] = [
    ("sum", {}),
    ("mean", {}),
    ("max", {}),
    ("crow", {}),
    ("spoc", {"prior": False}),
    ("spoc", {"prior": True}),
    ("gem", {"p": 3.0}),
    ("gem", {"p": 2.0, "centre": 0.25}),
    ("gem", {"p": 0.5, "eps": 0.01}),
]


@pytest.mark.parametrize(("pool", "given"), OPTIONS)
def test_pieces_add_up_to_the_pooled_vector(pool: str, given: dict[str, float | bool]) -> None:
    maps = np.random.default_rng(1).normal(0.3, 1, (6, 5, 7)).astype(np.float32).clip(0)
    maps[2] = 0  # a channel that never fires
    options = Part("tap", pool, options=given).options
    wanted = POOLINGS[pool](OPS, torch.from_numpy(maps)[None], **options)[0].numpy()
    np.testing.assert_allclose(
        POOLINGS[pool].shared(maps, options).sum(axis=(1, 2)), wanted, rtol=1e-5, atol=1e-6
    )


def test_every_pooling_that_shares_out_is_tried() -> None:
    assert {pool for pool, _ in OPTIONS} == {name for name, pooling in POOLINGS.items() if pooling.shares}


def test_a_cell_of_a_generalised_mean_gives_its_share_of_the_powers() -> None:
    maps = np.array([[[1.0, 2.0], [2.0, 0.0]]], np.float32)
    found = POOLINGS["gem"].shared(maps, {"p": 2.0, "eps": 1e-6, "centre": 0.0})
    pooled = np.sqrt((1 + 4 + 4) / 4)  # 1.5, of which the powers are 1 : 4 : 4 : 0
    np.testing.assert_allclose(found, pooled * np.array([[[1, 4], [4, 0]]]) / 9, atol=1e-9)


def test_a_maximum_is_shared_by_those_that_hold_it() -> None:
    maps = np.array([[[3.0, 1.0, 3.0]]], np.float32)
    np.testing.assert_array_equal(POOLINGS["max"].shared(maps, {}), [[[1.5, 0, 1.5]]])


def test_crow_gives_nothing_where_nothing_fires() -> None:
    assert not POOLINGS["crow"].shared(np.zeros((3, 2, 2), np.float32), {}).any()


@given(
    hnp.arrays(np.float32, (2, 3, 2), elements=st.floats(0, 100, width=32)),
    st.floats(1, 6),
    st.sampled_from([0.0, 0.25, 1.0]),
)
def test_shares_of_a_generalised_mean_keep_their_sign_and_their_sum(
    maps: FloatArray, p: float, centre: float
) -> None:
    found = POOLINGS["gem"].shared(maps, {"p": p, "eps": 1e-6, "centre": centre})
    assert (found >= 0).all()
    assert (found.sum(axis=(1, 2)) <= maps.max(axis=(1, 2)) * (1 + 1e-6) + 1e-5).all()
