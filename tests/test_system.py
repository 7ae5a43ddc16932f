"""What systems do differently: as far as Windows can be simulated, with a stand-in for its locks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from likewise.files import system

WINDOWS = """
import os, sys, types
from pathlib import Path
import numpy, PIL.Image, sqlite3, asyncio, fastapi, uvicorn  # these look at the system themselves

held, numbers = {}, {}  # locked bytes by file, and by descriptor

def locking(descriptor, how, length):
    assert (how, length) == (2, 1)
    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    owner = held.get((os.fstat(descriptor).st_ino, place))
    if owner is not None and owner in numbers:
        raise PermissionError(13, "Permission denied")
    held[os.fstat(descriptor).st_ino, place] = descriptor
    numbers[descriptor] = True

real_close = os.close
def close(descriptor):
    numbers.pop(descriptor, None)
    real_close(descriptor)
os.close = close

sys.modules["fcntl"] = None  # importing it fails
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "pread", "pwrite", "sched_getaffinity"):
    delattr(os, name)
sys.platform = "win32"
import likewise.files.system
sys.platform = "linux"

from likewise.files import one_writer
from likewise.files.system import cores
from likewise.errors import CollectionLocked, StorageError
from likewise.web.services import jobs
from likewise.pictures import load

lock = Path(sys.argv[1]) / "lock"
with one_writer(lock):
    try:
        with one_writer(lock):
            raise SystemExit("locked twice")
    except CollectionLocked as error:
        assert f"process {os.getpid()}" in str(error), error
with one_writer(lock):
    pass
link = lock.with_name("link")
link.symlink_to(lock)
try:
    with one_writer(link):
        raise SystemExit("went through a link")
except StorageError as error:
    assert "link" in str(error), error
with jobs._holding(lock) as ours:
    assert ours and jobs._is_held(lock)
assert not jobs._is_held(lock)
assert cores() >= 1
likewise.files.system.flush(lock)
likewise.files.system.flush(lock.parent)  # of a folder: nothing, and no error
"""


def test_everything_works_without_what_only_posix_has(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WINDOWS, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_lock_is_exclusive_or_shared(tmp_path: Path) -> None:
    file = tmp_path / "file"
    one, other = (system.descriptor_of(file, os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert system.locked(one, shared=True)
    assert system.locked(other, shared=True)
    assert not system.locked(other)
    os.close(one)
    assert system.locked(other)
    os.close(other)


def test_what_is_overwritten_is_gone(tmp_path: Path) -> None:
    descriptor = system.descriptor_of(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    system.overwrite(descriptor, b"a long one")
    system.overwrite(descriptor, b"short")
    assert system.read_at(descriptor, 100) == b"short"
    os.close(descriptor)
