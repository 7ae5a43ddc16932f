"""Readers of others that may crash or take all memory, run in a process of their own.

HDF5 and SciPy read what strangers wrote with C code that a made-up file can bring to its end. What ends here
is one process, which had so much memory and so much time; the arrays come back in a file that says what they
are. It is a fence against accidents and bombs, not a sandbox: the process may do what its user may.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from likewise.errors import ReaderFailed
from likewise.files import temporary
from likewise.files.system import bound

SECONDS = 600
"""That a reader may take; of the processor and on the clock."""

_FLOOR = 2 << 30
"""Bytes of addresses that Python takes with the libraries that readers load."""

_LONGEST = 2000


def read_apart(
    read: Callable[..., dict[str, NDArray[Any]]],
    *given: object,
    size: int,
    expected: tuple[type[Exception], ...],
) -> dict[str, NDArray[Any]]:
    """Call a function in a process of its own, and give the arrays that it gives.

    Raises `ReaderFailed` when it crashes, takes too much memory or too long, or gives no arrays.

    Parameters
    ----------
    read
        A function of a module, by whose name the process finds it.
    given
        Its arguments, which can be pickled.
    size
        Bytes of the arrays that are wanted: so much may be written, and four times of it may be held besides
        2 GiB. Windows has no such limits, and there only the clock counts.
    expected
        Errors of the function that are raised here with what they say.
    """
    with temporary() as room:
        place = room / "arrays"
        call = base64.b64encode(pickle.dumps((read, given, expected, os.fspath(place))))
        limits = [_FLOOR + 4 * size, SECONDS, size + (1 << 20)]
        asked = json.dumps({"path": sys.path, "limits": limits, "call": call.decode()})
        try:
            done = subprocess.run(
                [sys.executable, "-c", "from likewise.networks.weights.apart import main; main()"],
                input=asked.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **_ONE_THREAD},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ReaderFailed(f"reading it took more than {SECONDS} seconds") from error
        except OSError as error:
            raise ReaderFailed(f"no process could be started to read it ({error.strerror})") from error
        _see_what_was_said(done, expected)
        return _arrays(place)


_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def _see_what_was_said(
    done: subprocess.CompletedProcess[bytes], expected: tuple[type[Exception], ...]
) -> None:
    kind, _, text = done.stdout[:_LONGEST].decode("utf-8", "replace").partition("\n")
    for error in expected:
        if kind == error.__name__:
            raise error(text)
    if kind == "memory":
        raise ReaderFailed("reading it takes more memory than what it holds could need")
    if done.returncode < 0:
        raise ReaderFailed(f"it crashed its reader (signal {-done.returncode})")
    if done.returncode:
        raise ReaderFailed(f"its reader failed ({text or f'exit code {done.returncode}'})")


def _arrays(place: Path) -> dict[str, NDArray[Any]]:
    try:
        return load_file(place)
    except (SafetensorError, OSError) as error:
        raise ReaderFailed(f"its reader gave no arrays ({error})") from error


def main() -> None:
    """Do what `read_apart` asked for."""
    asked = json.load(sys.stdin)
    bound(*asked["limits"])
    read, given, expected, place = pickle.loads(base64.b64decode(asked["call"]))  # of our parent
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in read(*given).items()}, place)
    except MemoryError:
        _say("memory", "")
    except expected as error:
        _say(type(error).__name__, str(error))
    except Exception as error:
        _say("", f"{type(error).__name__}: {error}")


def _say(kind: str, text: str) -> None:
    sys.stdout.write(f"{kind}\n{text[:_LONGEST]}")
    sys.exit(3)
