"""One description, two builders: every shipped network and every kind of layer, in torch and in OpenVINO."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likewise.engines import Program, as_they_are, open_engine
from likewise.engines.openvino_walk import Walk
from likewise.engines.torch_module import ProgramModule, build
from likewise.networks import NETWORKS, Chain, Layer, Tensors
from likewise.networks.card import Card, Preprocessing
from likewise.networks.weights.formats import tensor_shapes
from likewise.types import UInt8Array

THIN = 4  # channels: what is tested is the wiring

# every kind that no shipped network has, with branches that part and meet
BRANCHING = Card(
    name="branching",
    paper="",
    chain=Chain(
        (
            Layer("grey", "grey"),
            Layer("norm", "instancenorm"),
            Layer("conv1", "conv", 4, 3, 2, (1, 1), bias=False, key="a", tap=False),
            Layer("norm1", "norm", 4, key="b", epsilon=1e-5),
            Layer("half", "relu"),
            Layer("quarter", "meanpool", kernel=2, stride=2),
            Layer("conv2", "conv", 4, 1, key="c"),
            Layer("wide", "upsample", inputs=("conv2", "half")),
            Layer("sum", "add", inputs=("wide", "half")),
            Layer("score", "conv", 1, 1, inputs=("sum",), key="d", tap=False),
            Layer("sure", "sigmoid"),
            Layer("cells", "fold", kernel=8, inputs=("norm",)),
            Layer("points", "conv", 65, 1, key="e"),
            Layer("both", "concat", inputs=("sum", "half")),
        )
    ),
    weights=(),
)


def thin(card: Card) -> Card:
    """The same network with few channels and, behind its maps, few numbers."""
    chain, channels, flat = [], 3, False
    for layer in card.chain:
        if layer.kind == "flatten":
            layer, flat = replace(layer, channels=layer.channels // channels * THIN), True
        elif layer.channels:
            channels = layer.channels if layer.kind == "conv" else channels
            layer = replace(layer, channels=THIN if not flat else 6, groups=THIN if layer.groups > 1 else 1)
        chain.append(layer)
    return replace(card, chain=Chain(chain))


def tensors(card: Card) -> Tensors:
    random = np.random.default_rng(0)
    made = {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in tensor_shapes(card).items()
    }
    half = np.float32(0.5)
    return {
        name: (np.abs(x) + half if "running_var" in name else x * half).astype(np.float32)
        for name, x in made.items()
    }


def pictures(height: int, width: int) -> UInt8Array:
    return np.random.default_rng(1).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def program(card: Card, taps: tuple[str, ...], preprocessing: Preprocessing) -> Program:
    return Program("f" * 64, card, taps, preprocessing, lambda: tensors(card), as_they_are)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))


CARDS = {name: thin(card) for name, card in NETWORKS.items()} | {"branching": BRANCHING}


@pytest.mark.parametrize("name", CARDS)
def test_every_tap_agrees_to_1e_4(name: str) -> None:
    card = CARDS[name]
    preprocessing = card.weights[-1].preprocessing if card.weights else Preprocessing(order="BGR")
    side = card.input_size or 64
    whole = program(card, tuple(card.taps), preprocessing)
    batch = pictures(side, side)
    found = open_engine(whole).run(batch)
    with torch.inference_mode():
        wanted = ProgramModule(whole)(torch.from_numpy(batch))
    for tap, one, other in zip(card.taps, found, wanted, strict=True):
        assert one.shape == tuple(other.shape), tap
        scale = float(other.abs().max())
        assert np.abs(one - other.numpy()).max() <= 1e-4 * scale, tap
        assert scale > 0, tap


@pytest.mark.parametrize("name", CARDS)
def test_maps_of_any_size_agree(name: str) -> None:
    card = CARDS[name]
    last = [tap for tap in card.taps.values() if tap.stride][-1].name
    free = program(card, (last,), Preprocessing())
    engine, module = open_engine(free), ProgramModule(free)
    for sides in ((64, 96), (160, 64)):
        (found,) = engine.run(pictures(*sides))
        with torch.inference_mode():
            (wanted,) = module(torch.from_numpy(pictures(*sides)))
        assert found.shape == tuple(wanted.shape)
        assert np.abs(found - wanted.numpy()).max() <= 1e-4 * float(wanted.abs().max())


@pytest.mark.parametrize("name", ["efficientnet-lite0", "cnn-m-128", "branching"])
def test_from_tap_to_tap_is_what_one_graph_gives(name: str) -> None:
    card = CARDS[name]
    side = card.input_size or 64
    x = np.random.default_rng(2).normal(size=(1, 3, side, side)).astype(np.float32)
    module = build(card, tensors(card), list(card.taps))
    steps = list(Walk(card.chain, tensors(card), list(card.taps)).run(x))
    assert [tap for tap, _ in steps] == list(card.taps)
    for (tap, found), wanted in zip(steps, module(torch.from_numpy(x)), strict=True):
        assert np.abs(found - wanted.numpy()).max() <= 1e-4 * float(wanted.abs().max()), tap


def test_what_is_not_needed_is_left_out() -> None:
    names = [layer.name for layer in BRANCHING.chain.needed(["points"])]
    assert names == ["grey", "norm", "cells", "points"]
    assert dict((layer.name, inputs) for layer, inputs in BRANCHING.chain.needed(["points"]).wires) == {
        "grey": ("",),
        "norm": ("grey",),
        "cells": ("norm",),
        "points": ("cells",),
    }
    assert list(tensor_shapes(BRANCHING, ["points"])) == ["e.weight", "e.bias"]


# conv1 3x3/2: field 3, jump 2; quarter 2x2/2: field 5, jump 4, its centre half a jump of 2 on; brought back
# to the jump and the centre of `half`; points fold 8x8 cells of one channel
@pytest.mark.parametrize(
    ("tap", "where"),
    [
        ("half", (4, 2, 3, 0.0)),
        ("quarter", (4, 4, 5, 1.0)),
        ("sum", (4, 2, 5, 0.0)),
        ("cells", (64, 8, 8, 3.5)),
        ("points", (65, 8, 8, 3.5)),
        ("both", (8, 2, 5, 0.0)),
    ],
)
def test_places_of_branches_by_hand(tap: str, where: tuple[int, int, int, float]) -> None:
    found = BRANCHING.tap(tap)
    assert (found.channels, found.stride, found.field, found.offset) == where


@pytest.mark.slow
def test_the_embedded_network_runs_where_there_is_no_torch(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["torch"] = sys.modules["timm"] = None  # importing them fails
import numpy as np
from likewise.descriptors.extractor import Extractor
from likewise.local.patches import Patches, PatchExtractor
from likewise.pictures import Resize
picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
one = Extractor()
assert np.isfinite(one.describe([one.prepare(picture)])).all()
many = PatchExtractor(Patches("efficientnet-lite0", ("block4",), size=64, resize=Resize("full")))
assert np.isfinite(many.describe(many.prepare(picture)).vectors["block4"]).all()
import likewise as lw
assert len(lw.inspect("efficientnet-lite0", picture, ["stem", "head", "probabilities"], size=64).views) == 3
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
