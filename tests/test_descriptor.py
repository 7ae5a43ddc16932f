"""The transformer for scikit-learn: in a pipeline, cloned, pickled, and on what is no picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import likewise as lw
from likewise.errors import BadPicture, UnknownName, UsageError
from tests.fakes import make_pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[str]]:
    """Pictures of two kinds: dark ones and light ones."""
    folder = tmp_path_factory.mktemp("photos")
    paths = make_pictures(folder, 8)
    return paths, ["light" if number % 2 else "dark" for number in range(8)]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKEWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_gives_the_vectors_of_an_extractor(photos: tuple[list[Path], list[str]]) -> None:
    paths, _ = photos
    descriptor = lw.Descriptor("default")
    found = descriptor.fit_transform([str(path) for path in paths])
    extractor = lw.Extractor("default")
    expected = extractor.describe([extractor.prepare(path) for path in paths])
    assert (found.dtype, found.shape) == (np.float32, (8, 1280))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(descriptor.transform(np.array(paths[::-1]).tolist()), found[::-1])
    assert descriptor.transform([]).shape == (0, 1280)
    assert len(descriptor.get_feature_names_out()) == 1280


def test_works_in_pipelines_and_in_cross_validation(photos: tuple[list[Path], list[str]]) -> None:
    paths, labels = photos
    pipeline = make_pipeline(lw.Descriptor(), LogisticRegression())
    scores = cross_val_score(pipeline, paths, labels, cv=2, error_score="raise")
    assert scores.shape == (2,)
    assert pipeline.fit(paths, labels).predict(paths[:1]).shape == (1,)
    search = GridSearchCV(
        pipeline,
        {"descriptor__recipe": ["default"], "logisticregression__C": [1, 10]},
        cv=2,
        error_score="raise",
    )
    assert search.fit(paths, labels).best_params_["descriptor__recipe"] == "default"


def test_cross_validation_describes_each_picture_once(
    photos: tuple[list[Path], list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths, labels = photos
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    described: list[int] = []
    describe = lw.Extractor.describe

    def counted(self: lw.Extractor, loaded: Any) -> Any:
        described.append(len(loaded))
        return describe(self, loaded)

    monkeypatch.setattr(lw.Extractor, "describe", counted)
    cross_val_score(make_pipeline(lw.Descriptor(), LogisticRegression()), paths, labels, cv=4)
    assert sum(described) == 8


def test_clones_and_pickles_without_its_network(photos: tuple[list[Path], list[str]], tmp_path: Path) -> None:
    paths, _ = photos
    descriptor = lw.Descriptor("default", precision="f32").set_params(engine="openvino")
    vectors = descriptor.transform(paths[:2])
    assert clone(descriptor).get_params() == descriptor.get_params()
    assert set(descriptor.get_params()) == {"recipe", "engine", "device", "precision"}
    joblib.dump(descriptor, tmp_path / "d.joblib")
    assert (tmp_path / "d.joblib").stat().st_size < 5000
    np.testing.assert_array_equal(joblib.load(tmp_path / "d.joblib").transform(paths[:2]), vectors)


@pytest.mark.slow
def test_several_processes(photos: tuple[list[Path], list[str]]) -> None:
    paths, labels = photos
    pipeline = make_pipeline(lw.Descriptor(), LogisticRegression())
    alone, together = (
        cross_val_score(pipeline, paths, labels, cv=2, n_jobs=jobs, error_score="raise") for jobs in (1, 2)
    )
    np.testing.assert_array_equal(alone, together)


def test_a_changed_parameter_opens_another_network(photos: tuple[list[Path], list[str]]) -> None:
    descriptor = lw.Descriptor("default")
    descriptor.transform(photos[0][:1])
    with pytest.raises(UnknownName, match="no recipe is called 'defalt'"):
        descriptor.set_params(recipe="defalt").transform(photos[0][:1])


def test_what_is_no_list_of_pictures(photos: tuple[list[Path], list[str]], tmp_path: Path) -> None:
    descriptor = lw.Descriptor()
    for wrong in ("a.jpg", Path("a.jpg"), [["a.jpg"], ["b.jpg"]], np.zeros((2, 3))):
        with pytest.raises(UsageError, match="give a list of paths"):
            descriptor.fit(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not as int"):
        descriptor.transform([1, 2])  # type: ignore[list-item]
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(BadPicture, match=r"bad\.png"):
        descriptor.transform([photos[0][0], tmp_path / "bad.png"])
