"""Routes of evaluations: runs, their queries, and two of them compared."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response

from likewise.errors import LikewiseError
from likewise.evaluation import Run, read_run
from likewise.evaluation.reports import Report, RunComparison
from likewise.pictures import size_of
from likewise.types import Box
from likewise.web import schemas
from likewise.web.limits import API
from likewise.web.problems import not_found
from likewise.web.routes.pictures import IMAGE, Pixels, small
from likewise.web.services import Services, Serving

log = logging.getLogger("likewise.web")
router = APIRouter(prefix="/runs", tags=["evaluation"])
Number = schemas.Id
T = TypeVar("T")


@router.get("")
def runs(services: Serving) -> schemas.Runs:
    """The runs in the server's folder of runs."""
    summaries = [_summary(id, report) for id, path in _files(services).items() if (report := _scored(path))]
    return schemas.Runs(runs=sorted(summaries, key=lambda run: (run.benchmark, -run.value)))


@router.get("/{id}")
def run(id: str, services: Serving) -> schemas.Run:
    """A run: its card, its score, and what each query scored."""
    report = _report(services, id)
    recall, precision = report.curve()
    scored = zip(report.run.boxes, report.scores.queries, report.scores.values.tolist(), strict=True)
    table = [
        schemas.RunRow(
            number=number,
            name=query.name,
            value=_known(value),
            positives=query.positives,
            box=_corners(box),
        )
        for number, (box, query, value) in enumerate(scored)
    ]
    card = {key: str(fact) for key, fact in report.run.card.facts(report.scores.rule).items()}
    lines = schemas.Curve(recall=recall.tolist(), precision=precision.tolist())
    return schemas.Run(**dict(_summary(id, report)), card=_plain(card), table=table, curve=lines)


@router.get("/{id}/queries/{number}")
def query(
    id: str, number: Number, services: Serving, k: Annotated[int, Query(ge=1, le=200)] = 20
) -> schemas.RunQuery:
    """A query of a run, and the first pictures that it found."""
    report = _report(services, id)
    asked = _at(report.run.benchmark.queries, number, "query")
    places = list(report.run.benchmark.gallery)
    answers = [
        schemas.RunAnswer(
            rank=answer.hit.rank,
            score=answer.hit.score,
            name=places[answer.hit.id],
            verdict=answer.verdict,
            box=_corners(answer.hit.box),
            thumbnail=f"{API}/runs/{id}/gallery/{answer.hit.id}/thumbnail",
        )
        for answer in report.answers(number, k)
    ]
    width, height = _size(report.run, asked.picture)
    return schemas.RunQuery(
        number=number,
        name=asked.name,
        value=_known(float(report.scores.values[number])),
        box=_corners(report.run.boxes[number]),
        width=width,
        height=height,
        answers=answers,
        thumbnail=f"{API}/runs/{id}/queries/{number}/thumbnail",
    )


@router.get("/{id}/compare/{other}")
def compared(id: str, other: str, services: Serving) -> schemas.RunComparison:
    """Two runs query by query, with the interval and the test of their difference."""
    first, second = _report(services, id), _report(services, other)
    comparison = RunComparison.of(first, second)
    numbers = {query.name: number for number, query in enumerate(first.run.benchmark.queries)}
    rows = zip(comparison.queries, comparison.first.tolist(), comparison.second.tolist(), strict=True)
    return schemas.RunComparison(
        first=_summary(id, first),
        second=_summary(other, second),
        difference=comparison.difference,
        interval=list(comparison.interval),
        p=comparison.test.p,
        table=[
            schemas.RunDifference(number=numbers[name], name=name, first=a, second=b, difference=b - a)
            for name, a, b in rows
        ],
    )


@router.get("/{id}/gallery/{number}/thumbnail", responses=IMAGE, response_class=Response)
async def gallery_thumbnail(
    id: str, number: Number, request: Request, services: Serving, size: Pixels = 320
) -> Response:
    """A picture that was searched in, made small."""
    report = await services.gate.run(_report, services, id)
    file = _at(list(report.run.benchmark.gallery.values()), number, "picture")
    return await _small(services, request, report.run, file, size)


@router.get("/{id}/queries/{number}/thumbnail", responses=IMAGE, response_class=Response)
async def query_thumbnail(
    id: str, number: Number, request: Request, services: Serving, size: Pixels = 320
) -> Response:
    """A query's picture, made small."""
    report = await services.gate.run(_report, services, id)
    file = _at(report.run.benchmark.queries, number, "query").picture
    return await _small(services, request, report.run, file, size)


async def _small(services: Services, request: Request, run: Run, file: Path, size: int) -> Response:
    """A picture of a run made small, if it is what was ranked."""
    digest = run.digests.get(str(file.absolute()))
    if digest is None:
        raise not_found("digest of this picture in the run: run it again")

    def source() -> bytes | Path:
        content = run.content(file)
        return Path(content) if isinstance(content, str) else content

    return await small(services, request, source, digest, size)


def _files(services: Services) -> dict[str, Path]:
    """The runs that there are, by names of which none comes from a client."""
    return {path.stem: path for path in sorted(services.settings.runs.glob("*/*.json"))}


def _report(services: Services, id: str) -> Report:
    path = _files(services).get(id)
    report = _scored(path) if path else None
    if report is None:
        raise not_found("run of that id")
    return report


def _scored(path: Path) -> Report | None:
    """A run with its scores, or None where the file is no run."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (LikewiseError, OSError):
        return None
    except Exception as error:  # what scoring makes of a strange file is that file's matter, not the list's
        log.warning("%s cannot be scored (%s)", path.name, type(error).__name__)
        return None


@lru_cache(64)
def _read(path: Path, _changed: int) -> Report:
    return Report.of(read_run(path))


def _summary(id: str, report: Report) -> schemas.RunSummary:
    card, scores = report.run.card, report.scores
    return schemas.RunSummary(
        id=id,
        benchmark=card.benchmark,
        recipe=card.recipe,
        crop=card.crop,
        measure=scores.measure,
        value=scores.value,
        interval=list(report.interval),
        queries=len(scores.queries),
        made=report.run.path.stat().st_mtime,
    )


def _at(things: Sequence[T], number: int, what: str) -> T:
    if number >= len(things):
        raise not_found(f"{what} {number} in this run")
    return things[number]


def _size(run: Run, file: Path) -> tuple[int | None, int | None]:
    try:
        return size_of(run.content(file))
    except LikewiseError:
        return None, None


def _corners(box: Box | None) -> list[float] | None:
    return list(box.corners) if box else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _plain(card: dict[str, str]) -> dict[str, str]:
    """A card without the folders of this machine."""
    return {key: fact for key, fact in card.items() if "/" not in fact}
