"""Extraction to files: formats, resuming, failures."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file, save_file

from likewise.descriptors.describing import cache
from likewise.descriptors.describing.batches import BATCH
from likewise.descriptors.manifest import Manifest
from likewise.errors import (
    BadPicture,
    CollectionDamaged,
    CollectionLocked,
    ManifestMismatch,
    MissingExtra,
    StorageError,
    UnknownName,
    UsageError,
)
from likewise.export import parts
from likewise.export.extraction import activations, extract
from likewise.export.parts import Done
from likewise.files import one_writer
from likewise.folders import Stamp
from likewise.pictures import Loaded, Resize, load
from likewise.types import Box, CropScale, FloatArray, Progress


class MeanColour:
    """Describes a picture by its mean colour; stops like Ctrl-C after some pictures."""

    dimensions = 3

    def __init__(
        self,
        stop_after: int | None = None,
        stop: type[BaseException] = KeyboardInterrupt,
        network: str = "mean-colour",
    ) -> None:
        self.recipe = activations("vgg16", "fc2", "none")
        self.manifest = Manifest(
            self.recipe.to_toml(), "hash", network, f"weights of {network}", "none", "f32", "0", 3
        )
        self.described, self.stop_after, self.stop = 0, stop_after, stop

    def prepare(
        self,
        source: object,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        return load(str(source), [Resize("square", 8)], box=box, crop=crop, max_pixels=max_pixels)

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        if self.stop_after is not None and self.described >= self.stop_after:
            raise self.stop
        self.described += len(loaded)
        return np.stack([one.pixels[0].mean((0, 1)) for one in loaded]).astype(np.float32)

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        return [[one.pixels[0].astype(np.float32).transpose(2, 0, 1)] for one in loaded]


def paint(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12), (shade, 2 * shade % 256, 7)).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(("b.png", "a.png", "sub/c.png", "sub/ü.png")):
        paint(tmp_path / "photos" / name, number + 1)
    return tmp_path / "photos"


IDS = ["a.png", "b.png", "sub/c.png", "sub/ü.png"]
VECTORS = np.array([[2, 4, 7], [1, 2, 7], [3, 6, 7], [4, 8, 7]], np.float32)


def test_npy_with_ids_and_manifest_beside_it(photos: Path, tmp_path: Path) -> None:
    done = extract(photos, tmp_path / "feats.npy", MeanColour())
    np.testing.assert_array_equal(np.load(tmp_path / "feats.npy"), VECTORS)
    beside = json.loads((tmp_path / "feats.npy.json").read_text())
    assert beside["ids"] == IDS
    assert beside["manifest"]["network"] == "mean-colour"
    assert (done.rows, done.dimensions, done.resumed, done.failed) == (4, 3, 0, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["feats.npy", "feats.npy.json", "photos"]


def test_safetensors(photos: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    extract(photos, tmp_path / "feats.safetensors", MeanColour())
    tensors = load_file(tmp_path / "feats.safetensors")
    np.testing.assert_array_equal(tensors["vectors"], VECTORS)
    assert tensors["ids"].tobytes().decode().split("\0") == IDS
    with safe_open(tmp_path / "feats.safetensors", "numpy") as file:
        assert Manifest.from_json(file.metadata()["manifest"]) == MeanColour().manifest


def test_parquet(photos: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    extract(photos, tmp_path / "feats.parquet", MeanColour())
    table = parquet.read_table(tmp_path / "feats.parquet")
    assert table["id"].to_pylist() == IDS
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), VECTORS)
    assert Manifest.from_json(table.schema.metadata[b"likewise"].decode()) == MeanColour().manifest


@settings(max_examples=15, deadline=None)
@given(stops=st.lists(st.integers(0, 3 * BATCH), max_size=4), kill=st.booleans(), size=st.integers(1, 40))
def test_however_often_interrupted_the_file_is_the_same(stops: list[int], kill: bool, size: int) -> None:
    number = 2 * BATCH + 5
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "PICTURES", size)
        patch.setattr(parts, "READ", size)
        folder = Path(name)
        for shade in range(number):
            paint(folder / "photos" / f"{shade:03}.png", shade)
        described = 0
        for stop in [*stops, None]:
            encoder = MeanColour(stop, RuntimeError if kill else KeyboardInterrupt)
            with suppress(RuntimeError, KeyboardInterrupt):
                done = extract(folder / "photos", folder / "feats.npy", encoder, overwrite=True)
                break
            described += encoder.described
        assert done.resumed + encoder.described == done.rows == number
        # Ctrl-C costs nothing; a kill costs the last shard, which holds whole batches
        lost = described - done.resumed
        assert 0 <= lost <= (len(stops) * (size + BATCH) if kill else 0)
        plain = extract(folder / "photos", folder / "plain.npy", MeanColour())
        assert plain.path.read_bytes() == done.path.read_bytes()


def test_a_changed_file_is_done_again_and_a_removed_one_left_out(photos: Path, tmp_path: Path) -> None:
    interrupted(photos, tmp_path / "feats.npy")
    paint(photos / "a.png", 50)
    (photos / "b.png").unlink()
    done = extract(photos, tmp_path / "feats.npy", MeanColour())
    np.testing.assert_array_equal(np.load(done.path), [[50, 100, 7], [3, 6, 7], [4, 8, 7]])
    assert done.resumed == 2


def interrupted(photos: Path, target: Path) -> None:
    """Describe what is there, then be interrupted before the end."""
    for number in range(BATCH):
        paint(photos / f"zz{number:02}.png", 9)
    with pytest.raises(KeyboardInterrupt):
        extract(photos, target, MeanColour(stop_after=1))
    for path in photos.glob("zz*.png"):
        path.unlink()


def test_failures_are_written_beside_and_do_not_stop_the_run(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    target = tmp_path / "feats.npy"
    done = extract(photos, target, MeanColour())
    assert (done.rows, done.failed) == (4, 1)
    (failure,) = json.loads((tmp_path / "feats.npy.failures.json").read_text())
    assert (failure["id"], failure["reason"]) == ("broken.jpg", "not-a-picture")
    paint(photos / "broken.png", 3)
    (photos / "broken.jpg").unlink()
    assert extract(photos, target, MeanColour(), overwrite=True).rows == 5
    assert not (tmp_path / "feats.npy.failures.json").exists()


def test_a_picture_that_cannot_be_described_fails_alone(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = MeanColour.describe

    def choosy(self: MeanColour, loaded: Sequence[Loaded]) -> FloatArray:
        if any(one.pixels[0][0, 0, 0] == 3 for one in loaded):
            raise BadPicture("too red")
        return describe(self, loaded)

    monkeypatch.setattr(MeanColour, "describe", choosy)
    done = extract(photos, tmp_path / "feats.npy", MeanColour())
    np.testing.assert_array_equal(np.load(done.path), VECTORS[[0, 1, 3]])
    (failure,) = json.loads((tmp_path / "feats.npy.failures.json").read_text())
    assert (failure["id"], failure["message"]) == ("sub/c.png", "too red")


def test_a_failure_survives_an_interruption(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"")
    interrupted(photos, tmp_path / "feats.npy")
    done = extract(photos, tmp_path / "feats.npy", MeanColour())
    assert (done.rows, done.failed, done.resumed) == (4, 1, 5)
    (failure,) = json.loads((tmp_path / "feats.npy.failures.json").read_text())
    assert failure["reason"] == "empty"


def test_only_failures_are_an_error_that_leaves_their_list(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="no picture that could be read"):
        extract(tmp_path / "photos", tmp_path / "feats.npy", MeanColour())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["feats.npy.failures.json", "photos"]


def test_another_recipe_or_folder_cannot_carry_on(photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "feats.npy"
    interrupted(photos, target)
    with pytest.raises(ManifestMismatch, match=r"weights of mean-colour differ.*feats.npy|feats.npy.*differ"):
        extract(photos, target, MeanColour(network="other"))
    with pytest.raises(ManifestMismatch, match="not of"):
        extract(photos / "sub", target, MeanColour())


def test_an_existing_file_is_replaced_only_when_told(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "feats.npy").write_text("mine")
    with pytest.raises(UsageError, match="--overwrite"):
        extract(photos, tmp_path / "feats.npy", MeanColour())
    assert (tmp_path / "feats.npy").read_text() == "mine"
    assert extract(photos, tmp_path / "feats.npy", MeanColour(), overwrite=True).rows == 4


def test_the_suffix_says_the_format(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.npy, \.safetensors, \.parquet"):
        extract(photos, tmp_path / "feats.csv", MeanColour())


def test_parquet_without_pyarrow(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    encoder = MeanColour()
    with pytest.raises(MissingExtra, match=r"likewise\[parquet\]"):
        extract(photos, tmp_path / "feats.parquet", encoder)
    assert encoder.described == 0


def test_names_that_are_no_text(photos: Path, tmp_path: Path) -> None:
    os.rename(photos / "b.png", photos / os.fsdecode(b"b\xff\n.png"))
    extract(photos, tmp_path / "feats.safetensors", MeanColour())
    ids = load_file(tmp_path / "feats.safetensors")["ids"].tobytes().decode().split("\0")
    assert ids == ["a.png", "b\\xff\n.png", *IDS[2:]]


def test_a_damaged_shard_is_named(photos: Path, tmp_path: Path) -> None:
    interrupted(photos, tmp_path / "feats.npy")
    (shard,) = (tmp_path / "feats.npy.parts").glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:20])
    with pytest.raises(CollectionDamaged, match=shard.name):
        extract(photos, tmp_path / "feats.npy", MeanColour())


def test_a_second_writer_is_told_who_holds_it(photos: Path, tmp_path: Path) -> None:
    parts = tmp_path / "feats.npy.parts"
    parts.mkdir()
    with one_writer(parts / "lock"), pytest.raises(CollectionLocked, match=f"process {os.getpid()}"):
        extract(photos, tmp_path / "feats.npy", MeanColour())


def test_a_place_that_cannot_be_written(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be made"):
        extract(photos, tmp_path / "file" / "feats.npy", MeanColour())


def test_progress_counts_to_the_end(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"")
    seen: list[Progress] = []
    extract(photos, tmp_path / "feats.npy", MeanColour(), progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].failed) == (5, 5, 1)


def test_activations_are_bare() -> None:
    recipe = activations("vgg16", "block5_pool", "none")
    assert recipe.parts[0].tap == "pool5"
    assert recipe.parts[0].pool == "flatten"
    assert recipe.transforms == ()
    assert recipe.resize == Resize("square", 224)


def test_a_tap_of_the_whole_picture_is_never_pooled() -> None:
    assert activations("vgg16", "fc7", "gem").parts[0].pool == "none"


def test_unknown_taps_and_networks_are_named() -> None:
    with pytest.raises(UnknownName, match="vgg16"):
        activations("vgg61", "pool5", "mean")
    with pytest.raises(UnknownName, match="ambiguous"):
        activations("vgg16", "conv5", "mean")


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"folder": "", "manifest": {}}'])
def test_damaged_remains_are_named(photos: Path, tmp_path: Path, content: str) -> None:
    interrupted(photos, tmp_path / "feats.npy")
    (tmp_path / "feats.npy.parts" / "origin.json").write_text(content)
    with pytest.raises(CollectionDamaged, match=r"remove the folder .*feats\.npy\.parts and run again"):
        extract(photos, tmp_path / "feats.npy", MeanColour())


@pytest.mark.parametrize("rows", ["[1]", "[]", '[["a.png", [1], null]]'])
def test_a_shard_of_other_contents_is_named(photos: Path, tmp_path: Path, rows: str) -> None:
    interrupted(photos, tmp_path / "feats.npy")
    (shard,) = (tmp_path / "feats.npy.parts").glob("*.safetensors")
    save_file({"vectors": np.zeros((1, 3), np.float32)}, shard, {"rows": rows})
    with pytest.raises(CollectionDamaged, match=shard.name):
        extract(photos, tmp_path / "feats.npy", MeanColour())


def test_files_of_others_among_the_remains_are_passed_over(photos: Path, tmp_path: Path) -> None:
    interrupted(photos, tmp_path / "feats.npy")
    (tmp_path / "feats.npy.parts" / "foo.safetensors").write_text("foreign")
    assert extract(photos, tmp_path / "feats.npy", MeanColour()).resumed == 4


def test_a_folder_in_the_place_of_the_file(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "feats.npy").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        extract(photos, tmp_path / "feats.npy", MeanColour(), overwrite=True)
    assert not (tmp_path / "feats.npy.parts").exists()


def test_the_draft_of_a_killed_run_is_removed(photos: Path, tmp_path: Path) -> None:
    draft = tmp_path / "feats.npy.abcdefgh.part"
    draft.touch()
    extract(photos, tmp_path / "feats.npy", MeanColour())
    assert not draft.exists()


def test_interleaved_shards_are_opened_once_each(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    real = parts._vectors

    def counted(path: Path) -> object:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(parts, "_vectors", counted)
    with parts.ExtractionShards(tmp_path / "parts") as kept:
        for first in range(4):
            names = range(first, 600, 4)  # every fourth name
            stamp = Stamp(0, 0, 0)
            kept.add([Done(f"{n:03}", stamp, vector=np.array([n, -n], np.float32)) for n in names])
            kept.flush()
        blocks = list(kept.vectors([kept.done[f"{n:03}"] for n in range(600)]))
    assert [len(block) for block in blocks] == [256, 256, 88]
    np.testing.assert_array_equal(np.concatenate(blocks)[:, 0], np.arange(600))
    assert len(opened) == len(set(opened)) == 4
