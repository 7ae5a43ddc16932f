"""XFeat: its keypoints by hand and by slow loops, and the published module's numbers."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from likewise.engines import Program, as_they_are, open_engine
from likewise.errors import FetchFailed
from likewise.files.fetching import member
from likewise.local.keypoints import Keypoints
from likewise.local.xfeat import CELL, bicubic, bilinear, described, heat, in_cells, peaks, scored
from likewise.networks import find
from likewise.networks.weights import formats
from likewise.networks.weights.files import locate
from likewise.types import FloatArray, UInt8Array

TAPS = ("features", "keypoints", "reliability")


def picture() -> UInt8Array:
    y, x = np.mgrid[:96, :128]
    grey = np.rint(127 + 55 * np.sin(x / 5 + y * y / 900) + 60 * np.sin(y / 7 + x * y / 300)).astype(np.uint8)
    return np.stack([grey] * 3, axis=2)


def test_heat_is_the_share_of_each_pixel() -> None:
    logits = np.zeros((65, 2, 3), np.float32)
    logits[8 * 5 + 2, 1, 2] = 4  # row 5, column 2 of the cell in row 1, column 2
    likely = heat(logits)
    assert likely.shape == (16, 24)
    assert likely[13, 18] == pytest.approx(math.exp(4) / (math.exp(4) + 64))
    assert likely[0, 0] == pytest.approx(1 / 65)
    assert likely.max() == likely[13, 18]


def test_peaks_are_the_most_likely_of_five_by_five() -> None:
    likely = np.full((20, 30), 0.01, np.float32)
    likely[4, 6], likely[6, 8], likely[6, 9] = 0.5, 0.4, 0.3  # the second is within reach of the first
    likely[19, 29] = 0.06
    assert peaks(likely).tolist() == [[6, 4], [29, 19]]


def cubic(d: float) -> float:
    d, a = abs(d), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize(
    ("between", "kernel"), [(bilinear, lambda d: max(0.0, 1 - abs(d))), (bicubic, cubic)]
)
def test_between_cells_is_what_a_loop_over_all_cells_gives(between: object, kernel: object) -> None:
    random = np.random.default_rng(0)
    maps = random.random((3, 5, 6)).astype(np.float32)
    places = (random.random((40, 2)) * [9, 8] - 2).astype(np.float32)  # also beyond the border
    found = between(maps, places)  # type: ignore[operator]
    for (x, y), values in zip(places.tolist(), found, strict=True):
        wanted = sum(
            kernel(x - column) * kernel(y - row) * maps[:, row, column]  # type: ignore[operator]
            for row in range(5)
            for column in range(6)
        )
        np.testing.assert_allclose(values, wanted, atol=1e-5)


def test_the_first_and_the_last_pixel_lie_on_the_edges() -> None:
    found = in_cells(np.array([[0, 0], [63, 31]]), (64, 32))
    np.testing.assert_allclose(found, [[-0.5, -0.5], [64 / CELL - 0.5, 32 / CELL - 0.5]], atol=1e-6)


def test_norms_without_weights_get_those_that_change_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    card = find("xfeat")
    random = np.random.default_rng(0)
    state = {
        name: torch.from_numpy(random.random(shape).astype(np.float32))
        for name, shape in formats.tensor_shapes(card).items()
        if not (".layer.1." in name and name.endswith((".weight", ".bias")))
    }
    torch.save(state, tmp_path / "xfeat.pt")
    tensors = formats.read(tmp_path / "xfeat.pt", "torch", card)
    assert tensors.keys() == formats.tensor_shapes(card).keys()
    assert (tensors["block1.0.layer.1.weight"] == 1).all() and not tensors["block1.0.layer.1.bias"].any()


def test_a_wheel_is_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "thing.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("thing/weights.pt", b"12")
        wheel.writestr("thing-1.0.dist-info/WHEEL", b"")
    assert formats.sniff(path) == "archive"
    assert member(path, "thing/weights.pt") == b"12"
    with pytest.raises(FetchFailed, match=r"holds no other\.pt"):
        member(path, "other.pt")


@pytest.fixture(scope="module", params=["openvino", "torch"])
def maps(request: pytest.FixtureRequest) -> list[FloatArray]:
    card = find("xfeat")
    file = locate(card)
    tensors = file.tensors()
    program = Program("1f" * 32, card, TAPS, file.weights.preprocessing, lambda: tensors, as_they_are)
    return [found[0] for found in open_engine(program, engine=request.param).run(picture()[None])]


@pytest.mark.weights
def test_maps_are_those_of_the_published_module(maps: list[FloatArray]) -> None:
    features, keypoints, reliability = maps
    places = (np.array([0, 5, 11]), np.array([0, 9, 15]))
    golden = [2.1483120918, -1.0967903137, 0.7948051691]
    np.testing.assert_allclose(features[(np.array([0, 17, 63]), *places)], golden, atol=1e-4)
    golden = [0.6852581501, -6.0129508972, 2.5483784676]
    np.testing.assert_allclose(keypoints[(np.array([0, 30, 64]), *places)], golden, atol=1e-4)
    golden = [0.0212634597, 0.0466266796, 0.0978098586]
    np.testing.assert_allclose(reliability[(0, *places)], golden, atol=1e-5)


@pytest.mark.weights
def test_keypoints_are_those_of_the_published_module(maps: list[FloatArray]) -> None:
    features, logits, reliability = maps
    places, scores = scored(heat(logits), reliability)
    order = np.argsort(-scores)[:5]
    assert places[order].tolist() == [[111, 8], [15, 24], [87, 9], [32, 17], [15, 14]]
    golden = [0.0989563093, 0.0790806115, 0.0701541230, 0.0573663600, 0.0551246293]
    np.testing.assert_allclose(scores[order], golden, atol=1e-5)
    found = described(features, places[order[:3]])[:, [0, 20, 63]]
    golden_vectors = [
        [0.2415720969, -0.0132695576, 0.1705051661],
        [0.2448086590, -0.1980068684, 0.1043489277],
        [0.1136079207, -0.0740930736, 0.0283366125],
    ]
    np.testing.assert_allclose(found, golden_vectors, atol=1e-4)


@pytest.mark.weights
def test_its_keypoints_stand_upright_in_the_original() -> None:
    extractor = Keypoints("xfeat", number=60).open()
    pixels = np.kron(picture(), np.ones((2, 2, 1), np.uint8))
    found = extractor.describe(extractor.prepare(pixels))
    assert found.points is not None
    assert 20 < len(found) <= 60 and found.vectors["xfeat"].shape == (len(found), 64)
    assert (found.points[:, 3] == 0).all()
    assert (found.points[:, :2] > 0).all() and (found.points[:, :2] < [256, 192]).all()
    np.testing.assert_allclose(np.linalg.norm(found.vectors["xfeat"], axis=1), 1, atol=1e-5)
