"""How fast the CIFAR-10 network trains: ``python -m benchmarks.training run``, then ``table``.

Every row adds one thing to the one above. Speed is pictures per second of processor time, so that what else
the machine does counts little; accuracy is that of the test pictures after a few epochs of 10 000 pictures.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
import typer
from benchmarks.sets import RESULTS, markdown
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from likewise.study.cifar10 import LabelledPictures, load
from likewise.study.cifar_loop import EPSILON, CifarSettings, evaluate, steps
from likewise.study.cifar_module import CifarModule
from likewise.study.running import stratified

FOLDER = RESULTS / "training"
FILE = FOLDER / "measured.json"
BATCH, SIZE = 32, 10_000

app = typer.Typer(help=__doc__, add_completion=False)


@dataclass(frozen=True)
class Way:
    """One way to train."""

    name: str
    memory: bool = True
    channels_last: bool = True
    fused: bool = True
    ours: bool = False
    precision: str = "f32"
    compiled: bool = False


OBVIOUS = Way("DataLoader, NCHW floats, default Adam", memory=False, channels_last=False, fused=False)
OURS = Way("rectifier in place and after the pool, dropout by bits: ours", ours=True)
WAYS = (
    OBVIOUS,
    Way("the set in memory as bytes", channels_last=False, fused=False),
    Way("channels last", fused=False),
    Way("fused Adam"),
    OURS,
    Way("ours, bf16", ours=True, precision="bf16"),
    Way("ours, torch.compile", ours=True, compiled=True),
)


class Listing(nn.Module):
    """The network as the article lists it, layer by layer, with the first weights of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.own = CifarModule(Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        """Give logits ``(n, 10)``."""
        for number in range(1, 7):
            x = functional.relu(getattr(self.own, f"conv{number}")(x))
            if number in (2, 4):
                x = functional.max_pool2d(x, 2)
        x = functional.dropout(functional.relu(self.own.dense1(x)), 0.5, self.training)
        logits: Tensor = self.own.dense2(x.flatten(1))
        return logits


@app.command()
def run(
    data: Annotated[Path | None, typer.Option(help="The folder of CIFAR-10; else the cache.")] = None,
    repetitions: Annotated[int, typer.Option(help="How often each is measured.")] = 3,
    timed: Annotated[int, typer.Option(help="Steps that are timed.")] = 150,
    epochs: Annotated[int, typer.Option(help="Epochs before the accuracy is taken.")] = 5,
) -> None:
    """Time all ways, taking turns; then train by three of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    whole = load(data)
    train = whole.train.taken(stratified(whole.train.labels, SIZE, 0))
    speeds: dict[str, list[float]] = {way.name: [] for way in WAYS}
    for _ in range(repetitions):
        for way in WAYS:
            speeds[way.name].append(_speed(way, train, timed))
            print(way.name, round(speeds[way.name][-1]), file=sys.stderr)
    accuracies = {}
    for way in (OBVIOUS, OURS, WAYS[5]):
        accuracies[way.name] = _accuracy(way, train, whole.test, epochs)
        print(way.name, accuracies[way.name], file=sys.stderr)
    measured = {"speeds": speeds, "accuracies": accuracies, "epochs": epochs}
    FILE.write_text(json.dumps(measured, indent=1), encoding="utf-8")


@app.command()
def table() -> None:
    """Print the table: medians over the repetitions."""
    measured = json.loads(FILE.read_text(encoding="utf-8"))
    speeds = {name: median(values) for name, values in measured["speeds"].items()}
    rows = [
        [
            name,
            f"{speed:.0f}",
            f"{speed / speeds[OBVIOUS.name]:.2f}",
            f"{measured['accuracies'][name]:.1%}" if name in measured["accuracies"] else "",
        ]
        for name, speed in speeds.items()
    ]
    head = ["", "pictures per CPU second", "ratio", f"accuracy after {measured['epochs']} epochs"]
    print(markdown(head, rows))


def _speed(way: Way, train: LabelledPictures, timed: int) -> float:
    epoch = _stepper(way, train)[1]()
    for _ in range(10):
        next(epoch)
    start = time.process_time()
    for _ in range(timed):
        next(epoch)
    return timed * BATCH / (time.process_time() - start)


def _accuracy(way: Way, train: LabelledPictures, test: LabelledPictures, epochs: int) -> float:
    module, epoch = _stepper(way, train)
    for _ in range(epochs):
        for _ in epoch():
            pass
    return evaluate(module, test)[1]


def _stepper(way: Way, train: LabelledPictures) -> tuple[Any, Callable[[], Iterator[object]]]:
    """A fresh module, and what trains one epoch of it step by step."""
    torch.manual_seed(0)
    module: Any = CifarModule(Generator().manual_seed(0)) if way.ours else Listing()
    if way.channels_last:
        module = module.to(memory_format=torch.channels_last)
    options = {"fused": True} if way.fused else {}
    optimiser = torch.optim.Adam(module.parameters(), eps=EPSILON, **options)  # type: ignore[arg-type]
    if way.ours:
        settings = CifarSettings(batch=BATCH, precision="bf16" if way.precision == "bf16" else "f32")
        if way.compiled:
            module.forward = torch.compile(module.forward)
        return module, lambda: steps(module, optimiser, train, settings)
    return module, lambda: _plain(way, module, optimiser, train)


def _plain(
    way: Way, module: nn.Module, optimiser: torch.optim.Optimizer, train: LabelledPictures
) -> Iterator[Tensor]:
    module.train()
    for x, y in _in_memory(way, train) if way.memory else _loader(train):
        loss = functional.cross_entropy(module(x), y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield loss


def _loader(train: LabelledPictures) -> DataLoader[tuple[Tensor, ...]]:
    x = torch.from_numpy(train.pictures).permute(0, 3, 1, 2).contiguous().float() / 255
    return DataLoader(TensorDataset(x, torch.from_numpy(train.labels)), BATCH, shuffle=True)


def _in_memory(way: Way, train: LabelledPictures) -> Iterator[tuple[Tensor, Tensor]]:
    pictures, labels = torch.from_numpy(train.pictures), torch.from_numpy(train.labels)
    if not way.channels_last:
        pictures = pictures.permute(0, 3, 1, 2).contiguous()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(train)))
    for start in range(0, len(train), BATCH):
        places = order[start : start + BATCH]
        x = pictures[places]
        yield (x.permute(0, 3, 1, 2) if way.channels_last else x).float().div_(255), labels[places]


if __name__ == "__main__":
    app()
