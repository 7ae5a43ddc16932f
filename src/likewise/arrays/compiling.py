"""Loops that numba (the extra ``fast``) compiles, kept for the next process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numba

T = TypeVar("T")

_SETTING = Lock()
"""Of numba's folder, which is one for all threads."""


def compiled(function: Callable[..., T], signature: tuple[Any, ...], folder: Path) -> Callable[..., T]:
    """Compile a function for arguments of these types, or take it from a folder where it is kept.

    Threads may run it at once: it lets go of Python's lock.
    """
    options = {"nogil": True, "error_model": "numpy"}
    done: Callable[..., T]
    with _SETTING:
        before = numba.config.CACHE_DIR
        try:
            numba.config.CACHE_DIR = str(folder)
            done = numba.njit(signature, cache=True, **options)(function)
        except Exception:  # a cache that cannot be written or read: compiled for this process alone
            done = numba.njit(signature, **options)(function)
        finally:
            numba.config.CACHE_DIR = before
    return done
