"""Routes of pictures: those of a collection, those that were sent, and their thumbnails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse

from likewise.errors import BadPicture
from likewise.web import schemas
from likewise.web.paging import Cursor, Size, page, place
from likewise.web.problems import Problem, not_found
from likewise.web.search import keep
from likewise.web.services import Services, Serving
from likewise.web.thumbnails import WEBP, form_of, headers_of, is_known, step
from likewise.web.uploads import Upload

router = APIRouter(tags=["pictures"])

Pixels = Annotated[
    int, Query(ge=1, le=10_000, description="Pixels of the longest side; the next size is sent.")
]
PictureId = schemas.Id
IMAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/webp": {}, "image/jpeg": {}}, "description": "The thumbnail."},
    304: {"description": "The client has it already."},
}


FIRST = 480
"""The size at which the page shows what was sent."""


@router.get("/collections/{name}/pictures", response_model=schemas.Pictures)
def pictures(
    name: str,
    services: Serving,
    k: Size = 100,
    cursor: Cursor = None,
    folder: Annotated[str | None, Query(max_length=4096)] = None,
    order: Literal["path", "newest"] = "path",
    path: Annotated[str | None, Query(max_length=4096, description="Only the picture shown so.")] = None,
) -> dict[str, Any]:
    """The pictures of a collection, page by page."""
    served = services.library[name]
    if not served.exists:
        return {"pictures": [], "total": 0, "next": None, "generation": 0}
    if path is not None:
        found = served.pictures(served.at(path))
        return {"pictures": found, "total": len(found), "next": None, "generation": served.generation}
    below = served.folder(folder) if folder else None
    most, start = services.settings.limits.page, place(cursor)
    entries, total = served.collection.page(start, min(k, most), folder=below, newest=order == "newest")
    _, _, following = page(k, cursor, total, most)
    shown = served.pictures(entries)
    return {"pictures": shown, "total": total, "next": following, "generation": served.generation}


@router.get("/collections/{name}/pictures/{picture}", response_model=schemas.Picture)
def picture(name: str, picture: PictureId, services: Serving) -> dict[str, Any]:
    """One picture."""
    served = services.library[name]
    return served.picture(served.entry(picture), served.labels())


@router.get("/collections/{name}/pictures/{picture}/thumbnail", responses=IMAGE, response_class=Response)
async def thumbnail(
    name: str, picture: PictureId, request: Request, services: Serving, size: Pixels = 320
) -> Response:
    """A picture made small, upright and without its metadata."""
    served = services.library[name]
    entry = served.entry(picture)
    return await small(services, request, partial(served.source, entry), entry.sha256, size)


@router.get(
    "/collections/{name}/pictures/{picture}/original",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
)
def original(name: str, picture: PictureId, services: Serving) -> Response:
    """The file itself, with all of its metadata; only where the server was started to give them out."""
    if not services.settings.originals:
        raise Problem(
            403, "forbidden", "this server does not give out the files themselves (see --originals)"
        )
    served = services.library[name]
    entry = served.entry(picture)
    try:
        content = served.source(entry)
    except BadPicture as problem:
        raise not_found("file of this picture any more as it was indexed") from problem
    named = entry.path.name.encode("utf-8", "backslashreplace").decode()
    if isinstance(content, Path):
        return FileResponse(content, media_type="application/octet-stream", filename=named)
    disposition = f"attachment; filename*=utf-8''{quote(named)}"
    return Response(
        content, media_type="application/octet-stream", headers={"content-disposition": disposition}
    )


@router.post("/uploads", status_code=201, response_model=schemas.Upload)
async def send_picture(
    services: Serving,
    picture: Annotated[UploadFile, File(description="A picture to search with.")],
) -> dict[str, Any]:
    """Send a picture to search with; it is named by its content and kept for a while.

    What cannot be decoded is refused here, and not when it is searched with.
    """

    def work() -> Upload:
        upload = keep(services, picture)
        services.thumbnails.get(lambda: services.uploads.read(upload.id), upload.id, FIRST, WEBP)
        return upload

    return asdict(await services.thumbnail_gate.run(work))


@router.get("/uploads/{upload}", response_model=schemas.Upload)
def uploaded(upload: str, services: Serving) -> dict[str, Any]:
    """What is known of a picture that was sent."""
    return asdict(services.uploads.get(upload))


@router.get("/uploads/{upload}/thumbnail", responses=IMAGE, response_class=Response)
async def uploaded_thumbnail(
    upload: str, request: Request, services: Serving, size: Pixels = 320
) -> Response:
    """A sent picture made small."""
    await services.thumbnail_gate.run(services.uploads.read, upload)  # unknown ones are a 404
    return await small(services, request, partial(services.uploads.read, upload), upload, size)


async def small(
    services: Services, request: Request, source: Callable[[], Path | bytes], digest: str, size: int
) -> Response:
    """The answer that holds a thumbnail; ``source`` is asked only when it has to be made."""
    size, form = step(size), form_of(request)
    headers = headers_of(digest, size, form)
    known = is_known(request, headers)
    if known:
        return known
    made = await services.thumbnail_gate.run(services.thumbnails.get, source, digest, size, form)
    return Response(made, media_type=form.kind, headers=headers)
