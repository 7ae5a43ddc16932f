"""Looking into networks: the embedded one, any torch module, two side by side, layers compared, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import likewise as lw
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.engines.torch_module import build
from likewise.errors import BadPicture, UnknownName, UsageError, WeightsMissing
from likewise.inspection.alignment import Alignment
from likewise.inspection.classes import answer, class_names, read_names
from likewise.inspection.modules import ModuleNetwork
from likewise.inspection.network import CardNetwork, open_network, walk
from likewise.networks import CIFAR10, NETWORKS
from likewise.networks.card import Preprocessing, Tap
from likewise.networks.vgg import VGG16
from likewise.pictures import Resize, load
from likewise.types import Progress
from tests.zoo import encode, photo

LITE = "efficientnet-lite0"
AS_IT_IS = Preprocessing(scale=1.0, mean=(0, 0, 0), std=(1, 1, 1))


class Small(nn.Module):
    """A classifier of three layers whose ReLU overwrites what its convolution gave."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes), nn.Softmax(1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.drop(self.relu(self.conv(x))))
        return found


def test_every_tap_of_the_embedded_network_in_one_pass() -> None:
    seen: list[Progress] = []
    found = lw.inspect(LITE, photo(1), size=96, progress=seen.append)
    card = NETWORKS[LITE]
    assert [view.tap for view in found.views] == list(card.taps.values())
    assert [(now.done, now.total) for now in seen] == [
        (n, len(card.taps)) for n in range(1, len(card.taps) + 1)
    ]
    head = found.view("features")  # by an alias
    assert head.shape == (1280, 2, 3)
    assert head.maps is not None and head.maps.shape == (1280, 2, 3)
    assert found.pixels.shape == (64, 96, 3)
    assert found.answer and found.answer.probabilities.sum() == pytest.approx(1)
    assert found.gain(head) == found.colours.entropy - head.statistics.histogram.entropy


def test_two_taps_give_what_all_give() -> None:
    some = lw.inspect(LITE, photo(1), ["head", "stem"], size=96)
    every = lw.inspect(LITE, photo(1), size=96)
    assert [view.tap.name for view in some.views] == ["stem", "head"]
    for view in some.views:
        other = every.view(view.tap.name)
        assert view.maps is not None and other.maps is not None
        np.testing.assert_allclose(view.maps, other.maps, atol=1e-4)
    assert some.answer is None


def test_a_module_is_read_at_its_submodules_by_name() -> None:
    module = Small().train()
    found = lw.inspect(module, photo(1), preprocessing=AS_IT_IS, size=120)
    assert [view.tap.name for view in found.views] == [
        "conv",
        "relu",
        "drop",
        "head.0",
        "head.1",
        "head.2",
        "head.3",
    ]
    assert module.training
    pixels = torch.from_numpy(photo(1).copy()).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        conv = module.conv(pixels)[0].numpy()
    least, most = found.view("conv").statistics.least, found.view("conv").statistics.most
    assert (least, most) == pytest.approx((conv.min(), conv.max()), rel=1e-5)  # not what the ReLU left
    assert found.view("relu").statistics.least == 0
    assert found.view("conv").tap == Tap("conv", 4, 1, 0, 0.0)
    assert found.answer and found.answer.names[0] == "class 0"
    named = lw.inspect(module, photo(1), classes=CIFAR10.classes)
    assert named.answer and named.answer.names == CIFAR10.classes


def test_a_module_that_runs_twice_is_read_at_its_last_run() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.act(self.act(x) + 1)
            return found

    found = lw.inspect(Twice(), np.zeros((8, 8, 3), np.uint8), preprocessing=AS_IT_IS)
    assert found.view("act").statistics.least == 1


def test_a_timm_model_says_how_it_wants_its_pixels() -> None:
    module = Small()
    module.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.1, 0.2, 0.3)}  # type: ignore[assignment]
    assert ModuleNetwork(module).preprocessing == Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.1, 0.2, 0.3))


