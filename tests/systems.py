"""What some systems lack: a test that needs it is left out there.

`make types` looks at the tests as on Windows too, and finds what is used without being there. Links, which
Windows makes for some users only, are seen to by `tests.conftest`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="needs modes of files, a shell, or signals that a process hears"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, or figures in its units")


def pipe(path: Path) -> None:
    """Make a pipe in a folder, or leave the test out."""
    if sys.platform == "win32":
        pytest.skip("Windows has no pipes in folders")
    os.mkfifo(path)
