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
from likewise.collection.annotating import Table
from likewise.collection.database import CHECKSUMS, checksum_of
from likewise.downstream.duplicates.acting import apply_plan
from likewise.downstream.duplicates.journal import Journal
from likewise.downstream.duplicates.plan import Plan
from likewise.errors import LikewiseError
from likewise.evaluation.datasets.buildings import read_truths
from likewise.evaluation.datasets.revisited import read_truth
from likewise.evaluation.runs import read_run
from likewise.learning.labels import read_rows
from likewise.networks import formats
from likewise.networks.torch_files import read_torch_file
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


@pytest.mark.slow
@settings(fuzzed, max_examples=max(2, EXAMPLES // 10))  # each in a process of its own
@given(edits=changes, kind=st.sampled_from(["matconvnet", "keras"]))
def test_weights_that_c_reads(tmp_path_factory: pytest.TempPathFactory, edits: Any, kind: str) -> None:
    tiny = pytest.importorskip("tests.test_cnn_m")  # which needs torch
    write = {"matconvnet": tiny.mat, "keras": lambda path: h5(path, tiny.TENSORS)}[kind]
    known = _kept(tmp_path_factory, kind, lambda folder: write(folder / "known")).read_bytes()
    path = tmp_path_factory.getbasetemp() / "fuzz.weights"
    path.write_bytes(mutated(known, edits))
    with suppress(LikewiseError):
        formats.read(path, kind, tiny.TINY)


def h5(path: Path, tensors: dict[str, Any]) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in tensors.items():
            layer, _, part = name.rpartition(".")
            file[f"{layer}/{layer}/{'kernel' if part == 'weight' else 'bias'}:0"] = array
    return path


@fuzzed
@given(edits=changes, old=st.booleans())
def test_weights_of_torch(tmp_path_factory: pytest.TempPathFactory, edits: Any, old: bool) -> None:
    torch = pytest.importorskip("torch")

    def made(folder: Path) -> Path:
        torch.save({"a": torch.zeros(2, 3)}, folder / "known", _use_new_zipfile_serialization=not old)
        return folder / "known"

    path = tmp_path_factory.getbasetemp() / "fuzz.pth"
    path.write_bytes(mutated(_kept(tmp_path_factory, f"torch{old}", made).read_bytes(), edits))
    with suppress(pickle.UnpicklingError):
        read_torch_file(path)


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


TRUTH = {
    "imlist": ["a", "b", "c"],
    "qimlist": ["q"],
    "gnd": [{"bbx": [1, 2, 3.5, 4], "easy": [0], "hard": [1], "junk": [2]}],
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def altered(content: Any, at: list[int], value: Any) -> Any:
    """What JSON holds with one value, somewhere in it, in place of another."""
    if not at or not isinstance(content, dict | list) or not content:
        return value
    places = sorted(content) if isinstance(content, dict) else list(range(len(content)))
    place: Any = places[at[0] % len(places)]
    copy: Any = dict(content) if isinstance(content, dict) else list(content)
    copy[place] = altered(content[place], at[1:], value)
    return copy


paths = st.lists(st.integers(0, 20), max_size=4)


@fuzzed
@given(edits=changes, at=paths, value=values, how=st.sampled_from(["bytes", "value", "pickle"]))
def test_truths(tmp_path_factory: pytest.TempPathFactory, edits: Any, at: Any, value: Any, how: str) -> None:
    told = altered(TRUTH, at, value)
    content = pickle.dumps(told, 2) if how == "pickle" else json.dumps(told).encode()
    path = tmp_path_factory.getbasetemp() / ("fuzz.pkl" if how == "pickle" else "fuzz.json")
    path.write_bytes(mutated(json.dumps(TRUTH).encode(), edits) if how == "bytes" else content)
    with suppress(LikewiseError):
        read_truth(path)


cells = st.text(max_size=12) | st.sampled_from(["0,0,5,5", "1e999,0,2,2", "query", "a.jpg", "..", '"', "nan"])
tables = st.lists(st.lists(cells, min_size=1, max_size=5), max_size=5)


def lines(head: str, rows: Any, sign: str) -> bytes:
    """A table, made without regard to what its cells hold."""
    text = "\r\n".join([head.replace(",", sign), *(sign.join(row) for row in rows)])
    return text.encode("utf-8", "surrogatepass")


@fuzzed
@given(rows=tables, edits=changes, sign=st.sampled_from(",;\t"), whole=st.booleans())
def test_tables(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, edits: Any, sign: str, whole: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    content = lines("file,group,role,box", rows, sign)
    path.write_bytes(content if whole else mutated(content, edits))
    for read in (read_rows, Table.read):
        with suppress(LikewiseError):
            read(path)


@fuzzed
@given(edits=st.lists(changes, min_size=4, max_size=4), number=st.text(max_size=12) | st.floats().map(str))
def test_truths_of_buildings(tmp_path_factory: pytest.TempPathFactory, edits: Any, number: str) -> None:
    folder = _kept(tmp_path_factory, "buildings", lambda folder: folder)
    known = {"query": f"oxc1_a 1 {number} 3 4", "good": "a\nb\n", "ok": "c\n", "junk": "d\n"}
    for edit, (kind, text) in zip(edits, known.items(), strict=True):
        content = text.encode("utf-8", "surrogatepass")
        (folder / f"all_souls_1_{kind}.txt").write_bytes(mutated(content, edit) if len(edit) > 3 else content)
    with suppress(LikewiseError):
        read_truths(folder)


STEP = {"way": "move", "file": "/a", "to": "/b", "sha256": "0" * 64, "bytes": 1, "mode": 420, "mtime_ns": 5}
ROW = {
    "group": 1,
    "action": "go",
    "file": "/a",
    "bytes": 1,
    "sha256": "0" * 64,
    "similarity": 0.5,
    "width": 3,
}
PLAN = {"plan": [{**ROW, "action": "keep", "file": "/b"}, ROW]}


@fuzzed
@given(edits=changes, at=paths, value=values, rows=tables, how=st.sampled_from(["bytes", "value", "csv"]))
def test_plans(
    tmp_path_factory: pytest.TempPathFactory, edits: Any, at: Any, value: Any, rows: Any, how: str
) -> None:
    path = tmp_path_factory.getbasetemp() / ("plan.csv" if how == "csv" else "plan.json")
    content = json.dumps(altered(PLAN, at, value)).encode()
    if how == "csv":
        content = lines(",".join(ROW), [[str(cell) for cell in ROW.values()], *rows], ",")
    path.write_bytes(mutated(content, edits) if how == "bytes" else content)
    with suppress(LikewiseError):
        apply_plan(Plan.read(path), Journal.beside(path), "trash", dry=True)


@fuzzed
@given(edits=changes, at=paths, value=values, whole=st.booleans())
def test_journals(
    tmp_path_factory: pytest.TempPathFactory, edits: Any, at: Any, value: Any, whole: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "plan.csv.undo"
    content = json.dumps(altered(STEP, at, value)).encode() + b"\n"
    path.write_bytes(content if whole else mutated(content, edits))
    with suppress(LikewiseError):
        Journal(path).read()


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
    connection.create_function("checksum_of", -1, checksum_of)
    with connection:
        with suppress(UnicodeEncodeError):
            text = json.dumps(value)
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('segments', ?)", (text,))
            connection.execute("UPDATE layers SET manifest = ?", (text,))
            for table in ("meta", "layers"):
                connection.execute(f"UPDATE {table} SET checksum = {CHECKSUMS[table]}")
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
