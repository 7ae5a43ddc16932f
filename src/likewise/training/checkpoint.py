"""What a training keeps after every epoch: all that it needs to go on as if it had never been stopped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from likewise.assets import replacing
from likewise.errors import UsageError
from likewise.networks.formats import Tensors

CHECKPOINT, HISTORY = "checkpoint.safetensors", "history.csv"


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes
    ----------
    loss, accuracy
        Over the training pictures, while the epoch went and with dropout.
    validation_loss, validation_accuracy
        After it, without dropout.
    seconds
        Of training, without the validation.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """A training after its last whole epoch.

    Attributes
    ----------
    identity
        What is trained, on what and how; a checkpoint of another identity is refused.
    tensors
        Groups of arrays by name, such as the weights, their best so far and the optimiser's moments.
    """

    identity: Mapping[str, str]
    history: tuple[Epoch, ...]
    tensors: Mapping[str, Tensors]


def best_of(history: Sequence[Epoch]) -> Epoch:
    """The epoch of the lowest validation loss, the first among equals."""
    return min(history, key=lambda epoch: epoch.validation_loss)


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write ``checkpoint.safetensors`` whole, then ``history.csv``.

    Raises
    ------
    StorageError
        When the folder cannot be written.
    """
    history = [asdict(epoch) for epoch in checkpoint.history]
    flat = {
        f"{group}/{name}": tensor
        for group, tensors in checkpoint.tensors.items()
        for name, tensor in tensors.items()
    }
    with replacing(folder / CHECKPOINT) as part:
        save_file(
            flat, part, {"identity": json.dumps(dict(checkpoint.identity)), "history": json.dumps(history)}
        )
    with replacing(folder / HISTORY) as part:
        part.write_text(history_csv(checkpoint.history))


def history_csv(history: Sequence[Epoch]) -> str:
    """The epochs as CSV text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return text.getvalue()


def restore(folder: Path, identity: Mapping[str, str]) -> Checkpoint | None:
    """Read what `save` wrote; None where nothing was.

    Raises
    ------
    UsageError
        When it is damaged, or belongs to another training; names what differs.
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
        history = tuple(Epoch(**epoch) for epoch in json.loads(facts["history"]))
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
