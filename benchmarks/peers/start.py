"""How soon commands answer, beside Python itself and the libraries that they cannot do without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.peers.figures import Figure, beside, turns
from benchmarks.sets import DEMO
from benchmarks.startup.__main__ import FOLDER, LIKEWISE, cost, make

from likewise.demoset import rendering

GROUP = "start"
PICTURES = 10_000


def figures(repetitions: int) -> Iterator[Figure]:
    """Whole processes, seconds by the clock."""
    python = [sys.executable, "-c"]
    collection = make(FOLDER / f"{PICTURES}.likewise", PICTURES)
    search = [*LIKEWISE, "search", str(rendering.render(DEMO)[0]), "--in", str(collection), "--json"]
    subprocess.run(search, check=True, stdout=subprocess.DEVNULL)  # compiles the network, once for all
    for work, command, peer, other in (
        ("import likewise", [*python, "import likewise"], "python -c pass", "pass"),
        ("likewise --help", [*LIKEWISE, "--help"], "import typer", "import typer"),
        (f"likewise search, {PICTURES:,} pictures", search, LIBRARIES, LIBRARIES),
    ):
        works = {"likewise": partial(cost, command), peer: partial(cost, [*python, other])}
        yield from beside(GROUP, work, turns(works, repetitions), {peer: None})


LIBRARIES = "import numpy, cv2, openvino"
