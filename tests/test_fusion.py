"""Fusion of layers, by hand."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from likewise.errors import UnknownName, UsageError
from likewise.words.fusion import Fusion, Rule

SCORES = {"a": np.array([4.0, 1.0, 0.0, 1.0]), "b": np.array([0.0, 2.0, 0.0, 3.0])}
SCALES = {"a": 0.5, "b": 10.0}


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("plain", [4, 3, 0, 4]),
        ("scaled", [2, 20.5, 0, 30.5]),
        # places in a: 1, 2, -, 2 (equal scores share the better place); in b: -, 2, -, 1
        ("rank", [1 / 61, 1 / 62 + 1 / 62, 0, 1 / 62 + 1 / 61]),
    ],
)
def test_rules(rule: Rule, wanted: list[float]) -> None:
    np.testing.assert_allclose(Fusion(rule).fuse(SCORES, SCALES), wanted, rtol=1e-12)


def test_scores_that_are_handed_in_stay_as_they_are() -> None:
    one = {"a": SCORES["a"].copy()}
    for rule in get_args(Rule):
        Fusion(rule).fuse(one, {"a": 3.0})
    np.testing.assert_array_equal(one["a"], SCORES["a"])


def test_no_pictures() -> None:
    for rule in get_args(Rule):
        assert Fusion(rule).fuse({"a": np.empty(0)}, {"a": 1.0}).shape == (0,)


def test_layers_and_refusals() -> None:
    assert Fusion().chosen(("a", "b")) == ("a", "b")
    assert Fusion(layers=("b",)).chosen(("a", "b")) == ("b",)
    with pytest.raises(UnknownName, match="no fusion is called 'max'"):
        Fusion("max")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a, a name one twice"):
        Fusion(layers=("a", "a"))
