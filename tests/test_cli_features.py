"""``likewise similar``, ``duplicates``, ``cluster``, ``map``, ``classify``: what they print and refuse."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from likewise import cli
from likewise.cli.similar import _rare, _share
from likewise.descriptors.recipe import VectorRecipe
from likewise.downstream.classifying import classifier
from tests.fakes import FakeExtractor, make_pictures, replace_network

Run = Callable[..., tuple[int, str, str]]


def fake(recipe: VectorRecipe | str, **_: object) -> FakeExtractor:
    return FakeExtractor(VectorRecipe.load(recipe) if isinstance(recipe, str) else recipe)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, beside photos/a, photos/b and their collection.

    photos/a/copy.jpg is a compressed copy of photos/a/0003.png, and photos/a/bad.jpg no picture.
    """
    replace_network(monkeypatch, fake)
    monkeypatch.setattr(classifier, "Extractor", fake)
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LIKEWISE_COLLECTION", raising=False)
    monkeypatch.chdir(tmp_path)
    make_pictures(tmp_path / "photos" / "a", 12)
    make_pictures(tmp_path / "photos" / "b", 12, first=12)
    with Image.open("photos/a/0003.png") as picture:
        picture.convert("RGB").save("photos/a/copy.jpg", quality=70)
    Path("photos/a/bad.jpg").write_text("no picture")

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    assert call("index", "photos")[0] == 0
    return call


def test_duplicates_are_listed_explained_and_drawn(run: Run) -> None:
    code, out, _ = run("duplicates", "--sheet", "sheet.png")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "group 1"
    assert lines[1].split()[0] == "1.0000"
    assert sorted(Path(line.split()[1]).name for line in lines[1:3]) == ["0003.png", "copy.jpg"]
    assert "1 group among 25 pictures; 1 could go" in lines
    assert any("it finds" in line and "mirrored" in line for line in lines)
    assert Path("sheet.png").exists()
    found = json.loads(run("duplicates", "--json")[1])
    assert (found["surplus"], len(found["groups"]), found["pictures"]) == (1, 1, 25)
    assert found["threshold"] < 1
    assert run("duplicates", "--threshold", "1")[1].startswith("0 groups")


def test_similar_says_yes_and_no(run: Run) -> None:
    out = run("similar", "photos/a/0003.png", "photos/a/copy.jpg")[1]
    assert out.startswith("yes: one picture, altered\n")
    assert "judged by    altered copies of 24 pictures" in out
    found = json.loads(run("similar", "photos/a/0003.png", "photos/b/0014.png", "--json")[1])
    assert found["same"] is False
    rows = [f"a/{n:04}.png,x{n % 3}" for n in range(12)]
    Path("groups.csv").write_text("file,what\n" + "\n".join(rows))
    out = run(
        "similar", "photos/a/0003.png", "photos/a/copy.jpg", "--groups", "groups.csv", "--group", "what"
    )[1]
    assert "12 pictures of the collection in 3 groups" in out


def test_shares_and_chances_in_words() -> None:
    assert [_share(share) for share in (0, 0.00001, 0.123456, 0.5, 0.999999, 1)] == [
        *("0", "under 0.01", "12.35"),
        *("50", "over 99.99", "100"),
    ]
    assert [_rare(share) for share in (0.01, 1 / 1_234_567, 0)] == [
        *("at least 1 of 100 pairs", "1 of 1 200 000 pairs"),
        "no pair",
    ]


