"""The collection as its users see it."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.collection import Collection
from likewise.collection.store.database import Database
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import (
    BadBox,
    BadPicture,
    CollectionDamaged,
    CollectionError,
    CollectionNotFound,
    ManifestMismatch,
    StorageError,
    UnknownName,
    UsageError,
)
from likewise.ranking.gallery import Gallery
from likewise.ranking.stages import Stage, rank
from likewise.recipes.recipe import Recipe
from likewise.types import Box
from tests.fakes import DIMENSIONS, RECIPE, FakeExtractor, FakeFactory, make_pictures

SHARPER = replace(RECIPE, name="sharper", resize=replace(RECIPE.resize, size=64))
BY_DISTANCE = replace(RECIPE, name="distance", distance="l2")


def opened(path: Path, recipe: VectorRecipe | None = None, factory: FakeFactory | None = None) -> Collection:
    return Collection.open(path, recipe=recipe, extractor_factory=factory or FakeFactory())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "photos", 10)
    make_pictures(tmp_path / "photos" / "deep", 5, first=10)
    return tmp_path / "photos"


@pytest.fixture
def collection(tmp_path: Path, photos: Path) -> Iterator[Collection]:
    with opened(tmp_path / "p.likewise", RECIPE) as made:
        made.add(photos)
        yield made


class TestOpening:
    def test_naming_a_collection_makes_nothing(self, tmp_path: Path) -> None:
        with opened(tmp_path / "none", RECIPE) as collection:
            assert not collection.exists
            assert len(collection) == 0
            assert collection.recipe == Recipe.of(RECIPE)
            for ask in (collection.info, collection.failures, collection.verify, collection.vectors):
                with pytest.raises(CollectionNotFound, match="index a folder into it first"):
                    ask()
            with pytest.raises(CollectionNotFound):
                collection.search(1)
        assert not (tmp_path / "none").exists()

    def test_a_new_collection_is_made_by_the_default_recipe(self, tmp_path: Path) -> None:
        assert Collection.open(tmp_path / "none").recipe.name == "default"

    def test_its_own_recipe_is_found_again(self, collection: Collection) -> None:
        with opened(collection.path) as again:
            assert again.recipe == Recipe.of(RECIPE)
            assert again.manifest == FakeExtractor().manifest
        with opened(collection.path, replace(RECIPE, name="another name", about="of the same")):
            pass

    def test_another_recipe_is_refused_with_what_differs(self, collection: Collection) -> None:
        with pytest.raises(ManifestMismatch, match=r"resize\.size 32 against 64.*leave the recipe out"):
            opened(collection.path, SHARPER)

    def test_an_unknown_recipe_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownName, match="default"):
            Collection.open(tmp_path / "c", recipe="defualt")

    @pytest.mark.parametrize("precision", ["bf16", "f32"])
    def test_other_weights_or_precision_are_refused(self, collection: Collection, precision: str) -> None:
        factory = FakeFactory(weights="0" * 64 if precision == "bf16" else "1" * 64)
        with Collection.open(collection.path, precision=precision, extractor_factory=factory) as other:
            assert len(other.search(3, k=2)) == 2  # what needs no network needs no agreement
            with pytest.raises(ManifestMismatch, match="precision" if precision == "bf16" else "weights"):
                other.search(other.path_of(3))
            with pytest.raises(ManifestMismatch):
                other.add(*make_pictures(collection.path.parent / "more", 1, first=90))
        assert len(collection) == 15

    def test_another_precision_is_refused_when_there_is_nothing_to_do(
        self, collection: Collection, photos: Path
    ) -> None:
        factory = FakeFactory()
        with Collection.open(collection.path, precision="bf16", extractor_factory=factory) as other:
            with pytest.raises(ManifestMismatch, match=r"precision f32, not bf16: leave the precision out"):
                other.add(photos)
        assert factory.made == []

    def test_closing_while_others_ask(self, collection: Collection) -> None:
        """A thread gets answers, or is told; the process lives on."""
        said: set[str] = set()
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                try:
                    collection.search(1, k=2, under="*.png")
                    said.add("answers")
                except CollectionError as error:
                    said.add(str(error).partition(" was ")[2])

        thread = threading.Thread(target=ask)
        thread.start()
        for _ in range(100):
            collection.close()
            done.wait(0.001)
        while "answers" not in said and thread.is_alive():
            done.wait(0.001)
        done.set()
        thread.join()
        assert said <= {"answers", "closed while it was in use: ask it again"}
        assert "answers" in said

    def test_the_precision_is_the_collections_own(self, tmp_path: Path, photos: Path) -> None:
        Collection.open(tmp_path / "c", recipe=RECIPE, precision="bf16", extractor_factory=FakeFactory()).add(
            photos
        )
        factory = FakeFactory()
        with opened(tmp_path / "c", factory=factory) as collection:
            assert collection.search(photos / "0000.png", k=1)
        assert factory.made[0].precision == "bf16"

    def test_an_open_collection_notices_that_it_was_made(self, tmp_path: Path, photos: Path) -> None:
        with opened(tmp_path / "c") as reader:
            with opened(tmp_path / "c", RECIPE) as writer:
                writer.add(photos)
            assert len(reader.search(1, k=3)) == 3

    def test_what_was_begun_and_never_signed_is_none(self, tmp_path: Path, photos: Path) -> None:
        (tmp_path / "c").mkdir()
        Database.writer(tmp_path / "c/catalogue.sqlite").close()
        with opened(tmp_path / "c", RECIPE) as collection:
            assert not collection.exists
            assert collection.add(photos).added == 15

    def test_garbage_is_damage(self, tmp_path: Path) -> None:
        (tmp_path / "c").mkdir()
        (tmp_path / "c/catalogue.sqlite").write_bytes(b"garbage" * 100)
        with pytest.raises(CollectionDamaged):
            opened(tmp_path / "c")

    def test_an_empty_collection_is_not_nothing(self, tmp_path: Path) -> None:
        assert opened(tmp_path / "none", RECIPE)


class TestSearching:
    def test_every_kind_of_query_finds_the_same(self, collection: Collection, photos: Path) -> None:
        path = photos / "0003.png"
        row = next(hit.id for hit in collection.search(path, k=1))
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
            ids, vectors = collection.vectors()
            vector = vectors[ids.tolist().index(row)]
            queries = [
                path,
                str(path),
                path.read_bytes(),
                picture,
                pixels,
                row,
                np.int64(row),
                vector,
                vector * 7,
            ]
            for query in queries:
                hits = collection.search(query, k=5)
                assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
                assert (hits[0].id, hits[0].path) == (row, path.resolve())
                assert hits[0].score == pytest.approx(1, abs=1e-4)
                assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

    def test_equals_sorting_everything(self, collection: Collection, photos: Path) -> None:
        ids, vectors = collection.vectors()
        extractor = FakeExtractor()
        query = extractor.describe([extractor.prepare(photos / "0007.png")])[0]
        order = np.argsort(-(vectors @ query), kind="stable")
        hits = collection.search(photos / "0007.png", k=100)
        assert [hit.id for hit in hits] == ids[order].tolist()
        assert len(hits) == 15

    def test_by_distance(self, tmp_path: Path, photos: Path) -> None:
        with opened(tmp_path / "c", BY_DISTANCE) as collection:
            collection.add(photos)
            ids, vectors = collection.vectors()
            hits = collection.search(1, k=15)
            distances = np.linalg.norm(vectors - vectors[0], axis=1)
            assert [hit.id for hit in hits] == ids[np.argsort(distances, kind="stable")].tolist()
            assert hits[0].score == 0
            assert -hits[-1].score == pytest.approx(distances.max(), rel=1e-5)

    @pytest.mark.parametrize("box", [(0, 0, 12, 8), Box(0, 0, 12, 8)])
    def test_a_box_is_searched_for_alone(self, collection: Collection, photos: Path, box: Box) -> None:
        path = photos / "0002.png"
        row = next(hit.id for hit in collection.search(path, k=1))
        with Image.open(path) as picture:
            expected = collection.search(picture.crop((0, 0, 12, 8)), k=15)
        assert collection.search(path, box=box, k=15) == expected
        assert collection.search(row, box=box, crop="own", k=15) == expected  # this corner is all one colour

    def test_under_a_folder_or_glob(self, collection: Collection, photos: Path) -> None:
        deep = {hit.path for hit in collection.search(1, k=100, under=photos / "deep")}
        assert deep == set((photos.resolve() / "deep").iterdir())
        assert len(collection.search(1, k=100, under="*1?.png")) == 5
        assert len(collection.search(1, k=2, under="deep")) == 2
        with pytest.raises(UsageError, match=r"nothing in .* lies under 'deeep'"):
            collection.search(1, under="deeep")

    def test_queries_that_cannot_be_used(self, collection: Collection, photos: Path) -> None:
        refused: list[tuple[object, dict[str, object], type[Exception], str]] = [
            (photos / "none.png", {}, BadPicture, "none"),
            (b"junk", {}, BadPicture, "picture"),
            (photos / "0001.png", {"box": (5, 5, 5, 9)}, BadBox, "empty"),
            (photos / "0001.png", {"k": 0}, UsageError, "at least 1"),
            (photos / "0001.png", {"box": (1, 2, 3)}, BadBox, "four numbers"),
            (photos / "0001.png", {"box": "1,2,3,4"}, BadBox, "four numbers"),
            (1, {"k": 2.5}, UsageError, "k must be a whole number, not 2.5"),
            (1, {"k": "3"}, UsageError, "whole number"),
            (1, {"k": None}, UsageError, "whole number"),
            (1, {"k": True}, UsageError, "whole number"),
            (1, {"k": -1}, UsageError, "at least 1"),
            (1, {"also": "0002.png"}, UsageError, r"give also=\[picture\]"),
            (1, {"yes": 2}, UsageError, r"give yes=\[picture\]"),
            (1, {"no": photos / "0002.png"}, UsageError, r"give no=\[picture\]"),
            (1, {"then": 3}, UsageError, "stages are a list"),
            (1, {"then": [3]}, UsageError, "such as 'expand:n=5', not 3"),
            (1, {"where": 3}, UsageError, "such as 'size > 2MP', not 3"),
            (None, {}, UsageError, "give a picture"),
            (True, {}, UsageError, "give a picture"),
            (10**30, {}, UsageError, "id 1000"),
            (10**30, {"box": (0, 0, 5, 5)}, UsageError, "id 1000"),
            (np.array(["a"] * DIMENSIONS), {}, UsageError, "numbers"),
            (99, {}, UsageError, "99"),
            (99, {"box": (0, 0, 5, 5)}, UsageError, "99"),
            (np.ones(5, np.float32), {}, UsageError, "5 numbers, not 12"),
            (np.full(DIMENSIONS, np.nan), {}, UsageError, "finite"),
            (np.ones(DIMENSIONS, np.float32), {"box": (0, 0, 5, 5)}, UsageError, "box"),
        ]
        for query, options, error, message in refused:
            with pytest.raises(error, match=message):
                collection.search(query, **options)  # type: ignore[arg-type]

    def test_it_is_named_where_it_is_shown(self, collection: Collection) -> None:
        assert repr(collection) == f"<likewise.Collection {str(collection.path)!r}>"

    @pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_it_is_not_carried_elsewhere(
        self, collection: Collection, carry: Callable[[object], object]
    ) -> None:
        with pytest.raises(TypeError, match="open its path there"):
            carry(collection)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    def test_a_fork_of_the_process_is_refused_instead_of_hanging(self, collection: Collection) -> None:
        script = (
            "import os, sys, likewise as lw\n"
            "collection = lw.Collection.open(sys.argv[1])\n"
            "if os.fork():\n"
            "    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
            "try:\n"
            "    len(collection)\n"
            "except lw.LikewiseError as error:\n"
            "    print(error, flush=True)\n"
            "    os._exit(7)\n"
        )
        ran = subprocess.run([sys.executable, "-c", script, collection.path], capture_output=True, text=True)
        assert (ran.returncode, "get_context('spawn')" in ran.stdout) == (7, True), ran

    @pytest.mark.parametrize("length", [1e-40, 1e-25, 1e30])
    def test_the_length_of_a_query_does_not_matter(self, collection: Collection, length: float) -> None:
        query = (collection.vectors()[1][4].astype(np.float64) * length).astype(np.float32)
        [hit] = collection.search(query, k=1)
        assert hit.id == 5
        assert hit.score == pytest.approx(1, abs=1e-4)

    def test_vectors_cannot_be_changed_behind_the_searches(self, collection: Collection) -> None:
        for array in collection.vectors():
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0

    def test_an_empty_collection_has_no_hits(self, tmp_path: Path, photos: Path) -> None:
        (tmp_path / "empty").mkdir()
        with opened(tmp_path / "c", RECIPE) as collection:
            collection.add(tmp_path / "empty")
            assert collection.search(photos / "0001.png") == []

    def test_a_long_lived_reader_follows(self, collection: Collection, tmp_path: Path) -> None:
        with opened(collection.path) as reader:
            assert len(reader.search(1, k=100)) == 15
            held = reader.vectors()[1]
            assert reader.vectors()[1] is held  # nothing changed: nothing is read again
            collection.add(make_pictures(tmp_path / "more", 3, first=40)[0].parent)
            assert len(reader.search(1, k=100)) == 18
            collection.remove(tmp_path / "more")
            assert len(reader.search(1, k=100)) == 15

    def test_searching_by_id_loads_no_engine(self, collection: Collection) -> None:
        program = """
