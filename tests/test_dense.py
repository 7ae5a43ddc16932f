"""Networks over a whole picture: windows by hand, cells that fit, and equality with crops without padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.engines.torch_module import build
from likewise.errors import UsageError
from likewise.local.dense import Window, dense_tensors, densified, window
from likewise.networks import Chain, Layer, find
from likewise.networks.card import Card, Tap
from likewise.networks.weights.formats import tensor_shapes
from likewise.types import FloatArray

RANDOM = np.random.default_rng(0)


def tensors(card: Card) -> dict[str, FloatArray]:
    return {
        name: RANDOM.normal(size=shape).astype(np.float32) * 0.1
        for name, shape in tensor_shapes(card).items()
    }


def tiny(*layers: Layer) -> Card:
    return replace(find("vgg16"), name="tiny", chain=Chain(layers), aliases={}, input_size=8)


# 224 pixels are 224 / 8 = 28 cells after three halvings of VGG16, 14 after four, 7 after five. CNN-M:
# (224 - 7) / 2 + 1 = 109, pooled 54, (54 + 2 - 5) / 2 + 1 = 26, pooled 13, pooled 6: with ceil, 10 / 2 + 1.
@pytest.mark.parametrize(
    ("network", "tap", "wanted"),
    [
        ("vgg16", "relu3_3", Window(56, 8)),
        ("vgg16", "relu4_3", Window(28, 4)),
        ("vgg16", "relu5_3", Window(14, 2)),
        ("vgg16", "pool5", Window(7, 1)),
        ("vgg16", "fc2", Window(1, 1)),
        ("cnn-m-128", "conv3", Window(13, 2)),
        ("cnn-m-128", "relu5", Window(13, 2)),
        ("cnn-m-128", "pool5", Window(6, 1)),
        ("cnn-m-128", "fc7", Window(1, 1)),
        ("efficientnet-lite0", "head", Window(7, 1)),
        ("efficientnet-lite0", "pooled", Window(1, 1)),
    ],
)
def test_windows_of_a_patch_of_224_every_32(network: str, tap: str, wanted: Window) -> None:
    assert window(find(network), tap, 224, 32) == wanted


def test_layers_that_span_the_patch_become_windows() -> None:
    layers = {layer.name: layer for layer in densified(find("cnn-m-128"), ["logits"], 224, 32).chain}
    assert "flatten" not in layers
    assert [(layers[n].kind, layers[n].kernel) for n in ("fc6_linear", "fc7_linear", "logits")] == [
        ("conv", 6),
        ("conv", 1),
        ("conv", 1),
    ]
    pooled = densified(find("efficientnet-lite0"), ["pooled"], 96, 64).chain[-1]
    assert (pooled.kind, pooled.kernel, pooled.stride) == ("meanpool", 3, 2)


@pytest.mark.parametrize("head", ["flatten", "avgpool"])
def test_without_padding_a_window_equals_its_crop(head: str) -> None:
    linear = Layer("fc", "linear", 5, key="f")
    card = tiny(
        Layer("conv1", "conv", 4, 1, key="a"),
        Layer("pool1", "maxpool", kernel=2, stride=2),
        Layer("flat", head, tap=False, channels=4 * 16 if head == "flatten" else 0),  # type: ignore[arg-type]
        linear,
        Layer("probabilities", "softmax"),
    )
    weights = tensors(card)
    whole = densified(card, ["probabilities"], 8, 4)
    x = torch.from_numpy(RANDOM.normal(size=(1, 3, 16, 12)).astype(np.float32))
    taps = ["fc", "probabilities"]
    shared = build(whole, dense_tensors(whole, weights), taps)(x)
    for row in range(3):
        for column in range(2):
            crop = x[:, :, row * 4 : row * 4 + 8, column * 4 : column * 4 + 8]
            for one, exact in zip(shared, build(card, weights, taps)(crop), strict=True):
                np.testing.assert_allclose(one[0, :, row, column], exact[0], rtol=1e-4, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3), st.integers(0, 3))
def test_maps_hold_whole_windows_only(rows: int, columns: int) -> None:
    real = find("cnn-m-128")
    thin = replace(
        real, chain=Chain(replace(one, channels=1 if one.kind == "conv" else 0) for one in real.chain)
    )
    x = torch.zeros((1, 3, 96 + 32 * rows, 96 + 32 * columns))
    taps = ["conv3", "pool5"]
    network = build(thin, tensors(replace(thin, chain=Chain(thin.chain[:16]))), taps)
    for tap, found in zip(taps, network(x), strict=True):
        over = window(real, tap, 96, 32)
        assert found.shape[2:] == (over.cells + rows * over.step, over.cells + columns * over.step)


def test_what_has_no_shared_mode_is_refused_with_the_way_out() -> None:
    vgg16 = find("vgg16")
    with pytest.raises(UsageError, match=r"multiple of 32.*'exact'"):
        window(vgg16, "pool5", 224, 16)
    with pytest.raises(UsageError, match="patches of 224"):
        densified(vgg16, ["fc1"], 96, 32)
    with pytest.raises(UsageError, match="too small"):
        densified(vgg16, ["pool5"], 16, 32)
    timm = replace(vgg16, chain=Chain(), measured=(Tap("stage1", 8, 4, 0, 0.0),), aliases={})
    with pytest.raises(UsageError, match="'exact'"):
        densified(timm, ["stage1"], 224, 32)
    with pytest.raises(UsageError, match="'exact'"):
        window(timm, "stage1", 224, 32)
