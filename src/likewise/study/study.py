"""The whole study: train, look, judge, draw, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from likewise.drawing.plots import check_plot
from likewise.errors import UsageError
from likewise.files import replacing
from likewise.inspection import Histogram
from likewise.study.activations import Activations, Traits, accuracy, look, traits
from likewise.study.cifar10 import Cifar10
from likewise.study.cifar_loop import CifarSettings
from likewise.study.claims import Claim, judge
from likewise.study.figures import draw_all
from likewise.study.report import write_report
from likewise.study.running import FROG, divide, train
from likewise.types import ProgressCallback

REPORT, RESULTS = "report.html", "study.json"


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes
    ----------
    much, little
        The network trained on more pictures, and the other: what they made of the frog and of the others.
    frog
        Their traits on the frog.
    bits
        Entropy of the frog's pixels.
    others
        How many other frogs the claims were held against.
    accuracy
        Of both networks on the test pictures without the frog.
    report
        The page to look at.
    """

    much: Activations
    little: Activations
    frog: tuple[Traits, Traits]
    bits: float
    others: int
    accuracy: tuple[float, float]
    claims: tuple[Claim, ...]
    settings: CifarSettings
    origin: str
    report: Path

    def value(self) -> dict[str, object]:
        """All numbers, as JSON has them."""
        pairs = zip((self.much, self.little), self.frog, self.accuracy, strict=True)
        return {
            "data": self.origin,
            "settings": asdict(self.settings),
            "networks": [
                {
                    "pictures": seen.network.size,
                    "weights": str(seen.network.weights),
                    "epochs": len(seen.network.history),
                    "best": asdict(seen.network.best),
                    "test_accuracy": accuracy,
                    "frog": asdict(frog),
                }
                for seen, frog, accuracy in pairs
            ],
            "picture_entropy": self.bits,
            "other_frogs": self.others,
            "claims": [asdict(claim) | {"verdict": claim.verdict} for claim in self.claims],
            "report": str(self.report),
        }


def study(
    data: Cifar10,
    out: Path,
    *,
    sizes: Sequence[int] = (50_000, 10_000),
    settings: CifarSettings | None = None,
    frog: int = 0,
    held_out: int = 0,
    progress: ProgressCallback | None = None,
) -> Study:
    """Train the network on much and on little, and hold the article's claims against what both see in a frog.

    Called again after it was stopped, it goes on; called again when it is finished, it looks and draws anew.
    Raises `UsageError` when there are not two different sizes, not so many pictures, no frog, or ``out``
    holds a study with other settings; `MissingExtra` when matplotlib is not installed; `StorageError` when
    ``out`` cannot be written.

    Parameters
    ----------
    out
        Gets the weights and histories, ``figures/``, ``study.json`` and ``report.html``.
    sizes
        Two numbers of training pictures.
    frog, held_out
        As for `likewise.study.running.divide`.
    """
    if len(set(sizes)) != 2:
        raise UsageError(f"the study compares two sizes of training set, not {len(set(sizes))}: give two")
    settings = settings or CifarSettings()
    sets = divide(data, frog=frog, held_out=held_out, seed=settings.seed)
    out.mkdir(parents=True, exist_ok=True)
    check_plot(out / "figure.png")  # matplotlib is missed now, not after an hour
    networks = train(sets, sorted(sizes, reverse=True), settings, out, progress=progress)
    others = sets.test.pictures[sets.test.labels == FROG]
    pictures = np.concatenate([sets.picture[None], others])
    much, little = (look(network, pictures) for network in networks)
    pairs = [traits(much, little, number, picture) for number, picture in enumerate(pictures)]
    bits = [Histogram.of_pixels(picture).entropy for picture in pictures]
    claims = judge(pairs[0], bits[0], pairs[1:], bits[1:])
    figures = draw_all(much, little, sets.picture, out / "figures")
    right = accuracy(networks[0], sets.test), accuracy(networks[1], sets.test)
    done = Study(
        much,
        little,
        frog=pairs[0],
        bits=bits[0],
        others=len(others),
        accuracy=right,
        claims=tuple(claims),
        settings=settings,
        origin=data.origin,
        report=out / REPORT,
    )
    with replacing(out / RESULTS) as part:
        part.write_text(json.dumps(done.value(), indent=1) + "\n")
    write_report(done, figures, sets)
    return done
