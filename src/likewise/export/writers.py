"""The files that vectors are written to: npy, safetensors, parquet. All are written block by block."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from likewise.descriptors import Manifest
from likewise.errors import MissingExtra, UsageError
from likewise.files import replacing, sweep
from likewise.types import FloatArray

Blocks: TypeAlias = Iterator[FloatArray]
Writer: TypeAlias = Callable[[Sequence[str], int, Manifest, Blocks], None]


def writer(target: Path, *, overwrite: bool) -> Writer:
    """The writer of ``target``: called with ids, dimensions, manifest and the vectors in blocks.

    It is to be called by one process at a time. Raises `UsageError` when the suffix is unknown, ``target`` is
    a folder, or it exists and shall not be replaced; `MissingExtra` when parquet is asked for and pyarrow is
    not there.
    """
    write = FORMATS.get(target.suffix)
    if write is None:
        raise UsageError(f"{target} must end in {', '.join(FORMATS)}: that says what kind of file to write")
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists; say --overwrite (overwrite=True) or name another file")
    if write is _parquet:
        _pyarrow()

    def to_target(ids: Sequence[str], dimensions: int, manifest: Manifest, blocks: Blocks) -> None:
        sweep(target, older=0)
        with replacing(target) as part:
            write(part, ids, dimensions, manifest, blocks)
        if write is _npy:
            with replacing(Path(f"{target}.json")) as part:
                part.write_text(json.dumps({"manifest": asdict(manifest), "ids": list(ids)}, indent=1))

    return to_target


def _npy(part: Path, ids: Sequence[str], dimensions: int, manifest: Manifest, blocks: Blocks) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(ids), dimensions)}
    with part.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        _pour(file, blocks)


def _safetensors(part: Path, ids: Sequence[str], dimensions: int, manifest: Manifest, blocks: Blocks) -> None:
    """Eight bytes with the header's length, the header as JSON, the tensors one after the other."""
    names = "\0".join(ids).encode()
    size = 4 * len(ids) * dimensions
    header = {
        "__metadata__": {"manifest": manifest.to_json()},
        "vectors": {"dtype": "F32", "shape": [len(ids), dimensions], "data_offsets": [0, size]},
        "ids": {"dtype": "U8", "shape": [len(names)], "data_offsets": [size, size + len(names)]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers lie where processors like them
    with part.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        _pour(file, blocks)
        file.write(names)


def _parquet(part: Path, ids: Sequence[str], dimensions: int, manifest: Manifest, blocks: Blocks) -> None:
    pa, parquet = _pyarrow()
    fields = [pa.field("id", pa.string()), pa.field("vector", pa.list_(pa.float32(), dimensions))]
    schema = pa.schema(fields, metadata={"likewise": manifest.to_json()})
    begin = 0
    with parquet.ParquetWriter(part, schema) as file:
        for block in blocks:
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), dimensions)
            names = pa.array(ids[begin : begin + len(block)], pa.string())
            file.write_table(pa.Table.from_arrays([names, vectors], schema=schema))
            begin += len(block)


def _pour(file: IO[bytes], blocks: Blocks) -> None:
    for block in blocks:
        file.write(np.ascontiguousarray(block, "<f4").data)


def _pyarrow() -> tuple[Any, Any]:
    # an extra: 170 MB that only this format needs
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("writing parquet", "parquet") from None
    return pyarrow, pyarrow.parquet


FORMATS = {".npy": _npy, ".safetensors": _safetensors, ".parquet": _parquet}
