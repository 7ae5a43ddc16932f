"""`likewise evaluate` with visual words: a brute-force scorer, the card, what is kept, what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise import cli
from likewise.errors import BadRecipe, UsageError
from likewise.evaluation.datasets import load
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.runs import Run, read_run
from likewise.evaluation.words import evaluate_words, open_sketcher, sketch, words_run
from likewise.learning import Learning, choose, learn_vocabulary
from likewise.local.patches import Patches
from likewise.pictures import Resize
from likewise.ranking.sketches import rank_sketches
from likewise.ranking.stages import Stage
from likewise.types import FloatArray, UInt8Array
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import Sketch
from likewise.words.sketcher import WordsExtractor
from likewise.words.vocabulary import Vocabulary
from tests.zoo import photo

Call = Callable[..., tuple[int, str, str]]

TAPS = ("block4", "pooled")
PATCHES = Patches("efficientnet-lite0", TAPS, size=64, stride=32, resize=Resize("longest", 160))
PLAIN = WordsRecipe("tiny", PATCHES, nearest=2)


def write(path: Path, pixels: UInt8Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three groups of three views of one picture, a vocabulary of other pictures, and tables with boxes."""
    folder = tmp_path_factory.mktemp("world")
    rows = [("file", "group", "box")]
    for number, group in enumerate(("one", "two", "three")):
        whole = photo(number, width=200, height=160)
        for view, (x, y) in enumerate([(0, 0), (24, 8), (40, 32)]):
            write(folder / "photos" / group / f"{view}.png", whole[y : y + 128, x : x + 160])
            rows.append((f"{group}/{view}.png", group, "20 20 140 120"))
    for number in range(12):
        write(folder / "others" / f"{number}.png", photo(50 + number, width=160, height=128))
    with (folder / "groups.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    learn(folder / "others", folder / "w.words")
    (folder / "tiny.toml").write_text(PLAIN.to_toml())
    return folder


def learn(pictures: Path, output: Path, recipe: WordsRecipe = PLAIN) -> None:
    how = Learning(words=8, iterations=3, minimum=2)
    extractor = recipe.features.open()
    learn_vocabulary(extractor, choose(pictures), recipe, how).vocabulary.save(output)


@pytest.fixture(scope="module")
def recipe(world: Path) -> WordsRecipe:
    return PLAIN.with_vocabulary(world / "w.words")


@pytest.fixture(scope="module")
def sketcher(recipe: WordsRecipe) -> WordsExtractor:
    return open_sketcher(recipe)


@pytest.fixture
def boxed(world: Path) -> Benchmark:
    return load("csv", world / "photos", gt=world / "groups.csv")


Described = dict[Path, dict[str, FloatArray]]


@pytest.fixture(scope="module")
def described(world: Path) -> Described:
    """The features of every picture."""
    extractor = PATCHES.open()
    files = sorted((world / "photos").rglob("*.png"))
    return {file: dict(extractor.describe(extractor.prepare(file)).vectors) for file in files}


def brute(benchmark: Benchmark, recipe: WordsRecipe, described: Described, query: int) -> dict[str, float]:
    """Scores of one query by loops over all pairs of features (equations 3 to 8 of Li et al., 2016)."""
    vocabulary = Vocabulary.of(recipe)
    own = benchmark.queries[query].picture
    gallery = {name: file for name, file in benchmark.gallery.items() if file != own}
    features = {name: described[file] for name, file in gallery.items()}
    asked = described[own]
    total = dict.fromkeys(gallery, 0.0)
    for tap in recipe.fusion.layers or TAPS:
        scale = vocabulary.layers[tap].scale if recipe.fusion.fusion == "scaled" else 1.0
        held = {
            name: list(_coded(one[tap], vocabulary, tap, recipe.stored)) for name, one in features.items()
        }
        for word, code in _coded(asked[tap], vocabulary, tap, recipe.asked):
            having = sum(any(word == other for other, _ in rows) for rows in held.values())
            for name, rows in held.items():
                same = [bits for other, bits in rows if word == other]
                tf = len(same)
                for bits in same:
                    away = int((code ^ bits).sum())
                    if away < recipe.scoring.threshold or not recipe.scoring.hamming:
                        one = np.log(len(gallery) / having) ** 2 / tf**0.5
                        if recipe.scoring.hamming:
                            one *= np.exp(-(away**2) / recipe.scoring.sigma**2)
                        total[name] += scale * one
    return total


def _coded(vectors: FloatArray, vocabulary: Vocabulary, tap: str, nearest: int) -> Iterator[tuple[int, Any]]:
    layer = vocabulary.layers[tap]
    for vector in vectors:
        distances = [float(((vector - centre) ** 2).sum()) for centre in layer.codebook.centres]
        projected = layer.embedding.projection @ vector
        for word in sorted(range(len(distances)), key=distances.__getitem__)[:nearest]:
            yield word, projected > layer.embedding.medians[word]


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 60},
        {"hamming": False, "fusion": "plain"},
        {"threshold": 70, "sigma": 40.0, "layers": ("pooled",)},
        {"hamming": False, "layers": ("block4",), "assign": "database"},
        {"threshold": 60, "fusion": "plain", "assign": "both"},
    ],
)
def test_rankings_are_those_of_a_brute_force_scorer(
    world: Path,
    recipe: WordsRecipe,
    sketcher: WordsExtractor,
    described: Described,
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    benchmark = load("folder", world / "photos")
    assign = changes.pop("assign", "query")
    changed = replace(recipe, assign=assign).scored(changes)
    run = evaluate_words(benchmark, changed, sketcher, out=tmp_path)
    names = list(benchmark.gallery)
    for query in (0, 4):
        scores = brute(benchmark, changed, described, query)
        # what is equal in theory is told apart by rounding: compare the scores in the order of the run
        ranked = [scores[names[place]] for place in run.ranked[query] if names[place] in scores]
        np.testing.assert_allclose(ranked, sorted(scores.values(), reverse=True), rtol=1e-4, atol=1e-9)
        found = run.scores[query, : len(ranked)].astype(float)
        if max(ranked) > 0:
            np.testing.assert_allclose(
                found / found.max(), np.array(ranked) / max(ranked), rtol=2e-3, atol=1e-6
            )
        assert benchmark.gallery[names[run.ranked[query, -1]]] == benchmark.queries[query].picture


def test_a_picture_finds_its_other_views(
    world: Path, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    benchmark = load("folder", world / "photos")
    run = evaluate_words(benchmark, recipe.scored({"layers": [TAPS[1]]}), sketcher, out=tmp_path)
    names = np.array(list(benchmark.gallery))
    hits = [{str(name).split("/")[0] for name in names[run.ranked[number, :2]]} for number in range(9)]
    assert sum(found == {q.group} for found, q in zip(hits, benchmark.queries, strict=True)) >= 8


def test_the_card_says_everything(
    boxed: Benchmark, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    run = evaluate_words(boxed, recipe, sketcher, out=tmp_path)
    facts = run.card.facts()
    scales = Vocabulary.of(recipe).scales
    assert facts["tap"] == "block4, max; pooled, max"
    assert facts["resize"] == "longest 160, never enlarged; scales 1"
    assert facts["patches"] == "64 x 64 every 32 pixels, shared"
    assert facts["words"] == "8 in block4, 8 in pooled"
    assert facts["vocabulary"].startswith("learned on ")
    assert "others" in facts["vocabulary"]
    assert str(recipe.vocabulary["sha256"])[:12] in facts["vocabulary"]
    assert facts["assignment"] == "queries in 2 words, gallery in 1"
    for option, value in asdict(recipe.scoring).items():
        told = "Hamming codes of 128 bits" if option == "hamming" else f"{option}={value}"
        assert told in facts["scoring"]
    assert (
        facts["fusion"]
        == f"scaled of block4 times {scales['block4']:.4g}, pooled times {scales['pooled']:.4g}"
    )
    assert facts["network"].startswith("efficientnet-lite0, weights ")
    assert facts["engine"] == "openvino, f32"
    assert facts["recipe"] == f"tiny ({recipe.hash[:12]})"
    assert facts["crop"].startswith("box")
    assert not {"distance", "whitening", "warning"} & facts.keys()
    assert read_run(run.path).card == run.card


def test_another_scoring_is_another_run_and_runs_no_network(
    boxed: Benchmark,
    recipe: WordsRecipe,
    sketcher: WordsExtractor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = evaluate_words(boxed, recipe, sketcher, out=tmp_path)
    monkeypatch.setattr(WordsExtractor, "ask", lambda *_, **__: pytest.fail("the network ran"))
    changed = [
        recipe.scored({"hamming": False}),
        recipe.scored({"layers": ("pooled",)}),
        recipe.scored({"fusion": "rank"}),
        replace(recipe, assign="both"),
    ]
    runs = [evaluate_words(boxed, one, sketcher, out=tmp_path) for one in changed]
    assert len({run.path for run in (first, *runs)}) == 5
    assert "words alone" in runs[0].card.words["scoring"]
    assert runs[1].card.words["fusion"].startswith("scaled of pooled times")
    assert runs[3].card.words["assignment"] == "queries in 2 words, gallery in 2"
    same = evaluate_words(boxed, recipe, sketcher, out=tmp_path)
    assert same.path == first.path
    np.testing.assert_array_equal(same.ranked, first.ranked)


def test_an_interrupted_evaluation_goes_on(
    boxed: Benchmark,
    recipe: WordsRecipe,
    sketcher: WordsExtractor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, real = [], WordsExtractor.sketch

    def until_the_last(self: WordsExtractor, *args: Any, **options: Any) -> Any:
        asked.append(args)
        if len(asked) == 18:
            raise KeyboardInterrupt
        return real(self, *args, **options)

    monkeypatch.setattr(WordsExtractor, "sketch", until_the_last)
    with pytest.raises(KeyboardInterrupt):
        sketch(boxed, sketcher, crop="box", out=tmp_path)
    done = sketch(boxed, sketcher, crop="box", out=tmp_path)
    assert 18 < len(asked) < 36  # the queries were kept, and of the gallery all whole batches
    fresh = sketch(boxed, sketcher, crop="box", out=tmp_path / "fresh")
    for one, other in zip((*done.queries, *done.gallery), (*fresh.queries, *fresh.gallery), strict=True):
        assert one.to_bytes() == other.to_bytes()


def test_a_run_that_is_there_can_be_taken(
    boxed: Benchmark, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    sketched = sketch(boxed, sketcher, crop="box", out=tmp_path)
    first = words_run(sketched, recipe, sketcher, out=tmp_path)
    stamp = first.path.stat().st_mtime_ns
    again = words_run(sketched, recipe, sketcher, out=tmp_path, again=False)
    assert again.path.stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(again.scores, first.scores)


def test_crops_change_what_is_asked(
    boxed: Benchmark, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    patches = {}
    for crop in ("box", "widened", "full"):
        sketched = sketch(boxed, sketcher, crop=crop, out=tmp_path)
        patches[crop] = len(sketched.queries[0])
        covered = sketched.queries[0].boxes
        if crop == "box":
            assert covered.min() >= 20
    assert patches["box"] < patches["widened"] <= patches["full"]
    run = evaluate_words(boxed, recipe, sketcher, crop="widened", out=tmp_path)
    assert run.card.margin == 32
    assert run.boxes[0] is not None and run.boxes[0].x1 == pytest.approx(20 - 32)


def test_localising_keeps_boxes_and_puts_fits_first(
    world: Path, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    benchmark = load("folder", world / "photos")
    run = evaluate_words(
        benchmark,
        recipe.scored({"threshold": 64}),
        sketcher,
        out=tmp_path,
        stages=(Stage("localise", {"top": 4}),),
    )
    assert run.card.after == ("localise(top=4)",)
    assert run.found is not None
    assert (np.diff(run.scores, axis=1) <= 0).all()
    boxes = [[run.box(query, rank) is not None for rank in range(8)] for query in range(9)]
    assert any(map(any, boxes))
    for row in boxes:
        assert row == sorted(row, reverse=True)  # those with a fit, then the others
        assert not any(row[4:])


def test_expansion_never_sees_an_ignored_picture(
    world: Path,
    recipe: WordsRecipe,
    sketcher: WordsExtractor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    benchmark = load("folder", world / "photos")
    expanded = evaluate_words(benchmark, recipe, sketcher, out=tmp_path, stages=(Stage("expand", {"n": 2}),))
    assert expanded.card.after == ("expand(n=2, alpha=0)",)
    seen: list[list[int]] = []

    def spying(
        layers: Any, question: Any, stages: Any, held: Callable[[int], Sketch], size: Any, **options: Any
    ) -> Any:
        taken: list[int] = []
        seen.append(taken)

        def taking(place: int) -> Sketch:
            taken.append(place)
            return held(place)

        return rank_sketches(layers, question, stages, taking, size, **options)

    monkeypatch.setattr("likewise.evaluation.words.rank_sketches", spying)
    evaluate_words(benchmark, recipe, sketcher, out=tmp_path, stages=(Stage("expand", {"n": 2}),))
    files = list(benchmark.gallery.values())
    for query, taken in zip(benchmark.queries, seen, strict=True):
        assert len(taken) == 2
        assert query.picture not in [files[place] for place in taken]


def test_a_query_that_counts_scores_1_for_itself(
    world: Path, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    benchmark = replace(load("folder", world / "photos"), query_in_gallery="counts")
    run = evaluate_words(benchmark, recipe, sketcher, out=tmp_path)
    own = run.ranked == np.arange(9)[:, None]
    assert run.scores[own] == pytest.approx(np.ones(9), abs=1e-5)


def test_pictures_that_cannot_be_read_are_missing(
    world: Path, recipe: WordsRecipe, sketcher: WordsExtractor, tmp_path: Path
) -> None:
    benchmark = load("folder", world / "photos")
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    gallery = {**benchmark.gallery, "one/2.png": bad}
    queries = tuple(
        replace(query, picture=bad) if query.name == "one/2.png" else query for query in benchmark.queries
    )
    run = evaluate_words(replace(benchmark, gallery=gallery, queries=queries), recipe, sketcher, out=tmp_path)
    assert (run.card.gallery, run.card.queries, run.card.left_out) == (8, 8, 1)
    assert run.ranked.shape == (8, 8)


def test_a_vocabulary_of_the_test_pictures_is_warned_of(world: Path, tmp_path: Path) -> None:
    learn(world, tmp_path / "leak.words")
    recipe = PLAIN.with_vocabulary(tmp_path / "leak.words")
    run = evaluate_words(load("folder", world / "photos"), recipe, open_sketcher(recipe), out=tmp_path)
    assert run.card.warnings == ("the vocabulary was learned on 9 pictures of this very test set",)


@pytest.mark.parametrize("text", ["reciprocal", "diffuse", "augment:n=3", "expand:n=2,alpha=3"])
def test_stages_for_vectors_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="visual words"):
        Stage.parse(text).check_words()


@pytest.fixture
def call(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Run a command in this process: exit code, standard output, standard error."""
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return run


def test_the_command_ranks_by_words(call: Call, world: Path) -> None:
    how = ("--recipe", world / "tiny.toml", "--words", world / "w.words")
    data = ("evaluate", "csv", "--data", world / "photos", "--gt", world / "groups.csv")
    code, out, err = call(*data, *how)
    assert (code, err) == (0, "")
    assert "vocabulary   learned on" in out
    options = ("--layers", "pooled", "--scoring", "hamming=false,burstiness=both", "--then", "localise:top=3")
    code, out, err = call(*data, *how, *options, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["card"]["words"]["fusion"].startswith("scaled of pooled")
    assert "words alone(burstiness=both" in told["card"]["words"]["scoring"]
    assert isinstance(read_run(Path(told["run"])), Run)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--examples", "2"), "--examples"),
        (("--layers", "block9"), "block9"),
        (("--scoring", "treshold=3"), "threshold"),
        (("--scoring", "threshold"), "key=value"),
        (("--then", "reciprocal"), "visual words"),
        (("--whiten", "w.safetensors"), "are for vectors"),
        (("--words", "gone.words"), "gone.words"),
        (("--crop", "legacy-crow"), "needs query boxes"),
    ],
)
def test_wrong_calls_are_one_line(call: Call, world: Path, options: tuple[str, ...], words: str) -> None:
    how = ("--recipe", world / "tiny.toml", "--words", world / "w.words")
    code, out, err = call("evaluate", "folder", "--data", world / "photos", *how, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_options_of_words_are_refused_for_vectors(call: Call, world: Path) -> None:
    data = ("evaluate", "folder", "--data", world / "photos")
    for options in (("--scoring", "hamming=false"), ("--layers", "pooled")):
        code, _, err = call(*data, "--recipe", "gem", *options)
        assert (code, "are for visual words" in err) == (2, True)
    code, _, err = call(*data, "--recipe", "gem", "--words", world / "w.words")
    assert (code, "makes a vector" in err) == (2, True)


def test_a_vocabulary_of_other_patches_is_refused(world: Path) -> None:
    other = replace(PLAIN, features=replace(PATCHES, pool="sum")).with_vocabulary(world / "w.words")
    with pytest.raises(BadRecipe, match="pool"):
        open_sketcher(other)
