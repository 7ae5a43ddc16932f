"""Jobs: additions that go on by themselves, each a file that every process of the server reads.

The process that took a job on works on it in a thread and holds the lock on its file. The kernel gives the
lock back when that process ends, however it ends: a job that says it is running, and whose lock nobody holds,
was interrupted. What a job has committed stays, so that going on with one is to start it again.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Literal, TypeAlias

from likewise.collection import Collection, Prune
from likewise.errors import CollectionLocked, LikewiseError
from likewise.files import replacing
from likewise.files.paths import within
from likewise.files.system import descriptor_of, locked
from likewise.types import Progress
from likewise.web import schemas
from likewise.web.problems import Problem, not_found, problem_of
from likewise.web.services.library import Library, Served

log = logging.getLogger("likewise.web")

State: TypeAlias = Literal["waiting", "running", "paused", "done", "failed", "cancelled", "interrupted"]

ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled", "interrupted"})
_LIVE: frozenset[State] = frozenset({"waiting", "running"})
KEPT = 100
"""Jobs of a collection that are remembered when they have ended."""

_USELESS = frozenset({"not-a-picture", "broken", "truncated", "empty", "unsupported"})
"""Reasons for which what was sent will fail whenever it is tried again."""

_PATIENCE = 0.5
_OFTEN = 0.2
_MOMENT = 0.5


@dataclass(frozen=True)
class JobRecord:
    """A job as its file tells of it.

    Attributes
    ----------
    sources
        What it adds: absolute paths, which clients never see.
    before
        How many files it had done before it was paused.
    """

    id: str
    collection: str
    kind: Literal["files", "folder", "retry", "update"]
    subject: str
    sources: tuple[str, ...]
    retry: bool = False
    prune: Prune = False
    state: State = "waiting"
    done: int = 0
    total: int = 0
    failed: int = 0
    before: int = 0
    remaining: float | None = None
    note: str = ""
    started: float = 0.0
    ended: float | None = None
    report: dict[str, Any] | None = None
    error: dict[str, str] | None = None

    def told(self) -> schemas.Job:
        """The job as clients see it."""
        return schemas.Job.model_validate(self, from_attributes=True)


_FIELDS = frozenset(field.name for field in fields(JobRecord))
"""Another version may have written more."""


class Stopped(Exception):
    """A job that somebody wants to stop."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state: State = state


