"""Vectors are made once, found again by what they are of, and survive an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from likewise.descriptors.describing import cache
from likewise.descriptors.describing.batches import BATCH
from likewise.descriptors.describing.cache import PictureView, cached_vectors
from likewise.errors import BadBox, BadPicture, CollectionDamaged, StorageError
from likewise.pictures import Loaded
from likewise.types import Box, FloatArray, Progress
from tests.fakes import DIMENSIONS, FakeExtractor, make_pictures


def views(folder: Path, count: int) -> list[PictureView]:
    return [PictureView(path) for path in make_pictures(folder, count)]


def test_vectors_come_in_the_order_of_the_views(tmp_path: Path) -> None:
    asked = views(tmp_path / "in", 40)
    asked.append(PictureView(asked[3].picture, Box(0, 0, 8, 8)))
    found = cached_vectors(FakeExtractor(), asked, tmp_path / "kept")
    one_by_one = [FakeExtractor().describe([FakeExtractor().prepare(v.picture, box=v.box)])[0] for v in asked]
    assert np.array_equal(found.vectors, np.stack(one_by_one))
    assert not found.failures
    assert len({*found.digests}) == 40


def test_nothing_is_described_twice(tmp_path: Path) -> None:
    asked = views(tmp_path / "in", 5)
    copy = tmp_path / "copy.png"
    copy.write_bytes(asked[0].picture.read_bytes())
    asked = [*asked, PictureView(copy), asked[1]]
    extractor = FakeExtractor()
    first = cached_vectors(extractor, asked, tmp_path / "kept")
    assert extractor.described == 5
    again = cached_vectors(extractor, asked, tmp_path / "kept")
    assert extractor.described == 5
    assert np.array_equal(first.vectors, again.vectors)
    assert np.array_equal(first.vectors[0], first.vectors[5])


def test_another_box_content_or_manifest_is_another_vector(tmp_path: Path) -> None:
    (view,) = views(tmp_path / "in", 1)
    extractor = FakeExtractor()
    cached_vectors(extractor, [view], tmp_path / "kept")
    cached_vectors(extractor, [PictureView(view.picture, Box(0, 0, 9, 9))], tmp_path / "kept")
    assert extractor.described == 2
    other = FakeExtractor(weights="1" * 64)
    cached_vectors(other, [view], tmp_path / "kept")
    assert other.described == 1
    make_pictures(tmp_path / "new", 1, first=7)[0].rename(view.picture)
    cached_vectors(extractor, [view], tmp_path / "kept")
    assert extractor.described == 3


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    class Interrupted(FakeExtractor):
        def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
            if self.batches:
                raise KeyboardInterrupt
            return super().describe(loaded)

    asked = views(tmp_path / "in", 40)
    with pytest.raises(KeyboardInterrupt):
        cached_vectors(Interrupted(), asked, tmp_path / "kept")
    extractor = FakeExtractor()
    cached_vectors(extractor, asked, tmp_path / "kept")
    assert extractor.described == 40 - BATCH


def test_files_are_written_as_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PICTURES", 10)
    cached_vectors(FakeExtractor(), views(tmp_path / "in", 25), tmp_path / "kept")
    assert len(list((tmp_path / "kept").rglob("*.safetensors"))) == 3


def test_a_bad_picture_fails_alone(tmp_path: Path) -> None:
    class Picky(FakeExtractor):
        def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
            if any(picture.width == 32 for picture in loaded):
                raise BadPicture("too wide", "broken")
            return super().describe(loaded)

    asked = views(tmp_path / "in", 3)  # the second is 32 pixels wide
    (tmp_path / "text.jpg").write_text("no picture")
    asked += [
        PictureView(tmp_path / "text.jpg"),
        PictureView(tmp_path / "gone.jpg"),
        PictureView(tmp_path),
        asked[0],
    ]
    found = cached_vectors(Picky(), asked, tmp_path / "kept")
    assert {number: why.reason for number, why in found.failures.items()} == {
        1: "broken",
        3: "not-a-picture",
        4: "vanished",
        5: "unreadable",
    }
    assert found.vectors.shape == (7, DIMENSIONS)
    assert not found.vectors[list(found.failures)].any()
    assert np.array_equal(found.vectors[0], found.vectors[6])


def test_a_box_outside_its_picture_is_an_error(tmp_path: Path) -> None:
    (view,) = views(tmp_path / "in", 1)
    with pytest.raises(BadBox):
        cached_vectors(FakeExtractor(), [PictureView(view.picture, Box(500, 0, 600, 9))], tmp_path / "kept")


def test_progress_counts_what_was_there_already(tmp_path: Path) -> None:
    asked = views(tmp_path / "in", 6)
    cached_vectors(FakeExtractor(), asked[:4], tmp_path / "kept")
    seen: list[Progress] = []
    cached_vectors(FakeExtractor(), asked, tmp_path / "kept", progress=seen.append, note="working")
    assert [(now.done, now.total, now.note) for now in seen] == [(5, 6, "working"), (6, 6, "working")]
    assert seen[-1].remaining == 0


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    asked = views(tmp_path / "in", 2)
    cached_vectors(FakeExtractor(), asked, tmp_path / "kept")
    (file,) = (tmp_path / "kept").rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(CollectionDamaged, match=file.name):
        cached_vectors(FakeExtractor(), asked, tmp_path / "kept")


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(StorageError):
        cached_vectors(FakeExtractor(), views(tmp_path / "in", 1), tmp_path / "kept")


def test_no_views_give_no_vectors(tmp_path: Path) -> None:
    assert cached_vectors(FakeExtractor(), [], tmp_path / "kept").vectors.shape == (0, DIMENSIONS)


def test_files_of_the_first_versions_are_still_found(tmp_path: Path) -> None:
    asked, extractor = views(tmp_path / "in", 3), FakeExtractor()
    first = cached_vectors(extractor, asked, tmp_path / "kept")
    (file,) = (tmp_path / "kept").glob("*/*.safetensors")
    with safe_open(file, "numpy") as opened:
        rows, keys = opened.get_tensor("vectors"), opened.metadata()["keys"]
    save_file({"vectors": rows.reshape(3, DIMENSIONS)}, file, {"keys": keys})  # a matrix, and no lengths
    again = cached_vectors(extractor, asked, tmp_path / "kept")
    assert extractor.described == 3
    assert np.array_equal(first.vectors, again.vectors)
