"""Taps by hand: strides, receptive fields, offsets, aliases; and what cannot be named is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from likewise.errors import UnknownName
from likewise.networks import NETWORKS, find
from likewise.networks.card import Tap
from likewise.networks.weights.formats import tensor_shapes


def place(network: str, tap: str) -> tuple[int, int, int, float]:
    found = find(network).tap(tap)
    return found.channels, found.stride, found.field, found.offset


# VGG: a 3x3 convolution adds 2 jumps to the field, a 2x2 pool adds one jump and doubles the jump.
# Fields after block 1: 1+2+2=5, pool 6; block 2 (jump 2): 6+4+4=14, pool 16; block 3 (jump 4): 16+3*8=40,
# pool 44; block 4 (jump 8): 44+3*16=92, pool 100; block 5 (jump 16): 100+3*32=196, pool 212.
# 'same' convolutions keep the centre; pools move it by half a jump: 0.5, 1.5, 3.5, 7.5, 15.5.
@pytest.mark.parametrize(
    ("tap", "where"),
    [
        ("conv1_1", (64, 1, 3, 0.0)),
        ("relu1_2", (64, 1, 5, 0.0)),
        ("pool1", (64, 2, 6, 0.5)),
        ("relu2_2", (128, 2, 14, 0.5)),
        ("relu3_3", (256, 4, 40, 1.5)),
        ("pool4", (512, 16, 100, 7.5)),
        ("conv5_3", (512, 16, 196, 7.5)),
        ("relu5_3", (512, 16, 196, 7.5)),
        ("pool5", (512, 32, 212, 15.5)),
        ("flatten", (25088, 0, 0, 0.0)),
        ("fc2", (4096, 0, 0, 0.0)),
        ("logits", (1000, 0, 0, 0.0)),
    ],
)
def test_vgg16_taps(tap: str, where: tuple[int, int, int, float]) -> None:
    assert place("vgg16", tap) == where


# VGG19 has a fourth convolution in blocks 3 to 5: 16+4*8=48, 52; 52+4*16=116, 124; 124+4*32=252, 268.
def test_vgg19_taps() -> None:
    assert place("vgg19", "relu5_4") == (512, 16, 252, 7.5)
    assert place("vgg19", "pool5") == (512, 32, 268, 15.5)


# AlexNet: conv1 11x11/4 pad 2: field 11, centre 5-2=3, jump 4. pool1 3x3/2: 11+8=19, centre 3+4=7, jump 8.
# conv2 5x5 pad 2: 19+32=51. pool2: 51+16=67, centre 15, jump 16. Three 3x3: 99, 131, 163.
# pool5: 195, centre 31.
@pytest.mark.parametrize(
    ("tap", "where"),
    [
        ("conv1", (64, 4, 11, 3.0)),
        ("pool1", (64, 8, 19, 7.0)),
        ("relu2", (192, 8, 51, 7.0)),
        ("pool2", (192, 16, 67, 15.0)),
        ("relu5", (256, 16, 163, 15.0)),
        ("pool5", (256, 32, 195, 31.0)),
        ("fc1", (4096, 0, 0, 0.0)),
    ],
)
def test_alexnet_taps(tap: str, where: tuple[int, int, int, float]) -> None:
    assert place("alexnet", tap) == where


@pytest.mark.parametrize(
    ("network", "alias", "tap"),
    [
        ("vgg16", "features.0", "conv1_1"),
        ("vgg16", "features.4", "pool1"),
        ("vgg16", "features.28", "conv5_3"),
        ("vgg16", "features.29", "relu5_3"),
        ("vgg16", "features.30", "pool5"),
        ("vgg16", "block5_conv3", "relu5_3"),
        ("vgg16", "block5_pool", "pool5"),
        ("vgg16", "fc6", "fc1"),
        ("vgg16", "fc7", "fc2"),
        ("vgg16", "classifier.3", "fc2_linear"),
        ("vgg16", "classifier.4", "fc2"),
        ("vgg16", "classifier.2", "fc1"),
        ("vgg16", "classifier.5", "fc2"),
        ("vgg16", "relu6", "fc1"),
        ("vgg16", "relu7", "fc2"),
        ("vgg16", "drop7", "fc2"),
        ("vgg16", "avgpool", "pool5"),
        ("vgg19", "features.36", "pool5"),
        ("vgg19", "block4_conv4", "relu4_4"),
        ("alexnet", "features.0", "conv1"),
        ("alexnet", "features.3", "conv2"),
        ("alexnet", "features.10", "conv5"),
        ("alexnet", "features.12", "pool5"),
        ("alexnet", "fc7", "fc2"),
        ("alexnet", "classifier.0", "flatten"),
        ("alexnet", "classifier.1", "fc1_linear"),
        ("alexnet", "classifier.2", "fc1"),
        ("alexnet", "classifier.3", "fc1"),
        ("alexnet", "drop7", "fc2"),
        ("cnn-m-128", "drop7", "fc7"),
    ],
)
def test_names_of_other_libraries(network: str, alias: str, tap: str) -> None:
    card = find(network)
    assert card.tap(alias).name == tap
    assert alias in card.taps[tap].aliases


@pytest.mark.parametrize("name", NETWORKS)
def test_every_alias_leads_to_a_tap(name: str) -> None:
    card = find(name)
    assert card.aliases
    assert {card.tap(alias).name for alias in card.aliases} <= set(card.taps)
    assert not set(card.aliases) & set(card.taps)


def test_conv5_alone_is_refused_with_the_choices() -> None:
    with pytest.raises(UnknownName, match="ambiguous") as caught:
        find("vgg16").tap("conv5")
    for choice in ("conv5_1", "conv5_3", "pool5"):
        assert choice in str(caught.value)


def test_unknown_names_lead_to_known_ones() -> None:
    with pytest.raises(UnknownName, match="relu5_3"):
        find("vgg16").tap("rellu5_3")
    with pytest.raises(UnknownName, match="vgg16"):
        find("vgg-16")
    with pytest.raises(UnknownName, match="torchvision"):
        find("vgg16").weights_named("torchvison")


def test_preprocessing_belongs_to_the_weights() -> None:
    torchvision, keras = (
        find("vgg16").weights_named(name).preprocessing for name in ("torchvision", "keras")
    )
    assert (torchvision.order, torchvision.scale) == ("RGB", 1 / 255)
    assert (keras.order, keras.scale, keras.std) == ("BGR", 1.0, (1.0, 1.0, 1.0))
    assert keras.mean == (103.939, 116.779, 123.68)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("vgg16", 138_357_544), ("vgg19", 143_667_240), ("alexnet", 61_100_840)],
)
def test_parameters_are_as_many_as_torchvision_counts(name: str, parameters: int) -> None:
    total = 0
    for shape in tensor_shapes(find(name)).values():
        count = 1
        for side in shape:
            count *= side
        total += count
    assert total == parameters


def test_expected_stops_at_the_last_tap() -> None:
    card = find("vgg16")
    assert list(tensor_shapes(card, ["conv1_1"])) == ["features.0.weight", "features.0.bias"]
    assert "classifier.0.weight" not in tensor_shapes(card, ["pool5", "relu3_1"])
    assert tensor_shapes(card, ["fc1"])["classifier.0.weight"] == (4096, 25088)


def test_taps_are_in_the_order_of_the_forward_pass() -> None:
    names = list(find("alexnet").taps)
    assert names[:3] == ["conv1", "relu1", "pool1"]
    assert names[-6:] == ["fc1_linear", "fc1", "fc2_linear", "fc2", "logits", "probabilities"]
    assert isinstance(find("alexnet").taps["fc1"], Tap)


def test_cards_import_no_framework() -> None:
    heavy = "{'torch', 'timm', 'h5py'}"
    code = f"import sys, likewise.networks.weights.files; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_package_may_give_its_layers_as_a_plain_tuple() -> None:
    card = find("alexnet")
    plain: Any = tuple(card.chain)
    again = replace(card, chain=plain)
    assert again.chain.needed(["fc1"])[-1].name == "fc1"
    assert again.taps == card.taps
