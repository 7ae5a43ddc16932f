"""A described shard as a Parquet file: a row a file, a column for each layer, and how those were made.

Vectors of 32 or 16 bits are lists of a fixed size that any reader of Parquet understands; other codes and
sketches of visual words are bytes as a collection keeps them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from likewise.collection import MovedFile
from likewise.collection.store import Content
from likewise.descriptors import Manifest
from likewise.errors import BadPicture, CollectionDamaged, UsageError, needing
from likewise.files import replacing
from likewise.folders import Stamp
from likewise.pictures import Facts

VERSION = 1
_KEY = b"likewise"
_NUMBERS = {"fp32": "float", "fp16": "halffloat"}
_ROWS = 500
_LISTED = ("path", "url")
"""Columns that name pictures."""


@dataclass(frozen=True)
class ShardHead:
    """How the rows of a shard were made.

    Attributes
    ----------
    root
        The folder that was extracted.
    recipe
        As TOML.
    manifests, codes
        Of each layer, in their order.
    """

    root: str
    recipe: str
    manifests: tuple[Manifest, ...]
    codes: tuple[str, ...]

    def to_json(self) -> str:
        """Write it."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> ShardHead:
        """Read it; raises `ValueError`, `KeyError`, `TypeError` and errors of manifests."""
        document = json.loads(text)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']} is not known here")
        manifests = tuple(Manifest.from_json(json.dumps(manifest)) for manifest in document["manifests"])
        root, recipe, *codes = str(document["root"]), str(document["recipe"]), *map(str, document["codes"])
        return cls(root, recipe, manifests, tuple(codes))

    @property
    def _kinds(self) -> list[Any]:
        """Arrow's type of each layer's column."""
        pa = _arrow()
        return [
            pa.list_(pa.type_for_alias(_NUMBERS[code]), manifest.dimensions)
            if code in _NUMBERS
            else pa.binary()
            for manifest, code in zip(self.manifests, self.codes, strict=True)
        ]

    @property
    def schema(self) -> Any:
        """Arrow's schema of a shard."""
        pa = _arrow()
        fixed = {
            "path": pa.binary(),
            **{name: pa.int64() for name in _STAMP},
            "sha256": pa.binary(32),
            "width": pa.int32(),
            "height": pa.int32(),
            "facts": pa.string(),
            "reason": pa.string(),
            "message": pa.string(),
        }
        layers = {f"layer {number}": kind for number, kind in enumerate(self._kinds)}
        return pa.schema({**fixed, **layers}, metadata={_KEY: self.to_json()})


_STAMP = ("size", "mtime_ns", "ctime_ns")


def write(path: Path, head: ShardHead, rows: Iterable[MovedFile]) -> None:
    """Write a shard, whole or not at all.

    Raises `MissingExtra` without pyarrow; `StorageError` when the disk is full or the folder cannot be
    written.
    """
    pa, schema = _arrow(), head.schema
    parquet = _parquet()
    left = iter(rows)
    with replacing(path) as part, parquet.ParquetWriter(part, schema) as file:
        while block := list(islice(left, _ROWS)):
            columns: dict[str, list[Any]] = {name: [] for name in schema.names}
            for row in block:
                for name, value in _values(row, len(head.codes)).items():
                    columns[name].append(value)
            arrays = [_array(pa, columns[field.name], field.type) for field in schema]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _values(row: MovedFile, layers: int) -> dict[str, Any]:
    content = row.content
    values: dict[str, Any] = {"path": os.fsencode(row.path), **asdict(row.stamp)}
    if isinstance(content, BadPicture):
        nothing = ["sha256", "width", "height", "facts", *(f"layer {number}" for number in range(layers))]
        message = str(content).encode("utf-8", "backslashreplace").decode()
        return values | dict.fromkeys(nothing) | {"reason": content.reason, "message": message}
    facts = json.dumps(asdict(content.facts)) if content.facts else None
    values |= {"sha256": content.sha256, "width": content.width, "height": content.height, "facts": facts}
    codes = {f"layer {number}": code for number, code in content.codes.items()}
    return values | codes | {"reason": None, "message": None}


