"""From a benchmark to a run and back: crops, rankings, card, identity, and what cannot be read."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.descriptors.parts import Part, Step
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening
from likewise.errors import BadBox, StorageError, UsageError
from likewise.evaluation import runs
from likewise.evaluation.crops import CropMode, query_view
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.evaluation.evaluate import evaluate
from likewise.evaluation.metrics import leave_one_out_map
from likewise.evaluation.protocol_card import ASKED_WITH, JUDGED, make_card
from likewise.evaluation.reports.report import Report
from likewise.evaluation.reports.score import score
from likewise.evaluation.runs import Run, box_array, read_run, write_run
from likewise.pictures import Resize
from likewise.ranking.stages import Ranked, Stage
from likewise.types import Box, Ranking
from tests.fakes import RECIPE, FakeExtractor, make_pictures
from tests.ordering import same_hits

BOX = Box(2, 2, 20, 14)
VGG = VectorRecipe("vgg", "vgg16", (Part("relu5_3", "max"),), Resize("longest", 512))


def benchmark(folder: Path, *, box: Box | None = BOX) -> Benchmark:
    """Eight pictures, and two queries among them: one for the next two, one for the one after it."""
    files = make_pictures(folder / "in", 8)
    gallery = {file.stem: file for file in files}
    queries = (
        BenchmarkQuery("first", files[0], box, frozenset({"0000", "0001", "0002"}), frozenset({"0005"}), "a"),
        BenchmarkQuery("second", files[3], None, frozenset({"0003", "0004"}), group="b"),
    )
    return Benchmark("small", gallery, queries, "counts", notes=("made up",))


def run(folder: Path, crop: CropMode = "box", **changes: object) -> Run:
    made = replace(benchmark(folder), **changes)  # type: ignore[arg-type]
    return evaluate(made, FakeExtractor(), crop=crop, out=folder / "runs")


def test_a_run_is_read_as_it_was_made(tmp_path: Path) -> None:
    made = run(tmp_path)
    found = read_run(made.path)
    assert made.path.relative_to(tmp_path / "runs").match("small/fake-box-????????.json")
    assert (found.card, found.benchmark, found.boxes) == (made.card, made.benchmark, (BOX, None))
    assert np.array_equal(found.ranked, made.ranked)
    assert np.array_equal(found.scores, made.scores)
    assert found.ranked.dtype == np.int32
    with np.load(made.path.with_suffix(".npz")) as arrays:
        assert arrays["queries"].tolist() == ["first", "second"]
        assert arrays["gallery"].tolist() == list(made.benchmark.gallery)


def test_every_picture_is_ranked_by_its_similarity(tmp_path: Path) -> None:
    made = run(tmp_path, "full")
    extractor = FakeExtractor()
    vectors = extractor.describe([extractor.prepare(f) for f in made.benchmark.gallery.values()])
    for number, place in enumerate((0, 3)):
        similarities = vectors @ vectors[place]
        assert made.ranked[number].tolist() == np.argsort(-similarities, kind="stable").tolist()
        assert made.scores[number] == pytest.approx(np.sort(similarities)[::-1], abs=1e-6)
    assert made.ranked[:, 0].tolist() == [0, 3]


def test_euclidean_recipes_are_ranked_by_distance(tmp_path: Path) -> None:
    far = replace(RECIPE, distance="l2")
    made = evaluate(benchmark(tmp_path), FakeExtractor(recipe=far), crop="full", out=tmp_path / "runs")
    assert made.scores[:, 0] == pytest.approx(0, abs=1e-6)
    assert (made.scores[:, 1:] < 0).all()


def test_leaving_one_out_is_what_the_metric_says(tmp_path: Path) -> None:
    files = make_pictures(tmp_path / "in", 12)
    labels = [number % 3 for number in range(12)]
    queries = [
        BenchmarkQuery(
            file.stem,
            file,
            None,
            frozenset(f.stem for f, other in zip(files, labels, strict=True) if other == label and f != file),
            frozenset({file.stem}),
        )
        for file, label in zip(files, labels, strict=True)
    ]
    made = Benchmark("folder", {file.stem: file for file in files}, tuple(queries), "ignored")
    done = evaluate(made, FakeExtractor(), out=tmp_path / "runs")
    extractor = FakeExtractor()
    vectors = extractor.describe([extractor.prepare(file) for file in files])
    assert Report.of(done).scores.value == pytest.approx(leave_one_out_map(vectors, labels))


@pytest.mark.parametrize("stages", ["", "expand:n=2", "augment:n=2 expand:n=2"])
def test_the_own_picture_has_no_part_in_what_follows_the_search(tmp_path: Path, stages: str) -> None:
    files = make_pictures(tmp_path / "in", 8)
    rest = frozenset(file.stem for file in files[1:4])
    alone = {file.stem: file for file in files[1:]}
    absent = Benchmark("b", alone, (BenchmarkQuery("q", files[0], None, rest),), "absent")
    inside = replace(
        absent,
        gallery={files[0].stem: files[0], **alone},
        queries=(replace(absent.queries[0], junk=frozenset({files[0].stem})),),
        query_in_gallery="ignored",
    )
    texts = [Stage.parse(text) for text in stages.split()]
    without, with_it = (
        evaluate(one, FakeExtractor(), out=tmp_path / "runs", stages=texts) for one in (absent, inside)
    )
    others = with_it.ranked[0] > 0
    same_hits(with_it.ranked[0][others] - 1, with_it.scores[0][others], without.ranked[0], without.scores[0])
    assert Report.of(with_it).scores.value == Report.of(without).scores.value


def test_the_path_is_the_identity(tmp_path: Path) -> None:
    first = run(tmp_path)
    before = first.path.read_bytes()
    assert run(tmp_path).path == first.path
    assert first.path.read_bytes() == before
    others = [
        run(tmp_path, "full"),
        run(tmp_path, queries=(replace(benchmark(tmp_path).queries[0], box=Box(2, 2, 20, 13)),)),
        run(tmp_path, queries=(replace(benchmark(tmp_path).queries[0], positives=frozenset({"0001"})),)),
        evaluate(benchmark(tmp_path), FakeExtractor(precision="bf16"), out=tmp_path / "runs"),
        evaluate(benchmark(tmp_path), FakeExtractor(recipe=replace(RECIPE, code="fp32")), out=tmp_path / "r"),
    ]
    make_pictures(tmp_path / "other", 1, first=90)[0].rename(tmp_path / "changed.png")
    gallery = {**benchmark(tmp_path).gallery, "0007": tmp_path / "changed.png"}
    others.append(run(tmp_path, gallery=gallery))
    assert len({one.path.name for one in [first, *others]}) == 7


def test_moved_pictures_and_renamed_recipes_are_the_same_run(tmp_path: Path) -> None:
    first, moved = run(tmp_path), run(tmp_path / "elsewhere")
    assert first.path.name == moved.path.name
    named = evaluate(benchmark(tmp_path), FakeExtractor(recipe=replace(RECIPE, name="a/b c")), out=tmp_path)
    assert named.path.name == first.path.name.replace("fake", "a_b_c")


def test_another_crop_describes_only_the_queries(tmp_path: Path) -> None:
    extractor = FakeExtractor()
    evaluate(benchmark(tmp_path), extractor, crop="full", out=tmp_path / "runs")
    assert extractor.described == 8  # the queries are pictures of the gallery
    evaluate(benchmark(tmp_path), extractor, crop="box", out=tmp_path / "runs")
    assert extractor.described == 9


def test_full_takes_the_whole_picture_and_box_the_box() -> None:
    query = BenchmarkQuery("q", Path("q.png"), BOX, frozenset())
    assert query_view(query, "full", RECIPE).box is None
    assert query_view(query, "box", RECIPE).box == BOX
    assert query_view(replace(query, box=None), "legacy-crow", RECIPE).box is None


def test_the_legacy_crop_takes_right_and_bottom_for_width_and_height() -> None:
    query = BenchmarkQuery("q", Path("q.png"), Box(136, 34, 649, 956), frozenset())
    assert query_view(query, "legacy-crow", RECIPE).box == Box(136, 34, 785, 990)


def test_widening_is_half_a_receptive_field_of_the_resized_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1024, 768)).save(tmp_path / "q.png")
    query = BenchmarkQuery("q", tmp_path / "q.png", Box(300, 300, 500, 400), frozenset())
    box = query_view(query, "widened", VGG).box
    # relu5_3 sees 196 x 196 pixels, and the picture is halved
    assert box == Box(300 - 196, 300 - 196, 500 + 196, 400 + 196)
    square = replace(VGG, resize=Resize("square", 512))
    assert query_view(query, "widened", square).box == Box(300 - 196, 300 - 147, 500 + 196, 400 + 147)
    two = replace(VGG, parts=(Part("relu4_3", "max"), Part("relu5_3", "max")))
    assert query_view(query, "widened", two).box == box


def test_widening_needs_a_receptive_field(tmp_path: Path) -> None:
    whole = VectorRecipe("fc", "vgg16", (Part("fc2", "none"),), Resize("square", 224))
    with pytest.raises(UsageError, match="receptive field"):
        query_view(benchmark(tmp_path).queries[0], "widened", whole)


def test_without_boxes_the_crop_is_full(tmp_path: Path) -> None:
    plain = benchmark(tmp_path, box=None)
    made = evaluate(plain, FakeExtractor(), crop="box", out=tmp_path / "runs")
    assert made.card.crop == "full"
    assert "-full-" in made.path.name
    crops: tuple[CropMode, ...] = ("widened", "legacy-crow")
    for crop in crops:
        with pytest.raises(UsageError, match="needs query boxes"):
            evaluate(plain, FakeExtractor(), crop=crop, out=tmp_path / "runs")
    with pytest.raises(UsageError, match="no crop is called 'bxo'"):
        evaluate(plain, FakeExtractor(), crop="bxo", out=tmp_path / "runs")  # type: ignore[arg-type]


def test_a_box_outside_the_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadBox):
        evaluate(benchmark(tmp_path, box=Box(900, 0, 950, 9)), FakeExtractor(), out=tmp_path / "runs")


def test_pictures_that_cannot_be_read_are_missing(tmp_path: Path) -> None:
    whole = benchmark(tmp_path)
    whole.gallery["0001"].write_text("no picture")
    whole.gallery["0005"].write_bytes(b"")
    made = evaluate(whole, FakeExtractor(), out=tmp_path / "runs")
    assert {*whole.gallery} - {*made.benchmark.gallery} == {"0001", "0005"}
    assert made.ranked.shape == (2, 6)
    assert made.benchmark.queries[0].positives == {"0000", "0002"}
    assert made.benchmark.queries[0].junk == frozenset()
    assert [(one.query, one.files, one.effect) for one in made.benchmark.missing] == [
        ("", ("0001",), "cannot be read (not-a-picture): not ranked"),
        ("", ("0005",), "cannot be read (empty): not ranked"),
        ("first", ("0001",), "2 of 3 positives can be read: AP is over the 2"),
    ]
    assert (made.card.missing, made.card.left_out, made.card.gallery) == (2, 0, 6)
    assert read_run(made.path).benchmark == made.benchmark


def test_a_query_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    whole = benchmark(tmp_path)
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    queries = (replace(whole.queries[0], picture=broken), whole.queries[1])
    made = evaluate(replace(whole, queries=queries), FakeExtractor(), out=tmp_path / "runs")
    assert [query.name for query in made.benchmark.queries] == ["second"]
    assert made.boxes == (None,)
    assert made.ranked[0, 0] == 3
    (gap,) = made.benchmark.missing
    assert (gap.query, gap.left_out, gap.files) == ("first", True, ("broken.jpg",))
    with pytest.raises(UsageError, match="no query can be asked"):
        evaluate(replace(whole, queries=queries[:1]), FakeExtractor(), out=tmp_path / "runs")


def test_a_query_whose_answers_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    whole = benchmark(tmp_path)
    for name in whole.queries[1].positives:
        whole.gallery[name].write_text("no picture")
    only = replace(whole.queries[1], picture=whole.queries[0].picture)
    made = evaluate(replace(whole, queries=(whole.queries[0], only)), FakeExtractor(), out=tmp_path / "runs")
    assert [query.name for query in made.benchmark.queries] == ["first"]
    assert made.card.left_out == 1
    count = len(only.positives)
    assert made.benchmark.missing[-1].effect == f"none of {count} positives can be read: left out"
    with pytest.raises(UsageError, match="no query can be asked; second: none of"):
        evaluate(replace(whole, queries=(only,)), FakeExtractor(), out=tmp_path / "runs")


def test_a_query_of_the_gallery_is_missing_once(tmp_path: Path) -> None:
    whole = benchmark(tmp_path)
    whole.queries[1].picture.write_text("no picture")
    made = evaluate(whole, FakeExtractor(), out=tmp_path / "runs")
    assert (made.card.missing, made.card.left_out) == (1, 1)


def test_a_group_that_is_not_whole_does_not_count_for_ns(tmp_path: Path) -> None:
    whole = replace(benchmark(tmp_path), measure="N-S")
    whole.gallery["0004"].write_text("no picture")
    made = evaluate(whole, FakeExtractor(), out=tmp_path / "runs")
    assert [query.name for query in made.benchmark.queries] == ["first"]
    assert made.ranked.shape == (1, 7)
    assert made.boxes == (BOX,)
    assert "could not reach 2" in made.benchmark.missing[-1].effect


def test_large_rankings_are_cut_and_the_card_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 6)
    monkeypatch.setattr(runs, "_ALWAYS_KEPT", 1)
    whole = run(tmp_path / "whole", "full")
    assert whole.ranked.shape == (2, 3)
    assert whole.card.facts()["ranked"] == "the first 3 for each query"
    scores = score(whole.benchmark, whole.ranked)
    assert scores.queries[0].positives == 3


def test_the_card_tells_everything(tmp_path: Path) -> None:
    facts = run(tmp_path, "legacy-crow").card.facts("step")
    assert facts["data set"] == "small, reported by mAP"
    assert facts["queries"] == "2, 0 left out"
    assert facts["own picture"] == "ranked, and counts as a positive"
    assert facts["crop"].startswith("legacy-crow")
    assert facts["AP rule"] == "step"
    assert facts["ranked"] == "all"
    assert facts["tap"] == "colours, mean"
    assert facts["resize"] == "longest 32, never enlarged; scales 1"
    assert facts["whitening"] == "none"
    assert facts["distance"] == "cosine on 12 dimensions"
    assert facts["engine"] == "fake, f32"
    assert facts["network"] == f"fake, weights {'0' * 12}"
    assert facts["notes"] == "made up"
    assert "wrong on purpose" in facts["warning"]
    assert "warning" not in run(tmp_path).card.facts()


def test_the_card_says_what_a_whitening_was_learned_on(tmp_path: Path) -> None:
    origin = Origin("0" * 64, samples=30, exponent=0.5, shrinkage=0.0, about="Paris6k")
    Whitening(np.zeros(12, np.float32), np.eye(12, dtype=np.float32), origin).save(tmp_path / "w.safetensors")
    steps = (Step.whiten(tmp_path / "w.safetensors"), Step("l2"))
    manifest = FakeExtractor().manifest
    card = make_card(benchmark(tmp_path), replace(RECIPE, transforms=steps), manifest, crop="full", ranked=8)
    assert card.whitening == "learned on 30 vectors of Paris6k"
    assert card.transforms[0].startswith("whiten(sha256=")
    assert str(tmp_path) not in json.dumps(asdict(card))


def test_the_card_warns_of_a_whitening_that_has_seen_the_test(tmp_path: Path) -> None:
    digests = ["a" * 64, "b" * 64, "c" * 64]
    seen = tuple(digest[:16] for digest in (*digests[:2], "d" * 64))
    origin = Origin("0" * 64, 3, exponent=0.5, shrinkage=0.0, pictures=seen)
    Whitening(np.zeros(12, np.float32), np.eye(12, dtype=np.float32), origin).save(tmp_path / "w.safetensors")
    manifest, made = FakeExtractor().manifest, benchmark(tmp_path)
    steps = replace(RECIPE, transforms=(Step.whiten(tmp_path / "w.safetensors"), Step("l2")))
    regions = replace(RECIPE, parts=(Part("colours", "rmac").whitened(tmp_path / "w.safetensors"),))
    for recipe in (steps, regions):
        card = make_card(made, recipe, manifest, crop="full", ranked=8, pictures=digests)
        assert card.warnings == ("the whitening was learned on 2 pictures of this very test set",)
        assert make_card(made, recipe, manifest, crop="full", ranked=8).warnings == ()


def test_what_followed_the_search_is_on_the_card_and_in_the_identity(tmp_path: Path) -> None:
    def asked(**options: object) -> Run:
        made = benchmark(tmp_path)
        return evaluate(made, FakeExtractor(), out=tmp_path / "runs", **options)  # type: ignore[arg-type]

    plain, expanded = asked(), asked(stages=[Stage("expand", {"n": 2})])
    both = asked(stages=[Stage("expand")], examples=2, feedback=1)
    assert plain.card.after == ()
    assert "then" not in plain.card.facts()
    assert expanded.card.facts()["then"] == "expand(n=2, alpha=0)"
    assert both.card.after == ("examples(n=2)", "expand(n=10, alpha=0)", "feedback(n=1)")
    assert both.card.warnings == (ASKED_WITH, JUDGED)
    assert len({one.path for one in (plain, expanded, both)}) == 3
    assert read_run(both.path).card == both.card
    assert [len(query.positives) for query in both.benchmark.queries] == [2, 2]


def test_a_run_from_before_anything_followed_is_still_read(tmp_path: Path) -> None:
    made = run(tmp_path)
    told = json.loads(made.path.read_text())
    del told["card"]["after"]
    made.path.write_text(json.dumps(told))
    assert read_run(made.path).card == made.card


def test_boxes_that_were_found_are_kept(tmp_path: Path) -> None:
    made = run(tmp_path)
    assert made.found is None
    assert made.box(0, 0) is None
    first, second = made.ranked[:, 1].tolist()
    boxes = ({first: BOX}, {second: Box(1, 2, 3, 4)})
    ranked = Ranked(Ranking(made.ranked.astype(np.int64), made.scores), boxes)
    write_run(replace(made, found=box_array(ranked)))
    again = read_run(made.path)
    assert again.found is not None
    assert again.found.shape == (2, 2, 4)
    assert (again.box(0, 0), again.box(0, 1), again.box(1, 1)) == (None, BOX, Box(1, 2, 3, 4))
    assert again.box(1, 7) is None


def test_localising_needs_maps(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        evaluate(
            benchmark(tmp_path),
            FakeExtractor(recipe=replace(RECIPE, parts=(Part("colours", "none"),))),
            out=tmp_path / "runs",
            stages=[Stage("localise")],
        )


def test_the_margin_of_a_widened_crop_is_on_the_card(tmp_path: Path) -> None:
    card = make_card(benchmark(tmp_path), VGG, FakeExtractor().manifest, crop="widened", ranked=8)
    assert "98 resized pixels" in card.facts()["crop"]


def test_files_that_are_no_run_are_named(tmp_path: Path) -> None:
    made = run(tmp_path)
    for text in ("", "[]", "{}", '{"format": 1}', '{"format": 1, "card": {"benchmark": "x"}}'):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(UsageError, match=r"other\.json is not the file of a run"):
            read_run(tmp_path / "other.json")
    (tmp_path / "old.json").write_text('{"format": 0}')
    with pytest.raises(UsageError, match="another version"):
        read_run(tmp_path / "old.json")
    with pytest.raises(UsageError, match=r"gone\.json"):
        read_run(tmp_path / "gone.json")
    made.path.with_suffix(".npz").write_bytes(b"PK")
    with pytest.raises(UsageError, match="is not the file of a run"):
        read_run(made.path)
    made.path.with_suffix(".npz").unlink()
    with pytest.raises(UsageError, match=r"\.npz"):
        read_run(made.path)


def test_arrays_of_another_run_are_noticed(tmp_path: Path) -> None:
    made = run(tmp_path)
    np.savez(made.path.with_suffix(".npz"), ranked=np.zeros((5, 2)), scores=np.zeros((5, 2)))
    with pytest.raises(UsageError, match="do not belong together"):
        read_run(made.path)


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "small").write_text("a file")
    with pytest.raises(StorageError):
        run(tmp_path)
