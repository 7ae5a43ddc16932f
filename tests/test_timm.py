"""Networks of timm: taps as timm reports them, maps as the model gives them, weights kept like all others."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from likewise.errors import BadWeights, FetchFailed, MissingExtra, UnknownName, WeightsMissing
from likewise.networks import find, timm
from likewise.networks.timm import _asking_once
from likewise.networks.weights import files as weights
from likewise.networks.weights import formats

MODELS = ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"


@pytest.mark.parametrize("model", MODELS)
def test_the_maps_are_what_the_card_says(model: str) -> None:
    card = find(f"timm/{model}")
    side = card.input_size or 96
    taps = [*card.taps]
    module = timm.module(card, timm.tensors(card, pretrained=False), taps)
    maps = module(torch.zeros(2, 3, side, side))
    for name, found in zip(taps, maps, strict=True):
        tap = card.taps[name]
        assert found.shape == (2, tap.channels, side // tap.stride, side // tap.stride), name
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_taps_come_in_the_order_asked_for() -> None:
    card = find("timm/test_resnet")
    tensors = timm.tensors(card, pretrained=False)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    stage4, features, stage2 = timm.module(card, tensors, ["stage4", "features", "stage2"])(x)
    (alone,) = timm.module(card, tensors, ["stage2"])(x)
    assert torch.equal(stage2, alone)
    (last,) = timm.module(card, tensors, ["stage5"])(x)
    assert torch.equal(features, last)
    assert stage4.shape[1] == card.taps["stage4"].channels


def test_the_features_of_a_transformer_are_its_tokens_in_place() -> None:
    card = find("timm/test_vit")
    tensors = timm.tensors(card, pretrained=False)
    x = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    module = timm.module(card, tensors, ["features"])
    (features,) = module(x)
    tokens = module.model.forward_features(x)  # type: ignore[operator, union-attr]
    assert torch.equal(features[0, :, 2, 3], tokens[0, 1 + 2 * 10 + 3])  # one class token, rows of ten


def test_channels_last_is_turned() -> None:
    class Model:
        output_fmt = "NHWC"

    last = torch.arange(24).reshape(1, 2, 3, 4)
    turned = timm._as_map(last, last, Model())
    assert turned.shape == (1, 4, 2, 3)
    assert turned[0, 3, 1, 2] == last[0, 1, 2, 3]


def test_random_weights_are_the_same_each_time_and_disturb_no_one() -> None:
    card = find("timm/test_resnet")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = timm.tensors(card, pretrained=False)
    assert torch.equal(torch.rand(3), expected)
    second = timm.tensors(card, pretrained=False)
    assert first.keys() == second.keys() == formats.tensor_shapes(card).keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_weights_go_through_the_cache(cache: Path, tmp_path: Path) -> None:
    card = find("timm/test_resnet")
    random = card.weights_named("random")
    with pytest.raises(WeightsMissing, match="fetch timm/test_resnet --weights random"):
        weights.locate(card, random.name)
    file = weights.fetch(card.name, weights="random")
    assert file.path == cache / "weights" / "timm" / "test_resnet" / "random.safetensors"
    assert weights.locate(card, random.name) == file
    assert file.fingerprint(["stage3"]) == file.identity
    tensors = file.tensors()
    imported = weights.import_file(card.name, file.path, weights="timm")
    assert imported.identity == file.identity

    pth = tmp_path / "own.pth"
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, pth)
    assert weights.import_file(card.name, pth, weights="timm").identity == file.identity


def test_missing_tensors_are_named() -> None:
    card = find("timm/test_resnet")
    tensors = timm.tensors(card, pretrained=False)
    shape = tensors["conv1.0.weight"].shape
    tensors["conv1.0.weight"] = tensors["conv1.0.weight"][:1]
    with pytest.raises(BadWeights, match=r"conv1\.0\.weight"):
        timm.module(card, tensors, ["stage1"])
    del tensors["conv1.0.weight"]
    with pytest.raises(BadWeights, match=r"conv1\.0\.weight"):
        timm.module(card, tensors, ["stage1"])
    assert timm.shapes(card)["conv1.0.weight"] == shape


def test_preprocessing_is_the_models_own() -> None:
    vit = find("timm/vit_tiny_patch16_224").weights[0].preprocessing
    assert (vit.mean, vit.std, vit.interpolation) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "bicubic")
    vgg = find("timm/vgg16.tv_in1k")
    assert vgg.weights[0].preprocessing.interpolation == "bilinear"
    assert [(tap.channels, tap.stride) for tap in vgg.taps.values()] == [
        (64, 1),
        (128, 2),
        (256, 4),
        (512, 8),
        (512, 16),
        (512, 32),
        (512, 32),
    ]


def test_unknown_models_and_taps() -> None:
    with pytest.raises(UnknownName, match="resnet50"):
        find("timm/resnet5O")
    with pytest.raises(UnknownName, match="stage5"):
        find("timm/test_resnet").tap("stage9")


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    timm._timm.cache_clear()
    timm._skeleton.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    try:
        with pytest.raises(MissingExtra, match=r"likewise\[timm\]"):
            find("timm/test_resnet")
    finally:
        timm._timm.cache_clear()


@pytest.mark.parametrize("reached", [False, True])
def test_a_server_out_of_reach_is_asked_once(monkeypatch: pytest.MonkeyPatch, reached: bool) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    asked: list[object] = []

    def connect(address: object, patience: float) -> MagicMock:
        asked.append(address)
        if not reached:
            raise OSError("no route")
        return MagicMock()

    monkeypatch.setattr("likewise.networks.timm.socket.create_connection", connect)
    monkeypatch.setattr("likewise.networks.timm.getproxies", dict)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with _asking_once():
        assert constants.HF_HUB_OFFLINE is not reached
    assert len(asked) == 1
    assert constants.HF_HUB_OFFLINE is False


def test_what_cannot_be_fetched_is_said_in_one_line_and_the_way_out_once() -> None:
    with pytest.raises(FetchFailed) as caught:
        weights.fetch("timm/resnet18")
    message = str(caught.value)
    assert "\n" not in message
    assert message.count("networks import timm/resnet18 FILE") == 1
