"""CNN-M-128: taps and layers by hand, and its weights from small files in their publishers' real layouts."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from likewise.engines.ops import PLAIN
from likewise.engines.torch_module import build
from likewise.engines.torch_ops import OPS
from likewise.errors import BadWeights, FetchFailed
from likewise.networks import NETWORKS, Chain, Layer, find
from likewise.networks.card import Card
from likewise.networks.weights import files as weights
from likewise.networks.weights import formats
from likewise.types import FloatArray

CARD = find("cnn-m-128")


def small(layer: Layer) -> Layer:
    sizes = {"conv": int(layer.name[-1]) + 1 if layer.kind == "conv" else 0, "flatten": 6 * 36, "linear": 7}
    return replace(layer, channels=sizes.get(layer.kind, 0))


TINY: Card = replace(CARD, name="tiny-m", chain=Chain(small(layer) for layer in CARD.chain))
TENSORS: dict[str, FloatArray] = {
    name: np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for name, shape in formats.tensor_shapes(TINY).items()
}


# conv1 7x7/2 without padding: field 7, centre 3, jump 2; pool1 3x3/2: 11, 5, 4; conv2 5x5/2 pad 1: 27, 9, 8;
# pool2: 43, 17, 16; three 3x3: 75, 107, 139; pool5: 171, centre 33, jump 32.
@pytest.mark.parametrize(
    ("tap", "where"),
    [
        ("conv1", (96, 2, 7, 3.0)),
        ("norm1", (96, 2, 7, 3.0)),
        ("pool1", (96, 4, 11, 5.0)),
        ("relu2", (256, 8, 27, 9.0)),
        ("pool2", (256, 16, 43, 17.0)),
        ("relu3", (512, 16, 75, 17.0)),
        ("relu5", (512, 16, 139, 17.0)),
        ("pool5", (512, 32, 171, 33.0)),
        ("fc7", (128, 0, 0, 0.0)),
        ("fc8", (1000, 0, 0, 0.0)),
    ],
)
def test_taps(tap: str, where: tuple[int, int, int, float]) -> None:
    found = CARD.tap(tap)
    assert (found.channels, found.stride, found.field, found.offset) == where


def test_sides_are_those_of_the_published_network() -> None:
    taps = ["conv1", "pool1", "conv2", "pool2", "conv5", "pool5", "fc7"]
    found = build(TINY, TENSORS, taps)(torch.zeros(1, 3, 224, 224))
    assert [one.shape[-1] for one in found] == [109, 54, 26, 13, 13, 6, 7]
    build(TINY, TENSORS, ["pool5"])(torch.zeros(1, 3, TINY.minimum, TINY.minimum))
    with pytest.raises(RuntimeError):
        build(TINY, TENSORS, ["pool5"])(torch.zeros(1, 3, TINY.minimum - 1, TINY.minimum - 1))


def test_response_normalisation_equals_its_loops() -> None:
    x = np.random.default_rng(1).normal(0, 60, (7, 2, 3))
    wanted = np.empty_like(x)
    for channel, row, column in np.ndindex(*x.shape):
        around = x[max(0, channel - 2) : channel + 3, row, column]
        wanted[channel, row, column] = (
            x[channel, row, column] / (2 + 1e-4 * sum(value**2 for value in around)) ** 0.75
        )
    found = PLAIN["lrn"](OPS, [torch.tensor(x[None])])[0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_pool_keeps_the_window_beyond_the_border() -> None:
    # six cells, windows of three every two: at 0, 2 and, with one cell missing, 4
    pool = Layer("pool1", "maxpool", kernel=3, stride=2, ceil=True)
    row = torch.tensor([5.0, 1, 2, 0, 3, 4])
    x = row.repeat(1, 3, 6, 1)
    (found,) = build(replace(TINY, chain=Chain([pool])), {}, ["pool1"])(x)
    assert found[0, 0].tolist() == [[5, 3, 4]] * 3
    (floored,) = build(replace(TINY, chain=Chain([replace(pool, ceil=False)])), {}, ["pool1"])(x)
    assert floored[0, 0].tolist() == [[5, 3]] * 2


def cells(items: list[object]) -> np.ndarray:
    found = np.empty((1, len(items)), object)
    found[0] = items
    return found


def matlab(array: FloatArray, key: str) -> FloatArray:
    """``(h, w, in, out)``; fully connected layers are kernels as large as their input."""
    if array.ndim == 1:
        return array[None]
    side = 6 if key == "fc6" else 1
    kernel = array if array.ndim == 4 else array.reshape(len(array), -1, side, side)
    return kernel.transpose(2, 3, 1, 0)


def mat(path: Path, *, old: bool = False) -> Path:
    layers: list[object] = []
    for layer in TINY.chain:
        if layer.key:
            pair = [matlab(TENSORS[f"{layer.key}.{part}"], layer.key) for part in ("weight", "bias")]
            held = {"filters": pair[0], "biases": pair[1]} if old else {"weights": cells([*pair])}
            layers.append({"type": "conv", "name": layer.key, **held})
        else:
            layers.append({"type": layer.kind, "name": layer.name})
    savemat(path, {"layers": cells(layers), "classes": {"name": "none"}})
    return path


def npz(path: Path, *, old: bool = False) -> Path:
    """The blobs of a caffemodel; old ones have four axes, the first ones of length 1."""
    held = {
        name: array.reshape((1,) * (4 - array.ndim) + array.shape) if old else array
        for name, array in TENSORS.items()
    }
    np.savez(path, **held)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(("write", "layout"), [(mat, "matconvnet"), (npz, "npz")])
def test_files_are_told_apart_and_read(
    write: Callable[..., Path], layout: str, old: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / f"m.{write.__name__}", old=old)
    assert formats.sniff(path) == layout
    found = formats.read(path, layout, TINY)
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_file_decides_how_pixels_are_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(NETWORKS, "tiny-m", TINY)
    rgb = weights.import_file("tiny-m", mat(tmp_path / "m.mat")).weights.preprocessing
    bgr = weights.import_file("tiny-m", npz(tmp_path / "m.npz")).weights.preprocessing
    assert (rgb.order, rgb.mean) == ("RGB", bgr.mean[::-1])
    assert (bgr.order, bgr.scale, bgr.std) == ("BGR", 1.0, (1.0, 1.0, 1.0))
    for name in ("matconvnet", "caffe"):
        file = weights.locate(TINY, name)
        np.testing.assert_array_equal(file.tensors()["fc6.weight"], TENSORS["fc6.weight"])


def test_nothing_is_fetched_that_cannot_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    with pytest.raises(FetchFailed, match=r"no digest.*networks import cnn-m-128"):
        weights.fetch("cnn-m-128")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(("write", "layout"), [(mat, "matconvnet"), (npz, "npz")])
def test_cut_files_are_refused(write: Callable[..., Path], layout: str, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path / f"m.{write.__name__}")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadWeights, match=path.name):
        formats.read(path, layout, TINY)


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "other.mat", {"x": np.zeros(3)})
    savemat(tmp_path / "plain.mat", {"layers": np.zeros(3)})
    for name in ("other.mat", "plain.mat"):
        with pytest.raises(BadWeights, match=name):
            formats.read(tmp_path / name, "matconvnet", TINY)
    np.savez(tmp_path / "objects.npz", **{"conv1.weight": np.array([{}], object)})  # type: ignore[arg-type]
    np.savez(tmp_path / "whole.npz", **{"conv1.weight": np.zeros(3, np.int64)})  # type: ignore[arg-type]
    np.savez(tmp_path / "shape.npz", **(TENSORS | {"conv2.weight": np.zeros((3, 3), np.float32)}))  # type: ignore[arg-type]
    for name in ("objects.npz", "whole.npz", "shape.npz"):
        with pytest.raises(BadWeights, match=name):
            formats.read(tmp_path / name, "npz", TINY)
    with zipfile.ZipFile(tmp_path / "torch.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    assert formats.sniff(tmp_path / "torch.pth") == "torch"
