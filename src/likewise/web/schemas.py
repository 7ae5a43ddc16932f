"""Requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(max_length=200)]
Corners = Annotated[list[float], Field(min_length=4, max_length=4, examples=[[40, 30, 220, 180]])]
Outline = Annotated[list[list[float]], Field(min_length=4, max_length=4)]
Id = Annotated[int, Field(ge=0, lt=1 << 63)]
Where = Annotated[str, Field(max_length=2000)]
Cursor = Annotated[str, Field(max_length=100)]


class RequestModel(BaseModel):
    """Something that clients send: what is not documented is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ResponseModel(BaseModel):
    """Something that clients get."""


# --- what is asked ---


class Query(RequestModel):
    """One picture to search for: by its id here, by an upload, or its vector."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [name]} for name in ("picture", "upload", "vector")]}
    )

    picture: Id | None = None
    upload: Annotated[str, Field(max_length=40)] | None = None
    vector: Annotated[list[float], Field(max_length=200_000)] | None = None
    box: Corners | None = Field(
        default=None, description="Left, top, right, bottom in pixels of the upright original."
    )
    crop: Literal["whole", "own"] = "whole"

    @model_validator(mode="after")
    def _one(self) -> Query:
        if sum(given is not None for given in (self.picture, self.upload, self.vector)) != 1:
            raise ValueError("give one of picture, upload and vector")
        return self


class Search(RequestModel):
    """What to search for, and how."""

    queries: list[Query] = Field(min_length=1, description="Several pictures are searched for as one.")
    yes: list[Query] = Field(default=[], description="More like these.")
    no: list[Query] = Field(default=[], description="Less like these.")
    then: Annotated[list[Name], Field(max_length=8)] = Field(
        [], description="Stages, as `GET /stages` lists."
    )
    folder: Annotated[str, Field(max_length=4096)] | None = Field(
        None, description="As `GET .../folders` gives it."
    )
    where: Where | None = Field(
        None,
        description="A filter, such as `taken >= 2019-06 and size > 2MP`: only pictures of which it is true.",
    )
    k: int = Field(default=50, ge=1)
    cursor: Cursor | None = Field(default=None, description="`next` of the answer before.")


class Compare(RequestModel):
    """Two pictures to compare."""

    a: Query
    b: Query


class Explain(RequestModel):
    """A picture of a query and one that it found, and the whole search by which it did."""

    query: Query
    picture: Id
    search: Search | None = Field(
        default=None,
        description="What the list was asked for: its score of the picture is told and taken apart.",
    )


class AddFolder(RequestModel):
    """A folder to add, below one of the server's roots."""

    root: Name
    path: Annotated[str, Field(max_length=4096)] = ""
    retry: bool = False
    prune: bool | Literal["all"] = False


class Update(RequestModel):
    """What to forget: what is gone, or also folders that hold none of their pictures any more."""

    prune: bool | Literal["all"] = True


class Retry(RequestModel):
    """Failures to try again; all of them if none is named."""

    keys: Annotated[list[Annotated[str, Field(max_length=16)]], Field(max_length=10_000)] = []


class Remove(RequestModel):
    """Pictures to forget."""

    pictures: Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class Throw(RequestModel):
    """Copies whose files are thrown away, as they were found from a similarity on, or from the one chosen."""

    pictures: Annotated[list[Id], Field(min_length=1, max_length=10_000)]
    threshold: float | None = None


class Dismiss(RequestModel):
    """Pictures that are no duplicates of each other."""

    pictures: Annotated[list[Id], Field(min_length=2, max_length=1000)]
    forget: bool = False


class Undo(RequestModel):
    """A removal to take back."""

    undo: Annotated[str, Field(max_length=64)]


class Token(RequestModel):
    """The server's token."""

    token: Annotated[str, Field(max_length=1000)]


# --- what is told ---


class Bounds(ResponseModel):
    """What the server takes."""

    upload_bytes: int
    upload_pixels: int
    upload_files: int
    k: int
    queries: int


class Session(ResponseModel):
    """What this client may do here."""

    version: str
    token_required: bool
    signed_in: bool
    can_write: bool
    read_only: bool
    originals: bool
    limits: Bounds


class Collection(ResponseModel):
    """A collection in a few facts; most are null before it is made."""

    name: str
    pictures: int
    failures: int
    generation: int
    changed: float | None = None
    bytes: int = 0
    recipe: str | None = None
    recipe_hash: str | None = None
    recipe_toml: str | None = None
    network: str | None = None
    weights_hash: str | None = None
    dimensions: int | None = None
    code: str | None = None
    engine: str | None = None
    precision: str | None = None
    distance: str | None = None
    explains: bool = False
    localise: bool = False
    indexing: str | None = None
    roots: list[str] = []
    same_pictures: list[str] = []


class Collections(ResponseModel):
    """All collections."""

    collections: list[Collection]


class Upload(ResponseModel):
    """A picture that was sent."""

    id: str
    width: int
    height: int
    name: str | None = None


class Picture(ResponseModel):
    """A picture of a collection."""

    id: int
    path: str
    name: str
    folder: str
    width: int
    height: int
    bytes: int
    modified: float


