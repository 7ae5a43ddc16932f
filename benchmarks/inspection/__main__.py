"""What every tap costs beside the pass alone: ``python -m benchmarks.inspection run``, then ``table``."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown

from likewise.inspection.inspection import inspect
from likewise.inspection.network import CardNetwork
from likewise.types import UInt8Array

FOLDER = RESULTS / "inspection"
NETWORKS = ("vgg16", "efficientnet-lite0")
SIDE, ROUNDS = 1024, 5

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run() -> None:
    """Time both, in turns, each network in a process of its own."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.inspection", "one", name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        (FOLDER / f"{name}.json").write_text(done.stdout, encoding="utf-8")


@app.command()
def one(name: str) -> None:
    """Time one network and print the figures as JSON."""
    network, bare_network, pixels = CardNetwork(name), CardNetwork(name), picture()
    taps = network.names(None, SIDE)
    x = pixels.astype(np.float32).transpose(2, 0, 1)[None].copy()
    last = next(tap for tap in reversed(taps) if network.card.taps[tap].stride)

    def alone() -> None:
        for _ in bare_network.outputs(x, [last]):
            pass

    def whole() -> None:
        inspect(network, pixels, taps, size=SIDE)

    alone()
    whole()
    ratios: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        bare, looked = timed(alone), timed(whole)
        ratios.append((looked[0] / bare[0], looked[1] / bare[1]))
        print(name, bare, looked, file=sys.stderr)
    wall, processor = (median(side) for side in zip(*ratios, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"taps": len(taps), "wall": wall, "processor": processor, "peak": peak, "bare": bare}))


@app.command()
def table() -> None:
    """Print the table."""
    rows = []
    for name in NETWORKS:
        found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        ratios = [f"{found['wall']:.2f}", f"{found['processor']:.2f}"]
        rows.append([name, str(found["taps"]), *ratios, f"{found['peak']:.0f}"])
    print(markdown(["network", "taps", "times the pass, clock", "times the pass, CPU", "peak MiB"], rows))


def timed(function: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def picture() -> UInt8Array:
    """Waves and noise, 1024 x 1024."""
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = np.stack([np.sin(x / 7 + y / 31), np.sin(x / 19 - y / 13), np.sin(x * y / 9000)], axis=2)
    noise = np.random.default_rng(0).normal(0, 12, waves.shape)
    return np.clip(128 + 80 * waves + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    app()