class JobService:
    """The jobs of all collections of a server.

    Parameters
    ----------
    stopping
        Set when the server stops; jobs stop then, and can be gone on with later.
    most
        Of one collection that have not ended.
    """

    def __init__(self, library: Library, stopping: Event, most: int = 32) -> None:
        self._library, self._stopping, self._most = library, stopping, most
        self._threads: list[Thread] = []
        self._added: Callable[[Served], None] = lambda _: None
        self._beginning = Lock()

    def onadded(self, tell: Callable[[Served], None]) -> None:
        """Have something told each collection that was added to, when a job of this process is done."""
        self._added = tell

    # --- asking ---

    def all(self, served: Served) -> list[JobRecord]:
        """Jobs of a collection, the newest first."""
        ids = sorted((path.stem for path in _room(served).glob("*.json")), reverse=True)
        return [job for id in ids if (job := self._read(served, id))]

    def get(self, id: str) -> tuple[Served, JobRecord]:
        """A job and its collection.

        Raises `Problem` 404.
        """
        if id.isalnum() and id.isascii():
            for served in self._library:
                if job := self._read(served, id):
                    return served, job
        raise not_found("job of that id")

    def indexing(self, served: Served) -> str | None:
        """Id of the job that is adding to a collection."""
        return next((job.id for job in self.all(served) if job.state in _LIVE), None)

    def _read(self, served: Served, id: str) -> JobRecord | None:
        path = _room(served) / f"{id}.json"
        job = _told(path)
        if job and job.state in _LIVE and not _is_held(path.with_suffix(".lock")):
            job = _told(path)  # what it wrote before it let go of its lock
            if job and job.state in _LIVE:
                return replace(job, state="interrupted", remaining=None)
        return job

    # --- changing ---

    def start(
        self,
        served: Served,
        kind: Literal["files", "folder", "retry", "update"],
        subject: str,
        sources: tuple[str, ...],
        *,
        retry: bool = False,
        prune: Prune = False,
    ) -> JobRecord:
        """Begin a job; the options are those of `likewise.collection.collection.Collection.add`.

        Raises `Problem` 429, when the collection has too many that have not ended.
        """
        began = time.time()
        id = f"{int(began * 1000):012x}{secrets.token_hex(4)}"
        job = JobRecord(id, served.name, kind, subject, sources, retry=retry, prune=prune, started=began)
        self._begin(served, job)
        return job

    def resume(self, id: str) -> JobRecord:
        """Go on with a job that was paused or interrupted.

        Raises `Problem` 409, when it is in another state; 429, as `start`.
        """
        served, job = self.get(id)
        if job.state not in ("paused", "interrupted"):
            raise Problem(409, "conflict", f"the job is {job.state}: there is nothing to go on with")
        job = replace(job, state="waiting", before=job.done, ended=None, remaining=None)
        self._begin(served, job)
        return job

    def stop(self, id: str, wish: Literal["pause", "cancel"]) -> JobRecord:
        """Ask a job to pause or to end; it does after what it is about to commit.

        Raises `Problem` 409, when it has ended.
        """
        served, job = self.get(id)
        if job.state in ENDED or (wish == "pause" and job.state == "paused"):
            raise Problem(409, "conflict", f"the job is {job.state} already")
        if job.state == "paused":
            return _write(served, replace(job, state="cancelled", ended=time.time()))
        _wish(served, id).write_text(wish, "utf-8")
        return job

    def close(self) -> None:
        """Wait for the jobs of this process to stop."""
        for thread in self._threads:
            thread.join()

    # --- within ---

    def _begin(self, served: Served, job: JobRecord) -> None:
        _room(served).mkdir(parents=True, exist_ok=True)
        with self._beginning:
            jobs = [other for other in self.all(served) if other.id != job.id]
            if sum(other.state not in ENDED for other in jobs) >= self._most:
                raise Problem(429, "busy", "too many jobs have not ended: wait for some", retry_after=30)
            _forget(served, jobs)
            _wish(served, job.id).write_text("run", "utf-8")
            _write(served, job)
            ready = Event()
            thread = Thread(target=self._work, args=(served, job, ready), name=f"likewise job {job.id}")
            self._threads = [running for running in self._threads if running.is_alive()] + [thread]
            thread.start()
            ready.wait(10)  # until it holds its lock: nobody shall take it for interrupted

    def _work(self, served: Served, job: JobRecord, ready: Event) -> None:
        with _holding(_room(served) / f"{job.id}.lock") as is_ours:
            ready.set()
            if not is_ours:  # somebody else goes on with it
                return
            working = _Working(served, job, self._stopping)
            try:
                working.run()
                self._added(served)
            except Stopped as stopped:
                working.end(stopped.state)
            except LikewiseError as error:
                log.warning("job %s: %s: %s", job.id, type(error).__name__, error)
                problem = problem_of(error).value()
                working.end("failed", error={"code": problem["code"], "message": problem["message"]})
            except Exception as error:
                log.error("fault in job %s", job.id, exc_info=error)
                working.end("failed", error={"code": "internal", "message": "the server made a mistake"})


