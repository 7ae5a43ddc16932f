"""Settings and limits of a server."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from likewise.errors import UsageError
from likewise.files.system import cores

SHORTEST_TOKEN = 16
"""Characters below which a token is refused: one that can be tried out protects nothing."""


@dataclass(frozen=True)
class Limits:
    """The limits of one server.

    Attributes
    ----------
    upload_bytes, upload_pixels
        Of one picture.
    upload_files, request_bytes
        Of one request; the bytes of all its files.
    json_bytes
        Of one request without files.
    secret_bytes
        Of a request that needs no token.
    body_seconds
        How long sending one request may take.
    header_seconds, idle_seconds, answer_seconds
        How long a connection waits for the rest of a request's header, for the next request, and for its
        client to take what was written.
    connections, connections_each
        At the same time, of all clients and of each address; of those on this machine, which may be proxies
        for many, only all are counted.
    page, queries
        Results of one answer, and pictures of one query.
    rate, burst
        Requests a second that a client may send for long, and at once.
    running, waiting
        Searches and the like that run at the same time, and that may wait for it; one more is told to come
        back later.
    looking
        Overviews that may wait for their turn: one runs at a time.
    streams
        Jobs that are followed at the same time.
    jobs
        That have not ended, of one collection.
    uploading
        Requests with files, or with more than 64 KiB, that are received at the same time.
    foreseen
        Pictures up to which overviews of a collection are found as soon as it was added to.
    kept_uploads, kept_thumbnails, kept_overviews
        Bytes on the disk; the oldest go first.
    undo_seconds
        How long a removal can be undone.
    """

    upload_bytes: int = 32 << 20
    upload_pixels: int = 50_000_000
    upload_files: int = 50
    request_bytes: int = 256 << 20
    json_bytes: int = 4 << 20
    secret_bytes: int = 8 << 10
    body_seconds: float = 120.0
    header_seconds: float = 10.0
    idle_seconds: float = 30.0
    answer_seconds: float = 60.0
    connections: int = 1000
    connections_each: int = 200
    page: int = 200
    queries: int = 16
    rate: float = 100.0
    burst: int = 500
    running: int = field(default_factory=lambda: cores() + 1)
    waiting: int = 64
    looking: int = 8
    streams: int = 64
    jobs: int = 32
    uploading: int = 48
    foreseen: int = 10_000
    kept_uploads: int = 1 << 30
    kept_thumbnails: int = 2 << 30
    kept_overviews: int = 64 << 20
    undo_seconds: float = 86_400.0


@dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes
    ----------
    collections
        Their folders; one that is not there yet is made when something is added.
    state
        A folder for thumbnails, uploaded queries, jobs and what was removed; all but the last two can be
        made again.
    roots
        Folders that pictures may be added from.
    runs
        Where the runs of ``likewise evaluate`` lie.
    host, port
        Where it listens.
    token
        What clients have to know; needed on every host but this machine's own.
    read_only
        Whether nothing can be changed by anybody.
    originals
        Whether the files themselves are given out, with all that their metadata tells.
    names
        Further host names that the server goes by.
    shards
        Actors of Ray that search visual words; 0 for this process.
    """

    collections: tuple[Path, ...]
    state: Path
    roots: tuple[Path, ...] = ()
    runs: Path = Path("runs")
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    read_only: bool = False
    originals: bool = False
    names: tuple[str, ...] = ()
    engine: str = "openvino"
    device: str = "cpu"
    shards: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token is None and not is_local(self.host):
            raise UsageError(
                f"host {self.host} can be reached by others: give a --token that clients have to know "
                "(better in LIKEWISE_TOKEN, which other users of this machine cannot see)"
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise UsageError(f"a token of {len(self.token)} characters is too short: take {SHORTEST_TOKEN}")
        if self.token is not None and not self.token.isascii():
            raise UsageError("a token is made of ASCII characters, which every client can send")
        for root in self.roots:
            if not root.is_dir():
                raise UsageError(f"root {root} is no folder")

    def room(self, collection: Path) -> Path:
        """The folder in ``state`` that belongs to a collection."""
        name = hashlib.sha256(os.fsencode(os.path.realpath(collection))).hexdigest()[:16]
        return self.state / "collections" / name


def is_local(host: str) -> bool:
    """Whether an address or a host name is this machine's own, which others cannot reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def named(paths: Iterable[Path], *, suffix: str = "") -> dict[str, Path]:
    """Paths by the names of their folders, without the suffix; a second of a name is called ``name-2``."""
    by_name: dict[str, Path] = {}
    for path in paths:
        base = os.path.basename(os.path.realpath(path)).removesuffix(suffix) or "root"
        base = base.encode("utf-8", "backslashreplace").decode().replace("/", "-")
        name, number = base, 1
        while name in by_name:
            number += 1
            name = f"{base}-{number}"
        by_name[name] = path
    return by_name
