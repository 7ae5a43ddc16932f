"""Every error that likewise raises on purpose.

    LikewiseError
    ├── UsageError            a value that cannot be used as given              exit 2
    │   ├── UnknownName       no network, tap, recipe or key of that name
    │   ├── BadBox            a box that is malformed, empty or outside
    │   └── BadRecipe         a recipe file that cannot be understood
    ├── BadPicture            a file that is no readable picture                exit 2
    ├── CollectionError                                                         exit 3
    │   ├── CollectionNotFound
    │   ├── CollectionLocked  another process is writing
    │   ├── CollectionDamaged the catalogue or a row in it cannot be read
    │   └── ManifestMismatch  made by another recipe, weights or precision
    ├── WeightsError                                                            exit 4
    │   ├── WeightsMissing    not on this machine yet
    │   ├── BadWeights        a file that does not hold this network
    │   └── FetchFailed       every source was tried
    ├── MissingExtra          an optional dependency is not installed           exit 4
    ├── BadPlugin             what another package adds cannot be used          exit 4
    └── StorageError          full disk, read-only folder, no permission        exit 5

Each message names the value and the remedy. ``exit_code`` is what the command line returns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class LikewiseError(Exception):
    """Base of every error raised on purpose; catch it to catch them all.

    Attributes
    ----------
    public
        The message as somebody elsewhere may read it, who is not told where files lie on this machine; None
        where it has no such form.
    """

    exit_code = 1

    def __init__(self, message: str = "", *, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes: by message and attributes, whatever a kind of error is made from."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class UsageError(LikewiseError):
    """A value that cannot be used as given."""

    exit_code = 2


class UnknownName(UsageError):
    """No network, tap, recipe or key has that name; only names are told, so that all of it is public."""

    def __init__(self, message: str) -> None:
        super().__init__(message, public=message)


class UnknownPicture(UsageError):
    """A collection holds no picture of that id, or none any more."""


class BadBox(UsageError):
    """A box that is malformed, empty or outside its picture."""


class BadRecipe(UsageError):
    """A recipe that cannot be understood."""


class BadPicture(LikewiseError):
    """A file that is no readable picture.

    Parameters
    ----------
    message
        One sentence for a person.
    reason
        One stable word for programs: ``empty``, ``truncated``, ``not-a-picture``, ``too-large``,
        ``unreadable``, ``vanished``, ``changed`` (no longer what was indexed), ``unsupported`` (intact, but
        of a kind that is not read) or ``broken``.
    """

    exit_code = 2

    def __init__(self, message: str, reason: str = "broken") -> None:
        super().__init__(message)
        self.reason = reason


class CollectionError(LikewiseError):
    """Something is wrong with a collection as a whole."""

    exit_code = 3


class CollectionNotFound(CollectionError):
    """No collection lies at that path, or it is not clear which one is meant."""


class CollectionLocked(CollectionError):
    """Another process is writing to the collection."""


class CollectionDamaged(CollectionError):
    """The catalogue, or a row in it, cannot be read."""


class ShardLost(CollectionError):
    """A shard of a collection's words does not answer; a search asks the others again without it."""


class NewerManifest(CollectionDamaged):
    """A collection was written by a newer likewise, which keeps more of how it was made."""


class ManifestMismatch(CollectionError):
    """A query or an addition was made by another recipe, other weights or another precision."""


class WeightsError(LikewiseError):
    """Something is wrong with a network's weights."""

    exit_code = 4


class WeightsMissing(WeightsError):
    """The weights are not on this machine yet."""


class BadWeights(WeightsError):
    """A file does not hold the weights of this network."""


class ReaderFailed(WeightsError):
    """A reader of somebody else's files crashed, or took too long or too much memory."""


class FetchFailed(WeightsError):
    """Every source of an asset was tried, and none gave it."""


class MissingExtra(LikewiseError):
    """An optional dependency is not installed."""

    exit_code = 4

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: {_installer()} 'likewise[{extra}]'")


def _installer() -> str:
    """The command that installs into this environment: pip, or that of the tool which made it."""
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        return "pipx inject likewise"
    if (prefix / "uv-receipt.toml").exists():
        return f"uv pip install --python '{prefix}'"
    return "pip install"


@contextmanager
def needing(feature: str, *, package: str, extra: str) -> Iterator[None]:
    """Around the import of a package that may not be here.

    Raises `MissingExtra` when it is this package that is missing, with the extra that brings it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtra(feature, extra) from error


class BadPlugin(LikewiseError):
    """An entry point of another package cannot be used."""

    exit_code = 4


class StorageError(LikewiseError):
    """The disk is full, or a folder cannot be written."""

    exit_code = 5
