"""The recipe keras-gap against the computation that Keras does, written out on a twin with few channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from likewise.descriptors.extractor import Extractor
from likewise.descriptors.recipe import VectorRecipe
from likewise.networks import NETWORKS
from likewise.networks.weights import files as weights
from likewise.pictures import Resize, load
from tests.test_formats import TINY, flat_names, write_keras

Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


@pytest.fixture(params=["photo.png", "photo.jpg", "grey.png"])
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A picture much larger than 224, so that a smaller decoding or a smoothing filter would be noticed."""
    noise = np.random.default_rng(5).integers(0, 255, (70, 100, 3), np.uint8)
    path = tmp_path / str(request.param)
    Image.fromarray(noise).resize((1000, 700)).convert("L" if "grey" in path.name else "RGB").save(path)
    return path


def load_img(path: Path) -> NDArray[np.float32]:
    """``img_to_array(load_img(path, target_size=(224, 224)))``: the nearest pixels, RGB, 0 to 255."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.NEAREST), np.float32)


def preprocess_input(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """``vgg16.preprocess_input``: BGR, minus the mean colour of ImageNet, not scaled."""
    return x[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)


def conv2d(
    x: NDArray[np.float32], kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``Conv2D(3, padding="same", activation="relu")`` on ``(h, w, i)`` with a kernel ``(3, 3, i, o)``."""
    height, width = x.shape[:2]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    rows, columns = np.mgrid[:3, :3]
    total = sum(
        padded[r : r + height, c : c + width] @ kernel[r, c]
        for r, c in zip(rows.flat, columns.flat, strict=True)
    )
    return np.asarray(np.maximum(total + bias, 0), np.float32)


def predict(x: NDArray[np.float32], layers: Layers) -> NDArray[np.float32]:
    """``VGG16(include_top=False, pooling="avg").predict(x)``, shape ``(1, channels)``."""
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, count + 1):
            x = conv2d(x, *layers[f"block{block}_conv{number}"])
        height, width, channels = x.shape
        x = x.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    return np.asarray(x.mean(axis=(0, 1))[np.newaxis], np.float32)


def test_equals_keras_with_its_weights_file(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(NETWORKS, "vgg16", TINY)
    layers = write_keras(tmp_path / "vgg16.h5", names=flat_names)
    weights.import_file("vgg16", tmp_path / "vgg16.h5", weights="keras")
    extractor = Extractor("keras-gap", engine="torch")
    features = extractor.describe([extractor.prepare(picture)])
    expected = predict(preprocess_input(load_img(picture)), layers)
    assert features.shape == (1, 3)
    assert features.dtype == np.float32
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(features, expected, rtol=1e-4)


def test_has_the_512_numbers_of_the_seed() -> None:
    recipe = VectorRecipe.load("keras-gap")
    assert NETWORKS["vgg16"].tap(recipe.parts[0].tap).channels == 512
    assert (recipe.transforms, recipe.distance, recipe.code) == ((), "l2", "fp32")


def test_nearest_takes_the_pixels_of_the_file(picture: Path) -> None:
    loaded = load(picture, [Resize("square", 224, filter="nearest")])
    np.testing.assert_array_equal(loaded.pixels[0], load_img(picture).astype(np.uint8))
    smooth = load(picture, [Resize("square", 224)]).pixels[0]
    assert (smooth != loaded.pixels[0]).any()
