"""The transforms of a recipe, one after the other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from likewise.descriptors.parts import Step, TransformChain
from likewise.descriptors.transforms import Origin, Whitening, l2, signed_root
from likewise.errors import BadWeights

ORIGIN = Origin("ab" * 32, samples=7, exponent=0.5, shrinkage=0.0)


def whitening() -> Whitening:
    random = np.random.default_rng(0)
    return Whitening(random.random(6).astype(np.float32), random.random((6, 2)).astype(np.float32), ORIGIN)


def test_chain_applies_its_steps_in_order(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    whitening().save(path)
    chain = TransformChain([Step("root", {"exponent": 0.25}), Step("l2"), Step.whiten(path), Step("l2")])
    x = np.random.default_rng(2).standard_normal((5, 6)).astype(np.float32)
    found = chain(x)
    np.testing.assert_allclose(found, l2(whitening()(l2(signed_root(x, 0.25)))), rtol=1e-6)
    assert found.dtype == np.float32
    assert chain.dimensions(6) == 2
    assert TransformChain([]).dimensions(9) == 9


def test_chain_refuses_a_whitening_that_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    whitening().save(path)
    step = Step.whiten(path)
    assert step.options["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    Whitening(np.ones(6, np.float32), np.ones((6, 2), np.float32), ORIGIN).save(path)
    with pytest.raises(BadWeights):
        TransformChain([step])
