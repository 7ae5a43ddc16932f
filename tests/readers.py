"""Readers that come to a bad end, for `read_apart`; this module imports next to nothing."""

from __future__ import annotations

import os
import signal

import numpy as np

from likewise.types import FloatArray


def dying(*_: object) -> dict[str, FloatArray]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def greedy(*_: object) -> dict[str, FloatArray]:
    return {"a": np.ones(1 << 31, np.float32)}


def wordy(*_: object) -> dict[str, FloatArray]:
    return {"a": np.zeros(1 << 20, np.float32)}


def puzzled(*_: object) -> dict[str, FloatArray]:
    raise RuntimeError("what is this")
