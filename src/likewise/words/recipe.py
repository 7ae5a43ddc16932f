"""A recipe of visual words says how a picture becomes patches, words and codes, and how those are compared.

It is a small TOML file, told from the recipe of one vector by its kind::

    name = "mof-lite0"
    kind = "words"
    network = "efficientnet-lite0"
    taps = ["block10", "pooled"]   # the layers, each with a codebook and an index of its own
    pool = "max"                   # over a patch: max or sum
    size = 96                      # of a patch, in pixels of the resized picture
    stride = 32
    scales = [1.0, 0.7, 0.5]
    mode = "shared"                # or "exact"
    nearest = 3                    # words that a feature is put in ...
    assign = "query"               # ... on this side: query, database or both

    [resize]
    policy = "longest"
    size = 640

    [query]                        # of pictures that are searched for: larger, so that small things are seen
    size = 1024                    # enlarged to it; without it queries are as [resize] says
    scales = [1.0, 0.7, 0.5, 0.35]

    [scoring]                      # see `likewise.words.scoring.Scoring` and `likewise.words.fusion.Fusion`
    threshold = 52

    [vocabulary]                   # what `likewise words learn` wrote; without one the default is learned
    file = "my.words"

Instead of patches, a table of keypoints takes the place of network, taps and all that is theirs::

    name = "sift"
    kind = "words"

    [keypoints]                    # see `likewise.local.keypoints.Keypoints`
    detector = "sift"
    number = 900
    describer = "efficientnet-lite0"   # and a tap: its activations there describe them
    tap = "block4"
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from likewise.arrays.artifacts import named, resolved
from likewise.errors import BadRecipe
from likewise.local import Keypoints, Patches
from likewise.networks import find
from likewise.pictures import Resize
from likewise.tables import (
    Option,
    RecipeText,
    choose,
    defaults_of,
    difference,
    expect,
    known_keys,
    settle,
    toml_lines,
)
from likewise.words.fusion import Fusion
from likewise.words.scoring import Scoring

Side: TypeAlias = Literal["query", "database", "both"]

KIND = "words"

_HEAD: dict[str, Option] = {"name": "", "about": "", "kind": KIND, "nearest": 3, "assign": "query"}
_PATCHES: dict[str, Option] = {
    "network": "",
    "weights": "",
    "pool": "max",
    "size": 224,
    "stride": 32,
    "mode": "shared",
}
_KEYPOINTS = defaults_of(Keypoints, "resize")
_LATER = ("describer", "tap", "spare", "scale_power")
_RESIZE = defaults_of(Resize, "scale", "filter", "exact")
_SCORING, _FUSION = defaults_of(Scoring), defaults_of(Fusion, "layers")
_FILE: dict[str, Option] = {"file": "", "sha256": ""}
_QUERY: dict[str, Option] = {"size": 1024, "number": 0, "spare": 3.0}
_NESTED = ("taps", "scales", "keypoints", "resize", "query", "scoring", "vocabulary")
_BOUNDS = {
    "nearest": (1, 100),
    "size": (1, 10_000),
    "stride": (1, 10_000),
    "number": (1, 100_000),
    "spare": (0, 100),
    "scale_power": (0, 10),
}

Features: TypeAlias = Patches | Keypoints


@dataclass(frozen=True)
class QuerySize:
    """How query pictures are described.

    Attributes
    ----------
    size
        How large they are: made for patches, at most for keypoints.
    scales
        At which scales patches of them are taken.
    number
        How many keypoints at most; 0 for as many as are stored.
    spare
        As of `Keypoints`, but more: the more there are to choose among, the more lie on small things.
    """

    size: int
    scales: tuple[float, ...] = (1.0,)
    number: int = 0
    spare: float = 3.0


@dataclass(frozen=True)
class WordsRecipe:
    """How a picture becomes words.

    Raises `BadRecipe` when a value is out of bounds or parts do not go together.

    Attributes
    ----------
    features
        Which local features; see `Patches` and `Keypoints`.
    nearest
        How many words a feature is put in, on the side that `assign` names: ``query``, ``database`` or
        ``both``. The other side uses the nearest word alone.
    scoring, fusion
        How matches are scored and layers put together, unless a search says otherwise.
    query
        Size and scales of pictures that are searched for: small things in them are seen when they are
        enlarged. Empty for those of ``features``.
    vocabulary
        The file and sha256 of the codebooks; empty until there are some.
    """

    kind: ClassVar[str] = KIND

    name: str
    features: Features
    about: str = ""
    nearest: int = 3
    assign: Side = "query"
    scoring: Scoring = field(default_factory=Scoring)
    fusion: Fusion = field(default_factory=Fusion)
    query: QuerySize | None = None
    vocabulary: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("assign", self.assign, get_args(Side))
        settle({"nearest": self.nearest}, {"nearest": 3}, "the recipe", _BOUNDS)
        if isinstance(self.features, Patches):
            card = find(self.features.network)
            taps = tuple(dict.fromkeys(card.tap(tap).name for tap in self.features.taps))
            object.__setattr__(self, "features", replace(self.features, taps=taps))
            layers = tuple(card.tap(layer).name for layer in self.fusion.layers)
            object.__setattr__(self, "fusion", replace(self.fusion, layers=layers))
        for layer in self.fusion.layers:
            choose("a layer that is asked", layer, self.features.taps)

    @classmethod
    def parse(cls, text: str, *, origin: str = "recipe", folder: Path | None = None) -> WordsRecipe:
        """Read a recipe of visual words from TOML text; parameters and errors as for `VectorRecipe.parse`."""
        return RecipeText(text, origin, folder).read(lambda _, layers, folder: cls.read(layers[0], folder))

    @classmethod
    def read(cls, given: Mapping[str, Any], folder: Path) -> WordsRecipe:
        """Read the table of a layer of kind ``words``, whose relative paths begin in a folder.

        Raises `UsageError` when a key is unknown or a value cannot be used.
        """
        table = dict(given)
        known_keys(table, [*_HEAD, *_PATCHES, *_NESTED], "the recipe")
        settings = settle({key: table[key] for key in table if key in _HEAD}, _HEAD, "the recipe", _BOUNDS)
        choose("kind", settings.pop("kind"), (KIND,))
        features = _keypoints(table) if "keypoints" in table else _patches(table)
        scoring, fusion = _scoring(expect(dict, table.get("scoring", {}), "scoring"))
        query = _query(table["query"]) if "query" in table else None
        vocabulary = expect(dict, table.get("vocabulary", {}), "vocabulary")
        vocabulary = settle(resolved(vocabulary, folder, "vocabulary"), _FILE, "vocabulary")
        given = vocabulary if vocabulary["file"] else {}
        return cls(
            features=features, scoring=scoring, fusion=fusion, query=query, vocabulary=given, **settings
        )

    @property
    def asked_features(self) -> Features:
        """Which local features of a picture that is searched for."""
        if self.query is None:
            return self.features
        resize = replace(self.features.resize, size=self.query.size)
        if isinstance(self.features, Keypoints):
            number = self.query.number or self.features.number
            return replace(self.features, resize=resize, number=number, spare=self.query.spare)
        resize = replace(resize, enlarge=True)
        return replace(self.features, resize=resize, scales=self.query.scales)

    @property
    def network(self) -> str:
        """Whose layers it reads, or what finds its keypoints."""
        return self.features.network

    @property
    def resize(self) -> Resize:
        """How indexed pictures are resized."""
        return self.features.resize

    @property
    def receptive_field(self) -> int:
        """Side of the largest patch, in pixels of the resized picture; 0 for keypoints: each has its own."""
        return self.features.field

    @property
    def stored(self) -> int:
        """Words that each feature of an indexed picture is put in."""
        return self.nearest if self.assign in ("database", "both") else 1

    @property
    def asked(self) -> int:
        """Words that each feature of a query is put in."""
        return self.nearest if self.assign in ("query", "both") else 1

    @property
    def hash(self) -> str:
        """Sha256 of everything that changes what is stored, in hexadecimal.

        How a search scores it may change from one to the next, and does not count.
        """
        text = json.dumps(self._canonical(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_toml(self) -> str:
        """Write the recipe such that `parse` gives an equal one."""
        features = _told(self.features)
        head = {key: getattr(self, key) for key in _HEAD if key != "kind"} | {"kind": KIND}
        keypoints = {key: features[key] for key in _KEYPOINTS if key in features}
        if isinstance(self.features, Patches):
            head |= {key: features[key] for key in (*_PATCHES, "taps", "scales")}
        scoring = asdict(self.scoring) | asdict(self.fusion)
        sections: dict[str, Mapping[str, Any]] = {
            "keypoints": keypoints,
            "resize": {key: features["resize"][key] for key in _RESIZE},
            "query": asdict(self.query) if self.query else {},
            "scoring": scoring,
            "vocabulary": self.vocabulary,
        }
        text = toml_lines(head)
        for name, table in sections.items():
            text += ["", f"[{name}]", *toml_lines(table)] if table else []
        return "\n".join(text) + "\n"

    def difference(self, other: WordsRecipe) -> str:
        """Differences in what is stored, as ``key this against other, ...``; empty when there is none."""
        return difference(self._canonical(), other._canonical())

    def with_vocabulary(self, path: Path) -> WordsRecipe:
        """Give this recipe with the codebooks that a file holds.

        Raises `BadRecipe` when the file cannot be read.
        """
        return replace(self, vocabulary=named(path, "vocabulary"))

    def scored(self, given: Mapping[str, Any]) -> WordsRecipe:
        """Give this recipe with some options of its scoring and fusion changed.

        Raises `BadRecipe` or `UsageError` when there is no such option, or a value is of the wrong kind or
        out of bounds.
        """
        scoring, fusion = _scoring(asdict(self.scoring) | asdict(self.fusion) | dict(given))
        return replace(self, scoring=scoring, fusion=fusion)

    def _canonical(self) -> dict[str, Any]:
        what = "patches" if isinstance(self.features, Patches) else "keypoints"
        features = _told(self.features)
        del features["resize"]["exact"]  # never set here, and hashes outlive later options
        sha256 = str(self.vocabulary.get("sha256", ""))
        return {"kind": KIND, what: features, "stored": self.stored, "vocabulary": sha256}


def _told(features: Features) -> dict[str, Any]:
    """All options, but for those that hashes are older than, where they are as ever."""
    return {key: it for key, it in asdict(features).items() if key not in _LATER or it != _KEYPOINTS[key]}


def _patches(table: dict[str, Any]) -> Patches:
    settings = settle({key: table[key] for key in table if key in _PATCHES}, _PATCHES, "the recipe", _BOUNDS)
    if "taps" not in table or not settings["network"]:
        raise BadRecipe("a recipe of visual words needs a network and its taps, or keypoints")
    return Patches(
        taps=_texts(table["taps"], "taps"),
        scales=_numbers(table.get("scales", [1.0]), "scales"),
        resize=_resize(table),
        **settings,
    )


def _keypoints(table: dict[str, Any]) -> Keypoints:
    for key in (*_PATCHES, "taps", "scales"):
        if key in table:
            raise BadRecipe(f"the recipe has keypoints, and {key} is for patches: leave one of them out")
    given = expect(dict, table["keypoints"], "keypoints")
    return Keypoints(resize=_resize(table), **settle(given, _KEYPOINTS, "[keypoints]", _BOUNDS))


def _resize(table: dict[str, Any]) -> Resize:
    return Resize(**settle(expect(dict, table.get("resize", {}), "resize"), _RESIZE, "[resize]"))


def _query(given: Any) -> QuerySize:
    table = expect(dict, given, "query")
    known_keys(table, (*_QUERY, "scales"), "[query]")
    bounds = {**_BOUNDS, "number": (0, _BOUNDS["number"][1])}
    settings = settle({key: table[key] for key in table if key in _QUERY}, _QUERY, "[query]", bounds)
    given = expect(list, table.get("scales", [1.0]), "scales")
    if not given:
        raise BadRecipe("scales must name at least one")
    scales = tuple(settle({"scale": scale}, {"scale": 1.0}, "[query]")["scale"] for scale in given)
    return QuerySize(scales=scales, **settings)


def _scoring(given: dict[str, Any]) -> tuple[Scoring, Fusion]:
    known_keys(given, [*_SCORING, *_FUSION, "layers"], "scoring")
    scoring = {key: value for key, value in given.items() if key in _SCORING}
    fusion = {key: value for key, value in given.items() if key in _FUSION}
    layers = _texts(given.get("layers", ()), "layers of scoring")
    return (
        Scoring(**settle(scoring, _SCORING, "scoring")),
        Fusion(**settle(fusion, _FUSION, "scoring"), layers=layers),
    )


def _texts(value: Any, where: str) -> tuple[str, ...]:
    items: Sequence[Any] = value if isinstance(value, tuple) else expect(list, value, where)
    if not all(isinstance(item, str) for item in items):
        raise BadRecipe(f"{where} must be a list of texts, not {value!r}")
    return tuple(items)


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    items = expect(list, value, where)
    if not all(type(item) in (int, float) for item in items):
        raise BadRecipe(f"{where} must be a list of numbers, not {value!r}")
    return tuple(map(float, items))
