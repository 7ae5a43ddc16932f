"""What the shared mode of dense patches saves and changes: ``python -m benchmarks.patches PICTURE...``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from likewise.local.features import LocalFeatures
from likewise.local.patches import Patches, PatchExtractor
from likewise.networks import find
from likewise.networks.weights.files import import_file
from likewise.networks.weights.formats import tensor_shapes
from likewise.types import FloatArray, UInt8Array

TAPS = {
    "efficientnet-lite0": ("block4", "block10", "head", "pooled"),
    "vgg16": ("relu3_3", "relu4_3", "relu5_3", "pool5"),
    "cnn-m-128": ("relu3", "relu5", "fc7"),
}

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    pictures: list[Path],
    network: Annotated[str, typer.Option(help="A key of TAPS; cnn-m-128 gets random weights.")],
    pool: str = "max",
    width: int = 1024,
    height: int = 768,
) -> None:
    """Time both modes on each picture, and compare their descriptors layer by layer."""
    with TemporaryDirectory() as folder:
        if network == "cnn-m-128":
            _random_weights(network, Path(folder))
        extractors = {
            mode: PatchExtractor(Patches(network, TAPS[network], pool, mode=mode))
            for mode in ("exact", "shared")
        }
        for extractor in extractors.values():  # what an engine prepares for a new shape is not counted
            _timed(extractor, np.zeros((256, 256, 3), np.uint8))
        _timed(extractors["shared"], np.zeros((height, width, 3), np.uint8))
        found = {mode: [] for mode in extractors}  # type: dict[str, list[tuple[LocalFeatures, float]]]
        for path in pictures:
            pixels = np.asarray(Image.open(path).convert("RGB").resize((width, height)))
            for mode, extractor in extractors.items():
                found[mode].append(_timed(extractor, pixels))
        _report(network, pool, found)


def _random_weights(network: str, folder: Path) -> None:
    """He's initialisation, imported into a cache of its own."""
    random = np.random.default_rng(0)
    os.environ["LIKEWISE_CACHE"] = str(folder)
    tensors = {
        name: random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        if len(shape) > 1
        else np.zeros(shape, np.float32)
        for name, shape in tensor_shapes(find(network)).items()
    }
    np.savez(folder / "random.npz", **tensors)  # type: ignore[arg-type]
    import_file(network, folder / "random.npz", weights="matconvnet")


def _timed(extractor: PatchExtractor, pixels: UInt8Array) -> tuple[LocalFeatures, float]:
    """The features and the processor seconds they took."""
    loaded = extractor.prepare(pixels)
    start = time.process_time()
    features = extractor.describe(loaded)
    return features, time.process_time() - start


def _report(network: str, pool: str, found: dict[str, list[tuple[LocalFeatures, float]]]) -> None:
    cost = {mode: np.median([seconds for _, seconds in runs]) for mode, runs in found.items()}
    patches = len(found["exact"][0][0].boxes)
    print(
        f"{network} {pool}: {patches} patches, exact {cost['exact']:.2f} CPU-s, shared {cost['shared']:.2f} "
        f"CPU-s, ratio {cost['exact'] / cost['shared']:.1f}"
    )
    print("| layer | centred cosine: 5 %, median | nearest exact patch is the same |\n| --- | --- | --- |")
    for tap in TAPS[network]:
        sides = {mode: [one.vectors[tap] for one, _ in runs] for mode, runs in found.items()}
        cosines = np.concatenate(
            [_cosines(_centred(a), _centred(b)) for a, b in zip(sides["exact"], sides["shared"], strict=True)]
        )
        same = np.mean([_same(a, b) for a, b in zip(sides["exact"], sides["shared"], strict=True)])
        print(f"| {tap} | {np.quantile(cosines, 0.05):.3f}, {np.median(cosines):.3f} | {same:.2f} |")


def _centred(vectors: FloatArray) -> FloatArray:
    """Less their own mean: activations after a ReLU share a large one, which makes all cosines high."""
    centred = vectors - vectors.mean(0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12), np.float32)


def _cosines(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray((a * b).sum(1), np.float32)


def _same(exact: FloatArray, shared: FloatArray) -> float:
    nearest = (_centred(shared) @ _centred(exact).T).argmax(1)
    return float(np.mean(nearest == np.arange(len(exact))))


if __name__ == "__main__":
    app()
