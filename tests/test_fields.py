"""Receptive fields measured, held against those that follow from the layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from likewise.engines.torch_module import build
from likewise.errors import UsageError
from likewise.inspection.fields import ReceptiveField, measure, measured
from likewise.inspection.inspection import inspect
from likewise.inspection.modules import ModuleNetwork
from likewise.inspection.network import CardNetwork
from likewise.networks.vgg import VGG16
from likewise.types import FloatArray
from tests.zoo import photo


def vgg_like(blocks: int) -> nn.Sequential:
    """The layers of VGG16 up to a pool, with as few channels as will do, named as its card names them."""
    layers: dict[str, nn.Module] = {}
    channels = 3
    for layer in VGG16.chain:
        match layer.kind:
            case "conv":
                layers[layer.name] = nn.Conv2d(channels, 2, 3, padding=1)
                channels = 2
            case "relu":
                layers[layer.name] = nn.ReLU(inplace=True)
            case "maxpool":
                layers[layer.name] = nn.MaxPool2d(2)
        if layer.name == f"pool{blocks}":
            break
    return nn.Sequential(OrderedDict(layers))


@pytest.mark.parametrize("tap", ["conv1_1", "relu2_2", "pool3", "conv4_2", "relu5_3", "pool5"])
def test_the_fields_of_vgg_are_those_of_its_card(tap: str) -> None:
    torch.manual_seed(0)
    found, card = measured(ModuleNetwork(vgg_like(5)), tap), VGG16.taps[tap]
    assert (found.stride, found.field, found.offset) == (card.stride, card.field, card.offset)


@pytest.mark.parametrize("tap", ["stem", "block1", "block5"])
def test_uneven_padding_and_residual_blocks(tap: str) -> None:
    network = CardNetwork("efficientnet-lite0")
    chain = build(network.card, network._tensors, [tap])

    def probe(x: FloatArray) -> FloatArray:
        found: FloatArray = chain(torch.from_numpy(x))[0].numpy()
        return found

    card = network.card.taps[tap]
    assert measure(probe) == ReceptiveField(card.stride, card.field, card.offset)
    assert measured(network, tap) == card


def run(module: nn.Module) -> Callable[[FloatArray], FloatArray]:
    """A module from array to array."""
    return lambda x: np.asarray(module(torch.from_numpy(x)).detach())


def test_fields_with_holes_and_without_padding_by_hand() -> None:
    dilated = nn.Conv2d(3, 1, 3, stride=2, dilation=4)
    assert measure(run(dilated)) == ReceptiveField(stride=2, side=9, offset=4)
    wide = nn.Conv2d(3, 1, (3, 7), padding=(1, 3))
    assert (measure(run(wide), 2).side, measure(run(wide), 3).side) == (3, 7)


def test_what_sees_everything_has_no_field() -> None:
    everywhere = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.GroupNorm(1, 4))
    assert measure(run(everywhere)) == ReceptiveField(1, 0, 0.0)


def test_cells_are_located_or_refused() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 5, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = ModuleNetwork(module)
    found = inspect(network, photo(1), size=60)
    tap, cell = found.cell(network, "0", 3, 29)
    assert (tap.field, tap.stride, tap.offset, cell) == (5, 2, 0, (3, 29))
    with pytest.raises(UsageError, match="3,30 lies outside 0, whose 23 rows and 30 columns"):
        found.cell(network, "0", 3, 30)
    with pytest.raises(UsageError, match="sees the whole picture"):
        found.cell(network, "1", 0, 0)
    with pytest.raises(UsageError, match="a cell belongs to a map"):
        found.cell(network, "2", 0, 0)
    with pytest.raises(UsageError, match="it sees the whole picture"):
        measured(network, "2")


def test_a_network_of_one_size_is_not_measured() -> None:
    network = ModuleNetwork(nn.Conv2d(3, 1, 3), side=32)
    network._known["conv"] = network.module
    with pytest.raises(UsageError, match="needs pictures of one size"):
        measured(network, "conv")


def test_measuring_leaves_the_module_as_it_was() -> None:
    module = vgg_like(1).train()
    before = [parameter.clone() for parameter in module.parameters()]
    measured(ModuleNetwork(module), "pool1")
    assert module.training
    for was, now in zip(before, module.parameters(), strict=True):
        assert np.array_equal(was.detach(), now.detach())
