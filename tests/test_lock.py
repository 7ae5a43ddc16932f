"""One writer at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from likewise.errors import CollectionLocked, StorageError
from likewise.files import one_writer

HOLDER = """
import sys, time
from pathlib import Path
from likewise.files import one_writer
with one_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_who_holds_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), "a word"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(CollectionLocked, match=rf"process {holder.pid} on .* since 20.*a word"):
            with one_writer(tmp_path / "lock"):
                pass
        holder.kill()
    with one_writer(tmp_path / "lock"):  # a dead holder holds nothing
        pass


def test_it_holds_within_a_process_too_and_is_given_back(tmp_path: Path) -> None:
    with one_writer(tmp_path / "lock"):
        with pytest.raises(CollectionLocked, match=f"process {os.getpid()}"):
            with one_writer(tmp_path / "lock"):
                pass
    with pytest.raises(ZeroDivisionError), one_writer(tmp_path / "lock"):
        raise ZeroDivisionError
    with one_writer(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("signature", [b"", b"{", b"[]", b"{}", b'{"pid": 1}'])
def test_an_unsigned_lock_is_still_a_lock(tmp_path: Path, signature: bytes) -> None:
    with one_writer(tmp_path / "lock"):
        (tmp_path / "lock").write_bytes(signature)
        with pytest.raises(CollectionLocked, match="another process"):
            with one_writer(tmp_path / "lock"):
                pass


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        with one_writer(tmp_path / "none" / "lock"):
            pass
