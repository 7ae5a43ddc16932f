"""The CIFAR-10 network: its card, and the module that is trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from likewise.engines.torch_module import LayerChain, build
from likewise.errors import WeightsMissing
from likewise.networks import Tensors, find
from likewise.networks.cifar import CIFAR10
from likewise.networks.weights import files as weights
from likewise.networks.weights.formats import tensor_shapes
from likewise.study.cifar_module import CifarModule, _coins

TAPS = ("relu1", "pool2", "relu6", "dense1", "logits", "probabilities")


def _module(seed: int = 0) -> CifarModule:
    return CifarModule(Generator().manual_seed(seed))


def state_of(module: nn.Module) -> Tensors:
    return {name: value.contiguous().numpy() for name, value in module.state_dict().items()}


def test_the_card_is_the_listing() -> None:
    card = find("cifar10")
    # Keras' own count of the listing: 448 + 5 * 2320 + 1088 + 40970
    assert sum(int(np.prod(shape)) for shape in tensor_shapes(card).values()) == 54_106
    assert card.tap("conv2d_1").name == "relu1"
    assert card.tap("dense_1").channels == 64
    assert card.tap("dense_1").stride == 4
    assert card.tap("relu6").field == 3 + 2 + 1 + 4 + 4 + 2 + 8 + 8
    assert card.tap("dense_2").name == "probabilities"


def test_the_first_dense_layer_works_on_every_cell_by_itself() -> None:
    module = build(CIFAR10, state_of(_module()), ["relu6", "dense1"])
    maps, dense = module(torch.rand(2, 3, 32, 32, generator=Generator().manual_seed(1)))
    matrix, bias = (state_of(_module())[f"dense1.{part}"] for part in ("weight", "bias"))
    for row, column in ((0, 0), (3, 7)):
        by_hand = np.maximum(0, matrix[:, :, 0, 0] @ maps[1, :, row, column].numpy() + bias)
        np.testing.assert_allclose(dense[1, :, row, column].numpy(), by_hand, atol=1e-6)
    assert dense.shape == (2, 64, 8, 8)


def test_the_trained_module_is_the_card() -> None:
    module = _module().eval()
    x = torch.rand(4, 3, 32, 32, generator=Generator().manual_seed(2))
    (logits,) = build(CIFAR10, state_of(module), ["logits"])(x)
    with torch.inference_mode():
        torch.testing.assert_close(module(x), logits, atol=1e-5, rtol=1e-5)


class _Listing(nn.Module):
    """The listing line by line, dropout left out."""

    def __init__(self, module: CifarModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        for number in range(1, 7):
            x = functional.relu(getattr(self.module, f"conv{number}")(x))
            if number in (2, 4):
                x = functional.max_pool2d(x, 2)
        x = functional.relu(self.module.dense1(x))
        logits: Tensor = self.module.dense2(x.flatten(1))
        return logits


def test_gradients_are_those_of_the_listing() -> None:
    x = torch.rand(8, 3, 32, 32, generator=Generator().manual_seed(3))
    y = torch.arange(8)
    fast, slow = _module().eval(), _module().eval()
    for run in (fast, _Listing(slow)):
        functional.cross_entropy(run(x), y).backward()  # type: ignore[no-untyped-call]
    for (name, one), (_, other) in zip(fast.named_parameters(), slow.named_parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_dropout_drops_one_half_and_doubles_the_rest() -> None:
    coins = _coins(torch.Size((100, 64)), Generator().manual_seed(4)).float()
    assert set(coins.flatten().tolist()) == {0.0, 1.0}
    assert abs(float(coins.mean()) - 0.5) < 0.03  # five standard deviations of 6400 coins
    assert abs(float(torch.corrcoef(coins.T)[0, 1:].mean())) < 0.1
    module = _module()
    x = torch.rand(1, 3, 32, 32, generator=Generator().manual_seed(5)).expand(600, -1, -1, -1)
    with torch.inference_mode():
        dropped, whole = module.train()(x), module.eval()(x)
    spread = dropped.std(0) / 600**0.5
    assert bool(((dropped.mean(0) - whole[0]).abs() < 5 * spread).all())


def test_kernels_begin_as_keras_draws_them() -> None:
    state = state_of(_module())
    bound = np.sqrt(6 / (9 * (16 + 16)))
    assert 0.9 * bound < np.abs(state["conv3.weight"]).max() <= bound
    assert not state["conv3.bias"].any()


def test_a_chain_gives_its_tensors_back() -> None:
    tensors = state_of(_module())
    chain = build(CIFAR10, tensors, ["probabilities"])
    assert isinstance(chain, LayerChain)
    back = chain.arrays()
    assert back.keys() == tensors.keys()
    assert all(np.array_equal(back[name], tensors[name]) for name in tensors)


def test_missing_weights_say_how_to_train_them(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="train them with `likewise study cifar10`"):
        weights.locate(CIFAR10)
    with pytest.raises(WeightsMissing, match="train them with `likewise study cifar10`"):
        weights.fetch("cifar10", weights="10000")