def test_two_networks_share_the_range_of_each_tap() -> None:
    first, second = Small(), Small()
    with torch.no_grad():
        second.conv.weight.mul_(3)
    found = lw.inspect_pair(first, second, photo(1), ["conv", "relu", "head.3"])
    for mine, theirs in zip(found.first.views, found.second.views, strict=True):
        own, other = mine.statistics, theirs.statistics
        assert own.histogram.low == other.histogram.low == min(own.least, other.least)
        assert own.histogram.high == other.histogram.high == max(own.most, other.most)
    assert len(found.divergences) == 3
    assert 0 < found.divergences[0] <= 1
    same = lw.inspect_pair(first, first, photo(1), ["conv"])
    assert same.divergences == [0]


def test_networks_of_other_layers_are_paired_by_stride_or_by_name() -> None:
    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 2, 3), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.second(self.first(x))
            return found

    found = lw.inspect_pair(Small(), Other(), photo(1), ["conv=first", "relu=second"])
    assert [view.tap.name for view in found.second.views] == ["first", "second"]
    with pytest.raises(UsageError, match="share no tap: say which belong together"):
        lw.inspect_pair(Small(), Other(), photo(1))
    lite = CardNetwork(LITE)
    assert lite.stages(0) == {2: "block0", 4: "block2", 8: "block4", 16: "block10", 32: "head"}


def test_layers_are_most_like_themselves(tmp_path: Path) -> None:
    files = []
    for seed in range(6):
        files.append(tmp_path / f"{seed}.png")
        files[-1].write_bytes(encode(photo(seed, width=80 + 8 * seed), "PNG"))
    (tmp_path / "bad.png").write_text("no picture")
    network = open_network(Small())
    found = Alignment.of(network, network, [*files, tmp_path / "bad.png"], (["conv", "head.2"], None))
    assert (found.rows, found.columns, found.pictures) == (("conv", "head.2"), ("conv", "head.2"), 6)
    np.testing.assert_allclose(np.diag(found.values), 1)
    assert list(found.failures) == [tmp_path / "bad.png"]
    with pytest.raises(UsageError, match=r"needs 4 pictures at least.*3 of 3"):
        Alignment.of(network, network, files[:3])


def test_probabilities_with_names_entropy_and_margin() -> None:
    found = answer(np.array([0.5, 0.25, 0.25, 0], np.float32), "net", ["a", "b", "c", "d"])
    assert found is not None
    assert found.entropy == pytest.approx(1.5)
    assert found.margin == pytest.approx(0.25)
    assert found.top(2) == [("a", 0.5), ("b", 0.25)]
    assert answer(np.array([0.5, 0.4], np.float32), "net") is None  # does not add up
    assert answer(np.array([1.5, -0.5], np.float32), "net") is None
    with pytest.raises(UsageError, match="2 class names do not fit the 3 classes of net"):
        answer(np.array([0.2, 0.3, 0.5], np.float32), "net", ["a", "b"])


def test_class_names_are_facts_or_numbers(tmp_path: Path) -> None:
    assert class_names(10, "cifar (trained here)")[6] == "frog"
    assert class_names(10, "digits")[6] == "class 6"
    thousand = class_names(1000, "any")
    assert thousand[207] in ("golden retriever", "class 207")  # the first where timm is installed
    (tmp_path / "names.txt").write_text("one\n\n two \n")
    assert read_names(tmp_path / "names.txt") == ["one", "two"]
    with pytest.raises(UsageError, match="cannot be read"):
        read_names(tmp_path / "none.txt")


def test_a_chain_is_walked_as_it_is_run() -> None:
    network = CardNetwork(LITE)
    pixels = load(photo(2), [Resize("square", 64)]).pixels[0]
    names = ["stem", "block3", "head", "pooled"]
    walked = {tap.name: cells for tap, cells in walk(network, pixels, names)}
    extractor = Extractor(
        VectorRecipe("r", LITE, (Part("head", "mean"),), Resize("square", 64)), engine="torch"
    )
    mean = walked["head"].mean(axis=(0, 1))
    vector = extractor.describe([extractor.prepare(photo(2))])[0]
    np.testing.assert_allclose(mean / np.linalg.norm(mean), vector, atol=1e-5)
    np.testing.assert_allclose(walked["pooled"], mean, atol=1e-5)


