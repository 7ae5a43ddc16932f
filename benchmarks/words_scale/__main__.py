"""Visual words of 100 000 pictures: ``python -m benchmarks.words_scale run``, then ``table``.

Words are drawn with the skew of real pictures, codes near one of the centres of their word; nothing is
decoded and no network runs. Every part is a process of its own, that tells its largest resident size.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from numpy.typing import NDArray

from likewise.collection import Collection
from likewise.scale.actors import RayShards
from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.kernel import Choice
from likewise.words.index.merging import merge
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
from likewise.words.scoring import Scoring

FOLDER = RESULTS / "words_scale"
FILE = FOLDER / "measured.json"
WORDS = 20_000
SKEW = 1.0
"""Standard deviation of the logarithm of how often a word comes."""
SHARED = 30
"""Of a picture's 100 features, those that lie in its ten most frequent words: they come in bursts."""
CENTRES = 64
"""Of the codes of a word: one in 64 of its features looks much the same, the others match by chance."""
BATCH = 10_000
"""Pictures of a segment, as a long indexing writes them."""


def _whole(layer: int) -> Path:
    return FOLDER / f"{layer}.words"


def _parts(layer: int) -> list[Path]:
    return sorted(FOLDER.glob(f"{layer}-*.words"))


KINDS: dict[str, Callable[[int], list[Path]]] = {
    "one segment": lambda layer: [_whole(layer)],
    "a segment each 10 000": _parts,
}

