"""Random and mutated files of every kind that may come from somebody else: one of our errors, or a value.

As many examples a kind as ``LIKEWISE_FUZZ`` says, such as ``LIKEWISE_FUZZ=100000 pytest tests/test_fuzz.py``;
``python -m tests.fuzz NAME`` tries what leads to new places in the code.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sqlite3
import tomllib
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise.arrays import read_arrays, read_plain_pickle
from likewise.arrays.columns import HEADER
from likewise.collection import Collection
from likewise.collection.store.annotating import AnnotationTable
from likewise.collection.store.database import CHECKSUMS, checksum_of
from likewise.downstream.duplicates.acting import apply_plan
from likewise.downstream.duplicates.journal import Journal
from likewise.downstream.duplicates.plan import Plan
from likewise.errors import LikewiseError
from likewise.evaluation.datasets.buildings import read_truths
from likewise.evaluation.datasets.revisited import read_truth
from likewise.evaluation.runs import read_run
from likewise.networks.weights import formats
from likewise.networks.weights.torch_files import read_torch_file
from likewise.pictures import Resize, load
from likewise.recipes.recipe import load_recipe, parse_recipe
from likewise.tables.labels import read_rows
from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.merging import merge
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
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

FOLDERS: list[Path] = []
"""Where files are written: the last one."""

_made: dict[str, Path] = {}


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    FOLDERS.append(tmp_path_factory.mktemp("fuzz"))


def _kept(name: str, make: Callable[[Path], Path]) -> Path:
    """What is made once for all examples."""
    if name not in _made:
        room = FOLDERS[-1] / name
        room.mkdir()
        _made[name] = make(room)
    return _made[name]


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


def repacked(archive: bytes, edits: list[tuple[int, bytes]], member: int) -> bytes:
    """A zip file one of whose members is mutated, so that its checksum is right."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(stream, "w") as new:
        names = old.namelist()
        for name in names:
            content = old.read(name)
            new.writestr(name, mutated(content, edits) if name == names[member % len(names)] else content)
    return stream.getvalue()


PICKLE = pickle.dumps({"imlist": ["a", "b"], "gnd": [{"bbx": np.float32(1), "ok": np.arange(3)}]}, 2)


@fuzzed
@given(edits=changes, whole=st.binary(max_size=60), alone=st.booleans())
def test_pickles(edits: Any, whole: bytes, alone: bool) -> None:
    path = FOLDERS[-1] / "fuzz.pkl"
    path.write_bytes(whole if alone else mutated(PICKLE, edits))
    with suppress(pickle.UnpicklingError):
        read_plain_pickle(path)


members = st.none() | st.integers(0, 20)
"""The place of one in an archive, or none for the whole of it."""


