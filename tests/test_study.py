"""The study of one network trained on much and on little: what is divided, measured, claimed and written."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likewise import cli
from likewise.errors import UsageError
from likewise.networks.weights.files import identity_of
from likewise.study import cifar10, figures
from likewise.study.activations import LAST, Activations, Traits
from likewise.study.cifar10 import Cifar10
from likewise.study.cifar_loop import CifarSettings
from likewise.study.claims import judge
from likewise.study.measures import likeness
from likewise.study.repeating import repeat
from likewise.study.report import summary
from likewise.study.running import FROG, StudyNetwork, divide, stratified, train
from likewise.study.study import study
from tests.test_cifar10 import tiny_batches, write_binary
from tests.test_fitting import squares

TINY = CifarSettings(batch=20, most=1)


def data() -> Cifar10:
    return Cifar10(squares(100, 1), squares(40, 2), "noise")


def test_the_frog_is_in_neither_set() -> None:
    sets = divide(data())
    assert sets.place == FROG  # of one picture of each class in turn
    assert np.array_equal(sets.picture, data().test.pictures[FROG])
    assert len(sets.validation) == 39
    assert not any(np.array_equal(sets.picture, picture) for picture in sets.validation.pictures)


def test_another_frog_may_be_looked_at() -> None:
    sets = divide(data(), frog=2)
    assert sets.place == 20 + FROG
    assert len(sets.test) == 39 and sets.validation is sets.test
    with pytest.raises(UsageError, match="there is no frog 4: noise has 4, counted from 0"):
        divide(data(), frog=4)


def test_training_pictures_may_be_held_out() -> None:
    sets = divide(data(), held_out=20)
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (80, 20, 39)
    assert np.bincount(sets.validation.labels).tolist() == [2] * 10
    held = {picture.tobytes() for picture in sets.validation.pictures}
    assert not held & {picture.tobytes() for picture in sets.train.pictures}
    assert sets.is_held_out and not divide(data()).is_held_out


@pytest.mark.slow
def test_seeds_give_mean_and_spread(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = repeat(data(), tmp_path, seeds=2, sizes=(40, 20), settings=TINY, held_out=20)
    assert [one.settings.seed for one in found.studies] == [0, 1]
    first, second = (one.accuracy[0] for one in found.studies)
    assert found.accuracy[0] == pytest.approx(((first + second) / 2, abs(first - second) / 2**0.5))
    for claim, measures in enumerate(found.claims):
        for number, one in enumerate(measures):
            column = [done.claims[claim].measures[number] for done in found.studies]
            assert one.much[0] == pytest.approx(sum(measure.much for measure in column) / 2)
            assert one.held == sum(measure.holds for measure in column)
    written = json.loads((tmp_path / "seeds.json").read_text())
    assert written["seeds"] == [0, 1]
    assert all(Path(report).is_file() for report in written["reports"])
    assert "were held out of the training set" in Path(written["reports"][0]).read_text("utf-8")
    with pytest.raises(UsageError, match="under 0 seeds"):
        repeat(data(), tmp_path, seeds=0)


def test_figure_6_has_the_linear_axis_of_the_article_beside_a_logarithmic_one() -> None:
    pytest.importorskip("matplotlib")
    values = np.arange(18, dtype=np.float32).reshape(1, 2, 3, 3)
    seen = Activations(StudyNetwork(20, Path("weights"), ()), {LAST: values})
    assert [axes.get_yscale() for axes in figures._last_values(seen, seen).axes] == ["linear", "log"]


def test_without_a_frog_there_is_no_study() -> None:
    whole = data()
    others = np.flatnonzero(whole.test.labels != FROG)
    with pytest.raises(UsageError, match="has no frog among its test pictures"):
        divide(replace(whole, test=whole.test.taken(others)))


def test_a_stratified_sample_keeps_the_shares() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    places = stratified(labels, 20, seed=0)
    assert np.bincount(labels[places]).tolist() == [12, 6, 2]
    assert np.array_equal(places, np.unique(places))
    assert np.array_equal(places, stratified(labels, 20, seed=0))
    assert not np.array_equal(places, stratified(labels, 20, seed=1))
    # shares 15.6, 7.8, 2.6: the floors leave two, for the largest remainders 0.8 and the first 0.6
    assert np.bincount(labels[stratified(labels, 26, seed=0)]).tolist() == [16, 8, 2]
    with pytest.raises(UsageError, match="cannot train on 101 pictures: there are 100 of 3 classes"):
        stratified(labels, 101, seed=0)


def test_likeness_by_hand() -> None:
    ramp = np.arange(4, dtype=np.uint8).reshape(2, 2)
    picture = np.repeat(ramp[:, :, None], 3, axis=2)
    across = np.array([[0, 1], [0, 1]], np.float32)
    maps = np.stack([ramp, 3.0 - ramp, np.ones((2, 2)), across]).astype(np.float32)
    found = likeness(maps, picture)
    # correlation of 0, 1, 2, 3 with 0, 1, 0, 1: 1 / sqrt(5)
    third = 1 / np.sqrt(5)
    assert found.to_picture == pytest.approx((1 + 1 + 0 + third) / 4)
    assert found.to_each_other == pytest.approx((1 + third + third) / 3)
    assert found.constant == 1


def test_likeness_of_nothing() -> None:
    found = likeness(np.zeros((3, 2, 2), np.float32), np.zeros((2, 2, 3), np.uint8))
    assert (found.to_picture, found.to_each_other, found.constant) == (0, 0, 3)


SURE = Traits(0.1, 0.2, 0.8, 1.0, 2.0, frog=0.9, doubt=0.5, right=True)
LOST = Traits(0.3, 0.4, 0.4, 3.0, 4.0, frog=0.2, doubt=2.5, right=False)


def test_all_claims_hold_for_the_networks_of_the_seed() -> None:
    claims = judge((SURE, LOST), 7.0, [(SURE, LOST), (LOST, SURE)], [7.0, 7.0])
    assert [claim.verdict for claim in claims] == ["borne out"] * 4
    assert claims[0].measures[0].much == 0.1
    assert claims[0].measures[0].others == 0.5
    assert claims[2].measures[2].others == 1.0  # both below the picture's bits, whichever is which


def test_no_claim_holds_for_the_reverse() -> None:
    claims = judge((LOST, SURE), 2.0, [], [])
    assert [claim.verdict for claim in claims] == ["not borne out"] * 4


def test_a_claim_may_hold_in_part() -> None:
    claims = judge((replace(SURE, zeros=0.45), LOST), 7.0, [], [])
    assert claims[1].verdict == "borne out in part"


def test_the_summary_is_that_of_the_listing() -> None:
    rows = summary()
    assert [row[0] for row in rows][1:4] == ["conv2d_1", "conv2d_2", "pool_1"]
    assert rows[-1][3] == "54\u00a0106"
    assert ("dense_1", "dense1", "8 x 8 x 64", "1\u00a0088") in rows
    assert ("flatten_1", "", "4096", "0") in rows


def test_trained_again_it_is_the_same(tmp_path: Path) -> None:
    sets = divide(data())
    first = train(sets, (50, 20), TINY, tmp_path)
    kept = [identity_of(network.weights) for network in first]
    assert [network.size for network in first] == [50, 20]
    assert [identity_of(network.weights) for network in train(sets, (50, 20), TINY, tmp_path)] == kept


def test_one_size_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="compares two sizes of training set, not 1"):
        study(data(), tmp_path, sizes=(20, 20), settings=TINY)


@pytest.mark.slow
def test_the_command_from_beginning_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    batches = tiny_batches()
    digests = {name: hashlib.md5(rows.tobytes()).hexdigest() for name, rows in batches.items()}
    monkeypatch.setattr(cifar10, "BATCHES", digests)
    monkeypatch.chdir(tmp_path)
    write_binary(batches, tmp_path / "set")
    command = "study cifar10 --data set --train 20 --train 40 --epochs 1 -o out".split()
    with pytest.raises(SystemExit) as end:
        cli.main(command)
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert "claim 4: " in out
    assert "report: out/report.html" in out
    page = Path("out/report.html").read_text("utf-8")
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing outside the file
    assert page.count("data:image/png;base64,") == 14
    assert page.count('<div class="claim ') == 4
    results = json.loads(Path("out/study.json").read_text())
    assert [network["pictures"] for network in results["networks"]] == [40, 20]
    assert results["other_frogs"] == 1
    (tmp_path / "set" / "test_batch.bin").write_bytes(b"x" * cifar10.ROW)
    with pytest.raises(SystemExit) as end:
        cli.main(command)
    assert end.value.code == 2
    assert "is not the published file" in capsys.readouterr().err