def test_what_cannot_be_done_is_one_clear_error(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(encode(photo(1), "JPEG")[:700])
    with pytest.raises(BadPicture):
        lw.inspect(LITE, cut)
    with pytest.raises(UnknownName, match="no tap 'heat'; did you mean 'head'"):
        lw.inspect(LITE, photo(1), ["heat"])
    with pytest.raises(UnknownName, match="Small has no module 'cnov'; did you mean 'conv'"):
        lw.inspect(Small(), photo(1), ["cnov"])
    with pytest.raises(UsageError, match=r"no tap of .* gives probabilities"):
        lw.inspect(LITE, photo(1), ["head"], classes=["a"], size=64)
    with pytest.raises(UsageError, match="takes pictures of 32 x 32 only, not 64"):
        lw.inspect(Small(), photo(1), size=64, side=32)
    with pytest.raises(UsageError, match="cannot take a picture of 16 x 12 pixels"):
        lw.inspect(nn.Sequential(nn.Conv2d(3, 1, 15)), photo(1), size=16)
    with pytest.raises(UnknownName, match="was not looked at, only conv"):
        lw.inspect(Small(), photo(1), ["conv"]).view("relu")


def test_modules_that_give_no_map_or_do_not_run_are_named() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.idle, self.broken = nn.Flatten(2), nn.ReLU(), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            self.broken(x / 0)
            found: Tensor = self.tokens(x)
            return found

    with pytest.raises(UsageError, match=r"tokens gives an array of shape \(1, 3,"):
        lw.inspect(Odd(), photo(1), ["tokens"])
    with pytest.raises(UnknownName, match="idle of Odd did not run"):
        lw.inspect(Odd(), photo(1), ["idle"])
    with pytest.raises(UsageError, match="broken gives numbers that are not finite"):
        lw.inspect(Odd(), photo(1), ["broken"])


@pytest.fixture
def vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CardNetwork:
    """VGG16 with the convolutions only and zeros for weights, which is enough to see what is refused."""
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="likewise networks fetch vgg16"):
        CardNetwork("vgg16")
    from likewise.networks.weights import files as weights
    from likewise.networks.weights import formats

    shapes = formats.tensor_shapes(VGG16, ["pool5"])
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    weights._save(VGG16, VGG16.weights[0], tensors, origin="a test")
    return CardNetwork("vgg16")


def test_weights_that_are_not_here_leave_taps_out(vgg: CardNetwork) -> None:
    assert vgg.left_out == ("fc1_linear", "fc1", "fc2_linear", "fc2", "logits", "probabilities")
    assert vgg.names(None, 0)[-1] == "pool5"
    with pytest.raises(UsageError, match=r"fc1 of vgg16 .* needs? weights that are not here"):
        vgg.names(["fc1"], 0)
    found = lw.inspect(vgg, photo(1), ["conv1_1"], size=64)
    assert found.left_out == vgg.left_out
    assert found.view("conv1_1").statistics.zeros == 1


def test_fully_connected_taps_take_one_size(vgg: CardNetwork) -> None:
    vgg.left_out = ()
    assert vgg.resize(["conv1_1"], 0) == Resize("longest", 320, enlarge=True)
    assert vgg.resize(["fc1"], 0) == Resize("square", 224)
    with pytest.raises(UsageError, match="fc1 of vgg16 needs pictures of 224 x 224 pixels"):
        vgg.resize(["fc1"], 512)
    assert vgg.names(None, 512)[-1] == "pool5"  # unasked, what cannot be read at that size stays out
    assert vgg.names(None, 0)[-1] == "probabilities"


def test_a_picture_too_small_for_a_tap(vgg: CardNetwork) -> None:
    vgg.minimum = 1
    with pytest.raises(UsageError, match="16 x 12 pixels is too small for vgg16"):
        lw.inspect(vgg, photo(1), ["pool5"], size=16)


def test_chains_still_give_the_taps_asked_for() -> None:
    card = NETWORKS[LITE]
    network = CardNetwork(LITE)
    module = build(card, network._tensors, ["head", "stem"])
    head, stem = module(torch.zeros(1, 3, 64, 64))
    assert (head.shape[1], stem.shape[1]) == (1280, 32)