class Pictures(ResponseModel):
    """A page of pictures."""

    pictures: list[Picture]
    total: int
    next: str | None
    generation: int


class Said(ResponseModel):
    """What is said of a picture: by its file, and by columns of the owner's own.

    Positions are told only to a client on the server's own machine, or to one that may write.
    """

    taken: str | None = None
    added: str | None = None
    camera: str | None = None
    lens: str | None = None
    orientation: int | None = None
    rating: int | None = None
    keywords: list[str] = []
    latitude: float | None = None
    longitude: float | None = None
    annotations: dict[str, str] = {}


class Counted(ResponseModel):
    """A value, null where it is not known, and how many pictures have it."""

    value: str | int | None
    pictures: int


class Facet(ResponseModel):
    """Something that pictures are counted by: the most frequent values, those first."""

    name: str
    values: list[Counted]


class Facets(ResponseModel):
    """What pictures can be counted and filtered by."""

    facets: list[Facet]
    fields: list[str]
    columns: list[str]


class Folder(ResponseModel):
    """A folder, and how many pictures lie in it and below."""

    path: str
    pictures: int


class Folders(ResponseModel):
    """The folders with pictures."""

    folders: list[Folder]


class Failure(ResponseModel):
    """A file that could not be indexed."""

    path: str
    reason: str
    message: str
    at: float
    key: str


class Failures(ResponseModel):
    """A page of failures."""

    failures: list[Failure]
    total: int
    next: str | None


class Hit(Picture):
    """A found picture; ``box`` and ``outline`` are where in it the query was found, if that was looked for.

    ``outline`` are x and y of four corners; ``evidence`` is what each layer, ``fit``, and ``expansion``, by
    way of the surest hit, give to the score where it is a sum of them; ``verdict`` is ``same``, ``alike`` or
    ``nothing``, and ``expected_false`` how many pictures of other things are to be expected that score as
    high.
    """

    rank: int
    score: float
    box: Corners | None = None
    outline: Outline | None = None
    evidence: dict[str, float] | None = None
    inliers: int | None = None
    expected_false: float | None = None
    verdict: str | None = None


class Verdicts(ResponseModel):
    """How many pictures show the same thing, and how many more are alike."""

    same: int
    alike: int


class Hits(ResponseModel):
    """A page of found pictures, best first; ``left_out`` could not be asked: what is kept is damaged, or on a
    shard that does not answer.

    ``recall`` is the share of the nearest that such a search finds, null where every picture was compared;
    ``verdicts`` are counts of the whole list, null where hits have no verdicts.
    """

    hits: list[Hit]
    total: int
    next: str | None
    generation: int
    seconds: float
    then: list[str]
    left_out: int = 0
    recall: float | None = None
    verdicts: Verdicts | None = None
    uploads: list[Upload] = []


class Option(ResponseModel):
    """An option of a stage."""

    name: str
    default: float
    least: float
    most: float


class Stage(ResponseModel):
    """Something that may follow a search."""

    name: str
    about: str
    options: list[Option]


class Stages(ResponseModel):
    """All stages."""

    stages: list[Stage]


class Subjects(ResponseModel):
    """Parts of a picture to search with, in pixels of the upright original, the clearest first."""

    boxes: list[Corners]


class Comparison(ResponseModel):
    """How alike two pictures are, and how unusual that is here."""

    similarity: float
    percentile: float | None
    rank: int
    quantiles: dict[str, float]


class Heat(ResponseModel):
    """What each cell of a grid gives, row by row; ``top`` is the largest magnitude of both sides."""

    rows: int
    columns: int
    values: list[float]
    top: float


class Side(ResponseModel):
    """One of two pictures that are alike.

    ``region`` is what of the upright original the heat covers, ``box`` where the query was found, and ``png``
    the heat as a data address to lay over the region.
    """

    width: int
    height: int
    region: Corners
    box: Corners | None
    heat: Heat
    png: str


class Match(ResponseModel):
    """Two patches that match, and how much that counts."""

    query: Corners
    hit: Corners
    weight: float


class Explanation(ResponseModel):
    """Why two pictures are alike: the cells of either side, and the constant, add up to the score.

    That is the score of the two by one ``layer``. ``found`` is the hit as the search lists it, null where it
    is not among those ranked; ``shares`` are what its pictures (queries, yes, no) give to the score before
    any stages, null where that is no sum. ``outline`` and ``inliers`` tell where the query was verified
    to lie, ``matches`` by which places.
    """

    layer: str
    score: float
    constant: float
    exact: bool
    query: Side
    hit: Side
    matches: list[Match] = []
    outline: Outline | None = None
    inliers: int | None = None
    found: Hit | None = None
    shares: list[float] | None = None


class Point(ResponseModel):
    """A picture on the map; both coordinates from 0 to 1, and the number of the group it belongs to."""

    id: int
    x: float
    y: float
    group: int


class Map(ResponseModel):
    """Where pictures lie on a map."""

    points: list[Point]
    method: str
    generation: int


