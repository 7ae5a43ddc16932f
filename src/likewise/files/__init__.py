"""Files: written whole or not at all, locked for one writer, temporary, or kept in the cache.

`paths`, `reading`, `fetching` and `system`, what differs between operating systems, stand beside.
"""

from likewise.files.lock import one_writer
from likewise.files.writing import cache_dir, made_folder, replacing, scratch, sha256_file, sweep, temporary

__all__ = [
    "cache_dir",
    "made_folder",
    "one_writer",
    "replacing",
    "scratch",
    "sha256_file",
    "sweep",
    "temporary",
]