STEPS = {"build": "write the segments", "optimise": "merge them"}

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    pictures: Annotated[int, typer.Option(help="How many.")] = 100_000,
    patches: Annotated[int, typer.Option(help="Features of a picture and layer.")] = 100,
    layers: Annotated[int, typer.Option(help="Indexes that are searched together.")] = 3,
    queries: Annotated[int, typer.Option(help="How many are asked.")] = 50,
) -> None:
    """Build, search, delete 1 %, add 1 %, optimise."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    shape = [str(number) for number in (pictures, patches, layers)]
    measured: dict[str, Any] = {"shape": shape}
    for part in ("build", "optimise"):
        measured[part] = json.loads(_apart(part, *shape))
        print(part, measured[part], file=sys.stderr)
    for threads in (1, 2):
        name = f"search {threads}"
        measured[name] = json.loads(_apart("search", *shape, str(queries), str(threads)))
        print(name, {k: v for k, v in measured[name].items() if k != "turns"}, file=sys.stderr)
    measured["change"] = json.loads(_apart("change", *shape))
    print(measured["change"], file=sys.stderr)
    FILE.write_text(json.dumps(measured, indent=1), encoding="utf-8")


def _apart(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.words_scale", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _draw(random: np.random.Generator, count: int, patches: int, first: int) -> Postings:
    """Features of ``count`` pictures whose ids begin at ``first``."""
    often = np.cumsum(np.exp(SKEW * np.random.default_rng(0).standard_normal(WORDS)))
    words = np.searchsorted(often, random.random((count, patches)) * often[-1])
    words[:, :SHARED] = words[:, random.integers(SHARED, SHARED + 10, SHARED)]
    centre = random.integers(0, CENTRES, words.shape).astype(np.uint64) << np.uint64(32)
    centre |= words.astype(np.uint64)
    codes = np.stack([_mixed(centre), _mixed(centre + np.uint64(1 << 40))], axis=-1)
    for half in (0, 1):  # one bit in eight is another than the centre's
        noise = random.integers(0, 2**64, (3, *words.shape), np.uint64)
        codes[..., half] ^= noise[0] & noise[1] & noise[2]
    ids = np.repeat(np.arange(first, first + count, dtype=np.uint32), patches)
    return Postings(words.ravel().astype(np.uint32), ids, codes.reshape(-1, 2))


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits that look random and depend on the number alone (splitmix64)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ mixed >> np.uint64(31)


@app.command(hidden=True)
def build(pictures: int, patches: int, layers: int) -> None:
    """Write one segment for every `BATCH` pictures."""
    spent = np.zeros(2)
    for layer in range(layers):
        for first in range(0, pictures, BATCH):
            postings = _draw(
                np.random.default_rng([layer, first]), min(BATCH, pictures - first), patches, first
            )
            path = FOLDER / f"{layer}-{first:08}.words"
            spent += _cost(partial(Segment.write, path, postings, WORDS))
    size = sum(path.stat().st_size for layer in range(layers) for path in _parts(layer))
    _tell(spent=spent.tolist(), bytes=size / (pictures * patches * layers))


@app.command(hidden=True)
def optimise(pictures: int, patches: int, layers: int) -> None:
    """Merge the segments of each layer."""
    spent = np.zeros(2)
    for layer in range(layers):
        held = [Segment.open(path) for path in _parts(layer)]
        spent += _cost(partial(merge, _whole(layer), WORDS, held))
    size = sum(_whole(layer).stat().st_size for layer in range(layers))
    _tell(spent=spent.tolist(), bytes=size / (pictures * patches * layers))


@app.command(hidden=True)
def search(pictures: int, patches: int, layers: int, queries: int, threads: int) -> None:
    """Ask for pictures of the collection whose features are a little changed, in three words each."""
    asked = list(_queries(pictures, patches, layers, queries))
    resident = [_resident()]
    figures: dict[str, Any] = {}
    turns: dict[str, list[list[float]]] = {}
    indexes: dict[str, list[InvertedIndex]] = {}
    for name, paths in KINDS.items():
        start = time.perf_counter()
        indexes[name] = _open(paths, layers, pictures)
        figures[f"open, {name}"] = time.perf_counter() - start
        _scores(indexes[name], asked[0][1], threads)  # the first one loads the kernel
        resident.append(_resident())
    found = []
    for again in ("", ", again"):
        turns |= {name + again: [] for name in indexes}
        for picture, query in asked:
            for name, some in indexes.items():
                sums: list[NDArray[np.float64]] = []
                turns[name + again].append(_cost(partial(_answer, some, query, threads, sums)))
                found.append(int(np.argmax(sums[0])) == picture)
    scanned = [_scanned(indexes["one segment"], query) for _, query in asked]
    resident.append(_resident())
    _tell(turns=turns, scanned=scanned, found=float(np.mean(found)), resident=resident, **figures)


def _open(
    paths: Callable[[int], list[Path]], layers: int, pictures: int, kernel: Choice = "numba"
) -> list[InvertedIndex]:
    """One index for each layer, with its idf."""
    indexes = [
        InvertedIndex(
            WORDS, [Segment.open(path) for path in paths(layer)], np.arange(pictures), kernel=kernel
        )
        for layer in range(layers)
    ]
    for index in indexes:
        index.statistics.frequencies.sum()
    return indexes


def _answer(indexes: list[InvertedIndex], query: list[Any], threads: int, to: list[Any]) -> None:
    to.append(_scores(indexes, query, threads))


def _queries(pictures: int, patches: int, layers: int, count: int) -> Iterator[tuple[int, list[Any]]]:
    random = np.random.default_rng(7)
    for picture in random.choice(pictures, count, replace=False).tolist():
        batch, row = picture // BATCH * BATCH, picture % BATCH
        query = []
        for layer in range(layers):
            postings = _draw(
                np.random.default_rng([layer, batch]), min(BATCH, pictures - batch), patches, batch
            )
            own = slice(row * patches, (row + 1) * patches)
            other = _draw(random, 2, patches, 0)  # the second and third word of each feature
            query.append(
                (
                    np.concatenate([postings.words[own], other.words]),
                    np.concatenate([postings.codes[own] ^ np.uint64(1 << picture % 64), other.codes]),
                )
            )
        yield picture, query


def _scores(indexes: list[InvertedIndex], query: list[Any], threads: int) -> NDArray[np.float64]:
    layers = zip(indexes, query, strict=True)
    total: NDArray[np.float64] = sum(
        (index.scores(*asked, threads=threads) for index, asked in layers), np.zeros(len(indexes[0].pictures))
    )
    return total


def _scanned(indexes: list[InvertedIndex], query: list[Any]) -> int:
    return sum(
        int(index.segments[0].sizes()[words].sum()) for index, (words, _) in zip(indexes, query, strict=True)
    )


@app.command()
def disk(pictures: int = 100_000, patches: int = 100, layers: int = 3) -> None:
    """Ask the segments that `run` left once, when nothing of them is in memory: medians of five processes."""
    from benchmarks.million.__main__ import dropped  # which needs Linux

    rows = []
    for name in KINDS:
        told = [
            [
                *dropped(FOLDER),
                *json.loads(_apart("cold", *map(str, (pictures, patches, layers)), name))["cold"],
            ]
            for _ in range(5)
        ]
        rows.append([name, *np.median(told, axis=0).tolist()])
    head = [
        "index",
        "MB left",
        "of files",
        "open, s",
        "MB read",
        "first query, s",
        "of the processor",
        "MB read",
    ]
    print(markdown(head, rows))


@app.command(hidden=True)
def cold(pictures: int, patches: int, layers: int, kind: str) -> None:
    """Open one kind of index and ask one question, with numpy: nothing is compiled first."""
    [(_, query)] = _queries(pictures, patches, layers, 1)
    read, opened = _read(), time.perf_counter()
    indexes = _open(KINDS[kind], layers, pictures, "numpy")
    span, between = time.perf_counter() - opened, _read()
    spent = _cost(partial(_scores, indexes, query, 1))
    _tell(cold=[span, between - read, *spent, _read() - between])


def _read() -> float:
    """MB that this process has had the disk read."""
    return 512e-6 * resource.getrusage(resource.RUSAGE_SELF).ru_inblock


@app.command(hidden=True)
def change(pictures: int, patches: int, layers: int) -> None:
    """Delete 1 % and add 1 % of one layer without a rebuild."""
    random = np.random.default_rng(9)
    held = [Segment.open(_whole(0))]
    live = np.arange(pictures)
    gone = np.sort(random.choice(pictures, pictures // 100, replace=False))
    before = InvertedIndex(WORDS, held, live)
    kept = np.setdiff1d(live, gone)
    figures: dict[str, Any] = {"idf before": _cost(lambda: before.idf)}
    after = InvertedIndex(WORDS, held, kept)
    figures["delete 1 %: idf"] = _cost(lambda: after.idf)
    new = _draw(random, pictures // 100, patches, pictures)
    figures["add 1 %: write"] = _cost(lambda: held.append(Segment.write(FOLDER / "new.words", new, WORDS)))
    both = InvertedIndex(WORDS, held, np.concatenate([kept, np.arange(pictures, pictures + pictures // 100)]))
    figures["add 1 %: idf"] = _cost(lambda: both.idf)
    figures["norms, l2"] = _cost(lambda: both.norms(Scoring(normalisation="l2")))
    figures["optimise"] = _cost(lambda: merge(FOLDER / "merged.words", WORDS, held, both.pictures))
    once = InvertedIndex(WORDS, [Segment.open(FOLDER / "merged.words")])
    _, query = next(_queries(pictures, patches, 1, 1))
    figures["the same scores"] = bool(np.array_equal(once.scores(*query[0]), both.scores(*query[0])))
    _tell(**figures)


def _cost(work: Callable[[], object]) -> list[float]:
    """Wall and processor seconds, the latter of all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return [time.perf_counter() - wall, time.process_time() - processor]


