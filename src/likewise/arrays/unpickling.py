"""Reading a pickle of plain values and arrays without running what is in it."""

from __future__ import annotations

import os
import pickle
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

MALFORMED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    OverflowError,
    struct.error,
)
"""Errors of an unpickler on bytes that are no such pickle, or that ask for what they may not have."""

STEPS = 1_000_000
"""The truths of the largest public benchmark take a tenth of that; each costs some 200 bytes at most."""

_ATOMS = (str, int, float, bytes)
_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


def read_plain_pickle(file: Path) -> object:
    """Read a pickle of dicts, lists, tuples, sets, strings, numbers and numpy arrays of numbers.

    Numpy's scalars come back as plain numbers, its arrays as arrays that cannot be written to. No class and
    no function that the file names is ever looked up. Raises `pickle.UnpicklingError` when the file asks for
    anything else, or is damaged; `OSError` when it cannot be read.
    """
    with file.open("rb") as stream:
        try:
            # Python 2 wrote arrays' bytes as its text, which only this encoding gives back unchanged.
            return plain_values(Unpickler(stream, _STAND_INS).load(), _values)
        except MALFORMED as error:
            raise pickle.UnpicklingError(str(error) or type(error).__name__) from error


class _Bounded:
    """A file of which nothing is read that it does not have: asking for more reserves no memory."""

    def __init__(self, file: IO[bytes]) -> None:
        begin = file.tell()
        self._file, self._left = file, file.seek(0, os.SEEK_END) - begin
        file.seek(begin)

    def read(self, size: int) -> bytes:
        if size > self._left:
            raise EOFError("it ends too early")
        return self._took(self._file.read(size))

    def readline(self) -> bytes:
        return self._took(self._file.readline(self._left))

    def _took(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data


class Unpickler(pickle._Unpickler):
    """Hands out stand-ins for the few names that a kind of pickle needs.

    A pickle is a program that may call whatever `find_class` returns, so this never returns the real thing:
    the bytes of an array are kept with its type and shape, and turned into numbers here.

    It is the unpickler that is written in Python: the one in C keeps what it remembers by number in a table
    as long as the largest number, which nine bytes make 5 GiB. What a step may cost is bounded here: how many
    steps there are, and what is hashed, for tuples of the same tuples take for ever to hash. ``stand_ins``:
    by module and name, as Python 3 and numpy 1 had them.
    """

    def __init__(self, stream: IO[bytes], stand_ins: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(_Bounded(stream), encoding="latin1")
        self._stand_ins, self._steps = stand_ins, 0

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEPS:
            raise pickle.UnpicklingError(f"it has more than {STEPS:,} steps")

    def _see_keys(self, code: int) -> None:
        """Refuse to hash what is about to be hashed, if that may take long."""
        stack = self.stack  # type: ignore[attr-defined]
        if code == pickle.SETITEM[0]:
            _hashable(stack[-2:-1])
        elif code in (pickle.SETITEMS[0], pickle.DICT[0]):
            _hashable(stack[::2])
        elif code in (pickle.ADDITEMS[0], pickle.FROZENSET[0]):
            _hashable(stack)

    def find_class(self, module: str, name: str) -> Any:
        """Give a stand-in.

        Raises `pickle.UnpicklingError` for anything that is not on the list.
        """
        module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        try:
            return self._stand_ins[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


class _Type:
    """In the place of numpy.dtype."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not _NUMBERS.fullmatch(code):
            raise pickle.UnpicklingError(f"an array of {code!r}, which is no type of number")
        self.number = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"a byte order of {order!r}")
        self.number = self.number.newbyteorder(order)


class _Array:
    """In the place of an array that numpy would fill."""

    values: NDArray[Any] = np.empty(0)

    def __init__(self, *_: object) -> None:
        """The size asked for is ignored: the state brings it along with the bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, kind, in_columns, raw = state[-4:]
        if not isinstance(kind, _Type):
            raise pickle.UnpicklingError("an array without a type")
        flat = np.frombuffer(_bytes(raw), dtype=kind.number)
        self.values = flat.reshape(shape, order="F" if in_columns else "C")


def _from_buffer(raw: object, kind: _Type, shape: tuple[int, ...], order: str) -> _Array:
    """In the place of numpy's maker of arrays in protocol 5."""
    array = _Array()
    array.__setstate__((shape, kind, order == "F", raw))
    return array


def _scalar(kind: _Type, raw: object) -> Any:
    """In the place of numpy's maker of scalars."""
    (value,) = np.frombuffer(_bytes(raw), dtype=kind.number).tolist()
    return value


def _encode(text: str, encoding: str) -> bytes:
    """In the place of _codecs.encode, by which old protocols carry bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in {encoding!r}")
    return text.encode("latin1")


def _hashable(values: Iterable[object]) -> None:
    """Refuse keys and members of sets that are no atoms, nor tuples of atoms."""
    for value in values:
        if isinstance(value, _ATOMS) or value is None:
            continue
        if not isinstance(value, tuple) or not all(isinstance(item, (*_ATOMS, type(None))) for item in value):
            raise pickle.UnpicklingError(f"{type(value).__name__} as a key or in a set")


def _set_of(values: Iterable[Any] = ()) -> set[Any]:
    """In the place of set, which old protocols call with a list."""
    held = list(values)
    _hashable(held)
    return set(held)


def _frozenset_of(values: Iterable[Any] = ()) -> frozenset[Any]:
    """In the place of frozenset."""
    return frozenset(_set_of(values))


def _never(*_: object) -> NoReturn:
    """In the place of numpy.ndarray, which such pickles name but do not call."""
    raise pickle.UnpicklingError("it makes an array by itself")


_STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _never,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): lambda: b"",  # how old protocols write no bytes at all
    ("builtins", "set"): _set_of,
    ("builtins", "frozenset"): _frozenset_of,
}


def _watched(code: int, handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """A step of the unpickler that is counted, and looked at before it hashes."""
    hashes = code in (entry[0] for entry in _HASHING)

    def step(self: Any) -> None:
        self._step()
        if hashes:
            self._see_keys(code)
        handler(self)

    return step


def _bytearray(unpickler: Any) -> None:
    """In the place of a step that reserves what it is told before it reads."""
    (size,) = struct.unpack("<Q", unpickler.read(8))
    unpickler.append(bytearray(unpickler.read(size)))


_HASHING = (pickle.SETITEM, pickle.SETITEMS, pickle.DICT, pickle.ADDITEMS, pickle.FROZENSET)
Unpickler.dispatch = {
    code: _watched(code, handler)
    for code, handler in {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _bytearray}.items()
}


def _bytes(raw: object) -> bytes:
    if isinstance(raw, str):
        return raw.encode("latin1")
    if isinstance(raw, (bytes, bytearray)):
        return bytes(raw)
    raise pickle.UnpicklingError(f"{type(raw).__name__} where bytes should be")


def _values(stand_in: object) -> object:
    return stand_in.values if isinstance(stand_in, _Array) else stand_in


def plain_values(value: object, convert: Callable[[Any], object]) -> object:
    """Stand-ins inside containers replaced by what they hold.

    ``convert``: gives the array of a stand-in, and anything else as it is. Raises `pickle.UnpicklingError`
    when something is neither a container nor a plain value nor an array.
    """
    return _plain(value, convert, {})


def _plain(value: object, convert: Callable[[Any], object], done: dict[int, object]) -> object:
    """``done`` has the containers seen before, by identity.

    A few bytes can name one list many times over in another: without ``done`` that would take for ever.
    """
    held = convert(value)
    if isinstance(held, (str, int, float, bytes, np.ndarray)) or held is None:
        return held
    if id(value) not in done:
        done[id(value)] = _plain_container(value, convert, done)
    return done[id(value)]


def _plain_container(value: object, convert: Callable[[Any], object], done: dict[int, object]) -> object:
    if isinstance(value, dict):
        return {_plain(key, convert, done): _plain(item, convert, done) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_plain(item, convert, done) for item in value)
    raise pickle.UnpicklingError(f"{type(value).__name__} is no plain value")