class Duplicate(ResponseModel):
    """Pictures that are one: the one to keep first, then by their similarity to it.

    ``kinds`` are what each is to the one that it is a copy ``of``, by its id; both null for the one to keep.
    """

    pictures: list[Picture]
    similarities: list[float]
    kinds: list[str | None]
    surplus: list[bool]
    of: list[int | None]


class Duplicates(ResponseModel):
    """Near-duplicates; ``surplus`` pictures could go."""

    groups: list[Duplicate]
    bursts: list[Duplicate]
    threshold: float
    reason: str
    surplus: int
    generation: int


class Cluster(ResponseModel):
    """Pictures that are alike; the most central ones are told in full."""

    size: int
    pictures: list[Picture]
    ids: list[int]


class Clusters(ResponseModel):
    """A collection in clusters; those ``alone`` belong to none."""

    clusters: list[Cluster]
    alone: list[int]
    generation: int


class Tap(ResponseModel):
    """A place in a network; ``stride`` and ``field`` in pixels, 0 for a vector or where it is not known."""

    name: str
    channels: int
    stride: int
    field: int


class Network(ResponseModel):
    """A network; ``ready`` where its weights are on the server's machine."""

    name: str
    ready: bool
    taps: list[Tap]


class Networks(ResponseModel):
    """All networks."""

    networks: list[Network]


class Histogram(ResponseModel):
    """How often values fall between each two edges."""

    edges: list[float]
    counts: list[int]


class Channel(ResponseModel):
    """One channel of a tap."""

    channel: int
    mean: float
    maximum: float


class Statistics(ResponseModel):
    """The activations of a picture at a tap in numbers; entropies in bits."""

    network: str
    tap: str
    channels: int
    height: int | None
    width: int | None
    stride: int
    field: int
    mean: float
    deviation: float
    zeros: float
    minimum: float
    maximum: float
    rank: float | None
    entropy: float
    gain: float
    histogram: Histogram
    strongest: list[Channel]


class Seen(ResponseModel):
    """A cell (row, column), and what it sees, in pixels of the upright original."""

    cell: list[int]
    box: Corners
    size: int


class Root(ResponseModel):
    """A folder that pictures may be added from."""

    name: str


class Roots(ResponseModel):
    """All of them."""

    roots: list[Root]


class RootFolder(ResponseModel):
    """A folder below a root: the folders in it, and how many picture files."""

    path: str
    folders: list[str]
    pictures: int


class Fault(ResponseModel):
    """An error: a word for programs and a sentence for people."""

    code: str
    message: str


class Job(ResponseModel):
    """Work that goes on by itself."""

    id: str
    collection: str
    kind: Literal["files", "folder", "retry", "update"]
    subject: str
    state: Literal["waiting", "running", "paused", "done", "failed", "cancelled", "interrupted"]
    done: int
    total: int
    failed: int
    remaining: float | None
    note: str
    started: float
    ended: float | None
    report: dict[str, float | dict[str, int]] | None
    error: Fault | None


class Jobs(ResponseModel):
    """Jobs, the newest first."""

    jobs: list[Job]


class Removed(ResponseModel):
    """What was removed, and until when it can be undone."""

    removed: int
    undo: str
    until: float


class Thrown(Removed):
    """What was thrown away with its file; ``left`` are pictures whose files had to stay."""

    left: list[int]


class Dismissed(ResponseModel):
    """How many pairs were added to what is no duplicate, or taken from it."""

    pairs: int


class Restored(ResponseModel):
    """What came back."""

    restored: int


class Health(ResponseModel):
    """That the server answers."""

    status: Literal["ok"]
    version: str
    collections: int


class RunSummary(ResponseModel):
    """A run of an evaluation."""

    id: str
    benchmark: str
    recipe: str
    crop: str
    measure: str
    value: float
    interval: list[float]
    queries: int
    made: float | None


class Runs(ResponseModel):
    """All runs."""

    runs: list[RunSummary]


class RunRow(ResponseModel):
    """What one query scored; null where it has no right answer."""

    number: int
    name: str
    value: float | None
    positives: int
    box: Corners | None


class Curve(ResponseModel):
    """Precision over recall."""

    recall: list[float]
    precision: list[float]


class Run(RunSummary):
    """A run with its card and its queries."""

    card: dict[str, Any]
    table: list[RunRow]
    curve: Curve


class RunAnswer(ResponseModel):
    """One picture that a query of a run found."""

    rank: int
    score: float
    name: str
    verdict: Literal["right", "wrong", "junk"]
    box: Corners | None
    thumbnail: str


class RunQuery(ResponseModel):
    """A query of a run and what it found."""

    number: int
    name: str
    value: float | None
    box: Corners | None
    width: int | None
    height: int | None
    answers: list[RunAnswer]
    thumbnail: str


class RunDifference(ResponseModel):
    """One query in two runs."""

    number: int
    name: str
    first: float
    second: float
    difference: float


class RunComparison(ResponseModel):
    """Two runs query by query; ``p`` is that of a sign-flip test that they do not differ."""

    first: RunSummary
    second: RunSummary
    difference: float
    interval: list[float]
    p: float
    table: list[RunDifference]
