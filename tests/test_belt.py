"""Belts between threads."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.collection.belt import Belt, Cancelled

SOON = 0.05
LONG = 20.0


def background(work: Callable[[], object]) -> tuple[Thread, Event]:
    """Start a thread, and tell when its work has returned."""
    done = Event()

    def run() -> None:
        work()
        done.set()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread, done


def test_full_buckets_come_first_then_the_oldest() -> None:
    belt = Belt[int](100, bucket=2)
    for thing, kind in [(1, "rare"), (2, "common"), (3, "odd"), (4, "common"), (5, "odd"), (6, "common")]:
        belt.put(thing, kind=kind)
    belt.close()
    assert [belt.take() for _ in range(5)] == [[2, 4], [3, 5], [1], [6], []]


def test_the_last_bucket_is_shared_by_all_who_take() -> None:
    belt = Belt[int](100, bucket=7, takers=2)
    for thing in range(10):
        belt.put(thing)
    belt.close()
    assert [belt.take() for _ in range(4)] == [[*range(7)], [7, 8], [9], []]


def test_a_bucket_is_full_by_weight_too() -> None:
    belt = Belt[str](100, bucket=10, weight=8)
    belt.put("small")
    for thing in ("a", "b", "c"):
        belt.put(thing, kind="large", cost=4)
    assert belt.take() == ["a", "b"]


@given(
    things=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=30),
    bucket=st.integers(1, 5),
    takers=st.integers(1, 3),
)
def test_everything_comes_out_once_by_kind_and_in_order(
    things: list[tuple[int, int]], bucket: int, takers: int
) -> None:
    belt = Belt[tuple[int, int]](1000, bucket=bucket, takers=takers)
    for number, (kind, cost) in enumerate(things):
        belt.put((number, kind), kind=kind, cost=cost)
    belt.close()
    taken = []
    while together := belt.take():
        assert len(together) <= bucket
        assert len({kind for _, kind in together}) == 1
        taken += together
    for kind in range(4):
        assert [thing for thing in taken if thing[1] == kind] == [
            (number, k) for number, (k, _) in enumerate(things) if k == kind
        ]


def test_who_would_put_too_much_waits_until_there_is_room() -> None:
    belt = Belt[str](10)
    belt.put("large", cost=8)
    _, done = background(lambda: belt.put("more", cost=8))
    assert not done.wait(SOON)
    assert belt.take() == ["large"]
    assert done.wait(LONG)
    assert belt.take() == ["more"]


def test_a_thing_larger_than_the_belt_goes_alone() -> None:
    belt = Belt[str](10)
    belt.put("huge", cost=1000)
    assert belt.take() == ["huge"]


def test_who_takes_waits_for_all_producers() -> None:
    belt = Belt[str](10, producers=2)
    taken: list[list[str]] = []
    _, done = background(lambda: taken.append(belt.take()))
    belt.close()
    assert not done.wait(SOON)
    belt.close()
    assert done.wait(LONG)
    assert taken == [[]]


def test_cancelling_wakes_everybody() -> None:
    full, empty = Belt[str](1), Belt[str](1)
    full.put("x")

    def put() -> None:
        with pytest.raises(Cancelled):
            full.put("y")

    def take() -> None:
        with pytest.raises(Cancelled):
            empty.take()

    waiting = [background(put), background(take)]
    for belt in (full, empty):
        belt.cancel()
    assert all(done.wait(LONG) for _, done in waiting)
    with pytest.raises(Cancelled):
        full.take()
