"""The grid of a sweep: which taps it takes, and where each part of its vectors stands."""

from __future__ import annotations

import pytest

from likewise.errors import BadRecipe, UnknownName
from likewise.evaluation.sweeps.grid import Grid


def test_without_taps_it_takes_the_last_map_of_each_stage() -> None:
    assert Grid("vgg16").taps == ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3", "pool5")
    assert Grid("alexnet").taps == ("relu1", "relu2", "relu5", "pool5")
    assert Grid("efficientnet-lite0").taps == ("block0", "block2", "block4", "block10", "head")


def test_names_become_those_of_the_network_and_none_is_tried_twice() -> None:
    grid = Grid("vgg16", ("block5_conv3", "relu5_3", "relu4_3"), ("max", "max"), (64, 32, 64))
    assert (grid.taps, grid.pools, grid.dimensions) == (("relu5_3", "relu4_3"), ("max",), (64, 32))


def test_columns_stand_side_by_side_in_the_order_of_the_parts() -> None:
    grid = Grid("vgg16", ("relu1_2", "relu2_2"), ("mean", "max"))
    assert grid.columns == {
        ("relu1_2", "mean"): slice(0, 64),
        ("relu1_2", "max"): slice(64, 128),
        ("relu2_2", "mean"): slice(128, 256),
        ("relu2_2", "max"): slice(256, 384),
    }
    assert [(part.tap, part.pool) for part in grid.recipe.parts] == list(grid.columns)
    assert [(part.tap, part.pool) for part in grid.only(("relu2_2", "max")).parts] == [("relu2_2", "max")]


def test_a_tap_that_is_a_vector_is_not_pooled() -> None:
    grid = Grid("efficientnet-lite0", ("pooled", "head"), ("mean", "max"))
    assert list(grid.columns) == [("pooled", "none"), ("head", "mean"), ("head", "max")]


def test_what_cannot_be_tried_is_named() -> None:
    with pytest.raises(UnknownName, match="relu5_3"):
        Grid("vgg16", ("relu5_4",))
    with pytest.raises(UnknownName, match="vgg16"):
        Grid("vgg61")
    for pool in ("flatten", "none", "gme"):
        with pytest.raises(BadRecipe, match=f"pool cannot be '{pool}'"):
            Grid("vgg16", pools=(pool,))