@fuzzed
@given(edits=changes, member=members)
def test_arrays(edits: Any, member: int | None) -> None:
    stream = io.BytesIO()
    np.savez(stream, a=np.arange(6.0), b=np.zeros((2, 3), np.float32))
    known = stream.getvalue()
    path = FOLDERS[-1] / "fuzz.npz"
    path.write_bytes(mutated(known, edits) if member is None else repacked(known, edits, member))

    def check(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
        if shape not in ((6,), (2, 3)) or kind.itemsize > 8:
            raise ValueError(name)

    with suppress(ValueError):
        read_arrays(path, ("a", "b"), check)


@pytest.mark.slow
@settings(fuzzed, max_examples=max(2, EXAMPLES // 10))  # each in a process of its own
@given(edits=changes, kind=st.sampled_from(["matconvnet", "keras"]))
def test_weights_that_c_reads(edits: Any, kind: str) -> None:
    tiny = pytest.importorskip("tests.test_cnn_m")  # which needs torch
    write = {"matconvnet": tiny.mat, "keras": lambda path: h5(path, tiny.TENSORS)}[kind]
    known = _kept(kind, lambda folder: write(folder / "known")).read_bytes()
    path = FOLDERS[-1] / "fuzz.weights"
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
@given(edits=changes, old=st.booleans(), member=members)
def test_weights_of_torch(edits: Any, old: bool, member: int | None) -> None:
    torch = pytest.importorskip("torch")

    def made(folder: Path) -> Path:
        torch.save({"a": torch.zeros(2, 3)}, folder / "known", _use_new_zipfile_serialization=not old)
        return folder / "known"

    path = FOLDERS[-1] / "fuzz.pth"
    known = _kept(f"torch{old}", made).read_bytes()
    path.write_bytes(mutated(known, edits) if old or member is None else repacked(known, edits, member))
    with suppress(pickle.UnpicklingError):
        read_torch_file(path)


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


SHIPPED = [tomllib.loads(load_recipe(name).to_toml()) for name in ("quick", "default", "rmac")]


def toml(value: Any) -> str:
    """What JSON and TOML both can say, on one line of TOML; none is left out."""
    match value:
        case dict():
            pairs = [f"{quoted(key)} = {toml(one)}" for key, one in value.items() if one is not None]
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(toml(one) for one in value if one is not None)}]"
        case str():
            return quoted(value)
    return str(value).lower()


def quoted(text: str) -> str:
    return json.dumps(text.encode("utf-8", "replace").decode()).replace("\x7f", "\\u007f")


@fuzzed
@given(
    edits=changes,
    text=st.text(max_size=200),
    known=st.sampled_from(SHIPPED),
    at=paths,
    value=values,
    how=st.sampled_from(["bytes", "value", "text"]),
)
def test_recipes(edits: Any, text: str, known: Any, at: Any, value: Any, how: str) -> None:
    told = altered(known, at, value)
    tables = told.items() if isinstance(told, dict) else ()
    written = "\n".join(toml({key: one})[1:-1] for key, one in tables)
    if how == "bytes":
        written = mutated(RECIPE.to_toml().encode(), edits).decode("utf-8", "replace")
    with suppress(LikewiseError):
        parse_recipe(text if how == "text" else written, origin="a fuzzed recipe")


def _segment(folder: Path) -> Path:
    chance = np.random.default_rng(1)
    words, pictures = (chance.integers(0, most, 60).astype(np.uint32) for most in (WORDS, 9))
    codes = chance.integers(0, 1 << 63, (60, 2)).astype(np.uint64)
    return Segment.write(folder / "known.words", Postings(words, pictures, codes), WORDS).path


WORDS = 8


@fuzzed
@given(
    edits=changes,
    at=paths,
    value=values,
    how=st.sampled_from(["bytes", "header", "columns"]),
    kernel=st.sampled_from(["numpy", "numba"]),
)
def test_segments(edits: Any, at: Any, value: Any, how: str, kernel: Any) -> None:
    known = _kept("segment", _segment).read_bytes()
    header, columns = known[:HEADER], known[HEADER:]
    if how == "header":
        header = json.dumps(altered(json.loads(header), at, value)).encode().ljust(HEADER)
    elif how == "columns":
        columns = mutated(columns, edits)
    path = FOLDERS[-1] / "fuzz.words"
    path.write_bytes(mutated(known, edits) if how == "bytes" else header + columns)
    words, codes = np.arange(WORDS), np.arange(2 * WORDS, dtype=np.uint64).reshape(WORDS, 2)
    with suppress(LikewiseError):
        segment = Segment.open(path)
        segment.verify()
        index = InvertedIndex(WORDS, [segment], kernel=kernel)
        index.scores(words, codes)
        index.near(words[:, None], codes[:, None], 64)
        merge(FOLDERS[-1] / "merged.words", WORDS, [segment], np.arange(5))


@fuzzed
@given(edits=changes, at=paths, value=values, how=st.sampled_from(["bytes", "value", "pickle"]))
def test_truths(edits: Any, at: Any, value: Any, how: str) -> None:
    told = altered(TRUTH, at, value)
    content = pickle.dumps(told, 2) if how == "pickle" else json.dumps(told).encode()
    path = FOLDERS[-1] / ("fuzz.pkl" if how == "pickle" else "fuzz.json")
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
def test_tables(rows: Any, edits: Any, sign: str, whole: bool) -> None:
    path = FOLDERS[-1] / "fuzz.csv"
    content = lines("file,group,role,box", rows, sign)
    path.write_bytes(content if whole else mutated(content, edits))
    for read in (read_rows, AnnotationTable.read):
        with suppress(LikewiseError):
            read(path)


@fuzzed
@given(edits=st.lists(changes, min_size=4, max_size=4), number=st.text(max_size=12) | st.floats().map(str))
def test_truths_of_buildings(edits: Any, number: str) -> None:
    folder = _kept("buildings", lambda folder: folder)
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
def test_plans(edits: Any, at: Any, value: Any, rows: Any, how: str) -> None:
    path = FOLDERS[-1] / ("plan.csv" if how == "csv" else "plan.json")
    content = json.dumps(altered(PLAN, at, value)).encode()
    if how == "csv":
        content = lines(",".join(ROW), [[str(cell) for cell in ROW.values()], *rows], ",")
    path.write_bytes(mutated(content, edits) if how == "bytes" else content)
    with suppress(LikewiseError):
        apply_plan(Plan.read(path), Journal.beside(path), "trash", dry=True)


@fuzzed
@given(edits=changes, at=paths, value=values, whole=st.booleans())
def test_journals(edits: Any, at: Any, value: Any, whole: bool) -> None:
    path = FOLDERS[-1] / "plan.csv.undo"
    content = json.dumps(altered(STEP, at, value)).encode() + b"\n"
    path.write_bytes(content if whole else mutated(content, edits))
    with suppress(LikewiseError):
        Journal(path).read()


KINDS: dict[str, Callable[[], bytes]] = {
    kind: lambda kind=kind: encode(photo(1, width=24, height=18), kind)  # type: ignore[misc]
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
}


@settings(fuzzed, max_examples=EXAMPLES * len(KINDS))
@given(kind=st.sampled_from(sorted(KINDS)), edits=changes)
def test_pictures(kind: str, edits: Any) -> None:
    with suppress(LikewiseError):
        load(mutated(KINDS[kind](), edits), [Resize("longest", 32)], max_pixels=10_000)


@fuzzed
@given(edits=changes)
def test_runs(edits: Any) -> None:
    path = _kept("run.json", lambda folder: run(folder).path)
    known = path.with_suffix(".known")
    if not known.exists():
        known.write_bytes(path.read_bytes())
    path.write_bytes(mutated(known.read_bytes(), edits))
    with suppress(LikewiseError):
        read_run(path)


@fuzzed
@given(edits=changes)
def test_catalogues(edits: Any) -> None:
    collection = _kept("collection", _collection)
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
def test_values_in_a_catalogue(value: Any, key: str) -> None:
    collection = _kept("values", _collection)
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
