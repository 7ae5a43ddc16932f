"""Random and mutated files of every kind that may come from somebody else: one of our errors, or a value.

As many examples a kind as ``LIKEWISE_FUZZ`` says, such as ``LIKEWISE_FUZZ=100000 pytest tests/test_fuzz.py``.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise.arrays import read_arrays
from likewise.collection import Collection
from likewise.errors import LikewiseError
from likewise.evaluation.runs import read_run
from likewise.pictures import Resize, load
from likewise.recipes.recipe import parse_recipe
from likewise.unpickling import read_plain_pickle
from likewise.words.segment import Segment
from tests.fakes import RECIPE, FakeFactory, make_pictures
from tests.test_runs import run
from tests.zoo import encode, photo

EXAMPLES = int(os.environ.get("LIKEWISE_FUZZ", "40"))

pytestmark = [pytest.mark.timeout(0)] if "LIKEWISE_FUZZ" in os.environ else []

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="LIKEWISE_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

changes = st.lists(st.tuples(st.integers(0, 1 << 30), st.binary(max_size=8)), min_size=1, max_size=6)


def mutated(content: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    """Bytes overwritten in some places; an edit of no bytes cuts the rest off."""
    changed = bytearray(content)
    for place, new in edits:
        at = place % (len(changed) + 1)
        if new:
            changed[at : at + len(new)] = new
        else:
            del changed[at:]
    return bytes(changed)


PICKLE = pickle.dumps({"imlist": ["a", "b"], "gnd": [{"bbx": np.float32(1), "ok": np.arange(3)}]}, 2)


@fuzzed
@given(edits=changes, whole=st.binary(max_size=60), alone=st.booleans())
def test_pickles(tmp_path_factory: pytest.TempPathFactory, edits: Any, whole: bytes, alone: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.pkl"
    path.write_bytes(whole if alone else mutated(PICKLE, edits))
    with suppress(pickle.UnpicklingError):
        read_plain_pickle(path)


@fuzzed
@given(edits=changes)
def test_arrays(tmp_path_factory: pytest.TempPathFactory, edits: Any) -> None:
    stream = io.BytesIO()
    np.savez(stream, a=np.arange(6.0), b=np.zeros((2, 3), np.float32))
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(mutated(stream.getvalue(), edits))

    def check(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
        if shape not in ((6,), (2, 3)) or kind.itemsize > 8:
            raise ValueError(name)

    with suppress(ValueError):
        read_arrays(path, ("a", "b"), check)


@fuzzed
@given(edits=changes, text=st.text(max_size=200), alone=st.booleans())
def test_recipes(edits: Any, text: str, alone: bool) -> None:
    known = RECIPE.to_toml()
    toml = text if alone else mutated(known.encode(), edits).decode("utf-8", "replace")
    with suppress(LikewiseError):
        parse_recipe(toml, origin="a fuzzed recipe")


@fuzzed
@given(content=st.binary(max_size=1100), begin=st.sampled_from([b"", b'{"words": 1, "pictures": ', b"[[[["]))
def test_segments(tmp_path_factory: pytest.TempPathFactory, content: bytes, begin: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.words"
    path.write_bytes(begin + content)
    with suppress(LikewiseError):
        Segment.open(path).verify()


KINDS: dict[str, Callable[[], bytes]] = {
    kind: lambda kind=kind: encode(photo(1, width=24, height=18), kind)  # type: ignore[misc]
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
}


@pytest.mark.parametrize("kind", KINDS)
@fuzzed
@given(edits=changes)
def test_pictures(kind: str, edits: Any) -> None:
    with suppress(LikewiseError):
        load(mutated(KINDS[kind](), edits), [Resize("longest", 32)], max_pixels=10_000)


@fuzzed
@given(edits=changes)
def test_runs(tmp_path_factory: pytest.TempPathFactory, edits: Any) -> None:
    path = _kept(tmp_path_factory, "run.json", lambda folder: run(folder).path)
    known = path.with_suffix(".known")
    if not known.exists():
        known.write_bytes(path.read_bytes())
    path.write_bytes(mutated(known.read_bytes(), edits))
    with suppress(LikewiseError):
        read_run(path)


@fuzzed
@given(edits=changes)
def test_catalogues(tmp_path_factory: pytest.TempPathFactory, edits: Any) -> None:
    collection = _kept(tmp_path_factory, "collection", _collection)
    file, known = collection / "catalogue.sqlite", collection.with_suffix(".known")
    if not known.exists():
        known.write_bytes(file.read_bytes())
    file.write_bytes(mutated(known.read_bytes(), edits))
    for end in ("-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    with suppress(LikewiseError):
        with Collection.open(collection, extractor_factory=FakeFactory()) as opened:
            opened.verify()
            opened.search(1)


@fuzzed
@given(value=st.recursive(st.none() | st.text() | st.floats(), st.lists, max_leaves=20), key=st.text())
def test_values_in_a_catalogue(tmp_path_factory: pytest.TempPathFactory, value: Any, key: str) -> None:
    collection = _kept(tmp_path_factory, "values", _collection)
    connection = sqlite3.connect(collection / "catalogue.sqlite")
    with connection:
        with suppress(UnicodeEncodeError):
            text = json.dumps(value)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('segments', ?)", (text,))
            connection.execute("UPDATE layers SET manifest = ?", (text,))
    connection.close()
    with suppress(LikewiseError):
        with Collection.open(collection, extractor_factory=FakeFactory()) as opened:
            opened.verify()


def _collection(folder: Path) -> Path:
    make_pictures(folder / "pictures", 3)
    with Collection.open(folder / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as opened:
        opened.add(folder / "pictures")
    return folder / "c"


_made: dict[str, Path] = {}


def _kept(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Path]) -> Path:
    """What is made once for all examples."""
    if name not in _made:
        _made[name] = make(factory.mktemp("fuzz"))
    return _made[name]