def test_clusters_are_listed_drawn_and_sorted(run: Run) -> None:
    code, out, _ = run(
        "cluster", "--clusters", 3, "--sheets", "sheets", "--sort-into", "sorted", "--by", "link"
    )
    assert code == 0
    assert out.splitlines()[0].split() == ["cluster", "pictures", "spread", "most", "central"]
    assert len(list(Path("sheets").glob("cluster-0?.jpg"))) == 3
    links = list(Path("sorted").rglob("*.*"))
    assert len(links) == 25
    assert all(link.is_symlink() and link.exists() for link in links)
    assert len(list(Path("photos").rglob("*.*"))) == 26  # nothing was moved
    found = json.loads(run("cluster", "--json")[1])
    assert found["tried"]
    assert sum(len(cluster["ids"]) for cluster in found["clusters"]) == 25
    assert "suggested" in run("cluster")[1]
    assert run("cluster", "--method", "hdbscan", "--least", 3)[0] == 0


def test_a_map_is_written(run: Run) -> None:
    code, out, _ = run("map", "-o", "map.html", "--method", "pca")
    assert (code, out) == (0, "map.html: 25 of 25 pictures, laid out by pca\n")
    text = Path("map.html").read_text()
    assert '"name": "a", "count": 13' in text
    assert run("map", "-o", "map.html")[0] == 2
    options = ("--overwrite", "--colour", "cluster", "--clusters", 2, "--most", 20, "--json")
    found = json.loads(run("map", "-o", "map.html", *options)[1])
    assert (found["pictures"], found["method"], found["failures"]) == (20, "tsne", {})
    assert '"name": "cluster 1"' in Path("map.html").read_text()


def test_classify_learns_shows_and_predicts(run: Run) -> None:
    code, out, _ = run(
        "classify", "learn", "photos", "-o", "m.safetensors", "--confusion", "c.png", "--curve", "l.png"
    )
    assert code == 0
    assert "left out: 'photos/a/bad.jpg' is no picture" in out
    assert "25 pictures of photos with 2 labels; 25 tested in 5 folds" in out
    assert "m.safetensors: " in out
    assert all(Path(name).exists() for name in ("c.png", "l.png"))
    assert "kind        " in run("classify", "show", "m.safetensors")[1]
    code, out, _ = run("classify", "predict", "m.safetensors", "photos/a", "--json")
    found = json.loads(out)
    assert code == 2  # one of the files cannot be read
    assert len(found["predictions"]) == 13
    assert sum(found["predictions"][0]["probabilities"]) == pytest.approx(1)
    assert "no picture" in found["failures"]["photos/a/bad.jpg"]
    assert "failed: photos/a/bad.jpg" in run("classify", "predict", "m.safetensors", "photos/a")[1]
    assert run("classify", "predict", "m.safetensors", "photos/a/bad.jpg")[0] == 2


def test_classify_learns_from_a_collection_and_from_a_table(run: Run) -> None:
    found = json.loads(run("classify", "learn", "-o", "c.safetensors", "--kind", "neighbours", "--json")[1])
    assert (found["kind"], found["tested"]) == ("neighbours", 25)
    rows = [f"a/{n:04}.png,{'xy'[n % 2]}" for n in range(12)] + ["b/0012.png,rare"]
    Path("t.csv").write_text("file,label\n" + "\n".join(rows))
    out = run("classify", "learn", "photos", "--labels", "t.csv", "-o", "t.safetensors")[1]
    assert "never tested, for there is one picture only: rare" in out


