"""Training the CIFAR-10 network: what it leaves, and that a kill changes nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from likewise.errors import StorageError, UsageError
from likewise.study.cifar10 import LabelledPictures
from likewise.study.cifar_loop import CifarSettings, Epoch, best_of, fit
from likewise.training.checkpoint import CHECKPOINT, HISTORY, Checkpoint, save
from likewise.types import Progress

REPOSITORY = Path(__file__).parents[1]
FAST = CifarSettings(batch=16, most=3, patience=3, seed=7)


def squares(count: int, seed: int) -> LabelledPictures:
    """Noise with one bright column a class, which a network can learn."""
    noise = np.random.default_rng(seed)
    pictures = noise.integers(0, 128, (count, 32, 32, 3), np.uint8)
    labels = np.arange(count) % 10
    for picture, label in zip(pictures, labels, strict=True):
        picture[:, 3 * label : 3 * label + 3] = 255
    return LabelledPictures(pictures, labels)


TRAIN, VALIDATION = squares(80, 1), squares(30, 2)


@pytest.mark.slow
def test_it_learns_and_leaves_a_history(tmp_path: Path) -> None:
    told: list[Progress] = []
    settings = CifarSettings(batch=8, most=12, patience=12)
    fitted = fit(TRAIN, VALIDATION, settings, tmp_path, progress=told.append)
    assert fitted.best.validation_accuracy > 0.5  # chance is 0.1
    lines = (tmp_path / HISTORY).read_text().splitlines()
    assert lines[0] == "number,loss,accuracy,validation_loss,validation_accuracy,seconds"
    assert len(lines) == 1 + len(fitted.history)
    assert told[0].total == 80
    assert told[-1].note.startswith(f"epoch {len(fitted.history)}, best ")


def test_stopped_and_resumed_is_uninterrupted(tmp_path: Path) -> None:
    whole = fit(TRAIN, VALIDATION, FAST, tmp_path / "whole")
    for most in (1, 2, 3):
        parts = fit(
            TRAIN, VALIDATION, CifarSettings(batch=16, most=most, patience=3, seed=7), tmp_path / "parts"
        )
    assert [epoch.validation_loss for epoch in parts.history] == [e.validation_loss for e in whole.history]
    for name, tensor in whole.tensors.items():
        assert np.array_equal(tensor, parts.tensors[name]), name


CHILD = """
import sys, time
from pathlib import Path
from tests.test_fitting import FAST, TRAIN, VALIDATION
from likewise.study.cifar_loop import fit

def slowly(now):
    print(now.note, flush=True)
    time.sleep(0.1)

fit(TRAIN, VALIDATION, FAST, Path(sys.argv[1]), progress=slowly)
"""


@pytest.mark.slow
def test_kill_9_in_an_epoch_changes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("epoch 2"):  # in the middle of the second
                break
        time.sleep(0.15)
        process.kill()
    assert len((tmp_path / "killed" / HISTORY).read_text().splitlines()) < 1 + FAST.most
    resumed = fit(TRAIN, VALIDATION, FAST, tmp_path / "killed")
    whole = fit(TRAIN, VALIDATION, FAST, tmp_path / "whole")
    assert len(resumed.history) == len(whole.history)
    for name, tensor in whole.tensors.items():
        np.testing.assert_allclose(tensor, resumed.tensors[name], atol=1e-6, err_msg=name)


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    shuffled = LabelledPictures(VALIDATION.pictures, (VALIDATION.labels + 5) % 10)
    fitted = fit(TRAIN, shuffled, CifarSettings(batch=8, most=40, patience=2), tmp_path)
    assert len(fitted.history) == fitted.best.number + 2


def test_another_training_in_the_folder_is_refused(tmp_path: Path) -> None:
    fit(TRAIN, VALIDATION, CifarSettings(most=1), tmp_path)
    with pytest.raises(UsageError, match="holds a training with seed 0 instead of 1: remove the folder"):
        fit(TRAIN, VALIDATION, CifarSettings(most=1, seed=1), tmp_path)
    with pytest.raises(UsageError, match=r"training pictures 80, sha256 .* instead of 40, sha256"):
        fit(TRAIN.taken(np.arange(40)), VALIDATION, CifarSettings(most=1), tmp_path)


def test_a_disk_that_is_full_is_said_without_a_traceback(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no limits of files there")
    import resource

    checkpoint = Checkpoint({}, ({"number": 1.0},), {"weights": {"a": np.zeros(10_000, np.float32)}})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*checkpoint.safetensors.*; make room"):
            save(checkpoint, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is no checkpoint, or a damaged one"):
        fit(TRAIN, VALIDATION, FAST, tmp_path)


def test_settings_out_of_bounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch 0 is less than 1"):
        CifarSettings(batch=0)
    with pytest.raises(UsageError, match="0 pictures to train on"):
        fit(TRAIN.taken(np.arange(0)), VALIDATION, FAST, tmp_path)


def test_the_first_of_equal_epochs_is_kept() -> None:
    rows = [
        Epoch(1, 2.0, 0.1, 1.5, 0.2, 1.0),
        Epoch(2, 1.0, 0.2, 1.4, 0.3, 1.0),
        Epoch(3, 0.5, 0.4, 1.4, 0.5, 1.0),
    ]
    assert best_of(rows).number == 2
