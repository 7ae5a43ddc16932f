"""The compiled kernel's cache: used by the next process, done without where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likewise.words.index.kernel import Lists, compiled

pytest.importorskip("numba")

SCAN = """
import sys, warnings
warnings.simplefilter("error")
from likewise.words.index.kernel import compiled
compiled()
print(sorted(name for name in sys.modules if name in ("torch", "numba")))
"""


def start(cache: Path) -> None:
    environment = os.environ | {"LIKEWISE_CACHE": str(cache)}
    command = [sys.executable, "-c", SCAN]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("['numba']\n", "")


def kept(cache: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in cache.rglob("*.nb[ci]")}


@pytest.mark.slow
def test_what_was_compiled_is_kept_and_taken_again_unless_damaged(tmp_path: Path) -> None:
    start(tmp_path)
    before = kept(tmp_path / "compiled")
    assert any("compare" in name for name in before) and any("count" in name for name in before)
    start(tmp_path)
    assert kept(tmp_path / "compiled") == before
    for path in (tmp_path / "compiled").rglob("*.nb[ci]"):
        path.write_bytes(path.read_bytes()[:100])
    start(tmp_path)


@pytest.mark.slow
def test_a_cache_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "compiled").touch()  # no folder can be made there, not even by root
    start(tmp_path)


@pytest.mark.slow
def test_codes_are_not_read_beyond_their_padding() -> None:
    """A list of one posting at the end: eight are compared, and seven of them are not there."""
    rows, codes = np.zeros(1, np.uint32), np.zeros(10, np.uint64)
    ends = np.ones(1, np.int64)
    lists = Lists(rows, codes, ends - 1, ends, np.ones(1), rooted=True)
    scores = np.zeros(1)
    firsts, query = np.array([0, 1]), np.zeros((2, 1), np.uint64)
    compiled().compare(lists, firsts, query, np.ones(129), 129, 0, 1, scores)
    assert scores.tolist() == [1]