ERRORS = [
    (["duplicates", "--threshold", "2"], 2, "no similarity is 2"),
    (["duplicates", "--sheet", "photos/a/0001.png"], 2, "would replace a picture"),
    (["duplicates", "--under", "nowhere"], 2, "nowhere"),
    (["similar", "photos/a/0001.png", "photos/a/bad.jpg"], 2, "bad.jpg"),
    (["cluster", "--clusters", "99"], 2, "99 clusters cannot be made of 25 different"),
    (["cluster", "--clusters", "3", "--method", "hdbscan"], 2, "give k with kmeans only"),
    (["cluster", "--clusters", "3", "--sort-into", "photos"], 2, "photos is there already"),
    (["cluster", "--clusters", "3", "--sheets", "none/sheets"], 5, "there is no folder"),
    (["map", "-o", "map.png"], 2, "end its name in .html"),
    (["map", "-o", "map.html", "--clusters", "3"], 2, "--colour cluster"),
    (["classify", "learn", "photos/a", "-o", "m.safetensors"], 2, "no sub-folders"),
    (["classify", "learn", "photos", "--in", "photos.likewise", "-o", "m.safetensors"], 2, "not both"),
    (["classify", "learn", "--recipe", "gem", "-o", "m.safetensors"], 2, "has its recipe"),
    (["classify", "learn", "photos", "-o", "m.safetensors", "--curve", "c.txt"], 2, ".svg"),
    (["classify", "predict", "absent.safetensors", "photos"], 4, "absent.safetensors"),
    (["classify", "show", "photos/a/bad.jpg"], 4, "holds no classifier"),
    (["duplicates", "--in", "absent.likewise"], 3, "absent.likewise"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS, ids=[" ".join(e[0]) for e in ERRORS])
def test_errors_name_the_value(run: Run, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith("likewise: error: ")
    assert err.count("\n") == 1
    assert message in err


def test_an_empty_collection_is_one_clear_error(run: Run) -> None:
    Path("none").mkdir()
    Path("none/bad.png").write_text("no picture")
    assert run("index", "none", "--into", "n.likewise")[0] == 0
    for command in (
        ["duplicates"],
        ["cluster"],
        ["map", "-o", "m.html"],
        ["classify", "learn", "-o", "m.safetensors"],
    ):
        code, _, err = run(*command, "--in", "n.likewise")
        assert code in (2, 3), command
        assert err.startswith("likewise: error: ")
        assert err.count("\n") == 1


def test_a_plan_is_written_checked_carried_out_and_taken_back(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("duplicates", "photos.likewise", "--plan", "plan.csv", "--go", "recompressed,edited")
    assert code == 0
    assert "plan: plan.csv" in out
    rows = csv.DictReader(Path("plan.csv").read_text().splitlines())
    (gone,) = [row for row in rows if row["action"] == "go"]
    code, out, _ = run("duplicates", "apply", "plan.csv", "--move", "out")
    assert code == 0
    assert "1 of 1 files would go" in out
    assert Path(gone["file"]).exists()
    assert "1 of 1 files went" in run("duplicates", "apply", "plan.csv", "--move", "out", "--yes")[1]
    assert not Path(gone["file"]).exists()
    assert run("duplicates")[1].startswith("0 groups")
    assert "1 of 1 files are back" in run("duplicates", "undo", "plan.csv")[1]
    assert Path(gone["file"]).exists()
    assert run("duplicates", "dismiss", "photos/a/0003.png", "photos/a/copy.jpg")[1].startswith("1 pairs")
    out = run("duplicates")[1]
    assert out.startswith("0 groups")
    assert "no duplicates, as you said: 1" in out
    run("duplicates", "dismiss", "photos/a/0003.png", "photos/a/copy.jpg", "--forget")
    assert run("duplicates")[1].startswith("group 1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["duplicates", "apply", "absent.csv", "--trash"], "absent.csv cannot be read"),
        (["duplicates", "apply", "absent.csv"], "--hard-link"),
        (["duplicates", "undo", "absent.csv"], "nothing that could be undone"),
        (["duplicates", "aply", "plan.csv"], "No such command 'aply'"),
        (["duplicates", "photos.likewise", "--in", "photos.likewise"], "give one collection"),
        (["duplicates", "--in", "photos.likewise", "photos.likewise"], "give one collection"),
        (["duplicates", "--keep", "best"], "no rule"),
        (["duplicates", "--go", "blurred"], "kind of copy"),
        (["duplicates", "--plan", "plan.txt"], ".csv or .json"),
    ],
)
def test_what_cannot_be_done_about_duplicates(run: Run, arguments: list[str], message: str) -> None:
    code, _, err = run(*arguments)
    assert code in (2, 5)
    assert message in err
    assert err.count("\n") == 1
