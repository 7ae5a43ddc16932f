"""Routes that search, and compare two pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile

from likewise.errors import BadPicture
from likewise.ranking import STAGES
from likewise.types import Box, FloatArray
from likewise.web import schemas
from likewise.web.problems import Problem
from likewise.web.routes.known import see_filter
from likewise.web.services import Services, Serving
from likewise.web.services.library import Served

router = APIRouter(tags=["search"])


@router.post("/collections/{name}/search")
async def search(name: str, asked: schemas.Search, request: Request, services: Serving) -> schemas.Hits:
    """Find the pictures most like one or several, best first."""
    see_filter(request, services, services.library[name], asked.where)
    sent = any(query.upload is not None for query in (*asked.queries, *asked.yes, *asked.no))
    gate = services.describing_gate if sent else services.gate
    return await gate.run(services.asking.search, services.library[name], asked)


@router.post("/collections/{name}/search/upload")
async def search_upload(
    name: str,
    request: Request,
    services: Serving,
    picture: Annotated[list[UploadFile], File(description="What to search for; several are one query.")],
    box: Annotated[str | None, Form(max_length=200, description="x1,y1,x2,y2 in the first picture.")] = None,
    crop: Annotated[Literal["whole", "own"], Form()] = "whole",
    then: Annotated[list[schemas.Name], Form()] = [],  # noqa: B006
    folder: Annotated[str | None, Form(max_length=4096)] = None,
    where: Annotated[str | None, Form(max_length=2000)] = None,
    k: Annotated[int, Form(ge=1)] = 50,
) -> schemas.Hits:
    """Send a picture and find those most like it in one request."""
    served = services.library[name]
    if len(picture) > services.settings.limits.queries:
        raise Problem(400, "bad-request", "too many pictures for one query")
    corners = Box.parse(box) if box else None
    see_filter(request, services, served, where)

    def answer() -> schemas.Hits:
        with kept(services, picture) as uploads:
            queries = [schemas.Query(upload=upload.id, crop=crop) for upload in uploads]
            if corners:
                queries[0].box = list(corners.corners)
            asked = schemas.Search(queries=queries, then=then, folder=folder, where=where, k=k)
            return services.asking.search(served, asked).model_copy(update={"uploads": uploads})

    return await services.describing_gate.run(answer)


@router.get("/collections/{name}/subjects")
async def subjects(
    name: str,
    services: Serving,
    picture: schemas.Id | None = None,
    upload: Annotated[str | None, Query(max_length=40)] = None,
) -> schemas.Subjects:
    """Parts of a picture that one may mean by it: compact regions that stand out by their activations.

    None in a collection of visual words, which keeps no maps to see them on.
    """
    if (picture is None) == (upload is None):
        raise Problem(400, "bad-request", "name one of picture and upload")
    query = schemas.Query(picture=picture, upload=upload)
    return await services.describing_gate.run(services.asking.subjects, services.library[name], query)


@router.post("/collections/{name}/compare")
async def compare(name: str, asked: schemas.Compare, services: Serving) -> schemas.Comparison:
    """Score two pictures, and judge the score by those of other pairs of the collection."""
    served = services.library[name]

    def judge() -> schemas.Comparison:
        a, b = (_operand(services, served, query) for query in (asked.a, asked.b))
        comparison = served.collection.compare(a, b)
        return schemas.Comparison(
            similarity=comparison.similarity,
            percentile=comparison.percentile,
            rank=comparison.rank,
            quantiles={f"{share:g}": score for share, score in comparison.quantiles.items()},
        )

    return await services.gate.run(judge)


@router.get("/stages")
def stages() -> schemas.Stages:
    """What may follow a search, in a sensible order."""
    rows: list[schemas.Stage] = []
    for kind, what in STAGES.sound().items():
        options = [
            schemas.Option(name=key, default=float(default), least=least, most=most)
            for key, default in what.options.items()
            for least, most in [what.bounds[key]]
        ]
        rows.append(schemas.Stage(name=kind, about=what.about, options=options))
    return schemas.Stages(stages=rows)


@contextmanager
def kept(services: Services, files: Sequence[UploadFile]) -> Iterator[list[schemas.Upload]]:
    """Keep pictures that were sent, unless it turns out within the block that one cannot be read.

    What was sent before stays.
    """
    limit = services.settings.limits.upload_bytes
    uploads, fresh = list[schemas.Upload](), list[schemas.Upload]()
    try:
        for file in files:
            content = file.file.read(limit + 1)
            known = services.uploads.holds(content)
            uploads.append(services.uploads.keep(content, plain(file.filename)))
            fresh += [] if known else uploads[-1:]
        yield uploads
    except BadPicture:
        for upload in fresh:
            services.uploads.drop(upload)
        raise


def plain(name: str | None) -> str | None:
    """The last part of the name that a client gave its file, for showing."""
    return re.split(r"[/\\]", name)[-1][:200] if name else None


def _operand(services: Services, served: Served, query: schemas.Query) -> int | FloatArray:
    """A picture of the collection as itself, anything else as its vector."""
    vector = services.asking.vector(served, query)
    return query.picture if query.picture is not None and query.box is None else vector
