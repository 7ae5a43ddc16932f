"""Routes of pictures: those of a collection, those that were sent, and their thumbnails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from likewise.errors import BadPicture
from likewise.files.reading import regular
from likewise.types import Box
from likewise.web import schemas
from likewise.web.problems import Problem, not_found
from likewise.web.routes.known import is_at_home, see_filter
from likewise.web.routes.paging import Cursor, Size, page, place
from likewise.web.routes.search import kept
from likewise.web.services import Services, Serving
from likewise.web.services.library import key_of
from likewise.web.services.thumbnails import WEBP, encode, form_of, headers_of, is_known, step

router = APIRouter(tags=["pictures"])

Pixels = Annotated[
    int, Query(ge=1, le=10_000, description="Pixels of the longest side; the next size is sent.")
]
Part = Annotated[
    str | None,
    Query(
        pattern=r"^\d{1,6}(,\d{1,6}){3}$",
        description="Left, top, right, bottom in pixels of the upright original: only what lies there, "
        "with the original's own pixels where it is no larger than the size.",
        examples=["40,30,220,180"],
    ),
]
PictureId = schemas.Id
IMAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/webp": {}, "image/jpeg": {}}, "description": "The thumbnail."},
    304: {"description": "The client has it already."},
}


FIRST = 480
"""The size at which the page shows what was sent."""

FILE = "application/octet-stream"
"""Type of a sent file: none that a browser would open by itself."""

AT_ONCE = 1 << 20
"""Bytes of a file that are read at once."""

MOST_IDS = 200
"""Pictures that can be asked for by their ids at once: an address has to hold them."""


@router.get("/collections/{name}/pictures")
def pictures(
    name: str,
    request: Request,
    services: Serving,
    k: Size = 100,
    cursor: Cursor = None,
    folder: Annotated[str | None, Query(max_length=4096)] = None,
    order: Literal["path", "newest"] = "path",
    where: Annotated[
        str | None, Query(max_length=2000, description="Only those of which a filter is true.")
    ] = None,
    path: Annotated[str | None, Query(max_length=4096, description="Only the picture shown so.")] = None,
    id: Annotated[
        list[PictureId] | None, Query(max_length=MOST_IDS, description="Only these, as they are named.")
    ] = None,
) -> schemas.Pictures:
    """The pictures of a collection, page by page."""
    served = services.library[name]
    if not served.exists:
        return schemas.Pictures(pictures=[], total=0, next=None, generation=0)
    if path is not None or id is not None:
        named = served.collection.entries(id or []) if path is None else served.at(path)
        rows = served.pictures(named)
        return schemas.Pictures(pictures=rows, total=len(rows), next=None, generation=served.generation)
    see_filter(request, services, served, where)
    below = served.folder(folder) if folder else None
    most, start = services.settings.limits.page, place(cursor)
    entries, total = served.collection.page(
        start, min(k, most), folder=below, where=where, newest=order == "newest"
    )
    _, _, following = page(k, cursor, total, most)
    shown = served.pictures(entries)
    return schemas.Pictures(pictures=shown, total=total, next=following, generation=served.generation)


@router.get("/collections/{name}/pictures/{picture}")
def picture(name: str, picture: PictureId, services: Serving) -> schemas.Picture:
    """One picture."""
    served = services.library[name]
    return served.picture(served.entry(picture), served.labels())


@router.get("/collections/{name}/pictures/{picture}/thumbnail", responses=IMAGE, response_class=Response)
async def thumbnail(
    name: str, picture: PictureId, request: Request, services: Serving, size: Pixels = 320, box: Part = None
) -> Response:
    """A picture or a part of it made small, upright and without its metadata."""
    served = services.library[name]
    entry = served.entry(picture)
    if box and not (services.settings.originals or is_at_home(request, services)):
        what = "parts of pictures, of which an original can be put together, are given out with --originals"
        raise Problem(403, "forbidden", f"{what}, or to who may write here")
    return await small(services, request, partial(served.source, entry), entry.sha256, size, box)


@router.get(
    "/collections/{name}/pictures/{picture}/original",
    response_class=Response,
    responses={200: {"content": {FILE: {}}, "description": "The file."}},
)
def original(name: str, picture: PictureId, services: Serving) -> Response:
    """The file itself, with all of its metadata; only where the server was started to give them out."""
    _given_out(services)
    served = services.library[name]
    entry = served.entry(picture)
    try:
        content = served.source(entry)
    except BadPicture as problem:
        raise not_found("file of this picture any more as it was indexed") from problem
    if isinstance(content, Path):
        return FileResponse(content, media_type=FILE, headers=_saved_as(entry.path))
    return Response(content, media_type=FILE, headers=_saved_as(entry.path))


@router.get(
    "/collections/{name}/failures/{key}/file",
    response_class=Response,
    responses={200: {"content": {FILE: {}}, "description": "The file."}},
)
def failed_file(name: str, key: schemas.Name, services: Serving) -> Response:
    """A file that could not be indexed, to look at why; given out as originals are, from below a root only.

    Nobody knows what it should hold, so that a collection made by somebody else cannot name any other file.
    """
    _given_out(services)
    served = services.library[name]
    failures = served.collection.failures() if served.exists else []
    path = next((failure.path for failure in failures if key_of(failure.path) == key), None)
    if path is None:
        raise not_found("failure of that key")
    opened = ExitStack()
    try:
        file = opened.enter_context(regular(str(path), (*served.roots, str(served.collection.uploads))))
    except BadPicture as problem:
        raise not_found("file of it below a --root") from problem

    def parts() -> Iterator[bytes]:
        with opened:
            yield from iter(partial(file.read, AT_ONCE), b"")

    return StreamingResponse(parts(), media_type=FILE, headers=_saved_as(path))


def _given_out(services: Services) -> None:
    """See that files are given out here."""
    if not services.settings.originals:
        raise Problem(
            403, "forbidden", "this server does not give out the files themselves (see --originals)"
        )


def _saved_as(path: Path) -> dict[str, str]:
    """The header that names a file to be saved."""
    named = path.name.encode("utf-8", "backslashreplace").decode()
    return {"content-disposition": f"attachment; filename*=utf-8''{quote(named)}"}


@router.post("/uploads", status_code=201)
async def send_picture(
    services: Serving,
    picture: Annotated[UploadFile, File(description="A picture to search with.")],
) -> schemas.Upload:
    """Send a picture to search with; it is named by its content and kept for a while.

    What cannot be decoded is refused here, and not when it is searched with.
    """

    def receive() -> schemas.Upload:
        with kept(services, [picture]) as [upload]:
            services.thumbnails.get(lambda: services.uploads.read(upload.id), upload.id, FIRST, WEBP)
            return upload

    return await services.thumbnail_gate.run(receive)


@router.get("/uploads/{upload}")
def uploaded(upload: str, services: Serving) -> schemas.Upload:
    """What is known of a picture that was sent."""
    return services.uploads.get(upload)


@router.get("/uploads/{upload}/thumbnail", responses=IMAGE, response_class=Response)
async def uploaded_thumbnail(
    upload: str, request: Request, services: Serving, size: Pixels = 320, box: Part = None
) -> Response:
    """A sent picture or a part of it made small."""
    await services.thumbnail_gate.run(services.uploads.read, upload)  # unknown ones are a 404
    return await small(services, request, partial(services.uploads.read, upload), upload, size, box)


async def small(
    services: Services,
    request: Request,
    source: Callable[[], Path | bytes],
    digest: str,
    size: int,
    box: str | None = None,
) -> Response:
    """The answer that holds a thumbnail; ``source`` is asked only when it has to be made.

    One of a part is not kept on the disk: there are as many parts as one likes.
    """
    size, form = step(size), form_of(request)
    headers = headers_of(digest, size, form, (box or "").replace(",", "_"))  # commas part the tags
    known = is_known(request, headers)
    if known:
        return known
    if box is None:
        made = await services.thumbnail_gate.run(services.thumbnails.get, source, digest, size, form)
    else:
        part = Box(*map(float, box.split(",")))
        made = await services.part_gate.run(lambda: encode(source(), size, form, part))
    return Response(made, media_type=form.kind, headers=headers)
