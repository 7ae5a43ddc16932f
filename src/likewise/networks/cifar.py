"""The CIFAR-10 network of the article Exploring Feature Extraction with CNNs, exactly as its listing has it.

Six 3x3 convolutions of 16 channels, a pool after each second one, then a layer of 64 that works on every
cell by itself (Keras' ``Dense`` on a map, before ``Flatten``), dropout 0.5, and the classifier. The layer
of 64 is a 1x1 convolution here, the same sums by another name. Keras flattens ``(h, w, c)``, torch
``(c, h, w)``: only the order of the classifier's columns differs.
"""

from __future__ import annotations

from likewise.networks.card import Card, Preprocessing, Source, Weights
from likewise.networks.chain import Chain, Layer

PAPER = "Exploring feature extraction with CNNs, Towards Data Science (CIFAR-10: Krizhevsky, 2009)"
_SIDE = 32  # pixels
_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def _chain() -> Chain:
    layers: list[Layer] = []
    for number in range(1, 7):
        layers.append(Layer(f"conv{number}", "conv", 16, 3, 1, (1, 1), key=f"conv{number}"))
        layers.append(Layer(f"relu{number}", "relu"))
        if number in (2, 4):
            layers.append(Layer(f"pool{number // 2}", "maxpool", kernel=2, stride=2))
    layers += [
        Layer("dense1_linear", "conv", 64, key="dense1"),
        Layer("dense1", "relu"),
        Layer("flatten", "flatten", 64 * (_SIDE // 4) ** 2, tap=False),
        Layer("logits", "linear", len(_CLASSES), key="dense2"),
        Layer("probabilities", "softmax"),
    ]
    return Chain(layers)


def _trained(pictures: int) -> Weights:
    """The weights that the study trains on so many pictures."""
    return Weights(
        name=str(pictures),
        preprocessing=Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        sources=(Source("trained", "likewise study cifar10"),),
        licence="your own",
        about=f"trained on {pictures} pictures of CIFAR-10 by `likewise study cifar10`",
    )


CIFAR10 = Card(
    name="cifar10",
    paper=PAPER,
    chain=_chain(),
    weights=(_trained(50_000), _trained(10_000)),
    aliases={f"conv2d_{number}": f"relu{number}" for number in range(1, 7)}
    | {
        "pool_1": "pool1",
        "pool_2": "pool2",
        "dense_1": "dense1",
        "dense_2": "probabilities",
        "dense2": "logits",
    },
    grid=4,
    input_size=_SIDE,
    classes=_CLASSES,
)
