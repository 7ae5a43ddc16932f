"""The real command line in a process of its own, and what a collection holds as others see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from likewise.collection.collection import Collection
from likewise.collection.store.belongings import CATALOGUE
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import CollectionError


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    output: str
    error: str

    def is_one_error(self) -> bool:
        """Whether it ended with one line that says what is wrong."""
        return self.error.startswith("likewise: error: ") and self.error.count("\n") == 1


def likewise(*arguments: str | Path, cache: Path | None = None) -> Ran:
    """Run a command to its end."""
    command = [sys.executable, "-m", "likewise", *map(str, arguments)]
    environment = os.environ | ({"LIKEWISE_CACHE": str(cache)} if cache else {})
    done = subprocess.run(command, capture_output=True, env=environment, timeout=600)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def faults(collection: Path) -> str:
    """What ``likewise verify`` finds, in a few words."""
    ran = likewise("verify", "--in", collection, "--json")
    if ran.code == 0:
        return "clean"
    found = json.loads(ran.output)["faults"] if ran.output else ran.error.strip()
    return f"exit {ran.code}: {found}"


def committed(collection: Path) -> set[str]:
    """Paths that a reader sees; none while there is no collection yet."""
    try:
        catalogue = Catalogue.reader(collection / CATALOGUE)
    except CollectionError:
        return set()
    try:
        return {path for _, path, _ in catalogue.paths()}
    finally:
        catalogue.close()


def twice(collection: Path) -> int:
    """How many pictures are there more often than once, by path or (all contents differ) by vector."""
    with Collection.open(collection) as opened:
        paths = Counter(str(opened.path_of(int(picture))) for picture in opened.vectors()[0])
        vectors = Counter(vector.tobytes() for vector in opened.vectors()[1])
    return sum(count - 1 for count in (*paths.values(), *vectors.values()))


def pictures_in(folder: Path, count: int, side: int) -> Path:
    """Write JPEG files of different contents."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:04}.jpg"
        if not path.exists():
            coarse = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
            shape = (side, side * (2 + number % 3) // 4)
            Image.fromarray(coarse).resize(shape, Image.Resampling.BICUBIC).save(path, "JPEG")
    return folder
