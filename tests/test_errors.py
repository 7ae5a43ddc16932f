"""Errors reach other processes as they were raised."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from likewise.client import ServerError
from likewise.collection.store.filters import BadFilter
from likewise.errors import BadPicture, LikewiseError, MissingExtra, UnknownName, UsageError


@pytest.mark.parametrize(
    "error",
    [
        BadFilter("size >", 6, "a value is missing"),
        BadPicture("a.jpg is cut short", "truncated"),
        MissingExtra("the server", "web"),
        ServerError(429, "busy", "try again"),
        UnknownName("no network is called 'vgg'"),
        UsageError("/a/c is empty", public="this is empty"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_another_process_is_the_same(error: LikewiseError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("kept", "command"),
    [
        ("pyvenv.cfg", "pip install 'likewise[web]'"),
        ("pipx_metadata.json", "pipx inject likewise 'likewise[web]'"),
        ("uv-receipt.toml", "uv pip install --python '{prefix}' 'likewise[web]'"),
    ],
)
def test_what_is_missing_is_installed_by_what_made_the_environment(
    kept: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / kept).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    told = f"the server needs an optional package: {command.format(prefix=tmp_path)}"
    assert str(MissingExtra("the server", "web")) == told
