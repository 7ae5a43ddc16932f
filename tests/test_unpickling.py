"""Pickles of plain values are read, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.arrays import read_plain_pickle


def same(found: object, wanted: dict[str, Any]) -> bool:
    """Whether all is equal, arrays by type and shape too; numpy's scalars are plain numbers."""
    assert isinstance(found, dict)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[key], value, strict=True)
        else:
            assert found[key] == value
            assert not isinstance(found[key], np.generic)
    return True


def test_a_pickle_as_python_2_wrote_it(tmp_path: Path) -> None:
    # what Python 2 and an old numpy wrote for {'a': array([1, 258], dtype='<i2')}, by protocol 2
    written = (
        b"\x80\x02}q\x00U\x01aq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04"
        b"U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02\x85q\x08cnumpy\ndtype\nq\tU\x02i2q\nK\x00K\x01\x87q\x0bRq\x0c"
        b"(K\x03U\x01<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89U\x04\x01\x00\x02\x01q\x0ftq\x10bs."
    )
    file = tmp_path / "old.pkl"
    file.write_bytes(written)
    assert same(read_plain_pickle(file), {"a": np.array([1, 258], "<i2")})


@pytest.mark.parametrize(
    "value",
    [
        {"set": {1, 2}, "nothing": None, "yes": True, "tuple": (1, "x", 2.5), "frozen": frozenset("ab")},
        {"bytes": b"\x00\xff", "none": b"", "array": np.arange(6).reshape(2, 3), "empty": np.zeros((0, 2))},
        {"columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "big": np.array([1, 2], dtype=">i4")},
        {"scalar": np.float32(0.5), "flag": np.array([True, False])},
    ],
)
@pytest.mark.parametrize("protocol", (0, 2, 4, 5))
def test_plain_values_come_back_as_they_were(tmp_path: Path, value: dict[str, Any], protocol: int) -> None:
    file = tmp_path / "plain.pkl"
    file.write_bytes(pickle.dumps(value, protocol=protocol))
    assert same(read_plain_pickle(file), value)


class Evil:
    """Touches a file when it is unpickled the usual way."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call = call, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    attempts = [
        Evil(os.system, f"touch {victim}"),
        Evil(eval, f"open({str(victim)!r}, 'w')"),
        Evil(np.load, "x.npy"),
        Evil(np.ndarray, (1 << 40,)),
        Evil(getattr, "x", "upper"),
        Evil(bytes, 1 << 40),
        np.array([{"a": 1}], dtype=object),
        np.array(["text"]),
        Path("x"),
    ]
    for number, attempt in enumerate(attempts):
        file = tmp_path / f"{number}.pkl"
        file.write_bytes(pickle.dumps({"imlist": attempt}))
        with pytest.raises(pickle.UnpicklingError):
            read_plain_pickle(file)
    assert not victim.exists()


def test_damaged_pickles_are_one_error(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.arange(100), "b": "text"})
    file = tmp_path / "cut.pkl"
    for length in range(0, len(whole) - 1, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(pickle.UnpicklingError):
            read_plain_pickle(file)
    with pytest.raises(FileNotFoundError):
        read_plain_pickle(tmp_path / "nowhere.pkl")


def test_a_list_that_holds_another_twice_and_so_on_takes_no_time(tmp_path: Path) -> None:
    nested: list[Any] = ["end"]
    for _ in range(100):
        nested = [nested, nested]
    file = tmp_path / "laughs.pkl"
    file.write_bytes(pickle.dumps(nested))
    found = read_plain_pickle(file)
    for _ in range(100):
        assert isinstance(found, list)
        assert found[0] is found[1]
        found = found[0]
    assert found == ["end"]


def test_a_list_that_holds_itself_is_an_error(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    file = tmp_path / "endless.pkl"
    file.write_bytes(pickle.dumps(endless))
    with pytest.raises(pickle.UnpicklingError, match="recursion"):
        read_plain_pickle(file)


# --- what a step may cost ---


def nested(depth: int) -> bytes:
    """Tuples of twice the same tuple, so many deep, as a key: each level doubles the time to hash it."""
    return b"\x80\x02}" + b")" + b"2\x86" * depth + b"K\x01s."


@pytest.mark.parametrize(
    "written",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # nine bytes: remember it under the number 2^31 - 1
        nested(60),
        b"\x80\x04(" + nested(60)[3:-4] + b"\x91.",  # the same in a frozenset
        b"\x80\x04\x8f(" + nested(60)[3:-4] + b"\x90.",  # in a set
        b"\x80\x02(" + nested(60)[3:-4] + b"K\x01d.",  # by the oldest way to write a dictionary
        b"\x80\x02c__builtin__\nset\n(" + nested(60)[3:-4] + b"l\x85R.",
        b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",  # a bytearray of a terabyte
        b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b".",
        b"\x80\x04\x95" + (1 << 40).to_bytes(8, "little") + b".",
        pytest.param(b"\x80\x02" + b"]" * 3_000_000 + b".", marks=pytest.mark.slow),
    ],
)
def test_a_few_bytes_take_neither_memory_nor_time(tmp_path: Path, written: bytes) -> None:
    file = tmp_path / "bad.pkl"
    file.write_bytes(written)
    tracemalloc.start()
    try:
        with suppress(pickle.UnpicklingError):
            assert read_plain_pickle(file) is None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 200 << 20


def test_keys_may_be_tuples_of_plain_values(tmp_path: Path) -> None:
    file = tmp_path / "keys.pkl"
    for protocol in range(6):
        file.write_bytes(pickle.dumps({("a", 1): {("b", None), 2.5}}, protocol=protocol))
        assert read_plain_pickle(file) == {("a", 1): {("b", None), 2.5}}
