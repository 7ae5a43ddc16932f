"""Checkpoints of a training, one an epoch: all that it needs to go on as if it had never been stopped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from safetensors import SafetensorError, safe_open
from safetensors import numpy as tensorfile

from likewise.errors import UsageError
from likewise.files import replacing
from likewise.networks import Tensors

Row: TypeAlias = Mapping[str, float]
CHECKPOINT, HISTORY = "checkpoint.safetensors", "history.csv"


@dataclass(frozen=True)
class Checkpoint:
    """A training after its last whole epoch.

    Attributes
    ----------
    identity
        What is trained, on what and how; a checkpoint of another identity is refused.
    history
        One row an epoch, numbers by name.
    tensors
        Groups of arrays by name, such as the weights, their best so far and the optimiser's moments.
    """

    identity: Mapping[str, str]
    history: tuple[Row, ...]
    tensors: Mapping[str, Tensors]


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write ``checkpoint.safetensors`` whole, then ``history.csv``.

    Raises `StorageError` when the folder cannot be written.
    """
    flat = {
        f"{group}/{name}": tensor
        for group, tensors in checkpoint.tensors.items()
        for name, tensor in tensors.items()
    }
    with replacing(folder / CHECKPOINT) as part:
        metadata = {
            "identity": json.dumps(dict(checkpoint.identity)),
            "history": json.dumps(checkpoint.history),
        }
        part.write_bytes(tensorfile.save(flat, metadata))
    with replacing(folder / HISTORY) as part:
        part.write_text(history_csv(checkpoint.history))


def history_csv(history: Sequence[Row]) -> str:
    """The epochs as CSV text; all rows have the names of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def restore(folder: Path, identity: Mapping[str, str]) -> Checkpoint | None:
    """Read what `save` wrote; None where nothing was.

    Raises `UsageError` when it is damaged, or belongs to another training; names what differs.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    again = "remove the folder, or name another one"
    try:
        with safe_open(path, framework="numpy") as file:
            facts = dict(file.metadata() or {})
            flat = {name: file.get_tensor(name) for name in file.keys()}
        theirs: dict[str, str] = json.loads(facts["identity"])
        history = tuple(dict(row) for row in json.loads(facts["history"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is no checkpoint, or a damaged one ({error}): {again}") from error
    for key, value in identity.items():
        if theirs.get(key) != value:
            raise UsageError(
                f"{folder} holds a training with {key} {theirs.get(key)} instead of {value}: {again}"
            )
    groups: dict[str, Tensors] = {}
    for name, tensor in flat.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = tensor
    return Checkpoint(theirs, history, groups)
