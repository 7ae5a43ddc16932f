"""The demo set as a data set: the score of `likewise demo`, by way of a benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from likewise.demoset import rendering
from likewise.errors import UsageError
from likewise.evaluation.datasets import load


def truth(folder: Path, *groups: str | None) -> None:
    """A demo set of empty files."""
    shots = []
    for number, group in enumerate(groups):
        shot = rendering.ShotLabel(f"{number}.jpg", group, "view" if group else "distractor", None)
        shots.append(asdict(shot))
        (folder / shot.file).touch()
    told = {"version": rendering.VERSION, "seed": 0, "pictures": shots}
    (folder / rendering.TRUTH).write_text(json.dumps(told))


def test_subjects_ask_for_their_others_and_distractors_do_not_ask(tmp_path: Path) -> None:
    truth(tmp_path, "cat", None, "cup", "cat", "cup", "cat")
    found = load("demo", tmp_path)
    assert {query.name: set(query.positives) for query in found.queries} == {
        "0.jpg": {"3.jpg", "5.jpg"},
        "3.jpg": {"0.jpg", "5.jpg"},
        "5.jpg": {"0.jpg", "3.jpg"},
        "2.jpg": {"4.jpg"},
        "4.jpg": {"2.jpg"},
    }
    assert all(query.junk == {query.name} and query.box is None for query in found.queries)
    assert len(found.gallery) == 6
    assert found.distractors == 1


def test_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / rendering.TRUTH).write_text('{"version": 99}')
    with pytest.raises(UsageError, match="another version"):
        load("demo", tmp_path)
