"""The targets of `tests.test_fuzz`, led by what code is reached: ``python -m tests.fuzz NAME``.

It needs ``pip install atheris``, which no extra brings, and takes libFuzzer's options: ``-runs=1000000`` and
``-max_total_time=3600`` (seconds) end it, a folder keeps what led to new places, a file is run alone. An
error ends it with a traceback and is kept as a file. Bytes too few for an example are runs too: it tells how
many examples there were.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import count
from pathlib import Path

import atheris

EVERY = 50_000
"""Examples from one line about them to the next."""


def main() -> None:
    """Fuzz one target."""
    with atheris.instrument_imports(include=["likewise"]):
        from tests import test_fuzz  # what it imports first is what is watched

    targets = [name.removeprefix("test_") for name in vars(test_fuzz) if name.startswith("test_")]
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(f"python -m tests.fuzz NAME, one of {', '.join(targets)}")
    run = getattr(test_fuzz, f"test_{sys.argv.pop(1)}").hypothesis.fuzz_one_input
    examples = count(1)

    def tried(data: bytes) -> None:
        if run(data) is not None and (number := next(examples)) % EVERY == 0:
            sys.stderr.write(f"{number} examples\n")

    with tempfile.TemporaryDirectory() as folder:
        test_fuzz.FOLDERS.append(Path(folder))
        atheris.Setup(sys.argv, tried)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
