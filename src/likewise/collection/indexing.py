"""From files to committed vectors: a walker, readers, mappers and one writer, each ahead of the next.

The walker compares files with the catalogue and passes on what changed. Readers read each file once, hash and
decode those bytes. Mappers describe pictures of one shape together, which keeps every core in the network.
The calling thread writes: what it has committed counts, and nothing else does. Belts between them are
bounded in bytes, so that memory does not grow with the number of files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Lock, Thread
from typing import Any

from likewise.collection.belt import Belt, Cancelled
from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.pending import (
    Lacking,
    Options,
    Task,
    TaskOutcome,
    Verdict,
    gone,
    lacking,
    overcome,
    plan,
    settle,
)
from likewise.collection.reach import concerned, note_reach, out_of_reach
from likewise.collection.reports import AddReport
from likewise.collection.store.catalogue import Catalogue, Content, storable
from likewise.collection.store.remembering import kept_excludes
from likewise.descriptors.describing import describe_each
from likewise.errors import BadPicture
from likewise.files import cache_dir
from likewise.files.reading import digested, regular, unreadable
from likewise.folders import Stamp
from likewise.pictures import Facts, Loaded, hasten, opened
from likewise.progress import Meter
from likewise.types import ProgressCallback

AHEAD = 32 << 20
"""Bytes of decoded pictures that may wait for the network."""

BUCKET = 16
"""Pictures described together at most."""

BUCKET_BYTES = 16 << 20
"""Bytes of pictures described together at most, but for one that is larger."""

MANY = 200
"""Files from which on it pays to load compiled resampling, which takes half a second of one core."""

WAITING = 2000
"""Files that may be committed before layers bring what they are searched by up to the catalogue."""


@dataclass(frozen=True)
class _Job:
    """A decoded picture on its way through the layers that have not described it.

    Attributes
    ----------
    content
        What is known of it already.
    loaded
        By the numbers of those layers.
    """

    task: Task
    content: Content
    loaded: Mapping[int, Loaded]


class Indexing:
    """One run over some sources, on a catalogue that the caller has locked and opened for writing.

    Parameters
    ----------
    catalogue, reader
        Open for writing, and what opens another for reading, in each of the other threads.
    layers
        Those that are to describe every picture; opened when, and only when, there is a file to look into.
    sources
        Real absolute paths of folders and files; those that are gone are only forgotten.
    threads
        How many read, and how many describe, at once.
    exclude, include
        Patterns to be left out from now on, and those to be left out no longer.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        reader: Callable[[], Catalogue],
        layers: Sequence[CollectionLayer],
        sources: Sequence[str],
        *,
        options: Options,
        threads: int,
        progress: ProgressCallback | None = None,
        exclude: Sequence[str] = (),
        include: Sequence[str] = (),
    ) -> None:
        self._exclude, self._include = exclude, include
        self._catalogue, self._reader = catalogue, reader
        self._layers = {layer.id: layer for layer in layers}
        self._lacking: Lacking = {}
        self._waiting = 0
        self._sources, self._options, self._threads = sources, options, threads
        self._present = [source for source in sources if os.path.lexists(source)]
        self._tasks = Belt[Task](64)
        self._jobs = Belt[_Job](AHEAD, bucket=BUCKET, weight=BUCKET_BYTES, producers=threads, takers=threads)
        self._outcomes = Belt[list[TaskOutcome]](64, bucket=64, producers=2 + 2 * threads)
        self._flying: dict[bytes, list[Task]] = {}  # contents on their way, and the tasks that wait for them
        self._flying_lock = Lock()
        self._error: BaseException | None = None
        self._counts = Counter[str]()
        self._tell = Meter(progress)
        self._total = self._done = 0

    def run(self) -> AddReport:
        """Work until all is committed; what was committed before an error stays."""
        with self._catalogue.change():
            self._options = replace(
                self._options, excludes=kept_excludes(self._catalogue, self._exclude, self._include)
            )
            for source in self._present:
                self._catalogue.add_root(source if os.path.isdir(source) else os.path.dirname(source))
            away = out_of_reach(self._catalogue) if self._options.prune != "all" else {}
            last = self._catalogue.last_id()
            for place in overcome(self._catalogue, self._sources, away):
                self._catalogue.forgive(place)
            self._catalogue.facts.seal()
        self._lacking = lacking(self._catalogue, list(self._layers.values()))
        passed = Counter[str]()
        counts = Counter(verdict for verdict, _ in self._plan(self._catalogue, passed))
        self._total = counts.pop("todo", 0)
        self._counts.update(counts)
        if self._total:
            self._work()
        with self._catalogue.change():
            lost = gone(self._catalogue, self._sources, away, self._options.excludes)
            if self._options.prune:
                self._counts["forgotten"] = self._catalogue.delete(lost)
            else:
                self._counts["gone"] = len(lost)
            note_reach(self._catalogue, away, last)
            self._catalogue.looked_at(self._sources)
            bare = [self._catalogue.unpaired(layer)[0] for layer in self._layers] if self._lacking else []
            self._counts["incomplete"] = len(set().union(*bare))
        self._counts["away"] = concerned(away, self._sources)
        for layer in self._layers.values():
            layer.index(self._catalogue)
        by_kind = dict(passed.most_common())
        return AddReport(**self._counts, passed_over=by_kind)

    def _plan(
        self, catalogue: Catalogue, passed: Counter[str] | None = None
    ) -> Iterator[tuple[Verdict, Task]]:
        return plan(catalogue, self._present, self._options, self._lacking, passed)

    def _work(self) -> None:
        for layer in self._layers.values():
            layer.encoder(self._threads)
        workers = [self._worker("walk", self._walk, self._tasks), self._worker("hasten", self._hasten)]
        for _ in range(self._threads):
            workers.append(self._worker("read", self._read_all, self._jobs))
            workers.append(self._worker("describe", self._describe_all))
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

    def _worker(self, name: str, target: Callable[[], None], *feeds: Belt[Any]) -> Thread:
        return Thread(target=self._guard, args=(target, *feeds), name=f"likewise {name}", daemon=True)

    def _guard(self, target: Callable[[], None], *feeds: Belt[Any]) -> None:
        """Run a thread's work, then close the belts it feeds; an error of it ends the whole run."""
        try:
            target()
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
        with closing(self._reader()) as catalogue:
            for verdict, task in self._plan(catalogue):
                if verdict != "todo":
                    continue
                if task.problem:
                    self._outcomes.put([TaskOutcome(task, task.problem)])
                else:
                    self._tasks.put(task)

    def _hasten(self) -> None:
        if self._total >= MANY:
            hasten(cache_dir() / "compiled")

    # --- the readers ---

    def _read_all(self) -> None:
        with closing(self._reader()) as catalogue:
            while tasks := self._tasks.take():
                for task in tasks:
                    self._read(task, catalogue)

    def _read(self, task: Task, catalogue: Catalogue) -> None:
        try:
            source, stamp, sha256 = _read_file(task.path, self._options.inside)
        except OSError as error:
            self._outcomes.put([TaskOutcome(task, unreadable(task.path, error))])
            return
        except BadPicture as problem:
            self._outcomes.put([TaskOutcome(task, problem)])
            return
        task = replace(task, stamp=stamp, sha256=sha256)
        content = self._new(task, catalogue)
        if content is None:
            return
        layers = [layer for layer in self._layers if layer not in content.codes]
        try:
            facts, loaded = self._prepared(source, repr(task.path), layers)
        except BadPicture as problem:
            self._outcomes.put([TaskOutcome(task, problem)])
            return
        content = replace(content, facts=facts)
        if not loaded:
            self._outcomes.put([TaskOutcome(task, content)])
            return
        pixels = [(layer, array) for layer, prepared in loaded.items() for array in prepared.pixels]
        kind = tuple((layer, array.shape) for layer, array in pixels)
        self._jobs.put(_Job(task, content, loaded), kind=kind, cost=sum(array.nbytes for _, array in pixels))

    def _prepared(
        self, source: bytes | str, name: str, layers: Sequence[int]
    ) -> tuple[Facts, dict[int, Loaded]]:
        """The file's facts, and the picture as each of the layers takes it.

        What they decode alike is decoded once.
        """
        limit = self._options.max_pixels
        with opened(source, name) as picture:
            facts = picture.facts
            return facts, {
                layer: self._layers[layer].encoder(1).prepare(picture, max_pixels=limit) for layer in layers
            }

    def _new(self, task: Task, catalogue: Catalogue) -> Content | None:
        """The known part, maybe nothing, of a content that lacks a layer or its facts.

        None when there is none, and when that content is on its way already and is waited for.
        """
        with self._flying_lock:
            if task.sha256 in self._flying:
                self._flying[task.sha256].append(task)
                return None
            known = catalogue.content(task.sha256, self._layers) or Content(task.sha256, 0, 0, {})
            sound = {
                layer: code for layer, code in known.codes.items() if not self._layers[layer].fault(code)
            }
            content = replace(known, codes=sound)
            if sound.keys() != self._layers.keys() or content.facts is None:
                self._flying[task.sha256] = []
                return content
        self._outcomes.put([TaskOutcome(task, content)])
        return None

    # --- the mappers ---

    def _describe_all(self) -> None:
        while jobs := self._jobs.take():
            described = {
                layer: describe_each(self._layers[layer].encode, [job.loaded[layer] for job in jobs])
                for layer in jobs[0].loaded
            }
            self._outcomes.put(
                [
                    _outcome(job, {layer: codes[number] for layer, codes in described.items()})
                    for number, job in enumerate(jobs)
                ]
            )

    # --- the writer, in the calling thread ---

    def _commit(self, outcomes: list[TaskOutcome]) -> None:
        with self._catalogue.change():
            kinds = [settle(self._catalogue, outcome) for outcome in outcomes]
        self._counts.update(kinds)
        self._waiting += len(outcomes)
        if self._waiting >= WAITING:
            for layer in self._layers.values():
                layer.index(self._catalogue)
            self._waiting = 0
        self._done += len(outcomes)
        self._total = max(self._total, self._done)  # files may have come since they were counted
        note = storable(os.path.basename(outcomes[-1].task.path))
        self._tell(self._done, self._total, failed=self._counts["failed"], note=note)
        if waiting := self._landed(outcomes):
            self._commit(waiting)

    def _landed(self, outcomes: list[TaskOutcome]) -> list[TaskOutcome]:
        """Give the tasks that waited for contents now committed the same outcome."""
        with self._flying_lock:
            return [
                TaskOutcome(task, outcome.content)
                for outcome in outcomes
                for task in self._flying.pop(outcome.task.sha256, ())
            ]


def _read_file(path: str, inside: Sequence[str]) -> tuple[bytes | str, Stamp, bytes]:
    """Give what to decode, the stamp it had when it was opened, and its sha256."""
    with regular(path, inside) as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        held, sha256 = digested(file)
    return path if held is None else held, stamp, sha256


def _outcome(job: _Job, kept: Mapping[int, bytes | BadPicture]) -> TaskOutcome:
    """All that layers keep of a picture, or what one of them found wrong with it."""
    codes = dict(job.content.codes)
    for layer, code in kept.items():
        if isinstance(code, BadPicture):
            return TaskOutcome(job.task, code)
        codes[layer] = code
    size = next(iter(job.loaded.values()))
    return TaskOutcome(job.task, replace(job.content, width=size.width, height=size.height, codes=codes))
