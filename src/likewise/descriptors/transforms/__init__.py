"""Transforms of vectors after pooling, and what of them is learned: whitenings, axes, quantisers."""

from likewise.descriptors.transforms.functions import Origin, Whitening, l2, signed_root, whiten
from likewise.descriptors.transforms.principal import principal_axes
from likewise.descriptors.transforms.quantiser import Quantiser

__all__ = ["Origin", "Quantiser", "Whitening", "l2", "principal_axes", "signed_root", "whiten"]
