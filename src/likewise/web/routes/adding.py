"""Routes that change collections: adding, removing and undoing it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile

from likewise.collection.store import RemovedPicture
from likewise.downstream.duplicates import Journal
from likewise.downstream.duplicates import undo as take_back
from likewise.errors import BadPicture, LikewiseError
from likewise.files import replacing
from likewise.files.paths import within
from likewise.pictures import opened
from likewise.pictures.signatures import SUFFIXES
from likewise.web import schemas
from likewise.web.problems import Problem, not_found
from likewise.web.routes.search import plain
from likewise.web.routes.writing import WRITES
from likewise.web.services import Services, Serving
from likewise.web.services.library import Served, key_of
from likewise.web.settings import named

router = APIRouter(tags=["changing"])


@router.get("/roots")
def roots(services: Serving) -> schemas.Roots:
    """Folders that pictures may be added from."""
    return schemas.Roots(roots=[schemas.Root(name=name) for name in named(services.settings.roots)])


@router.get("/roots/{root}/folders", dependencies=WRITES)
def root_folders(
    root: str, services: Serving, path: Annotated[str, Query(max_length=4096)] = ""
) -> schemas.RootFolder:
    """What lies in a folder below a root."""
    top = _root(services, root)
    folder = allowed(top, path)
    inside = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    folders = [entry.name for entry in inside if entry.is_dir() and within(os.path.realpath(entry.path), top)]
    files = [entry for entry in inside if Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file()]
    shown = (name.encode("utf-8", "backslashreplace").decode() for name in folders)
    return schemas.RootFolder(path=path, folders=sorted(shown), pictures=len(files))


@router.post("/collections/{name}/add/folder", status_code=202, dependencies=WRITES)
def add_folder(name: str, asked: schemas.AddFolder, services: Serving) -> schemas.Job:
    """Add a folder below a root; pictures stay where they lie."""
    served, top = services.library[name], _root(services, asked.root)
    folder = allowed(top, asked.path)
    subject = "/".join(part for part in (asked.root, asked.path.strip("/")) if part)
    job = services.jobs.start(served, "folder", subject, (folder,), retry=asked.retry, prune=asked.prune)
    return job.told()


@router.post("/collections/{name}/add/files", status_code=202, dependencies=WRITES)
async def add_files(
    name: str,
    services: Serving,
    pictures: Annotated[list[UploadFile], File(description="Pictures; the server keeps them.")],
) -> schemas.Job:
    """Add pictures by sending them; they are kept in the folder of the collection."""
    served = services.library[name]
    if len(pictures) > services.settings.limits.upload_files:
        raise Problem(
            413, "too-large", f"at most {services.settings.limits.upload_files} files in one request"
        )

    def begin() -> schemas.Job:
        sources = tuple(dict.fromkeys(_kept(services, served, file) for file in pictures))
        return services.jobs.start(served, "files", _files(len(sources)), sources).told()

    return await services.thumbnail_gate.run(begin)


@router.post("/collections/{name}/failures/retry", status_code=202, dependencies=WRITES)
def retry(name: str, asked: schemas.Retry, services: Serving) -> schemas.Job:
    """Try files again that failed, of those below a root and those that were sent."""
    served = services.library[name]
    failed = {key_of(failure.path): str(failure.path) for failure in served.collection.failures()}
    unknown = set(asked.keys) - failed.keys()
    paths = [path for key, path in failed.items() if not asked.keys or key in asked.keys]
    there = tuple(path for path in paths if os.path.lexists(path) and served.may_index(path))
    if unknown or not there:
        raise not_found("failure of that key" if unknown else "file below a --root that failed")
    return services.jobs.start(served, "retry", _files(len(there)), there, retry=True).told()


@router.post("/collections/{name}/update", status_code=202, dependencies=WRITES)
def update(name: str, services: Serving, asked: schemas.Update | None = None) -> schemas.Job:
    """Look again at every indexed folder below a root: add what is new, forget what is gone.

    A folder that holds none of its pictures any more may be out of reach, and keeps them, unless
    ``{"prune": "all"}`` is sent.
    """
    served = services.library[name]
    sources = served.indexed()
    if not sources:
        raise not_found(
            "indexed folder that the server may look at: start it with --root FOLDER for each "
            "(`likewise info` lists them)"
        )
    return services.jobs.start(
        served, "update", served.name, sources, prune=asked.prune if asked else True
    ).told()


@router.post("/collections/{name}/remove", dependencies=WRITES)
def remove(name: str, asked: schemas.Remove, services: Serving) -> schemas.Removed:
    """Forget pictures; their files stay, and for a while it can be undone."""
    served, limits = services.library[name], services.settings.limits
    removed = served.collection.take_out(*asked.pictures)
    if not removed:
        raise not_found("picture of these ids")
    sweep(served, limits.undo_seconds)
    undo = secrets.token_hex(16)
    path = removals(served) / f"{undo}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as part:
            part.write_text(json.dumps([picture.as_json() for picture in removed]), encoding="utf-8")
    except LikewiseError:
        served.collection.put_back(removed)  # what could not be undone is not done
        raise
    return schemas.Removed(removed=len(removed), undo=undo, until=time.time() + limits.undo_seconds)


@router.post("/collections/{name}/undo", dependencies=WRITES)
def undo(name: str, asked: schemas.Undo, services: Serving) -> schemas.Restored:
    """Take a removal back: the pictures are there again as they were."""
    served = services.library[name]
    sweep(served, services.settings.limits.undo_seconds)
    path = removals(served) / f"{asked.undo}.json"
    if not re.fullmatch(r"[0-9a-f]{32}", asked.undo) or not path.is_file():
        raise not_found("removal that could be undone")
    removed = [RemovedPicture.from_json(row) for row in json.loads(path.read_text("utf-8"))]
    journal = Journal.beside(path)
    if journal.read():  # their files were thrown away with them
        take_back(journal)
    restored = served.collection.put_back(removed)
    path.unlink(missing_ok=True)
    return schemas.Restored(restored=restored)


def allowed(top: str, path: str) -> str:
    """The real folder below a root that a client names.

    Raises `Problem` 404, when it is not there; 403, when it lies elsewhere, or links lead elsewhere.
    """
    if "\0" in path or path.startswith("/"):
        raise Problem(403, "forbidden", "only folders below the given roots can be named")
    real = os.path.realpath(os.path.join(top, path))
    if not within(real, top):
        raise Problem(403, "forbidden", "only folders below the given roots can be named")
    if not os.path.isdir(real):
        raise not_found("folder of that name")
    return real


def _root(services: Services, name: str) -> str:
    paths = named(services.settings.roots)
    if name not in paths:
        raise not_found("root of that name")
    return os.path.realpath(paths[name])


def _kept(services: Services, served: Served, file: UploadFile) -> str:
    """Keep a picture that was sent, by a name of our own; give its path."""
    limits = services.settings.limits
    content = file.file.read(limits.upload_bytes + 1)
    if len(content) > limits.upload_bytes:
        raise Problem(413, "too-large", f"a picture may have {limits.upload_bytes} bytes at most")
    stem = re.sub(r"[^\w.-]+", "_", Path(plain(file.filename) or "picture").stem).strip("._")[:80]
    digest = hashlib.sha256(content).hexdigest()[:12]
    path = served.collection.make_uploads() / f"{stem or 'picture'}-{digest}{_suffix(content)}"
    if not path.exists():
        with replacing(path) as part:
            part.write_bytes(content)
    return str(path)


def _suffix(content: bytes) -> str:
    """The ending that a content gives a picture; what is none fails when it is indexed, with its reason."""
    try:
        with opened(content) as picture:
            kind = picture.stored.format
    except BadPicture:
        kind = "JPEG"
    endings = {"JPEG": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2", "HEIF": ".heic", "RAW": ".dng"}
    return endings.get(kind, f".{kind.lower()}")


def removals(served: Served) -> Path:
    """Where what was removed is kept, for as long as it can be undone."""
    return served.room / "removed"


def sweep(served: Served, seconds: float) -> None:
    """Forget removals that are too old to be undone."""
    for path in removals(served).glob("*.json"):
        if time.time() - path.stat().st_mtime > seconds:
            path.unlink(missing_ok=True)
            Journal.beside(path).path.unlink(missing_ok=True)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
