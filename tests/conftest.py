"""What holds for all tests: how long an example takes says nothing, and neither does the order of tests.

Examples are the same in every run, so that a change is judged by what it changes; new ones are looked for
with ``--hypothesis-profile "by chance"``.
"""

from __future__ import annotations

import gc
import os
import random
from collections import defaultdict
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("whatever the load", deadline=None, derandomize=True)
settings.register_profile("by chance", deadline=None)
settings.load_profile("whatever the load")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Where each core has a worker, more threads of torch and BLAS spin while they wait for each other:
    # of some modules that was most of the time. Read when those are imported, later, and by children.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


gc.disable()  # while tests are collected, of which nearly everything stays


NO_PRIVILEGE = 1314
"""What Windows answers to users who may make no links."""


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Leave out a test that asked for a link where none can be made."""
    try:
        return (yield)
    except OSError as error:
        if getattr(error, "winerror", None) == NO_PRIVILEGE:
            pytest.skip("this user may make no links")
        raise


pytest_fixture_setup = pytest_pyfunc_call


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="files, and the tests of each, by chance")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give slow tests time; shuffle the files, and tests within them, which share what is dear to make."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(1800))  # minutes when idle, and more where much else runs
    if (seed := config.getoption("shuffle")) is None:
        return
    files = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    chance = random.Random(seed)
    items.clear()
    for file in chance.sample(sorted(files), len(files)):
        items += chance.sample(files[file], len(files[file]))


def pytest_collection_finish() -> None:
    """Set apart what was collected: to look through it again and again took a second each time."""
    gc.collect()
    gc.freeze()
    gc.enable()
