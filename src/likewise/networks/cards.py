"""The networks that are known, by name."""

from __future__ import annotations

from likewise.errors import UnknownName
from likewise.networks.alexnet import ALEXNET
from likewise.networks.card import Card
from likewise.networks.cifar import CIFAR10
from likewise.networks.cnn_m import CNN_M_128
from likewise.networks.efficientnet_lite import EFFICIENTNET_LITE0
from likewise.networks.vgg import VGG16, VGG19
from likewise.networks.xfeat import XFEAT
from likewise.registry import Registry, lookup, nearest

NETWORKS = Registry(
    "network",
    "likewise.networks",
    {card.name: card for card in (EFFICIENTNET_LITE0, VGG16, VGG19, ALEXNET, CNN_M_128, CIFAR10, XFEAT)},
    of=Card,
)


def find(name: str) -> Card:
    """The card of a network: a key of `NETWORKS`, or ``timm/<model>`` for any model that timm knows.

    Raises `UnknownName` when no network is called so; `MissingExtra` when the name begins with ``timm/`` and
    timm is not installed.
    """
    if name.startswith("timm/"):
        from likewise.networks import timm  # an optional extra, and it brings torch

        return timm.card(name.removeprefix("timm/"))
    try:
        return lookup("network", name, NETWORKS)
    except UnknownName as error:
        if not nearest(name, NETWORKS).startswith("known"):
            raise
        raise UnknownName(f"{error}; a model of timm is called 'timm/{name}'") from error