import sys
from likewise.collection import Collection
print(Collection.open(sys.argv[1]).search(1, k=1)[0].id)
heavy = {"torch", "openvino", "faiss", "sklearn", "scipy", "matplotlib", "typer", "pandas"}
print(sorted(heavy & set(sys.modules)))
"""
        arguments = [sys.executable, "-c", program, str(collection.path)]
        ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
        assert ran.stdout.split("\n")[:2] == ["1", "[]"]


class TestAfterTheSearch:
    """What follows a search, and queries of several pictures."""

    def test_stages_run_by_name_and_as_objects(self, collection: Collection) -> None:
        plain = collection.search(3, k=15)
        first = Stage.parse("expand:n=2")
        expanded = collection.search(3, k=15, then=[first])
        assert expanded == collection.search(3, k=15, then=["expand:n=2"])
        assert expanded != plain
        assert {hit.id for hit in expanded} == {hit.id for hit in plain}
        gallery = Gallery(collection.vectors()[1], ids=collection.vectors()[0])
        wanted = rank(gallery, collection.vectors()[1][2:3], 15, [first]).ranking
        assert [hit.id for hit in expanded] == wanted.ids[0].tolist()
        np.testing.assert_allclose([hit.score for hit in expanded], wanted.scores[0], atol=1e-6)

    def test_all_of_them_in_a_row(self, collection: Collection, photos: Path) -> None:
        stages = ["augment:n=2", "expand:n=2", "reciprocal:top=5", "diffuse:top=10,k=5", "localise:top=3"]
        hits = collection.search(photos / "0002.png", k=15, then=stages)
        assert sorted(hit.id for hit in hits) == list(range(1, 16))
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert [hit.box is not None for hit in hits] == [True] * 3 + [False] * 12

    def test_the_neighbours_are_kept_until_something_changes(
        self, collection: Collection, photos: Path
    ) -> None:
        collection.search(1, then=["augment:n=2"])
        kept = collection._vector_index().snapshot.gallery
        collection.search(2, then=["diffuse:k=3"])
        assert collection._vector_index().snapshot.gallery is kept
        collection.remove(1)
        collection.search(2, then=["augment:n=2"])
        assert collection._vector_index().snapshot.gallery is not kept

    def test_the_box_of_the_part_that_fits(self, tmp_path: Path) -> None:
        scene = Image.new("RGB", (320, 160), (10, 250, 10))
        scene.paste((250, 10, 10), (240, 0, 320, 80))
        (tmp_path / "scenes").mkdir()
        scene.save(tmp_path / "scenes" / "red.png")
        Image.new("RGB", (320, 160), (10, 250, 10)).save(tmp_path / "scenes" / "green.png")
        query = np.full((20, 20, 3), (250, 10, 10), np.uint8)
        with opened(tmp_path / "c", RECIPE) as collection:
            collection.add(tmp_path / "scenes")
            assert [hit.box for hit in collection.search(query)] == [None, None]
            first, second = collection.search(query, then=["localise"])
            assert first.path.name == "red.png"
            assert first.box is not None and second.box is not None
            assert (first.box.x2, first.box.y1) == (320, 0)
            assert first.box.x1 == pytest.approx(240, abs=10)
            assert first.box.y2 == pytest.approx(80, abs=10)
            (tmp_path / "scenes" / "red.png").unlink()
            assert [hit.box is None for hit in collection.search(query, then=["localise"])].count(True) == 1

    def test_several_pictures_of_one_thing(self, collection: Collection, photos: Path) -> None:
        vectors = collection.vectors()[1]
        mean = vectors[[0, 4, 7]].mean(axis=0)
        wanted = collection.search(mean, k=15)
        found = collection.search(1, k=15, also=[collection.path_of(5), 8])
        assert [hit.id for hit in found] == [hit.id for hit in wanted]
        np.testing.assert_allclose([h.score for h in found], [h.score for h in wanted], atol=1e-3)

    def test_judged_pictures_move_the_query(self, collection: Collection) -> None:
        def score(picture: int, **judged: list[int]) -> float:
            return next(h.score for h in collection.search(1, k=15, **judged) if h.id == picture)  # type: ignore[arg-type]

        assert score(6, yes=[6]) > score(6) > score(6, no=[6])
        assert score(6, yes=[6], no=[9]) > score(6, no=[9])

    def test_by_distance(self, tmp_path: Path, photos: Path) -> None:
        with opened(tmp_path / "c", BY_DISTANCE) as collection:
            collection.add(photos)
            vectors = collection.vectors()[1]
            wanted = collection.search(vectors[[0, 4]].mean(axis=0), k=5)
            assert [hit.id for hit in collection.search(1, k=5, also=[5])] == [hit.id for hit in wanted]
            assert all(hit.box for hit in collection.search(1, k=5, then=["localise"]))

    def test_under_a_folder(self, collection: Collection) -> None:
        deep = collection.search(1, k=100, under="deep", then=["expand:n=2", "localise"])
        assert len(deep) == 5
        assert {hit.path.parent.name for hit in deep} == {"deep"}

    def test_what_cannot_be_understood_is_refused_before_anything_is_described(
        self, collection: Collection, photos: Path
    ) -> None:
        factory = FakeFactory()
        with opened(collection.path, factory=factory) as other:
            for then, message in ((["expnd"], "expand"), (["expand:m=3"], "'m'"), ("expand", "list")):
                with pytest.raises(UsageError, match=message):
                    other.search(photos / "0001.png", then=then)
        assert factory.described == 0
        with pytest.raises(UsageError, match="99"):
            collection.search(1, yes=[99])
        with pytest.raises(BadPicture, match="none"):
            collection.search(1, also=[photos / "none.png"])


class TestComparing:
    def test_a_pair_among_the_pairs(self, collection: Collection, photos: Path) -> None:
        found = collection.compare(photos / "0001.png", photos / "0002.png")
        hits = collection.search(photos / "0001.png", k=100)
        others = [hit for hit in hits if hit.path.name != "0001.png"]
        [at] = [index for index, hit in enumerate(others, 1) if hit.path.name == "0002.png"]
        assert found.rank == at
        assert found.similarity == pytest.approx(others[at - 1].score, abs=1e-3)
        assert found.percentile is not None
        assert 0 <= found.percentile <= 100
        assert list(found.quantiles.values()) == sorted(found.quantiles.values())

    def test_ids_and_paths_mean_the_same(self, collection: Collection) -> None:
        by_id = collection.compare(1, 2)
        by_path = collection.compare(collection.path_of(1), collection.path_of(2))
        assert by_path.rank == by_id.rank
        assert by_path.similarity == pytest.approx(by_id.similarity, abs=1e-3)

    def test_a_picture_is_like_itself(self, collection: Collection, photos: Path) -> None:
        found = collection.compare(photos / "0001.png", photos / "0001.png")
        assert found.similarity == pytest.approx(1)
        assert found.rank == 1

    def test_a_vector_that_is_not_finite_is_refused(self, collection: Collection) -> None:
        with pytest.raises(UsageError, match="finite"):
            collection.compare(1, np.full(DIMENSIONS, np.nan, np.float32))

    def test_a_box_concerns_the_first(self, collection: Collection, photos: Path) -> None:
        whole = collection.compare(photos / "0001.png", 2)
        part = collection.compare(photos / "0001.png", 2, box=(0, 0, 12, 8))
        assert part.similarity != pytest.approx(whole.similarity, abs=1e-3)


class TestRemoving:
    def test_by_id_path_folder_and_glob(self, collection: Collection, photos: Path) -> None:
        assert collection.remove(1) == 1
        assert collection.remove(photos / "0004.png", photos / "0004.png") == 1
        assert collection.remove("*7.png", photos / "deep") == 6
        assert len(collection) == 7
        assert not collection.verify().faults
        assert collection.add(photos).added == 8  # the files are still there

    def test_what_is_not_there_removes_nothing(self, collection: Collection) -> None:
        for absent in (99, 10**30, "none", "*.gif"):
            with pytest.raises(UsageError, match="is called"):
                collection.remove(1, absent)
        for odd in ("", True, 2.5):
            with pytest.raises(UsageError, match=r"give a path|whole number"):
                collection.remove(1, odd)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="empty path"):
            collection.add("", prune=True)
        assert len(collection) == 15

    def test_numpy_ids(self, collection: Collection) -> None:
        row = collection.vectors()[0][2]
        assert collection.path_of(row) == collection.path_of(3)
        assert collection.remove(row) == 1
        with pytest.raises(UsageError, match="3"):
            collection.path_of(row)

    def test_failures_go_with_their_folder(self, collection: Collection, photos: Path) -> None:
        (photos / "deep/bad.png").write_bytes(b"")
        (photos / "bad.png").write_bytes(b"")
        collection.add(photos)
        assert collection.remove("*/deep/bad.png") == 1
        assert [failure.path.name for failure in collection.failures()] == ["bad.png"]
        assert collection.remove(photos) == 16
        assert (len(collection), collection.failures()) == (0, [])

    def test_a_folder_that_is_gone_is_pruned(self, collection: Collection, photos: Path) -> None:
        (photos / "deep/bad.png").write_bytes(b"")
        collection.add(photos)
        shutil.rmtree(photos / "deep")
        with pytest.raises(UsageError, match="does not exist"):
            collection.add(photos / "deep")
        with pytest.raises(UsageError, match="does not exist"):
            collection.add(photos.parent / "elsewhere", prune=True)
        assert collection.add(photos / "deep", prune=True).forgotten == 5
        assert (len(collection), collection.failures()) == (10, [])
        shutil.rmtree(photos)
        assert collection.add(photos, prune=True).away == 10  # the whole of it may be out of reach
        assert collection.add(photos, prune="all").forgotten == 10
        assert collection.verify().faults == []


class TestTelling:
    def test_info(self, collection: Collection, photos: Path) -> None:
        (photos / "bad.png").write_bytes(b"")
        collection.add(photos)
        info = collection.info()
        assert (info.pictures, info.failures, info.recipe, info.code) == (15, 1, "fake", "fp16")
        assert (info.roots, info.manifest) == ([photos.resolve()], FakeExtractor().manifest)
        assert info.bytes >= (collection.path / "catalogue.sqlite").stat().st_size
        assert info.changed > 1.7e9

    def test_path_of(self, collection: Collection, photos: Path) -> None:
        assert collection.path_of(1).parent == photos.resolve()
        with pytest.raises(UsageError, match="99"):
            collection.path_of(99)

    def test_the_log_is_moved_into_the_catalogue(self, collection: Collection) -> None:
        log = collection.path / "catalogue.sqlite-wal"
        assert not log.exists() or log.stat().st_size == 0

    def test_a_folder_that_cannot_be_made_is_a_storage_error(self, tmp_path: Path, photos: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        with pytest.raises(StorageError, match="cannot be made"):
            opened(tmp_path / "file" / "c", RECIPE).add(photos)


@pytest.mark.parametrize("k", [1, 2, 3, 20])
def test_a_picture_asked_by_its_id_comes_before_copies(collection: Collection, photos: Path, k: int) -> None:
    for number in range(3):
        (photos / f"copy-{number}.png").write_bytes((photos / "0002.png").read_bytes())
    collection.add(photos)
    for row, _ in collection.paths():
        hits = collection.search(row, k=k)
        assert hits[0].id == row
        assert len({hit.id for hit in hits}) == len(hits) == min(k, len(collection))
