"""From pictures to vectors with the embedded network: both engines, batches, scales, manifest, refusals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part, Step
from likewise.descriptors.poolings.rmac import RMAC
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening, l2
from likewise.errors import BadRecipe, UsageError, WeightsMissing
from likewise.networks import find
from likewise.networks.weights.files import fetch
from likewise.pictures import Resize
from likewise.types import Box, UInt8Array

PARTS = (Part("head", "gem"), Part("block15", "max", weight=0.5))


def picture(seed: int, width: int = 96, height: int = 64) -> UInt8Array:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def recipe(**changes: object) -> VectorRecipe:
    small = VectorRecipe("small", "efficientnet-lite0", (Part("head", "gem"),), Resize("longest", 96))
    return replace(small, **changes)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["sum", "mean", "max", "gem", "spoc", "crow", "rmac"])
def test_engines_agree_for_every_pooling(pool: str) -> None:
    pictures = [picture(1), picture(2, 64, 96), picture(3)]
    found = []
    for engine in ("openvino", "torch"):
        extractor = Extractor(recipe(parts=(Part("head", pool),)), engine=engine)
        found.append(extractor.describe([extractor.prepare(one) for one in pictures]))
    assert found[0].shape == (3, 1280)
    assert found[0].dtype == np.float32
    assert np.abs(found[0] - found[1]).max() <= 1e-4 * np.abs(found[1]).max()


def test_vectors_come_in_the_order_given_and_do_not_depend_on_their_company() -> None:
    extractor = Extractor(recipe())
    loaded = [extractor.prepare(picture(seed, *size)) for seed, size in enumerate([(96, 64), (64, 96)] * 3)]
    together = extractor.describe(loaded)
    alone = np.concatenate([extractor.describe([one]) for one in loaded])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_parts_and_scales_are_normalised_weighted_and_added() -> None:
    both = Extractor(recipe(parts=PARTS, scales=(1.0, 0.5)))
    total = []
    for part in PARTS:
        vectors = []
        for scale in (1.0, 0.5):
            one = Extractor(recipe(parts=(replace(part, weight=1.0),), scales=(scale,)))
            vectors.append(one.describe([one.prepare(picture(5))])[0])
        summed = np.sum(vectors, axis=0)
        total.append(part.weight * summed / np.linalg.norm(summed))
    wanted = np.concatenate(total) / np.linalg.norm(np.concatenate(total))
    found = both.describe([both.prepare(picture(5))])[0]
    assert both.dimensions == 1280 + 320 == len(found)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_flattened_map_has_its_cells_times_channels() -> None:
    flat = recipe(parts=(Part("block15", "flatten"),), resize=Resize("square", 64))
    assert Extractor(flat).dimensions == 320 * 2 * 2


def test_a_box_is_another_query_than_its_picture() -> None:
    extractor = Extractor(recipe())
    whole = extractor.prepare(picture(1, 192, 128))
    part = extractor.prepare(picture(1, 192, 128), box=Box(0, 0, 96, 128))
    assert (part.width, part.height) == (192, 128)
    assert part.pixels[0].shape != whole.pixels[0].shape
    vectors = extractor.describe([whole, part])
    assert vectors[0] @ vectors[1] < 0.999


def test_the_manifest_tells_recipes_weights_and_precision_apart() -> None:
    one = Extractor(recipe()).manifest
    assert one.difference(Extractor(recipe(name="another", about="the same")).manifest) == ""
    assert one.difference(Extractor(recipe(), engine="torch").manifest) == ""
    assert "resize.size" in one.difference(Extractor(recipe(resize=Resize("longest", 128))).manifest)
    assert "precision" in one.difference(Extractor(recipe(), precision="bf16").manifest)


def test_taps_that_do_not_fit_the_pooling_or_size_are_refused() -> None:
    with pytest.raises(BadRecipe, match=r"pool 'none'.*'head'.*flatten"):
        Extractor(recipe(parts=(Part("head", "none"),)))
    vgg = VectorRecipe("fc", "vgg16", (Part("fc2", "none"),), Resize("longest", 224))
    with pytest.raises(BadRecipe, match="224 x 224 only"):
        Extractor(vgg)


def test_nothing_described_is_no_vector() -> None:
    assert Extractor(recipe()).describe([]).shape == (0, 1280)


@pytest.mark.skipif(find_spec("timm") is None, reason="the extra timm is not installed")
@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_a_transformer_takes_its_own_size_only(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    fetch("timm/test_vit", weights="random")
    side = find("timm/test_vit").input_size
    vit = VectorRecipe(
        "vit", "timm/test_vit", (Part("features", "mean"),), Resize("square", side), weights="random"
    )
    extractor = Extractor(vit, engine=engine)
    assert extractor.describe([extractor.prepare(picture(1))]).shape == (1, extractor.dimensions)
    with pytest.raises(BadRecipe, match=f"needs pictures of {side} x {side} only"):
        Extractor(replace(vit, resize=Resize("longest", side)), engine=engine)


def test_weights_that_are_not_here_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="likewise networks fetch vgg16"):
        Extractor("gem")


def test_the_default_recipe_describes_any_shape() -> None:
    extractor = Extractor(VectorRecipe.load("default"))
    shapes = [(1, 1), (5000, 1), (1, 900), (33, 700), (640, 480)]
    vectors = extractor.describe([extractor.prepare(picture(7, *shape)) for shape in shapes])
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_warm_cache_needs_no_torch() -> None:
    code = (
        "import sys; from likewise.descriptors.extractor import Extractor; import numpy as np;"
        "e = Extractor('default'); e.describe([e.prepare(np.zeros((40, 40, 3), np.uint8))]);"
        "print(sorted({'torch', 'sklearn', 'faiss', 'matplotlib'} & set(sys.modules)))"
    )
    for _ in range(2):
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    assert found.strip() == "[]"


@pytest.mark.slow
def test_the_first_pictures_may_come_from_several_threads_at_once() -> None:
    code = (
        "import sys, threading; import numpy as np; from likewise.descriptors.extractor import Extractor;"
        "sys.setswitchinterval(1e-6); e = Extractor('default', streams=4);"
        "one = e.prepare(np.zeros((40, 40, 3), np.uint8)); gate = threading.Barrier(4);"
        "threads = [threading.Thread(target=lambda: (gate.wait(), e.describe([one]))) for _ in range(4)];"
        "[t.start() for t in threads]; [t.join() for t in threads]; print('done')"
    )
    for _ in range(4):  # one run in two hung when nothing was done about it
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert found.stdout.strip() == "done", found.stderr


def test_root_and_whitening_steps_are_applied() -> None:
    extractor = Extractor(recipe(transforms=(Step("root"), Step("l2"))))
    plain = Extractor(recipe())
    rooted = np.sqrt(plain.describe([plain.prepare(picture(1))])[0])
    found = extractor.describe([extractor.prepare(picture(1))])[0]
    np.testing.assert_allclose(found, rooted / np.linalg.norm(rooted), atol=1e-5)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_maps_are_what_vectors_are_pooled_from(engine: str) -> None:
    parts = Part("head", "mean"), Part("block15", "max"), Part("head", "sum")
    extractor = Extractor(recipe(parts=parts, scales=(1.0, 0.5)), engine=engine)
    given = [picture(1), picture(2, 64, 96)]
    alone = [Extractor(recipe(parts=(part,)), engine=engine) for part in parts]
    for maps, one in zip(extractor.maps([extractor.prepare(one) for one in given]), given, strict=True):
        assert [len(each) for each in maps] == [1280, 320, 1280]
        assert {each.dtype for each in maps} == {np.dtype(np.float32)}
        pooled = [maps[0].mean((1, 2)), maps[1].max((1, 2)), maps[2].sum((1, 2))]
        for encoder, vector in zip(alone, pooled, strict=True):
            unit = encoder.describe([encoder.prepare(one)])[0]
            np.testing.assert_allclose(vector / np.linalg.norm(vector), unit, atol=1e-5)
    assert extractor.maps([]) == []


def test_a_vector_has_no_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    whole = recipe(parts=(Part("logits", "none"),), resize=Resize("square", 224))
    extractor = Extractor(whole)
    with pytest.raises(UsageError, match=r"logits of efficientnet-lite0 is a vector.*default, gem or rmac"):
        extractor.maps([extractor.prepare(picture(1))])


def test_regions_are_whitened_one_by_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mean, projection = random.random(320).astype(np.float32), random.random((320, 3)).astype(np.float32) - 0.5
    origin = Origin("", samples=3, exponent=0.5, shrinkage=0.0, regions=True)
    Whitening(mean, projection, origin).save(tmp_path / "w.safetensors")
    plain = recipe(parts=(Part("block15", "rmac"),), resize=Resize("longest", 160))
    for engine in ("openvino", "torch"):
        extractor = Extractor(plain.whitened(tmp_path / "w.safetensors"), engine=engine)
        loaded = extractor.prepare(picture(7, 160, 96))
        regions = RMAC.regions_of(extractor.maps([loaded])[0][0], {})
        expected = l2(l2((regions - mean) @ projection).sum(axis=0))
        np.testing.assert_allclose(extractor.describe([loaded])[0], expected, atol=1e-4)
        assert extractor.dimensions == 3
