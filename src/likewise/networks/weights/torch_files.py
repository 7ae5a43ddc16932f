"""Files of torch.save read without torch and without running what is in them.

Both formats are a pickle that says which tensor is made of which storage, and the storages' bytes: since 2020
members of a zip archive, before that one after the other behind the pickle. The embedded weights are of the
older kind.
"""

from __future__ import annotations

import errno
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import MALFORMED, Unpickler, plain_values

OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file of before the zip format begins: a pickled magic number."""

_TYPES = {
    "Float": "<f4",
    "Double": "<f8",
    "Half": "<f2",
    "BFloat16": "<u2",  # the upper half of a float32
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "|i1",
    "Byte": "|u1",
    "Bool": "|b1",
}


def read_torch_file(path: Path) -> object:
    """Read a file of torch.save: containers, plain values, and tensors as arrays.

    Raises `pickle.UnpicklingError` when it asks for anything but tensors and plain values, or is damaged;
    `OSError` when it cannot be read.
    """
    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_old(path)
    except (zipfile.BadZipFile, *MALFORMED) as error:
        raise pickle.UnpicklingError(str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise pickle.UnpicklingError("a part of it lies before its beginning") from error


class _Storage:
    """Numbers that tensors are views of; their bytes come later than their names."""

    def __init__(self, kind: str, count: int) -> None:
        self.number, self.half = np.dtype(_TYPES[kind]), kind == "BFloat16"
        self.count, self.values = int(count), np.empty(0)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.number.itemsize

    def fill(self, raw: bytes) -> None:
        """Take the bytes."""
        if len(raw) != self.size:
            raise pickle.UnpicklingError(f"{len(raw)} bytes where {self.size} belong")
        values: NDArray[Any] = np.frombuffer(raw, self.number)
        self.values = (values.astype(np.uint32) << 16).view(np.float32) if self.half else values


class _Tensor:
    """A view of a storage, known before the storage's bytes are."""

    def __init__(self, storage: _Storage, offset: int, sides: Sequence[int], steps: Sequence[int]) -> None:
        self.storage, self.offset, self.sides, self.steps = storage, offset, tuple(sides), tuple(steps)
        numbers = (offset, *self.sides, *self.steps)
        if len(self.sides) != len(self.steps) or any(type(n) is not int or n < 0 for n in numbers):
            raise pickle.UnpicklingError("a tensor without a proper shape")
        count = math.prod(self.sides)
        last = offset + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
        if count > storage.count or (count and last >= storage.count):
            raise pickle.UnpicklingError("a tensor that is larger than what it is made of")

    def array(self) -> NDArray[Any]:
        """The numbers; the array cannot be written to."""
        values = self.storage.values
        steps = [step * values.itemsize for step in self.steps]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.sides, steps, writeable=False)


class _Dict(dict[object, object]):
    """In the place of OrderedDict, whose attributes say nothing of tensors."""

    def __setstate__(self, state: object) -> None:
        """Let go of them."""


def _tensor(storage: object, offset: int, sides: Sequence[int], steps: Sequence[int], *_: object) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without numbers")
    return _Tensor(storage, offset, sides, steps)


def _parameter(tensor: object, *_: object) -> object:
    return tensor


_STAND_INS: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", f"{kind}Storage"): kind for kind in _TYPES},
}


class _TorchUnpickler(Unpickler):
    """Keeps the storages that are named, by their keys."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, _STAND_INS)
        self.storages: dict[str, _Storage] = {}

    def persistent_load(self, named: Any) -> _Storage:
        """A storage by ``("storage", type, key, device, count, ...)``."""
        what, kind, key, _, count, *view = named
        if what != "storage" or kind not in _TYPES or any(part is not None for part in view):
            raise pickle.UnpicklingError(f"it asks for {what!r}")
        return self.storages.setdefault(str(key), _Storage(kind, count))


def _arrays(value: object) -> object:
    return plain_values(value, convert=lambda item: item.array() if isinstance(item, _Tensor) else item)


def _read_zip(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
            raise pickle.UnpicklingError("bytes in another order")
        unpickler = _TorchUnpickler(BytesIO(archive.read(members["data.pkl"])))
        value = unpickler.load()
        for key, storage in unpickler.storages.items():
            info = members[f"data/{key}"]
            if info.file_size != storage.size or info.compress_type != zipfile.ZIP_STORED:
                raise pickle.UnpicklingError(f"a storage of {info.file_size} bytes, not {storage.size}")
            storage.fill(archive.read(info))
    return _arrays(value)


def _read_old(path: Path) -> object:
    with path.open("rb") as stream:
        if stream.read(len(OLD_TORCH)) != OLD_TORCH:
            raise pickle.UnpicklingError("it was not written by torch.save")
        Unpickler(stream, {}).load()  # the version
        machine: Any = Unpickler(stream, {}).load()
        if not isinstance(machine, Mapping) or not machine.get("little_endian"):
            raise pickle.UnpicklingError("bytes in another order")
        unpickler = _TorchUnpickler(stream)
        value = unpickler.load()
        keys: Any = Unpickler(stream, {}).load()
        for key in keys:
            storage = unpickler.storages[key]
            if int.from_bytes(stream.read(8), "little") != storage.count:
                raise pickle.UnpicklingError("a storage of another length")
            storage.fill(stream.read(storage.size))
    return _arrays(value)