def _tell(**figures: Any) -> None:
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({**figures, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}))


def _resident() -> dict[str, int]:
    """Bytes of this process's memory that are its own, and those that are pages of files."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile")}


@app.command()
def table() -> None:
    """Print the tables."""
    measured = json.loads(FILE.read_text(encoding="utf-8"))
    total = int(np.prod([int(number) for number in measured["shape"]]))
    head = ["step", "seconds", "of the processor", "ns a posting", "bytes a posting", "peak MiB"]
    rows = [_step(what, measured[name], total) for name, what in STEPS.items()]
    print(f"{total:,} postings\n\n" + markdown(head, rows))
    rows = [
        [f"{threads}", name, *_milliseconds(turns)]
        for threads in (1, 2)
        for name, turns in measured[f"search {threads}"]["turns"].items()
    ]
    one = measured["search 1"]
    print(f"\nA query scans {median(one['scanned']):,.0f} postings (median).\n")
    print(markdown(["threads", "index", "ms", "least", "ms of the processor"], rows))
    print(f"\nThe picture asked for is found first by {one['found']:.0%} of the queries.\n")
    steps = ("before", *(f"open, {name}" for name in KINDS), "after all queries")
    resident = zip(steps, one["resident"], strict=True)
    rows = [[step, *(f"{size / 2**20:.0f}" for size in some.values())] for step, some in resident]
    print(markdown(["when", "its own MiB", "MiB of files"], rows))
    spent = [(name, value) for name, value in measured["change"].items() if isinstance(value, list)]
    rows = [[name, *(f"{some:.3f}" for some in value)] for name, value in spent]
    print("\n" + markdown(["one layer", "seconds", "of the processor"], rows))
    print(f"\nThe same scores after merging: {measured['change']['the same scores']}")


@app.command()
def shards(
    path: Annotated[Path, typer.Argument(metavar="COLLECTION", help="One with a layer of visual words.")],
    count: Annotated[int, typer.Option(help="Actors of Ray.")] = 2,
    queries: Annotated[int, typer.Option(help="How many of its pictures are asked for.")] = 20,
) -> None:
    """Its words searched by this process and by actors, in turns."""
    times = dict[str, list[float]](here=[], shards=[])
    with Collection.open(path) as here, Collection.open(path, shards=RayShards(count)) as spread:
        start = time.perf_counter()
        here.asker()
        begun = time.perf_counter()
        spread.asker()
        loaded = time.perf_counter() - begun
        some = np.random.default_rng(0).choice(
            [picture for picture, _ in here.paths()], queries, replace=False
        )
        for picture in some.tolist():
            found = []
            for name, collection in (("here", here), ("shards", spread)):
                index = collection.asker().indexes[-1]
                question = index.question_of(picture)
                turn = time.perf_counter()
                found.append(index.search(question, 100, ()))
                times[name].append(1e3 * (time.perf_counter() - turn))
            if not np.array_equal(found[0].scores, found[1].scores):
                raise SystemExit(f"picture {picture} is ranked otherwise by shards")
        total = len(here)
    print(f"{total} pictures, {count} shards; opened in {begun - start:.2f} s, by shards in {loaded:.2f} s")
    rows = [[name, f"{median(one):.0f}", f"{min(one):.0f}", f"{max(one):.0f}"] for name, one in times.items()]
    print(markdown(["searched by", "ms, median", "least", "most"], rows))


def _step(what: str, one: Any, total: int) -> list[str]:
    wall, processor = one["spent"]
    each = f"{processor / total * 1e9:.0f}"
    return [
        what,
        f"{wall:.1f}",
        f"{processor:.1f}",
        each,
        f"{one['bytes']:.3f}",
        f"{one['peak'] / 2**20:.0f}",
    ]


def _milliseconds(turns: list[list[float]]) -> list[str]:
    walls, processor = ([1000 * turn[n] for turn in turns] for n in (0, 1))
    return [f"{median(walls):.1f}", f"{min(walls):.1f}", f"{median(processor):.1f}"]


if __name__ == "__main__":
    app()