def _array(pa: Any, values: Sequence[Any], kind: Any) -> Any:
    """Vectors come as the bytes of their numbers."""
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, kind)
    width = kind.list_size * kind.value_type.byte_width
    numbers = b"".join(bytes(width) if value is None else value for value in values)
    inner = pa.Array.from_buffers(
        kind.value_type, len(values) * kind.list_size, [None, pa.py_buffer(numbers)]
    )
    missing = pa.array([value is None for value in values])
    return pa.FixedSizeListArray.from_arrays(inner, type=kind, mask=missing)


def paths_in(path: str) -> list[str]:
    """The paths in the column ``path`` or ``url`` of a Parquet file, whatever else there is.

    Raises `UsageError` when it has neither, or is no such file; `MissingExtra` without pyarrow.
    """
    pa, parquet = _arrow(), _parquet()
    try:
        file = parquet.ParquetFile(path)
        column = next((name for name in _LISTED if name in file.schema_arrow.names), None)
        if column is None:
            raise UsageError(f"{path!r} has no column {' or '.join(_LISTED)}")
        held = file.read([column])[column].to_pylist()
    except pa.ArrowException as error:
        raise UsageError(f"{path!r} is no Parquet file that can be read: {error}") from error
    return [os.fsdecode(name) for name in held if name]


def read_head(path: Path) -> ShardHead:
    """How a shard was made.

    Raises `CollectionDamaged` when it is no such file.
    """
    with _reading(path):
        return ShardHead.from_json(_parquet().ParquetFile(path).schema_arrow.metadata[_KEY])


def read(path: Path) -> Iterator[MovedFile]:
    """The rows of a shard; errors as for `read_head`."""
    with _reading(path):
        file = _parquet().ParquetFile(path)
        layers = len(ShardHead.from_json(file.schema_arrow.metadata[_KEY]).codes)
        for batch in file.iter_batches(_ROWS):
            columns = {name: _listed(batch.column(name)) for name in batch.schema.names}
            for number in range(batch.num_rows):
                yield _row({name: column[number] for name, column in columns.items()}, layers)


def _listed(column: Any) -> list[Any]:
    """The values of a column; vectors as the bytes of their numbers."""
    kind = column.type
    if not hasattr(kind, "list_size"):
        return list(column.to_pylist())
    width = kind.list_size * kind.value_type.byte_width
    held = memoryview(column.values.buffers()[1]).cast("B")
    begin = (column.offset + column.values.offset // kind.list_size) * width
    return [
        bytes(held[begin + width * number : begin + width * (number + 1)]) if there else None
        for number, there in enumerate(column.is_valid().to_pylist())
    ]


def _row(values: dict[str, Any], layers: int) -> MovedFile:
    path, stamp = os.fsdecode(values["path"]), Stamp(*(int(values[name]) for name in _STAMP))
    if values["reason"] is not None:
        return MovedFile(path, stamp, BadPicture(values["message"], values["reason"]))
    codes = {number: values[f"layer {number}"] for number in range(layers)}
    document = json.loads(values["facts"] or "null")
    facts = Facts(**{**document, "keywords": tuple(document["keywords"])}) if document else None
    size = int(values["width"]), int(values["height"])
    return MovedFile(path, stamp, Content(bytes(values["sha256"]), *size, codes, facts))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Failures to read a shard become one error."""
    _arrow()
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, CollectionDamaged) as error:
        raise CollectionDamaged(
            f"{path} is no shard that can be read ({error}): remove it and extract again"
        ) from error


def _arrow() -> Any:
    with needing("a shard", package="pyarrow", extra="parquet"):
        import pyarrow  # an extra: 170 MB that nothing else needs
    return pyarrow


def _parquet() -> Any:
    _arrow()
    import pyarrow.parquet

    return pyarrow.parquet
