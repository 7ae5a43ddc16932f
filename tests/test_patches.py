"""Dense patches: how many and where, both modes against loops, engines against each other, odd pictures."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.engines.ops import normalised
from likewise.engines.torch_module import build
from likewise.engines.torch_ops import OPS
from likewise.errors import UnknownName, UsageError
from likewise.local.features import LocalFeatures
from likewise.local.patches import Patches, PatchExtractor
from likewise.networks import find
from likewise.networks.weights.files import locate
from likewise.pictures import Resize
from likewise.types import Box, FloatArray, UInt8Array

NETWORK = "efficientnet-lite0"
TAPS = ("block4", "head", "pooled")
SMALL = Patches(NETWORK, TAPS, size=64, stride=32, resize=Resize("full"), mode="exact")


def picture(width: int, height: int, seed: int = 0) -> UInt8Array:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def describe(patches: Patches, pixels: UInt8Array, engine: str = "openvino") -> LocalFeatures:
    extractor = PatchExtractor(patches, engine=engine)
    return extractor.describe(extractor.prepare(pixels))


def maps(pixels: UInt8Array) -> dict[str, FloatArray]:
    """Each tap of one picture, ``(c, h, w)`` or ``(c,)``."""
    card = find(NETWORK)
    network = _network()
    with torch.inference_mode():
        found = network(normalised(OPS, torch.tensor(pixels[None]), card.weights[0].preprocessing))
    return {tap: one[0].numpy() for tap, one in zip(TAPS, found, strict=True)}


@cache
def _network() -> torch.nn.Module:
    card = find(NETWORK)
    return build(card, locate(card).tensors(), TAPS)


def pooled(cells: FloatArray, pool: str) -> FloatArray:
    """Equations 1 and 2 as loops, then root and L2."""
    if cells.ndim == 1:
        cells = cells[:, None, None]
    found = []
    for channel in cells:
        values = [float(value) for value in channel.flat]
        found.append(sum(values) if pool == "sum" else max(values))
    rooted = [np.sign(value) * abs(value) ** 0.5 for value in found]
    return np.array(rooted, np.float32) / np.float32(sum(value**2 for value in rooted) ** 0.5)


@pytest.mark.parametrize(
    ("width", "height", "grid"),
    [(640, 480, (14, 9)), (1024, 768, (26, 18)), (224, 224, (1, 1)), (255, 256, (1, 2))],
)
def test_how_many_patches_a_picture_has(width: int, height: int, grid: tuple[int, int]) -> None:
    assert Patches("vgg16", ("relu5_3",)).grid(width, height) == grid


@pytest.mark.parametrize("pool", ["sum", "max"])
def test_exact_patches_equal_their_crops_pooled_by_loops(pool: str) -> None:
    pixels = picture(96, 64)
    found = describe(replace(SMALL, pool=pool), pixels)
    assert found.boxes.shape == (2, 4)
    for index, (x1, y1, x2, y2) in enumerate(found.boxes.astype(int)):
        assert (x2 - x1, y2 - y1) == (64, 64)
        for tap, cells in maps(pixels[y1:y2, x1:x2]).items():
            np.testing.assert_allclose(found.vectors[tap][index], pooled(cells, pool), atol=2e-4)


@pytest.mark.parametrize("pool", ["sum", "max"])
def test_shared_patches_equal_windows_of_the_whole_map(pool: str) -> None:
    pixels = picture(96, 96)
    found = describe(replace(SMALL, pool=pool, mode="shared"), pixels)
    whole = maps(pixels)
    for index, (x1, y1, _, _) in enumerate(found.boxes.astype(int)):
        for tap, stride in (("block4", 8), ("head", 32)):
            row, column, side = y1 // stride, x1 // stride, 64 // stride
            cells = whole[tap][:, row : row + side, column : column + side]
            np.testing.assert_allclose(found.vectors[tap][index], pooled(cells, pool), atol=2e-4)
            if tap == "head":
                mean = pooled(cells.mean((1, 2)), pool)
                np.testing.assert_allclose(found.vectors["pooled"][index], mean, atol=2e-4)


@pytest.mark.parametrize("pool", ["sum", "max"])
@pytest.mark.parametrize("mode", ["exact", "shared"])
def test_engines_agree(mode: str, pool: str) -> None:
    patches = replace(SMALL, mode=mode, pool=pool, scales=(1.0, 0.7))  # type: ignore[arg-type]
    one, other = (describe(patches, picture(96, 96), engine) for engine in ("openvino", "torch"))
    np.testing.assert_array_equal(one.boxes, other.boxes)
    for tap in TAPS:
        assert one.vectors[tap].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(one.vectors[tap], axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(one.vectors[tap], other.vectors[tap], atol=1e-4)


def test_a_patch_as_large_as_the_picture_is_the_same_in_both_modes() -> None:
    pixels = picture(64, 64)
    exact, shared = (describe(replace(SMALL, mode=mode), pixels) for mode in ("exact", "shared"))
    for tap in TAPS:
        np.testing.assert_allclose(exact.vectors[tap], shared.vectors[tap], atol=1e-4)


def test_the_grid_lies_in_the_middle_and_boxes_are_those_of_the_original() -> None:
    # 150 x 70: patches at 0, 32, 64 along 128 of 150 pixels, hence 11 from the left; 64 of 70, 3 from the top
    found = describe(SMALL, picture(150, 70))
    np.testing.assert_array_equal(found.boxes[:, 0], [11, 43, 75])
    np.testing.assert_array_equal(found.boxes[:, 1], [3, 3, 3])
    half = describe(replace(SMALL, resize=Resize("longest", 96)), picture(192, 128))
    np.testing.assert_array_equal(half.boxes, [[0, 0, 128, 128], [64, 0, 192, 128]])


def test_scales_come_one_after_the_other() -> None:
    found = describe(replace(SMALL, scales=(1.0, 0.5)), picture(128, 128))
    assert len(found.boxes) == 9 + 1
    np.testing.assert_array_equal(found.boxes[-1], [0, 0, 128, 128])


def test_a_box_gives_positions_in_the_whole_original() -> None:
    extractor = PatchExtractor(SMALL)
    box = Box(20, 30, 84, 126)
    found = extractor.describe(extractor.prepare(picture(200, 150), box=box), box=box)
    np.testing.assert_array_equal(found.boxes, [[20, 30, 84, 94], [20, 62, 84, 126]])


@pytest.mark.parametrize("mode", ["exact", "shared"])
@pytest.mark.parametrize(
    ("width", "height", "boxes"),
    [
        (32, 32, [[0, 0, 32, 32]]),  # doubled
        (64, 32, [[0, 0, 32, 32], [16, 0, 48, 32], [32, 0, 64, 32]]),
        (8, 8, [[0, 0, 8, 8]]),  # four times, then padded
        (1, 1, [[0, 0, 1, 1]]),
        (16, 2, [[0, 0, 16, 2]]),
    ],
)
def test_pictures_smaller_than_a_patch(mode: str, width: int, height: int, boxes: list[list[int]]) -> None:
    found = describe(replace(SMALL, mode=mode), picture(width, height))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.boxes, boxes)
    assert all(len(one) == len(boxes) and np.isfinite(one).all() for one in found.vectors.values())


def test_an_all_black_picture_has_finite_vectors() -> None:
    found = describe(replace(SMALL, mode="shared"), np.zeros((96, 96, 3), np.uint8))
    assert all(np.isfinite(one).all() for one in found.vectors.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "size of patches"),
        ({"stride": -1}, "stride of patches"),
        ({"scales": ()}, "scales of patches"),
        ({"scales": (1.0, float("nan"))}, "scales of patches"),
        ({"taps": ()}, "at least one tap"),
    ],
)
def test_choices_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(SMALL, **changes)  # type: ignore[arg-type]


def test_names_are_checked() -> None:
    for changes in ({"mode": "sharde"}, {"pool": "gem"}):
        with pytest.raises(UnknownName):
            replace(SMALL, **changes)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="blok4"):
        PatchExtractor(replace(SMALL, taps=("blok4",)))


def test_sizes_that_the_network_cannot_take_are_refused() -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        PatchExtractor(replace(SMALL, size=100))
    with pytest.raises(UsageError, match="multiples of 32"):
        PatchExtractor(replace(SMALL, mode="shared", stride=16))
    with pytest.raises(UsageError, match="patches of 224 pixels"):
        PatchExtractor(Patches("vgg16", ("fc1",), size=96, mode="exact"))
    with pytest.raises(UsageError, match="multiple of 32"):
        PatchExtractor(Patches("vgg16", ("pool5",), stride=16))
