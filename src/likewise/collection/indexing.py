"""From files to committed vectors: a walker, readers, mappers and one writer, each ahead of the next.

The walker compares files with the catalogue and passes on what changed. Readers read each file once, hash and
decode those bytes. Mappers describe pictures of one shape together, which keeps every core in the network.
The calling thread writes: what it has committed counts, and nothing else does. Belts between them are
bounded in bytes, so that memory does not grow with the number of files.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from likewise.collection.belt import Belt, Cancelled
from likewise.collection.catalogue import Catalogue, Content, storable
from likewise.collection.describing import AnyDescriber
from likewise.collection.pace import Pace
from likewise.collection.reach import concerned, note_reach, out_of_reach
from likewise.collection.reports import AddReport
from likewise.collection.tasks import Options, Outcome, Task, gone, overcome, plan, settle
from likewise.collection.walk import Stamp, unreadable
from likewise.collection.writing import Writer, writer
from likewise.errors import BadPicture
from likewise.pictures import Loaded
from likewise.pictures.decode import GIVEN
from likewise.types import Progress, ProgressCallback

AHEAD = 32 << 20
"""Bytes of decoded pictures that may wait for the network."""

BUCKET = 16
"""Pictures described together at most."""

BUCKET_BYTES = 16 << 20
"""Bytes of pictures described together at most, but for one that is larger."""

AT_ONCE = 256 << 20
"""Files above this many bytes are hashed in passing instead of being held in memory."""


@dataclass(frozen=True)
class _Job:
    """A decoded picture on its way through the network."""

    task: Task
    loaded: Loaded


class Indexing:
    """One run over some sources, on a catalogue that the caller has locked and opened for writing.

    Parameters
    ----------
    catalogue, path
        Open for writing, and its file, which the other threads open for reading.
    open_describer
        Called when, and only when, there is a file to look into.
    sources
        Real absolute paths of folders and files; those that are gone are only forgotten.
    threads
        How many read, and how many describe, at once.
    committed
        Called after each commit, in the calling thread, with how many files it concerned.
    anew
        Give pictures whose content changed new ids.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        path: Path,
        open_describer: Callable[[], AnyDescriber],
        sources: Sequence[str],
        *,
        options: Options,
        threads: int,
        progress: ProgressCallback | None = None,
        committed: Callable[[int], None] | None = None,
        anew: bool = False,
    ) -> None:
        self._committed, self._anew = committed or (lambda _: None), anew
        self._catalogue, self._path, self._open_describer = catalogue, path, open_describer
        self._sources, self._options, self._threads = sources, options, threads
        self._present = [source for source in sources if os.path.lexists(source)]
        self._progress = progress or (lambda _: None)
        self._tasks = Belt[Task](64)
        self._jobs = Belt[_Job](AHEAD, bucket=BUCKET, weight=BUCKET_BYTES, producers=threads)
        self._outcomes = Belt[list[Outcome]](64, bucket=64, producers=1 + 2 * threads)
        self._flying: dict[bytes, list[Task]] = {}  # contents on their way, and the tasks that wait for them
        self._flying_lock = Lock()
        self._error: BaseException | None = None
        self._counts = Counter[str]()
        self._pace = Pace()
        self._total = self._done = 0

    def run(self) -> AddReport:
        """Work until all is committed; what was committed before an error stays."""
        begin = time.monotonic()
        with self._catalogue.change():
            for source in self._present:
                self._catalogue.add_root(source if os.path.isdir(source) else os.path.dirname(source))
            away = out_of_reach(self._catalogue) if self._options.prune != "all" else {}
            last = self._catalogue.last_id()
            for place in overcome(self._catalogue, self._sources, away):
                self._catalogue.forgive(place)
        counts = Counter(verdict for verdict, _ in plan(self._catalogue, self._present, self._options))
        self._total = counts.pop("todo", 0)
        self._counts.update(counts)
        if self._total:
            self._work(self._open_describer())
        with self._catalogue.change():
            if self._options.prune:
                self._counts["forgotten"] = self._catalogue.delete(gone(self._catalogue, self._sources, away))
            note_reach(self._catalogue, away, last)
        self._counts["away"] = concerned(away, self._sources)
        return AddReport(**self._counts, seconds=time.monotonic() - begin)

    def _work(self, describer: AnyDescriber) -> None:
        workers = [self._worker("walk", self._walk, self._tasks)]
        for _ in range(self._threads):
            workers.append(self._worker("read", partial(self._read_all, describer), self._jobs))
            workers.append(self._worker("describe", partial(self._describe_all, describer)))
        for worker in workers:
            worker.start()
        try:
            while together := self._outcomes.take():
                self._commit([outcome for outcomes in together for outcome in outcomes])
        except Cancelled:
            pass
        finally:
            self._cancel()
            for worker in workers:
                worker.join()
        if self._error:
            raise self._error

    def _worker(self, name: str, work: Callable[[], None], *feeds: Belt[Any]) -> Thread:
        return Thread(target=self._guard, args=(work, *feeds), name=f"likewise {name}", daemon=True)

    def _guard(self, work: Callable[[], None], *feeds: Belt[Any]) -> None:
        """Run a thread's work, then close the belts it feeds; an error of it ends the whole run."""
        try:
            work()
        except Cancelled:
            pass
        except BaseException as error:  # raised again by the calling thread
            self._error = self._error or error
            self._cancel()
        finally:
            for belt in (*feeds, self._outcomes):
                belt.close()

    def _cancel(self) -> None:
        for belt in (self._tasks, self._jobs, self._outcomes):
            belt.cancel()

    # --- the walker ---

    def _walk(self) -> None:
        with closing(Catalogue.reader(self._path)) as catalogue:
            for verdict, task in plan(catalogue, self._present, self._options):
                if verdict != "todo":
                    continue
                if task.problem:
                    self._outcomes.put([Outcome(task, task.problem)])
                else:
                    self._tasks.put(task)

    # --- the readers ---

    def _read_all(self, describer: AnyDescriber) -> None:
        with closing(Catalogue.reader(self._path)) as catalogue:
            while tasks := self._tasks.take():
                for task in tasks:
                    self._read(task, catalogue, describer)

    def _read(self, task: Task, catalogue: Catalogue, describer: AnyDescriber) -> None:
        try:
            source, stamp, sha256 = _read_file(task.path)
        except OSError as error:
            self._outcomes.put([Outcome(task, unreadable(task.path, error))])
            return
        task = replace(task, stamp=stamp, sha256=sha256)
        if not self._is_new(task, catalogue):
            return
        try:
            loaded = describer.prepare(source, max_pixels=self._options.max_pixels)
        except BadPicture as problem:
            # It was decoded from bytes that were hashed before, and so knows no name.
            message = str(problem).replace(GIVEN, repr(task.path), 1)
            self._outcomes.put([Outcome(task, BadPicture(message, problem.reason))])
            return
        kind = tuple(pixels.shape for pixels in loaded.pixels)
        cost = sum(pixels.nbytes for pixels in loaded.pixels)
        self._jobs.put(_Job(task, loaded), kind=kind, cost=cost)

    def _is_new(self, task: Task, catalogue: Catalogue) -> bool:
        """Whether the network has to see this content; a content that is on its way already is waited for."""
        with self._flying_lock:
            if task.sha256 in self._flying:
                self._flying[task.sha256].append(task)
                return False
            content = catalogue.content(task.sha256)
            if content is None:
                self._flying[task.sha256] = []
                return True
        self._outcomes.put([Outcome(task, content)])
        return False

    # --- the mappers ---

    def _describe_all(self, describer: AnyDescriber) -> None:
        write = writer(describer)
        while jobs := self._jobs.take():
            described = _describe(write, [job.loaded for job in jobs])
            self._outcomes.put([_outcome(job, found) for job, found in zip(jobs, described, strict=True)])

    # --- the writer, in the calling thread ---

    def _commit(self, outcomes: list[Outcome]) -> None:
        with self._catalogue.change():
            kinds = [settle(self._catalogue, outcome, anew=self._anew) for outcome in outcomes]
        self._counts.update(kinds)
        self._committed(len(outcomes))
        self._done += len(outcomes)
        self._total = max(self._total, self._done)  # files may have come since they were counted
        remaining = self._pace.remaining(self._done, self._total)
        note = storable(os.path.basename(outcomes[-1].task.path))
        self._progress(Progress(self._done, self._total, self._counts["failed"], remaining, note))
        if waiting := self._landed(outcomes):
            self._commit(waiting)

    def _landed(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Give the tasks that waited for contents now committed the same outcome."""
        with self._flying_lock:
            return [
                Outcome(task, outcome.content)
                for outcome in outcomes
                for task in self._flying.pop(outcome.task.sha256, ())
            ]


def _read_file(path: str) -> tuple[bytes | str, Stamp, bytes]:
    """Give what to decode, the stamp it had when it was opened, and its sha256."""
    with open(path, "rb") as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        if stamp.size > AT_ONCE:
            return path, stamp, hashlib.file_digest(file, "sha256").digest()
        held = file.read()
    return held, stamp, hashlib.sha256(held).digest()


def _outcome(job: _Job, found: bytes | BadPicture) -> Outcome:
    if isinstance(found, BadPicture):
        return Outcome(job.task, found)
    content = Content(job.task.sha256, job.loaded.width, job.loaded.height, found)
    return Outcome(job.task, content, fresh=True)


def _describe(write: Writer, loaded: list[Loaded]) -> list[bytes | BadPicture]:
    """Give each picture's code; one that cannot be described fails alone."""
    try:
        return write(loaded)
    except BadPicture as problem:
        if len(loaded) == 1:
            return [problem]
        return [found for one in loaded for found in _describe(write, [one])]
