"""A client of a likewise server, with nothing but the standard library.

>>> from likewise.client import Client
>>> client = Client("http://127.0.0.1:8080")
>>> for hit in client.search("photos", "query.jpg", k=5):
...     print(hit.path, hit.score)
"""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from likewise.errors import LikewiseError, UsageError

Picture: TypeAlias = int | str | os.PathLike[str] | bytes | Sequence[float]
"""A picture to search for: the id of one in the collection, a file, its content, or a vector."""

T = TypeVar("T")


class ServerError(LikewiseError):
    """The answer of a server that does not do what it was asked.

    Attributes
    ----------
    status
        Of HTTP; 0 when there was no answer.
    code
        The server's word for it, such as ``bad-picture`` or ``busy``.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class ServedPicture:
    """A picture of a collection; ``path`` begins with the name of the indexed folder."""

    id: int
    path: str
    width: int
    height: int
    bytes: int
    modified: float


@dataclass(frozen=True)
class ServedHit(ServedPicture):
    """A found picture, with the box where the query was found if that was looked for."""

    rank: int
    score: float
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class ServedJob:
    """Work that goes on at the server: see its ``state``, and ``done`` out of ``total`` files."""

    id: str
    collection: str
    state: str
    done: int
    total: int
    failed: int
    remaining: float | None
    report: dict[str, Any] | None
    error: dict[str, str] | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled", "interrupted")


class Client:
    """Talks to one server.

    Raises `UsageError` when the address is none.

    Parameters
    ----------
    address
        Such as ``http://127.0.0.1:8080``.
    token
        The server's, if it has one; by default ``$LIKEWISE_TOKEN``.
    timeout
        Seconds to wait for an answer.
    """

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 60.0) -> None:
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).netloc:
            raise UsageError(f"{address!r} is no address: give one such as http://127.0.0.1:8080")
        self._base = f"{address.rstrip('/')}/api/v1"
        self._token = token if token is not None else os.environ.get("LIKEWISE_TOKEN")
        self._timeout = timeout

    # --- asking ---

    def collections(self) -> list[dict[str, Any]]:
        """The collections that the server serves, with their facts."""
        collections: list[dict[str, Any]] = self.call("GET", "/collections")["collections"]
        return collections

    def pictures(self, collection: str, *, folder: str | None = None) -> Iterator[ServedPicture]:
        """All pictures of a collection, or of a folder in it, by path."""
        parameters: dict[str, Any] = {"k": 200} | ({"folder": folder} if folder else {})
        while True:
            answer = self.call("GET", f"{_of(collection)}/pictures?{urlencode(parameters)}")
            yield from (_made(ServedPicture, picture) for picture in answer["pictures"])
            if answer["next"] is None:
                return
            parameters["cursor"] = answer["next"]

    def search(
        self,
        collection: str,
        *queries: Picture,
        k: int = 20,
        box: Sequence[float] | None = None,
        yes: Sequence[Picture] = (),
        no: Sequence[Picture] = (),
        then: Sequence[str] = (),
        folder: str | None = None,
        where: str | None = None,
    ) -> list[ServedHit]:
        """Find the pictures most like one or several; parameters as `Collection.search`.

        ``box`` concerns the first query. Raises `ServerError` when the server refuses, or cannot be reached,
        `UsageError` for no query.
        """
        if k < 1:
            raise UsageError(f"k must be at least 1, not {k}")
        body: dict[str, Any] = {
            "queries": [self._query(query) for query in queries],
            "yes": [self._query(query) for query in yes],
            "no": [self._query(query) for query in no],
            "then": list(then),
            "folder": folder,
            "where": where,
        }
        if box is not None and body["queries"]:
            body["queries"][0]["box"] = list(box)
        hits: list[ServedHit] = []
        while len(hits) < k:
            answer = self.call("POST", f"{_of(collection)}/search", body | {"k": k - len(hits)})
            hits += [_made(ServedHit, hit) for hit in answer["hits"]]
            if answer["next"] is None:
                break
            body["cursor"] = answer["next"]
        return hits

    def upload(self, picture: str | os.PathLike[str] | bytes) -> str:
        """Send a picture to search with; give its id."""
        return str(self._send("/uploads", "picture", [picture])["id"])

    def explain(self, collection: str, query: Picture, picture: int) -> dict[str, Any]:
        """Why a query and a picture are alike, as the interface documents it."""
        asked = {"query": self._query(query), "picture": picture}
        return self.call("POST", f"{_of(collection)}/explain", asked)

    def thumbnail(self, collection: str, picture: int, *, size: int = 320) -> bytes:
        """A picture made small, as JPEG."""
        with self._open("GET", f"{_of(collection)}/pictures/{picture}/thumbnail?size={size}") as answer:
            return bytes(answer.read())

    # --- changing ---

    def add(self, collection: str, *pictures: str | os.PathLike[str] | bytes) -> ServedJob:
        """Add pictures by sending them."""
        return _made(ServedJob, self._send(f"{_of(collection)}/add/files", "pictures", pictures))

    def add_folder(self, collection: str, root: str, path: str = "") -> ServedJob:
        """Add a folder below one of the server's roots."""
        asked = {"root": root, "path": path}
        return _made(ServedJob, self.call("POST", f"{_of(collection)}/add/folder", asked))

    def remove(self, collection: str, *pictures: int) -> str:
        """Forget pictures; give what `undo` takes."""
        return str(self.call("POST", f"{_of(collection)}/remove", {"pictures": list(pictures)})["undo"])

    def undo(self, collection: str, undo: str) -> int:
        """Take a removal back; give how many pictures are there again."""
        return int(self.call("POST", f"{_of(collection)}/undo", {"undo": undo})["restored"])

    def job(self, id: str) -> ServedJob:
        """How far a job has come."""
        return _made(ServedJob, self.call("GET", f"/jobs/{quote(id, safe='')}"))

    def stop(self, id: str) -> ServedJob:
        """End a job; what it has committed stays."""
        return _made(ServedJob, self.call("POST", f"/jobs/{quote(id, safe='')}/cancel", {}))

    def follow(self, id: str) -> Iterator[ServedJob]:
        """A job at each change, until it ends."""
        with self._open("GET", f"/jobs/{quote(id, safe='')}/events") as answer:
            for line in answer:
                if line.startswith(b"data: "):
                    yield _made(ServedJob, json.loads(line[6:]))

    # --- within ---

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask for a path below ``/api/v1``; give the JSON of the answer.

        Raises `ServerError` when the server refuses, or cannot be reached.
        """
        content = None if body is None else json.dumps(body).encode()
        with self._open(method, path, content, "application/json") as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def _query(self, query: Picture) -> dict[str, Any]:
        if isinstance(query, int):
            return {"picture": query}
        if isinstance(query, str | os.PathLike | bytes):
            return {"upload": self.upload(query)}
        if not isinstance(query, Iterable):
            raise UsageError(f"a query cannot be {query!r}: give a file, bytes, an id or a vector")
        return {"vector": [float(number) for number in query]}

    def _send(
        self, path: str, field: str, pictures: Sequence[str | os.PathLike[str] | bytes]
    ) -> dict[str, Any]:
        boundary = secrets.token_hex(16)
        parts = [_part(field, picture, boundary) for picture in pictures]
        content = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        with self._open("POST", path, content, f"multipart/form-data; boundary={boundary}") as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def _open(self, method: str, path: str, content: bytes | None = None, kind: str = "") -> Any:
        headers = {"content-type": kind} if content is not None else {}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._base + path, content, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            with error:
                raise _error(error.code, error.read()) from None
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise ServerError(0, "unreachable", f"{self._base} does not answer: {reason}") from error


def _of(collection: str) -> str:
    return f"/collections/{quote(collection, safe='')}"


def _part(field: str, picture: str | os.PathLike[str] | bytes, boundary: str) -> bytes:
    content = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    name = "picture" if isinstance(picture, bytes) else quote(Path(picture).name)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def _made(kind: type[T], members: Mapping[str, Any]) -> T:
    """A value of an answer, without members that are unknown here."""
    known: dict[str, Any] = {field.name: members.get(field.name) for field in fields(kind)}  # type: ignore[arg-type]
    if known.get("box"):
        known["box"] = tuple(known["box"])
    return kind(**known)


def _error(status: int, body: bytes) -> ServerError:
    try:
        error = json.loads(body)["error"]
        return ServerError(status, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return ServerError(status, "unknown", f"the server answered with status {status}")
