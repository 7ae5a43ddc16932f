"""Runners of shards: processes on this machine, or actors of Ray on many.

A runner is asked for some shards and answers for those that it got to; what it has no answer for is asked for
again. A process that is killed costs the shard that it was at, and not even that: the next one goes on in it.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

from likewise.errors import needing
from likewise.registry import lookup
from likewise.scale.shards import Shard
from likewise.scale.work import ShardResult, Work, describe

ATTEMPTS = 3
"""How often a shard is tried."""


class Runner(Protocol):
    """Describes shards, so many at a time."""

    def __call__(self, work: Work, shards: Sequence[Shard], workers: int) -> Iterator[ShardResult]:
        """Answer in whatever order."""


def processes(work: Work, shards: Sequence[Shard], workers: int) -> Iterator[ShardResult]:
    """A new process for each shard: what one of them does to its memory concerns no other."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_apart, work, shard) for shard in shards]
        try:
            for future in as_completed(futures):
                if (answer := future.result()) is not None:
                    yield answer
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _apart(work: Work, shard: Shard) -> ShardResult | None:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, work, shard), name=f"likewise {shard.id}")
    process.start()
    sender.close()  # that of the process is the last one: when it ends, waiting for it does
    try:
        answer: ShardResult | None = receiver.recv()
    except EOFError:
        answer = None
    process.join()
    receiver.close()
    return answer


def _send(sender: Any, work: Work, shard: Shard) -> None:
    sender.send(describe(work, shard))


def ray(work: Work, shards: Sequence[Shard], workers: int) -> Iterator[ShardResult]:
    """Actors of Ray, each with a graphics card of its own where the device is one.

    The cluster is the one of the variable ``RAY_ADDRESS``, or one that is started on this machine.
    """
    cluster = ray_cluster()
    from ray.util import ActorPool  # as above

    cards = 0 if work.device == "cpu" else 1
    actor = cluster.remote(num_gpus=cards, max_restarts=-1, max_task_retries=ATTEMPTS)(_Describer)
    pool = ActorPool([actor.remote() for _ in range(min(workers, len(shards)))])
    for shard in shards:
        pool.submit(lambda worker, asked: worker.describe.remote(work, asked), shard)
    while pool.has_next():
        try:
            answer: ShardResult = pool.get_next_unordered()
        except cluster.exceptions.RayError:
            continue
        yield answer


def ray_cluster() -> Any:
    """The module ``ray``, connected to its cluster; raises `MissingExtra`."""
    with needing("a cluster of Ray", package="ray", extra="ray"):
        import ray  # an extra: 590 MB

    ray.init(address=os.environ.get("RAY_ADDRESS"), ignore_reinit_error=True, log_to_driver=False)
    return ray


class _Describer:
    """Lives in a process of Ray."""

    def describe(self, work: Work, shard: Shard) -> ShardResult:
        """See `likewise.scale.work.describe`."""
        return describe(work, shard)


RUNNERS: dict[str, Runner] = {"processes": processes, "ray": ray}


def find_runner(name: str) -> Runner:
    """A runner by its name; raises `UnknownName`."""
    return lookup("runner", name, RUNNERS)
