"""CNN-M-128: the medium network of the VGG group whose last hidden layer has 128 numbers."""

from __future__ import annotations

from likewise.networks.card import Card, Preprocessing, Source, Weights
from likewise.networks.chain import Chain, Layer, classifier
from likewise.networks.publishers import CAFFE

PAPER = "Chatfield, Simonyan, Vedaldi and Zisserman, Return of the devil in the details, BMVC 2014"
RELEASES = "https://www.robots.ox.ac.uk/~vgg/software/deep_eval/releases/bvlc/"
MATCONVNET = "https://www.vlfeat.org/matconvnet/models/"
LICENCE = "see the publisher"

# channels, kernel, stride, padding, whether responses are normalised, whether a 3x3/2 pool follows
CONVOLUTIONS = (
    (96, 7, 2, 0, True, True),
    (256, 5, 2, 1, True, True),
    (512, 3, 1, 1, False, False),
    (512, 3, 1, 1, False, False),
    (512, 3, 1, 1, False, True),
)


def _chain() -> Chain:
    layers: list[Layer] = []
    for number, (channels, kernel, stride, pad, normalised, pooled) in enumerate(CONVOLUTIONS, start=1):
        name = f"conv{number}"
        layers.append(Layer(name, "conv", channels, kernel, stride, (pad, pad), key=name))
        layers.append(Layer(f"relu{number}", "relu"))
        if normalised:
            layers.append(Layer(f"norm{number}", "lrn"))
        if pooled:
            layers.append(Layer(f"pool{number}", "maxpool", kernel=3, stride=2, ceil=True))
    return Chain([*layers, *classifier(512 * 6 * 6, (4096, 128), ("fc6", "fc7", "fc8"), first=6)])


def _weights(name: str, preprocessing: Preprocessing, location: str, layout: str) -> Weights:
    return Weights(
        name=name,
        preprocessing=preprocessing,
        sources=(Source("file", location, layout=layout),),
        licence=LICENCE,
        about="ImageNet-1k, by the authors; the mean colour stands for their mean picture of 224 x 224",
    )


CNN_M_128 = Card(
    name="cnn-m-128",
    paper=PAPER,
    chain=_chain(),
    weights=(
        _weights(
            "matconvnet",
            Preprocessing(order="RGB", scale=1.0, mean=(123.68, 116.779, 103.939), std=(1.0, 1.0, 1.0)),
            f"{MATCONVNET}imagenet-vgg-m-128.mat",
            "matconvnet",
        ),
        _weights("caffe", CAFFE, f"{RELEASES}VGG_CNN_M_128.caffemodel", "npz"),
    ),
    aliases={
        **dict.fromkeys(("relu6", "drop6"), "fc6"),
        **dict.fromkeys(("relu7", "drop7"), "fc7"),
        "fc8": "logits",
        "prob": "probabilities",
    },
    minimum=41,
    input_size=224,
)
"""Both sets were trained on pixels less a mean picture, which fits no picture but one of 224 x 224; its mean
colour, which fits any, is taken away instead."""
