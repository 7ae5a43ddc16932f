"""Visual words that are searched by many machines: each shard is an actor of Ray."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from likewise.collection.layers import ShardPart, Shards, WordsShard
from likewise.scale.runners import ray_cluster


class RayShards(Shards):
    """Actors spread over the machines of the cluster that ``RAY_ADDRESS`` names, or over this machine.

    Every machine has to find the collection under the same path. One that fails costs the pictures of its
    shards until they have been read somewhere else. Raises `MissingExtra` without Ray; `UsageError` when the
    count is no number of shards.

    Parameters
    ----------
    count
        How many each layer of words has.
    """

    LOST = ConnectionError

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._ray = ray_cluster()

    def start(self, part: ShardPart) -> Any:
        """See `Shards`."""
        return self._ray.remote(scheduling_strategy="SPREAD")(WordsShard).remote(part)

    def call(self, shard: Any, method: str, *given: Any) -> Future[Any]:
        """See `Shards`."""
        answer = Future[Any]()
        shard.__getattr__(method).remote(*given).future().add_done_callback(
            lambda done: self._settle(answer, done)
        )
        return answer

    def _settle(self, answer: Future[Any], done: Future[Any]) -> None:
        """Give what an actor gave or raised, without where in it; one that is gone is a lost connection."""
        error = done.exception()
        if error is None:
            answer.set_result(done.result())
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            answer.set_exception(error.cause)
        else:
            answer.set_exception(ConnectionError(str(error).partition("\n")[0]))

    def stop(self, shard: Any) -> None:
        """See `Shards`."""
        self._ray.kill(shard)
