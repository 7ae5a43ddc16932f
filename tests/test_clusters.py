"""Clusters and maps of rows and of collections, and pictures sorted into folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import adjusted_rand_score

from likewise.collection import Collection
from likewise.downstream import clusters
from likewise.downstream.clusters import cluster_rows, find_clusters, shortened, silhouettes
from likewise.downstream.layout import STEPS, find_layout, lay_out
from likewise.downstream.sorting import check_target, sort_into
from likewise.downstream.vectors import canonical
from likewise.errors import StorageError, UsageError
from likewise.types import Progress
from tests.fakes import RECIPE, FakeFactory, make_pictures

Rows = np.ndarray[Any, Any]
opened = partial(Collection.open, recipe=RECIPE)


def blobs(groups: int = 4, each: int = 12, d: int = 80) -> tuple[Rows, Rows]:
    random = np.random.default_rng(0)
    centres = 4 * random.standard_normal((groups, d))
    rows = centres.repeat(each, axis=0) + 0.3 * random.standard_normal((groups * each, d))
    return rows.astype(np.float32), np.arange(groups).repeat(each)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    photos = tmp_path / "photos"
    make_pictures(photos / "one", 5)
    make_pictures(photos / "two", 5, first=5)
    (photos / "bad.png").write_text("no picture")
    with opened(tmp_path / "c.likewise", extractor_factory=FakeFactory()) as found:
        found.add(photos)
        yield found


class TestRows:
    @pytest.mark.parametrize("how", [{"k": 4}, {}, {"method": "hdbscan"}])
    def test_groups_that_lie_apart_are_found(self, how: dict[str, Any]) -> None:
        rows, groups = blobs()
        labels, tried = cluster_rows(rows, **how)
        assert adjusted_rand_score(groups, labels) == 1
        assert bool(tried) == (not how)

    @settings(max_examples=10, deadline=None)
    @given(st.integers(0, 99), st.sampled_from([{"k": 3}, {}, {"method": "hdbscan", "least": 3}]))
    def test_the_order_of_pictures_does_not_matter(self, seed: int, how: dict[str, Any]) -> None:
        random = np.random.default_rng(seed)
        rows = random.standard_normal((20, 6)).astype(np.float32)
        order = random.permutation(20)
        np.testing.assert_array_equal(
            cluster_rows(rows, **how)[0][order], cluster_rows(rows[order], **how)[0]
        )

    def test_the_silhouette_chooses_k(self) -> None:
        rows, _ = blobs(groups=5)
        told: list[Progress] = []
        tried = silhouettes(shortened(rows, 64), len(rows), progress=told.append)
        assert max(tried, key=lambda count: tried[count]) == 5
        assert told[-1].note == "choosing the number of clusters"

    @pytest.mark.parametrize(
        ("rows", "how", "message"),
        [
            (np.zeros((0, 3)), {}, "at least 1 picture"),
            (np.zeros((1, 3)), {}, "k cannot be chosen by 1 .*: say how many, such as k=1"),
            (np.ones((9, 3)), {}, "k cannot be chosen by 1"),
            (np.eye(3), {"k": 4}, "4 clusters cannot be made of 3 different"),
            (np.ones((9, 3)), {"k": 2}, "2 clusters cannot be made of 1 different"),
            (np.eye(3), {"k": 0}, "give k from 1"),
            (np.eye(3), {"method": "hdbscan"}, "at least 5 pictures cannot be found among 3"),
            (np.eye(3), {"method": "hdbscan", "k": 2}, "give k with kmeans only"),
            (np.full((9, 3), np.inf), {"k": 2}, "not finite"),
        ],
    )
    def test_what_cannot_be_clustered(self, rows: Rows, how: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            cluster_rows(rows.astype(np.float32), **how)

    def test_one_picture_or_equal_ones_are_one_cluster(self) -> None:
        for rows in (np.ones((1, 3)), np.ones((5, 3))):
            assert cluster_rows(rows.astype(np.float32), k=1)[0].tolist() == [0] * len(rows)

    @pytest.mark.parametrize("n", [10, 200])
    def test_shortened_keeps_products_of_centred_rows(self, n: int) -> None:
        rows = np.random.default_rng(0).standard_normal((n, 30)).astype(np.float32) + 5
        short = shortened(rows, 40)
        centred = rows - rows.mean(axis=0)
        assert short.shape[1] == min(30, n - 1)
        np.testing.assert_allclose(short @ short.T, centred @ centred.T, atol=1e-3)


class TestCollection:
    def test_clusters_are_ordered_and_hold_every_picture_once(self, collection: Collection) -> None:
        found = find_clusters(collection, k=3)
        sizes = [len(cluster.ids) for cluster in found.clusters]
        assert sizes == sorted(sizes, reverse=True)
        assert sorted(row for cluster in found.clusters for row in cluster.ids) == sorted(found.labels)
        assert len(found.labels) == sum(sizes) == 10
        for cluster in found.clusters:
            _, vectors = collection.vectors()
            apart = np.linalg.norm(
                vectors[np.array(cluster.ids) - 1] - vectors[np.array(cluster.ids) - 1].mean(axis=0), axis=1
            )
            assert (np.diff(apart) >= -1e-6).all()
            assert cluster.spread == pytest.approx(float(np.sqrt(np.mean(apart**2))), abs=1e-6)
        assert list(found.named) == ["cluster-01", "cluster-02", "cluster-03"]

    def test_only_some_pictures(self, collection: Collection) -> None:
        found = find_clusters(collection, k=2, under="one")
        assert {path.parent.name for cluster in found.clusters for path in cluster.paths} == {"one"}

    def test_a_map_of_some(self, collection: Collection) -> None:
        found = find_layout(collection, most=6, method="tsne")
        assert found.positions.shape == (6, 2)
        assert found.method == "tsne"
        assert len(found.paths) == len(found.names) == len(set(found.ids.tolist())) == 6
        with pytest.raises(UsageError, match="nothing in"):
            find_layout(collection, under="nowhere")


class TestLayout:
    @pytest.mark.parametrize("method", ["pca", "tsne"])
    @pytest.mark.parametrize("n", [1, 2, 4, 5, 30])
    def test_positions_fill_the_map(self, method: Any, n: int) -> None:
        rows = np.random.default_rng(0).standard_normal((n, 7)).astype(np.float32)
        positions, used = lay_out(rows, method=method)
        assert positions.shape == (n, 2)
        assert used == (method if n >= 5 else "pca")
        assert np.isfinite(positions).all()
        assert positions.min() >= 0
        assert positions.max() <= 1
        if n > 1:
            assert np.ptp(positions, axis=0).max() == pytest.approx(1)

    def test_like_pictures_are_neighbours(self) -> None:
        rows, groups = blobs()
        for method in ("pca", "tsne"):
            positions, _ = lay_out(rows, method=method)
            apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
            np.fill_diagonal(apart, 9)
            assert (groups[apart.argmin(axis=1)] == groups).mean() > 0.95

    def test_the_order_of_pictures_does_not_matter(self) -> None:
        rows, _ = blobs(each=6)
        order = np.random.default_rng(1).permutation(len(rows))
        for method in ("pca", "tsne"):
            first, second = lay_out(rows, method=method)[0], lay_out(rows[order], method=method)[0]
            np.testing.assert_allclose(first[order], second, atol=1e-6)

    @settings(max_examples=8, deadline=None)
    @given(
        arrays.arrays(
            np.float32, st.tuples(st.integers(1, 6), st.integers(1, 3)), elements=st.floats(-5, 5, width=32)
        )
    )
    def test_never_a_number_that_is_none(self, rows: Rows) -> None:
        assert np.isfinite(lay_out(rows.repeat(2, axis=0))[0]).all()

    def test_equal_pictures_lie_side_by_side(self) -> None:
        positions, _ = lay_out(np.repeat(np.eye(6, dtype=np.float32), 10, axis=0))
        assert len(np.unique(positions, axis=0)) == 60
        spread = np.ptp(positions.reshape(6, 10, 2), axis=1).max()
        assert 0 < spread < 0.1

    def test_umap_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        from likewise.errors import MissingExtra

        monkeypatch.setitem(sys.modules, "umap", None)
        with pytest.raises(MissingExtra, match=r"likewise\[umap\]"):
            lay_out(blobs()[0], method="umap")

    @pytest.mark.slow
    def test_umap(self) -> None:
        pytest.importorskip("umap")
        rows, groups = blobs()
        positions, used = lay_out(rows, method="umap")
        apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
        np.fill_diagonal(apart, 9)
        assert used == "umap"
        assert (groups[apart.argmin(axis=1)] == groups).mean() > 0.95


class TestSorting:
    def test_copies_into_a_new_folder(self, tmp_path: Path) -> None:
        one, two = make_pictures(tmp_path / "a", 2)
        other = make_pictures(tmp_path / "b", 1)[0]
        told: list[Progress] = []
        failures = sort_into(
            tmp_path / "out", {"x": [one, other], "y": [two, tmp_path / "gone.png"]}, progress=told.append
        )
        found = sorted(
            path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
        )
        assert found == ["x/0000-2.png", "x/0000.png", "y/0001.png"]
        assert (tmp_path / "out" / "x" / "0000-2.png").read_bytes() == other.read_bytes()
        assert failures.keys() == {tmp_path / "gone.png"}
        assert (told[-1].done, told[-1].failed) == (4, 1)
        assert one.exists()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "out"]

    def test_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (one,) = make_pictures(Path("a"), 1)
        sort_into(Path("out"), {"x": [one]}, by="link")
        link = tmp_path / "out" / "x" / "0000.png"
        assert link.is_symlink()
        assert link.read_bytes() == one.read_bytes()

    def test_where_no_links_can_be_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (one,) = make_pictures(tmp_path / "a", 1)

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "symlink", refuse)
        with pytest.raises(StorageError, match=r"no links can be made in .*: sort by copy"):
            sort_into(tmp_path / "out", {"x": [one]}, by="link")
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_a_target_that_is_there(self, tmp_path: Path) -> None:
        (one,) = make_pictures(tmp_path / "a", 1)
        for target in (tmp_path / "a", one):
            with pytest.raises(UsageError, match="is there already"):
                sort_into(target, {"x": [one]})
        with pytest.raises(StorageError, match="there is no folder"):
            check_target(tmp_path / "none" / "out")
        (tmp_path / "empty").mkdir()
        assert sort_into(tmp_path / "empty", {"x": [one]}) == {}
        assert (tmp_path / "empty" / "x" / "0000.png").exists()


def test_small_sets_get_the_best_of_many_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = [0]

    made = sklearn.cluster.KMeans

    def counting(k: int, *, n_init: int, random_state: Any) -> Any:
        starts[-1] += n_init
        return made(k, n_init=n_init, random_state=random_state)

    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    order = canonical(rows)
    at_once = made(3, n_init=20, random_state=0).fit_predict(shortened(rows[order], clusters.AXES))
    monkeypatch.setattr(sklearn.cluster, "KMeans", counting)
    labels, _ = cluster_rows(rows, k=3)
    assert adjusted_rand_score(labels[order], at_once) == 1
    starts.append(0)
    monkeypatch.setattr(clusters, "SAMPLE", 29)
    cluster_rows(rows, k=3)
    assert starts == [20, 4]


class Enough(Exception):
    """No more is wanted."""


@pytest.mark.parametrize(
    ("work", "total"), [(partial(cluster_rows, k=3), 20), (partial(lay_out, method="tsne"), STEPS)]
)
def test_the_way_is_told_and_can_be_ended(work: Any, total: int) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    told: list[Progress] = []

    def enough(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 5:
            raise Enough

    with pytest.raises(Enough):
        work(rows, progress=enough)
    assert [(one.done, one.total) for one in told] == [(done, total) for done in range(1, 6)]
    assert sys.getprofile() is None
    told = []
    np.testing.assert_array_equal(work(rows, progress=told.append)[0], work(rows)[0])
    assert len(told) == told[-1].done <= total
