"""Segments: one file for the same postings in any order, damage found and named, merging."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from likewise.arrays import columns
from likewise.errors import CollectionDamaged, StorageError, UsageError
from likewise.words.index import merging
from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.kernel import Choice
from likewise.words.index.merging import merge
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
from likewise.words.scoring import Scoring

COLUMNS = ["pictures", "offsets", "frequencies", "rows", "codes"]


def some(seed: int, count: int, words: int = 5, pictures: int = 9) -> Postings:
    random = np.random.default_rng(seed)
    chosen, holders = (random.integers(0, bound, count).astype(np.uint32) for bound in (words, pictures))
    return Postings(chosen, holders, random.integers(0, 3, (count, 2)).astype(np.uint64))


def take(postings: Postings, rows: NDArray[Any]) -> Postings:
    return Postings(postings.words[rows], postings.pictures[rows], postings.codes[rows])


def small(path: Path) -> Segment:
    """Word 0: picture 70 with code (5, 6) and picture 900 with (1, 2) and (3, 4); word 2: picture 70."""
    parts = [
        Postings.of(900, np.array([0, 0]), np.array([[3, 4], [1, 2]], np.uint64)),
        Postings.of(70, np.array([[2, 0]]), np.array([[[7, 8], [5, 6]]], np.uint64)),
    ]
    return Segment.write(path, Postings.join(parts), 3)


def test_columns_by_hand(tmp_path: Path) -> None:
    segment = small(tmp_path / "a")
    assert segment.pictures.tolist() == [70, 900]
    assert segment.offsets.tolist() == [0, 3, 3, 4]
    assert segment.frequencies.tolist() == [2, 0, 1]
    assert segment.rows.tolist() == [0, 1, 1, 0]
    # first halves of word 0, its second halves, those of word 2, and what may be read too far
    assert segment.codes.tolist() == [5, 1, 3, 6, 2, 4, 7, 8] + [0] * 8
    assert segment.members_codes(0, 3).tolist() == [[5, 6], [1, 2], [3, 4], [7, 8]]
    assert segment.members_codes(1, 3).tolist() == [[7, 8]]
    assert segment.places(np.array([3, 900])).tolist() == [-1, 1]
    assert segment.verify() == []
    assert not segment.codes.flags.writeable
    assert all(begin % 64 == 0 for begin, _ in segment.extent.layout.places.values())


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 80))
def test_the_order_of_arrival_leaves_no_trace(seed: int, count: int) -> None:
    postings = some(seed, count)
    order = np.random.default_rng(seed).permutation(count)
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one"), Path(folder, "two")
        Segment.write(one, postings, 5)
        Segment.write(two, take(postings, order), 5)
        assert one.read_bytes() == two.read_bytes()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 80), st.integers(0, 4), st.sampled_from([1, 10, 1 << 20]))
def test_merged_is_written_at_once(seed: int, count: int, parts: int, chunk: int) -> None:
    random = np.random.default_rng(seed)
    postings, live = some(seed, count if parts else 0), np.flatnonzero(random.random(9) < 0.7)
    home = random.integers(0, max(parts, 1), 9)[postings.pictures]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "CHUNK", chunk)
        held = [
            Segment.write(Path(folder, str(part)), take(postings, home == part), 5) for part in range(parts)
        ]
        for keep in (live, None):
            whole = postings if keep is None else take(postings, np.isin(postings.pictures, keep))
            merged, written = Path(folder, "merged"), Path(folder, "written")
            merge(merged, 5, held, keep)
            Segment.write(written, whole, 5)
            assert merged.read_bytes() == written.read_bytes()


class Advised:
    """A mapping that keeps what the system is told to read soon: first byte and the one behind the last."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.parts: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.size

    def madvise(self, option: int, start: int, length: int) -> None:
        assert sys.platform != "win32" and option == mmap.MADV_WILLNEED
        assert start % mmap.PAGESIZE == 0 and length > 0
        self.parts.append((start, start + length))


