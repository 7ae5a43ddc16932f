"""Benchmarks: what is refused, and galleries made larger."""

from __future__ import annotations

from pathlib import Path

import pytest

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, MissingFiles
from likewise.pictures.listing import pictures_below

A, B, C = (Path(f"{name}.jpg") for name in "abc")


def query(name: str = "q", *, positives: str = "a", junk: str = "") -> BenchmarkQuery:
    return BenchmarkQuery(name, A, None, frozenset(positives), frozenset(junk))


def benchmark(*queries: BenchmarkQuery, missing: tuple[MissingFiles, ...] = ()) -> Benchmark:
    return Benchmark("small", {"a": A, "b": B, "c": C}, queries, "counts", missing=missing)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="two queries are called 'q'"):
        benchmark(query(), query())
    with pytest.raises(UsageError, match="b as positive and as junk"):
        benchmark(query(positives="ab", junk="bc"))
    with pytest.raises(UsageError, match="names x, which is not in the gallery"):
        benchmark(query(positives="ax"))
    with pytest.raises(UsageError, match="not in the gallery"):
        benchmark(query(junk="y"))


def test_no_query_at_all_says_why() -> None:
    gone = (
        MissingFiles("", ("b",), "smaller"),
        MissingFiles("q", ("a",), "its picture is not there", left_out=True),
    )
    with pytest.raises(UsageError, match="no query can be asked; q: its picture is not there"):
        benchmark(missing=gone)


def test_distractors_stand_after_the_others_under_names_of_their_own(tmp_path: Path) -> None:
    first = touch(tmp_path / "first", "x.jpg", "sub/a.jpg", "notes.txt", ".hidden.jpg")
    second = touch(tmp_path / "second", "x.jpg")
    larger = benchmark(query()).with_distractors(first, second)
    assert list(larger.gallery) == [
        "a",
        "b",
        "c",
        "distractors/sub/a.jpg",
        "distractors/x.jpg",
        "distractors2/x.jpg",
    ]
    assert larger.distractors == 3
    assert larger.gallery["distractors2/x.jpg"] == second / "x.jpg"
    again = larger.with_distractors(touch(tmp_path / "third", "y.png"))
    assert again.distractors == 4
    assert list(again.gallery)[-1] == "distractors3/y.png"


def test_a_picture_of_the_benchmark_is_no_distractor(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    own = Benchmark("small", {"a": tmp_path / "a.jpg"}, (query(),), "counts")
    with pytest.raises(UsageError, match="is in small already"):
        own.with_distractors(tmp_path)
    with pytest.raises(UsageError, match="is in small already"):
        own.with_distractors(touch(tmp_path / "more", "b.jpg"), tmp_path / "more")


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        pictures_below(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no picture lies below"):
        pictures_below(touch(tmp_path, "notes.txt", ".thumbs/a.jpg"))


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    touch(tmp_path / "disk", "a.jpg")
    data = touch(tmp_path / "data", "b.jpg")
    (data / "link").symlink_to(tmp_path / "disk")
    (data / "loop").symlink_to(data)
    (data / "same").symlink_to(tmp_path / "disk")
    assert pictures_below(data) == [data / "b.jpg", data / "link" / "a.jpg"]
