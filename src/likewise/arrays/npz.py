"""Reading some arrays of an .npz file, each only once its header says what it should.

A few bytes of a zip archive can become any number of bytes of zeros: what an array would take is told by its
header, and compared with what is wanted, before any of it is unpacked.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Check: TypeAlias = Callable[[str, tuple[int, ...], "np.dtype[Any]"], None]
"""Told the name, the shape and the type of an array; raises what is to be raised where they are wrong."""


def read_arrays(path: Path, names: Iterable[str], check: Check) -> dict[str, NDArray[Any]]:
    """Those of some arrays that a file has.

    Raises `ValueError` when the file or one of the arrays is damaged, or is one of Python objects; `OSError`
    when the file cannot be read.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = frozenset(archive.namelist())
            for name in names:
                if f"{name}.npy" in members:
                    arrays[name] = _opened(archive, name, check)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        LookupError,
    ) as error:
        raise ValueError(f"{path.name} is no archive of arrays, or a damaged one: {error}") from error
    return arrays


def _opened(archive: zipfile.ZipFile, name: str, check: Check) -> NDArray[Any]:
    try:
        with archive.open(f"{name}.npy") as stream:
            return _read(stream, name, check)
    except OSError as error:  # a directory of members that points before the file's beginning
        raise ValueError(f"{name} lies outside of the file") from error


def _read(stream: IO[bytes], name: str, check: Check) -> NDArray[Any]:
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} is of the version {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, in_columns, kind = read(stream)
    # numpy tries to mend a header that is no Python, sorts the keys of one that is, and expects few brackets
    except (SyntaxError, tokenize.TokenError, TypeError, MemoryError) as error:
        raise ValueError(f"the header of {name} is damaged: {error}") from error
    if kind.hasobject:
        raise ValueError(f"{name} is made of Python objects")
    check(name, shape, kind)
    size = math.prod(shape) * kind.itemsize
    content = stream.read(size)
    if len(content) != size:
        raise ValueError(f"{name} is cut short")
    return np.frombuffer(content, kind).reshape(shape, order="F" if in_columns else "C").copy()
