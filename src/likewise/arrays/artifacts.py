"""Files of what was learned on pictures: arrays, and what they were learned on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as tensorfile

from likewise.errors import BadRecipe, BadWeights, WeightsMissing
from likewise.files import replacing
from likewise.tables import Option, RecipeText

DIGITS = 16
"""Hexadecimal digits of a picture's sha256 by which a sample remembers it."""


@dataclass(frozen=True)
class Sample:
    """The sample that something was learned on.

    Attributes
    ----------
    fingerprint
        Sha256 of the sample vectors.
    samples
        How many vectors.
    about
        The pictures in words, so that a score can say where its whitening comes from.
    pictures
        The first `DIGITS` digits of the sha256 of each picture file, sorted; empty where they are not known.
    recipe
        The recipe that made the vectors, as TOML; empty where it is not known.
    """

    fingerprint: str
    samples: int
    about: str = ""
    pictures: tuple[str, ...] = ()
    recipe: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pictures", tuple(self.pictures))  # JSON has lists only

    @property
    def recipe_name(self) -> str:
        """The name of that recipe; ``not known`` where there is none. Raises `BadRecipe`."""
        if not self.recipe:
            return "not known"
        return RecipeText(self.recipe).read(lambda head, layers, _: str((head or layers[0]).get("name", "")))

    def seen(self, digests: Iterable[str]) -> int:
        """How many pictures of it are among some, by the sha256 of their files."""
        return len({known_by(digest) for digest in digests}.intersection(self.pictures))


def known_by(digest: str) -> str:
    """How a sample remembers a picture file by its sha256."""
    return digest[:DIGITS]


def fingerprint(vectors: np.ndarray[Any, Any]) -> str:
    """Sha256 of sample vectors, as float32."""
    return hashlib.sha256(np.ascontiguousarray(vectors, np.float32).data).hexdigest()


def named(path: Path, what: str) -> dict[str, Option]:
    """Options by which a recipe names a file that was learned: where it lies, and its sha256.

    Raises `BadRecipe` when the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadRecipe(f"{what} file {path} cannot be read: {error.strerror}") from error
    return {"file": str(path.absolute()), "sha256": digest}


def resolved(options: dict[str, Any], folder: Path, what: str) -> dict[str, Any]:
    """Options whose file is found from ``folder``, and looked at where it is named without its digest."""
    file = options.get("file")
    if not isinstance(file, str) or not file:
        return options
    if "sha256" in options:
        return options | {"file": str((folder / file).absolute())}
    return options | named(folder / file, what)


def write(path: Path, tensors: Mapping[str, np.ndarray[Any, Any]], origin: Sample) -> None:
    """Write a safetensors file; equal contents give equal bytes.

    Raises `StorageError` when the file cannot be written.
    """
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    data = tensorfile.save(whole, {"origin": json.dumps(asdict(origin))})
    with replacing(path) as part:
        part.write_bytes(data)


def read(
    path: Path, what: str, *, sha256: str | None = None
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """Read what `write` wrote: the tensors, and the fields of their origin.

    Raises `WeightsMissing` when there is no such file; `BadWeights` when the file has another digest or is of
    another kind.

    Parameters
    ----------
    what
        What error messages call it.
    sha256
        Digest that the file must have.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsMissing(f"{what} {path} cannot be read: {error.strerror}") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise BadWeights(f"{what} {path} is not the one that the recipe names: its sha256 is not {sha256}")
    try:
        return tensorfile.load(data), dict(json.loads(_metadata(data)["origin"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"{path} holds no {what}: it is another kind of file, or damaged") from error


def _metadata(data: bytes) -> dict[str, str]:
    """Metadata of a safetensors file: a JSON header after its length as 8 bytes, little end first."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length])["__metadata__"])
