"""Choosing pictures, describing them, and learning from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from likewise.descriptors.estimators import PairWhitening, PCAWhitening
from likewise.descriptors.parts import Part
from likewise.descriptors.poolings.rmac import RMAC
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import UsageError
from likewise.files import sha256_file
from likewise.learning import Gathered, choose, choose_groups, gather, learn_quantiser, learn_whitening
from likewise.pictures import Loaded
from likewise.types import FloatArray, Progress
from tests.fakes import RECIPE, FakeExtractor, make_pictures


def test_chooses_evenly(tmp_path: Path) -> None:
    made = make_pictures(tmp_path / "photos", 10)
    assert choose(tmp_path / "photos").files == tuple(made)
    chosen = choose(tmp_path / "photos", most=5)
    assert chosen.files == tuple(made[::2])
    assert (chosen.about, chosen.groups) == ("photos", None)
    assert len(choose(tmp_path / "photos", most=99).files) == 10


def test_groups_are_sub_folders(tmp_path: Path) -> None:
    a, b = make_pictures(tmp_path / "a" / "deep", 2), make_pictures(tmp_path / "b", 1)
    make_pictures(tmp_path, 1)
    chosen = choose_groups(tmp_path)
    assert chosen.files == (*a, *b)
    assert chosen.groups == ("a", "a", "b")
    with pytest.raises(UsageError, match="no sub-folders"):
        choose_groups(tmp_path / "b")


def test_groups_of_a_csv_file(tmp_path: Path) -> None:
    one, two = make_pictures(tmp_path, 2)
    table = tmp_path / "groups.csv"
    table.write_text("file,what\n0000.png,x\n0001.png,y\nabsent.png,y\n")
    chosen = choose_groups(tmp_path, table, "what")
    assert (chosen.files, chosen.groups) == ((one, two), ("x", "y"))
    with pytest.raises(UsageError, match="no column 'group'"):
        choose_groups(tmp_path, table, "group")
    table.write_text("file,what\nabsent.png,y\n")
    with pytest.raises(UsageError, match="names no picture that lies below"):
        choose_groups(tmp_path, table, "what")


def test_gathers_vectors_once_and_counts_what_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    make_pictures(tmp_path / "a", 3)
    make_pictures(tmp_path / "b", 1)  # the same as the first of a
    (tmp_path / "a" / "bad.png").write_text("no picture")
    fake = FakeExtractor()
    first = gather(fake, choose_groups(tmp_path))
    assert first.vectors.shape == (4, 12)
    assert first.groups == ("a", "a", "a", "b")
    assert [path.name for path in first.failures] == ["bad.png"]
    digests = {sha256_file(path)[:16] for path in (tmp_path / "a").glob("0*.png")}
    assert first.pictures == tuple(sorted(digests))
    described = fake.described
    again = gather(fake, choose_groups(tmp_path))
    assert fake.described == described
    np.testing.assert_array_equal(again.vectors, first.vectors)


def test_nothing_readable_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"none of 1 pictures can be read, the first: .*bad\.png"):
        gather(FakeExtractor(), choose(tmp_path))


def gathered(count: int = 40, groups: int | None = None) -> Gathered:
    vectors = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    names = tuple(str(number % groups) for number in range(count)) if groups else None
    return Gathered("photos", vectors, names, ("0" * 16,), {})


def test_a_whitening_remembers_what_it_was_learned_on() -> None:
    found = learn_whitening(gathered(), PCAWhitening(2), RECIPE)
    expected = PCAWhitening(2).fit(gathered().vectors)
    np.testing.assert_allclose(found.projection, expected.projection_, rtol=1e-6)
    origin = found.origin
    assert (origin.about, origin.samples, origin.pictures) == ("photos", 40, ("0" * 16,))
    assert (origin.method, origin.regions) == ("pca", False)
    assert VectorRecipe.parse(origin.recipe) == RECIPE
    assert learn_whitening(gathered(groups=8), PairWhitening(), RECIPE).origin.method == "pairs"


def test_too_little_to_learn_from_is_one_clear_error() -> None:
    with pytest.raises(UsageError, match=r"photos: dimensions=5 must lie between 1 and 4"):
        learn_whitening(gathered(), PCAWhitening(5), RECIPE)
    with pytest.raises(UsageError, match="minimum of 2 is required"):
        learn_whitening(gathered(1), PCAWhitening(), RECIPE)
    with pytest.raises(UsageError, match="no two samples share a label"):
        learn_whitening(gathered(3, groups=3), PairWhitening(), RECIPE)
    with pytest.raises(UsageError, match="40 vectors are too few"):
        learn_quantiser(gathered(), 2, RECIPE)


def test_a_quantiser_remembers_what_it_was_learned_on() -> None:
    seen: list[Progress] = []
    found = learn_quantiser(gathered(300), 2, RECIPE, progress=seen.append)
    assert (found.bytes, found.dimensions) == (2, 4)
    assert (found.origin.about, found.origin.samples) == ("photos", 300)
    assert VectorRecipe.parse(found.origin.recipe) == RECIPE
    assert [now.done for now in seen] == [1, 2]


@dataclass
class Mapped(FakeExtractor):
    """Its map of a picture is the picture."""

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        return [[one.pixels[0].transpose(2, 0, 1).astype(np.float32)] for one in loaded]


def test_gathers_the_regions_of_every_picture(tmp_path: Path) -> None:
    files = make_pictures(tmp_path, 2)
    (tmp_path / "bad.png").write_text("no picture")
    mapped = Mapped(replace(RECIPE, parts=(Part("colours", "rmac", options={"levels": 2}),)))
    found = gather(mapped, choose(tmp_path), regions=True)
    expected = [RMAC.regions_of(mapped.maps([mapped.prepare(file)])[0][0], {"levels": 2}) for file in files]
    np.testing.assert_array_equal(found.vectors, np.concatenate(expected))
    assert len(found.pictures) == 2
    assert len(found.failures) == 1
    with pytest.raises(UsageError, match="has 0 parts with pool 'rmac'"):
        gather(Mapped(), choose(tmp_path), regions=True)
