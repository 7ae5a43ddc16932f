"""Chains become networks: against convolutions written as loops, blocks, padding, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from likewise.engines.torch_module import build
from likewise.errors import BadWeights, UnknownName
from likewise.networks import Chain, Layer, find
from likewise.networks.card import Card
from likewise.networks.weights.formats import tensor_shapes
from likewise.types import FloatArray

RANDOM = np.random.default_rng(0)


def tiny(*layers: Layer) -> Card:
    return replace(find("vgg16"), name="tiny", chain=Chain(layers), aliases={})


def tensors(card: Card) -> dict[str, FloatArray]:
    return {
        name: np.abs(RANDOM.standard_normal(shape)).astype(np.float32) * 0.1
        if "running_var" in name
        else RANDOM.standard_normal(shape).astype(np.float32) * 0.1
        for name, shape in tensor_shapes(card).items()
    }


def slow_conv(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, pad: tuple[int, int]
) -> np.ndarray:
    x = np.pad(x, ((0, 0), pad, pad))
    out, _, k, _ = weight.shape
    side = [(n - k) // stride + 1 for n in x.shape[1:]]
    found = np.zeros((out, *side))
    for o in range(out):
        for i in range(side[0]):
            for j in range(side[1]):
                window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
                found[o, i, j] = (window * weight[o]).sum() + bias[o]
    return found


@pytest.mark.parametrize("pad", [(1, 1), (0, 1), (1, 2)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_equals_its_loops_whatever_the_padding(pad: tuple[int, int], stride: int) -> None:
    card = tiny(Layer("conv1", "conv", 4, 3, stride, pad, key="a"))
    weights = tensors(card)
    x = RANDOM.standard_normal((1, 3, 8, 6)).astype(np.float32)
    (found,) = build(card, weights, ["conv1"])(torch.from_numpy(x))
    wanted = slow_conv(x[0], weights["a.weight"], weights["a.bias"], stride, pad)
    np.testing.assert_allclose(found[0].numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_a_residual_block_adds_its_input() -> None:
    card = tiny(
        Layer("conv1", "conv", 4, 1, key="a"),
        Layer("conv2", "conv", 4, 1, key="b", tap=False),
        Layer("relu2", "relu", tap=False),
        Layer("conv3", "conv", 4, 1, key="c", tap=False),
        Layer("block", "add", inputs=("conv3", "conv1")),
    )
    x = torch.from_numpy(RANDOM.standard_normal((2, 3, 5, 5)).astype(np.float32))
    start, end = build(card, weights := tensors(card), ["conv1", "block"])(x)
    inner = torch.einsum("nchw,oc->nohw", start, torch.from_numpy(weights["b.weight"][:, :, 0, 0]))
    inner = (inner + torch.from_numpy(weights["b.bias"])[:, None, None]).relu()
    inner = torch.einsum("nchw,oc->nohw", inner, torch.from_numpy(weights["c.weight"][:, :, 0, 0]))
    wanted = inner + torch.from_numpy(weights["c.bias"])[:, None, None] + start
    np.testing.assert_allclose(end.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_taps_come_in_the_order_asked_for_and_the_rest_is_cut_off() -> None:
    card = tiny(
        Layer("conv1", "conv", 4, 3, pad=(1, 1), key="a"),
        Layer("pool1", "maxpool", kernel=2, stride=2),
        Layer("conv2", "conv", 8, 3, pad=(1, 1), key="b"),
    )
    weights = {name: value for name, value in tensors(card).items() if name.startswith("a")}
    pooled, conv = build(card, weights, ["pool1", "conv1"])(torch.zeros(1, 3, 6, 6))
    assert pooled.shape == (1, 4, 3, 3)
    assert conv.shape == (1, 4, 6, 6)


def test_maps_have_the_channels_and_strides_that_the_card_says() -> None:
    card = find("efficientnet-lite0")
    names = [tap for tap in card.taps if card.taps[tap].stride]
    maps = build(card, tensors(card), names)(torch.zeros(1, 3, 64, 96))
    for name, found in zip(names, maps, strict=True):
        tap = card.taps[name]
        assert found.shape == (1, tap.channels, 64 // tap.stride, 96 // tap.stride), name


def test_vgg_gives_every_fully_connected_tap_its_shape() -> None:
    small = tuple(
        replace(layer, channels=min(layer.channels, 392 if layer.kind == "flatten" else 8))
        for layer in find("vgg16").chain
    )
    card = replace(find("vgg16"), name="small", chain=Chain(small))
    maps = build(card, tensors(card), ["pool5", "fc1_linear", "fc7", "probabilities"])(
        torch.zeros(2, 3, 224, 224)
    )
    assert [tuple(found.shape) for found in maps] == [(2, 8, 7, 7), (2, 8), (2, 8), (2, 8)]
    np.testing.assert_allclose(maps[3].sum(1).numpy(), 1, rtol=1e-5)


def test_missing_and_misshapen_tensors_are_named() -> None:
    card = tiny(Layer("conv1", "conv", 4, 3, pad=(1, 1), key="a"))
    weights = tensors(card)
    with pytest.raises(BadWeights, match=r"hold no 'a\.bias'"):
        build(card, {"a.weight": weights["a.weight"]}, ["conv1"])
    with pytest.raises(BadWeights, match=r"a\.weight has shape \(4, 3, 1, 1\).*needs \(4, 3, 3, 3\)"):
        build(card, weights | {"a.weight": np.zeros((4, 3, 1, 1), np.float32)}, ["conv1"])
    with pytest.raises(UnknownName, match="no tap 'conv9'"):
        build(card, weights, ["conv9"])
