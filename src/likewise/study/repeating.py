"""The study under several random seeds: which verdicts are the network's, and which are chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from likewise.errors import UsageError
from likewise.files import replacing
from likewise.study.cifar10 import Cifar10
from likewise.study.cifar_loop import CifarSettings
from likewise.study.claims import Verdict
from likewise.study.study import Study, study
from likewise.types import ProgressCallback

RESULTS = "seeds.json"


@dataclass(frozen=True)
class Spread:
    """One number of both networks over the seeds, as mean and standard deviation.

    Attributes
    ----------
    what
        The number, and how the claim has it.
    much, little
        Of the network trained on more pictures and of the other; the deviation divides by ``n - 1``, and is 0
        of one seed.
    held
        Under how many seeds it was as the claim has it.
    """

    what: str
    much: tuple[float, float]
    little: tuple[float, float]
    held: int


@dataclass(frozen=True)
class Repeated:
    """The study, once a seed.

    Attributes
    ----------
    accuracy
        On the test pictures, of the network trained on more and of the other, mean and standard deviation.
    claims
        For each claim its measures.
    verdicts
        For each claim its verdict under each seed.
    """

    studies: tuple[Study, ...]
    accuracy: tuple[tuple[float, float], tuple[float, float]]
    claims: tuple[tuple[Spread, ...], ...]
    verdicts: tuple[tuple[Verdict, ...], ...]

    def value(self) -> dict[str, object]:
        """All numbers, as JSON has them."""
        return {
            "seeds": [done.settings.seed for done in self.studies],
            "accuracy": self.accuracy,
            "claims": [
                {"verdicts": verdicts, "measures": [asdict(measure) for measure in measures]}
                for verdicts, measures in zip(self.verdicts, self.claims, strict=True)
            ],
            "reports": [str(done.report) for done in self.studies],
        }


def repeat(
    data: Cifar10,
    out: Path,
    *,
    seeds: int,
    sizes: Sequence[int] = (50_000, 10_000),
    settings: CifarSettings | None = None,
    frog: int = 0,
    held_out: int = 0,
    progress: ProgressCallback | None = None,
) -> Repeated:
    """Run the study under ``seeds`` seeds, from that of the settings on; each goes on where it was stopped.

    ``out``: with one seed the study itself; with more a folder ``seed-<number>`` for each, and
    ``seeds.json``. Raises `UsageError` when there is no seed; else as `likewise.study.study.study`.
    """
    if seeds < 1:
        raise UsageError(f"the study cannot be run under {seeds} seeds: give 1 or more")
    settings = settings or CifarSettings()
    numbers = range(settings.seed, settings.seed + seeds)
    done = [
        study(
            data,
            out / f"seed-{number}" if seeds > 1 else out,
            sizes=sizes,
            settings=replace(settings, seed=number),
            frog=frog,
            held_out=held_out,
            progress=progress,
        )
        for number in numbers
    ]
    repeated = Repeated(
        tuple(done),
        (_spread([run.accuracy[0] for run in done]), _spread([run.accuracy[1] for run in done])),
        tuple(_measures(done, number) for number in range(len(done[0].claims))),
        tuple(tuple(run.claims[number].verdict for run in done) for number in range(len(done[0].claims))),
    )
    if seeds > 1:
        with replacing(out / RESULTS) as part:
            part.write_text(json.dumps(repeated.value(), indent=1) + "\n")
    return repeated


def _measures(done: Sequence[Study], claim: int) -> tuple[Spread, ...]:
    columns = zip(*(run.claims[claim].measures for run in done), strict=True)
    return tuple(
        Spread(
            column[0].what,
            _spread([measure.much for measure in column]),
            _spread([measure.little for measure in column]),
            sum(measure.holds for measure in column),
        )
        for column in columns
    )


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