class _Working:
    """A job that this process works on."""

    def __init__(self, served: Served, job: JobRecord, stopping: Event) -> None:
        self._served, self._job, self._stopping = served, job, stopping
        self._written = 0.0
        self._report: dict[str, Any] = {}  # of all parts together

    def run(self) -> None:
        """Add, as soon as nobody else is writing; of the jobs of this process one at a time tries to."""
        while not self._added():
            self._heed()
        self.end("done", report=self._report)

    def _added(self) -> bool:
        self._heed()
        if not self._served.turn.acquire(timeout=_PATIENCE):
            return False
        try:
            with self._served.another() as collection:
                for part in self._parts():
                    self._add(collection, *part)
        except CollectionLocked:
            if self._job.state != "waiting":
                self._set(state="waiting")
            self._stopping.wait(_PATIENCE)
            return False
        finally:
            self._served.turn.release()
        return True

    def _parts(self) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], int | None]]:
        """Sources with what bounds them: where they may lie, and the most pixels of what was sent."""
        uploads, roots = str(self._served.collection.uploads), self._served.roots
        sent = tuple(source for source in self._job.sources if within(source, uploads))
        others = tuple(source for source in self._job.sources if source not in sent)
        if others:
            yield others, roots or (uploads,), None  # without a root nothing but what was sent may be indexed
        if sent:
            yield sent, (uploads,), self._served.most_pixels

    def _add(
        self, collection: Collection, sources: tuple[str, ...], inside: tuple[str, ...], most: int | None
    ) -> None:
        report = collection.add(
            *sources,
            retry=self._job.retry,
            prune=self._job.prune,
            inside=inside,
            max_pixels=most,
            progress=self._on_progress,
        )
        self._report = _together(self._report, asdict(report))
        self._job = replace(self._job, before=self._job.done)
        uploads = str(collection.uploads)
        for failure in collection.failures():
            sent = str(failure.path)
            if failure.reason in _USELESS and sent in sources and within(sent, uploads):
                failure.path.unlink(missing_ok=True)  # why it failed is remembered, what was sent is not kept

    def end(self, state: State, **facts: Any) -> None:
        """Note what became of it."""
        ended = time.time() if state in ENDED else None
        self._set(state=state, remaining=None, ended=ended, **facts)

    def _on_progress(self, now: Progress) -> None:
        ahead = self._job.before
        facts: dict[str, Any] = {
            "state": "running",
            "done": ahead + now.done,
            "total": ahead + now.total,
            "failed": now.failed,
            "remaining": now.remaining,
            "note": now.note,
        }
        if time.monotonic() - self._written > _OFTEN or now.done == now.total:
            self._set(**facts)
        else:
            self._job = replace(self._job, **facts)
        self._heed()

    def _heed(self) -> None:
        """Stop if somebody wants it."""
        if self._stopping.is_set():
            raise Stopped("interrupted")
        with suppress(OSError):
            match _wish(self._served, self._job.id).read_text("utf-8"):
                case "pause":
                    raise Stopped("paused")
                case "cancel":
                    raise Stopped("cancelled")

    def _set(self, **facts: Any) -> None:
        self._job = _write(self._served, replace(self._job, **facts))
        self._written = time.monotonic()


def _together(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two reports as one: counts added up, also those of kinds."""
    return {
        key: _together(first.get(key, {}), value) if isinstance(value, dict) else first.get(key, 0) + value
        for key, value in second.items()
    } | {key: value for key, value in first.items() if key not in second}


def _told(path: Path) -> JobRecord | None:
    """A job as its file tells of it, if it can be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
        known = {key: value for key, value in document.items() if key in _FIELDS}
        return JobRecord(**{**known, "sources": tuple(document["sources"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _room(served: Served) -> Path:
    return served.room / "jobs"


def _forget(served: Served, jobs: list[JobRecord]) -> None:
    """Leave the last ones that have ended, and all that have not."""
    for job in [job for job in jobs if job.state in ENDED][KEPT:]:
        for suffix in (".json", ".wish", ".lock"):
            (_room(served) / f"{job.id}{suffix}").unlink(missing_ok=True)


def _wish(served: Served, id: str) -> Path:
    return _room(served) / f"{id}.wish"


def _write(served: Served, job: JobRecord) -> JobRecord:
    path = _room(served) / f"{job.id}.json"
    with replacing(path) as part:
        part.write_text(json.dumps(asdict(job)), encoding="utf-8")
    return job


@contextmanager
def _holding(path: Path) -> Iterator[bool]:
    """Hold a lock, if nobody else does; one who only looks (`_is_held`) has it for a moment."""
    descriptor = descriptor_of(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + _MOMENT
        while not (is_ours := locked(descriptor)) and time.monotonic() < until:
            time.sleep(_MOMENT / 20)
        yield is_ours
    finally:
        os.close(descriptor)


def _is_held(path: Path) -> bool:
    with suppress(FileNotFoundError):
        descriptor = descriptor_of(path, os.O_RDONLY)
        try:
            return not locked(descriptor, shared=True)
        finally:
            os.close(descriptor)
    return False