@pytest.mark.skipif(sys.platform == "win32", reason="it takes no advice")
@pytest.mark.parametrize("halves", [1, 2])
def test_the_disk_is_asked_for_the_lists_of_a_query_once(tmp_path: Path, halves: int) -> None:
    words, pictures = np.repeat(np.arange(100), 2000), np.tile(np.arange(2000), 100)
    codes = np.zeros((len(words), halves), np.uint64)
    postings = Postings(words.astype(np.uint32), pictures.astype(np.uint32), codes)
    segment = Segment.write(tmp_path / "a", postings, 101)  # the last word has no list
    file = segment.file
    asked = Advised(len(file.mapped))
    segment = replace(segment, file=replace(file, mapped=cast(mmap.mmap, asked)))
    index = InvertedIndex(101, [segment], np.arange(4000), kernel="numpy")
    index.scores(np.array([7, 50, 100, 8]), codes[:4])
    wanted = set[int]()
    for name, width in (("rows", 4), ("codes", 8 * halves)):
        begin, _ = file.layout.places[name]
        for first, last in ((7, 9), (50, 51)):
            at, end = (begin + 2000 * word * width for word in (first, last))
            wanted |= set(range(at // mmap.PAGESIZE, -(-end // mmap.PAGESIZE)))
    pages = [at // mmap.PAGESIZE for part in asked.parts for at in range(*part, mmap.PAGESIZE)]
    assert sorted(pages) == sorted(wanted) and len(asked.parts) == 4
    index.scores(np.array([50, 8]), codes[:2])
    assert len(asked.parts) == 4
    index.near(np.array([[51, 50]]), codes[np.newaxis, :2], 1)
    assert len(asked.parts) == 6


def test_twenty_bytes_a_posting(tmp_path: Path) -> None:
    segment = Segment.write(tmp_path / "a", some(0, 200_000, 1000, 700), 1000)
    assert 20 < (tmp_path / "a").stat().st_size / len(segment.rows) < 20.1


def test_a_flipped_byte_is_found_and_named(tmp_path: Path) -> None:
    segment = small(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    places = {name: begin for name, (begin, _) in segment.extent.layout.places.items()}
    assert list(places) == COLUMNS
    for at in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        (tmp_path / "b").write_bytes(flipped)
        column = [name for name, begin in places.items() if begin <= at]
        try:
            damaged = Segment.open(tmp_path / "b").verify()
        except CollectionDamaged as error:
            damaged = [str(error)]
        assert len(damaged) == 1 and str(tmp_path / "b") in damaged[0], at
        assert not column or column[-1] in damaged[0], at


def test_files_that_are_no_segment(tmp_path: Path) -> None:
    small(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    for wrong, said in (
        (b"", "not the header"),
        (content[:200], "not the header"),
        (content[:-1], "instead of"),
        (content + b"x", "instead of"),
        (b"[]".ljust(2000), "not the header"),
        (content.replace(b"likewise words 1", b"likewise words 2"), "format 'likewise words 1'"),
    ):
        (tmp_path / "b").write_bytes(wrong)
        with pytest.raises(CollectionDamaged, match=said):
            Segment.open(tmp_path / "b")
    with pytest.raises(CollectionDamaged, match="it is gone"):
        Segment.open(tmp_path / "none")
    with pytest.raises(StorageError, match="cannot read"):
        Segment.open(tmp_path)


def test_nothing_is_left_of_a_segment_that_cannot_be_written(tmp_path: Path) -> None:
    before = small(tmp_path / "a").verify()
    with pytest.raises(UsageError, match="word 4 is not in a codebook of 3 words"):
        Segment.write(tmp_path / "a", some(0, 99), 3)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        Segment.write(tmp_path / "file" / "a", some(0, 99), 5)
    assert Segment.open(tmp_path / "a").verify() == before == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file"]


def test_damage_is_not_merged(tmp_path: Path) -> None:
    small(tmp_path / "a")
    content = bytearray((tmp_path / "a").read_bytes())
    content[-65] ^= 1
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(CollectionDamaged, match="column codes is damaged"):
        merge(tmp_path / "b", 3, [Segment.open(tmp_path / "a")])
    assert not (tmp_path / "b").exists()


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    segment = small(tmp_path / "a")
    with pytest.raises(CollectionDamaged, match="picture 70 lies in two segments"):
        merge(tmp_path / "b", 3, [segment, segment])
    with pytest.raises(UsageError, match="has 3 words; the codebook has 4"):
        merge(tmp_path / "b", 4, [segment])


@pytest.mark.parametrize("kernel", ["numpy", "numba"])
def test_a_damaged_row_reaches_no_other_memory(tmp_path: Path, kernel: Choice) -> None:
    if kernel == "numba":
        pytest.importorskip("numba")
    segment = small(tmp_path / "a")
    content = bytearray((tmp_path / "a").read_bytes())
    begin, size = segment.extent.layout.places["rows"]
    content[begin : begin + size] = b"\xff" * size
    (tmp_path / "a").write_bytes(content)
    damaged = Segment.open(tmp_path / "a")
    for live in (np.array([3, 70, 900, 901]), np.array([3, 70])):
        index = InvertedIndex(3, [damaged], live, kernel=kernel)
        for scoring in (Scoring(), Scoring(False, normalisation="l2")):
            scores = index.scores(np.array([0, 2]), np.zeros((2, 2), np.uint64), scoring)
            assert np.isfinite(scores).all()


def test_postings_that_are_none() -> None:
    good = some(0, 4)
    with pytest.raises(UsageError, match="words of postings must be uint32"):
        Postings(good.words.astype(np.int64), good.pictures, good.codes)
    with pytest.raises(UsageError, match="pictures of postings"):
        Postings(good.words, good.pictures[:3], good.codes)
    with pytest.raises(UsageError, match=r"codes of postings must be uint64 \(4, 2\), not uint64 \(4, 0\)"):
        Postings(good.words, good.pictures, good.codes[:, :0])
    for picture in (-1, 1 << 32):
        with pytest.raises(UsageError, match=f"picture id {picture}"):
            Postings.of(picture, good.words, good.codes)
    with pytest.raises(UsageError, match="words -1 to 3"):
        Postings.of(1, np.array([-1, 3]), good.codes[:2])
    assert len(Postings.join([])) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_file_that_is_swept_while_it_is_opened_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = small(tmp_path / "a")
    header = columns._header

    def sweeping(path: Path, *given: Any) -> Any:
        found = header(path, *given)
        path.unlink()
        return found

    monkeypatch.setattr(columns, "_header", sweeping)
    assert Segment.open(tmp_path / "a").codes.tolist() == written.codes.tolist()
    with pytest.raises(CollectionDamaged, match="gone"):
        written.verify()
