"""The command line: every command, its errors, and what it does not load or open."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from likewise import cli
from likewise.cli import output
from likewise.cli.output import clock, counted, printable, short, state, table
from likewise.files import one_writer
from likewise.recipes import load_recipe
from likewise.types import Progress

NAMES = ["one.png", "two.png", "three.png", "four.png"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with photos/ and photos.likewise, and a cache of its own that is warm."""
    here = tmp_path_factory.mktemp("cli")
    noise = np.random.default_rng(0)
    (here / "photos" / "sub").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        pixels = noise.integers(0, 255, (3 + number, 4, 3), np.uint8)
        Image.fromarray(pixels).resize((96, 64)).save(here / "photos" / name)
    os.rename(here / "photos" / "four.png", here / "photos" / "sub" / "four.png")
    (here / "photos" / "bad.jpg").write_text("no picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKEWISE_CACHE", str(here / "cache"))
        patch.chdir(here)
        with pytest.raises(SystemExit) as end:
            cli.main(["index", "photos", "--recipe", "quick"])
        assert end.value.code == 0
    yield here


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKEWISE_CACHE", str(made / "cache"))
    monkeypatch.delenv("LIKEWISE_COLLECTION", raising=False)
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(made)
    return made


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = end.value.code
        assert isinstance(code, int)
        return code, out, err

    return call


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, with warnings as errors as everywhere in the tests."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )


def commands(command: Any, *names: str) -> Iterator[tuple[str, Any]]:
    """All commands with their full names."""
    yield " ".join(names), command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, *names, name)


COMMANDS = dict(commands(cli.commands(), "likewise"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_argument_and_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


def test_there_are_the_commands_of_the_design() -> None:
    groups = {"likewise"} | {
        f"likewise {name}"
        for name in (
            "classify",
            "duplicates",
            "networks",
            "quantise",
            "recipes",
            "reproduce",
            "study",
            "whiten",
            "words",
        )
    }
    single = "index search compare info failures verify remove extract demo evaluate report sweep serve "
    single += "similar cluster map optimise inspect train annotate facts ingest copy"
    nested = "networks list, networks show, networks fetch, networks import, recipes list, recipes show, "
    nested += (
        "whiten learn, whiten show, quantise learn, quantise show, reproduce capuano-2018, "
        "reproduce aggregating-deep-features, reproduce li-2016, reproduce paula-2020, study cifar10"
    )
    nested += ", duplicates apply, duplicates undo, duplicates dismiss"
    nested += ", classify learn, classify predict, classify show, words learn, words show"
    expected = {f"likewise {name}" for name in [*single.split(), *nested.split(", ")]}
    assert COMMANDS.keys() == expected | groups


def test_alone_it_prints_its_help(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert "search" in out


def test_version(run: Run) -> None:
    from likewise import __version__

    assert run("--version") == (0, f"likewise {__version__}\n", "")


def test_indexing_again_finds_nothing_new(run: Run) -> None:
    code, out, _ = run("index", "photos")
    assert code == 0
    assert "4 unchanged" in out
    assert "photos.likewise: 4 pictures" in out
    assert "likewise failures" in out


def test_a_layer_that_a_recipe_drops_is_named(run: Run, here: Path, tmp_path: Path) -> None:
    into = tmp_path / "c.likewise"
    assert "dropped" not in run("index", here / "photos", "--into", into, "--recipe", "default")[1]
    code, out, _ = run("index", here / "photos", "--into", into, "--recipe", "quick")
    assert (code, "\ndropped: what the layer sift kept" in out) == (0, True), out
    assert "does not have" in out
    told = run("index", here / "photos", "--into", into, "--recipe", "default", "--json")[1]
    assert json.loads(told)["dropped"] == []
    told = run("index", here / "photos", "--into", into, "--recipe", "quick", "--json")[1]
    assert json.loads(told)["dropped"] == ["sift"]
    assert "dropped" not in run("index", here / "photos", "--into", into)[1]


def test_pictures_that_a_new_layer_lacks_are_counted(run: Run, here: Path, tmp_path: Path) -> None:
    photos, into = tmp_path / "photos", tmp_path / "c.likewise"
    shutil.copytree(here / "photos", photos)
    assert "every layer" not in run("index", photos, "--into", into, "--recipe", "quick")[1]
    (photos / "one.png").rename(tmp_path / "one.png")
    out = run("index", photos, "--into", into, "--recipe", "default")[1]
    assert "\n1 picture not described by every layer: index again when their files can be read\n" in out
    (tmp_path / "one.png").rename(photos / "one.png")
    assert "every layer" not in run("index", photos, "--into", into)[1]


def test_a_layer_made_otherwise_is_described_anew(run: Run, here: Path, tmp_path: Path) -> None:
    into, other = tmp_path / "c.likewise", tmp_path / "default.toml"
    other.write_text(load_recipe("default").to_toml().replace("number = 800", "number = 50"))
    run("index", here / "photos", "--into", into, "--recipe", "default")
    code, out, _ = run("index", here / "photos", "--into", into, "--recipe", other)
    told = "layer sift kept, which the recipe that was given makes otherwise: what could be read was"
    assert (code, told in out) == (0, True), out
    assert "number = 50" in run("info", into, "--json")[1]


def test_search_finds_the_picture_itself_first(run: Run, here: Path) -> None:
    code, out, _ = run("search", "photos/two.png", "-k", 2)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["rank", "score", "picture"]
    assert lines[1].split() == ["1", "1.0000", str(here / "photos" / "two.png")]
    assert len(lines) == 3


def test_search_with_a_box_under_a_folder_and_a_sheet(run: Run, here: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "hits.png"
    arguments = ("--box", "8,8,90,60", "--crop", "own", "--under", "photos/sub", "--sheet", sheet, "--json")
    code, out, _ = run("search", "photos/two.png", *arguments)
    assert code == 0
    assert [hit["path"] for hit in json.loads(out)] == [str(here / "photos" / "sub" / "four.png")]
    with Image.open(sheet) as drawn:
        assert drawn.width > 300


def test_search_goes_on_with_stages_and_says_where_it_found_the_query(run: Run, tmp_path: Path) -> None:
    stages = ("--then", "expand:n=2", "--then", "localise:top=2")
    hits = json.loads(run("search", "photos/two.png", *stages, "--json", "--sheet", tmp_path / "s.png")[1])
    assert [hit["box"] is None for hit in hits] == [False, False, True, True]
    assert set(hits[0]["box"]) == {"x1", "y1", "x2", "y2"}
    assert 0 <= hits[0]["box"]["x1"] < hits[0]["box"]["x2"] <= 96
    lines = run("search", "photos/two.png", *stages)[1].splitlines()
    assert lines[0].split() == ["rank", "score", "box", "picture"]
    assert lines[1].split()[2].count(",") == 3
    assert lines[-1].split()[2] == "-"


def test_search_with_more_pictures_and_judged_ones(run: Run, here: Path) -> None:
    plain = json.loads(run("search", "photos/two.png", "--json")[1])
    also = json.loads(run("search", "photos/two.png", "--also", "photos/one.png", "--json")[1])
    assert {hit["path"] for hit in also[:2]} == {str(here / "photos" / n) for n in ("one.png", "two.png")}
    last = plain[-1]
    for name in (last["id"], last["path"]):
        code, out, _ = run("search", "photos/two.png", "--yes", name, "--no", plain[1]["id"], "--json")
        assert code == 0
        assert next(hit for hit in json.loads(out) if hit["id"] == last["id"])["score"] > last["score"]


def test_the_other_engine_agrees(run: Run) -> None:
    ours = json.loads(run("search", "photos/two.png", "--json")[1])
    theirs = json.loads(run("search", "photos/two.png", "--engine", "torch", "--json")[1])
    assert [hit["id"] for hit in theirs] == [hit["id"] for hit in ours]
    np.testing.assert_allclose([h["score"] for h in theirs], [h["score"] for h in ours], atol=1e-3)


JSON = {
    "index photos": dict,
    "search photos/one.png": list,
    "compare photos/one.png photos/two.png": dict,
    "info": dict,
    "failures": list,
    "verify": dict,
    "networks": list,
    "networks list": list,
    "networks show vgg16": dict,
    "recipes": list,
    "recipes list": list,
    "recipes show gem": dict,
}


@pytest.mark.parametrize("line", JSON)
def test_json_is_one_value_and_text_is_not(run: Run, line: str) -> None:
    code, out, err = run(*line.split(), "--json")
    assert (code, err) == (0, "")
    assert isinstance(json.loads(out), JSON[line])
    code, out, _ = run(*line.split())
    assert code == 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(out)


def test_what_failed_is_listed_with_its_reason(run: Run, here: Path) -> None:
    (failure,) = json.loads(run("failures", "--json")[1])
    assert failure["reason"] == "not-a-picture"
    assert failure["path"] == str(here / "photos" / "bad.jpg")
    assert "bad.jpg" in run("failures")[1]


def test_compare_tells_the_similarity_and_its_place(run: Run) -> None:
    found = json.loads(run("compare", "photos/one.png", "photos/one.png", "--json")[1])
    assert found["similarity"] == pytest.approx(1, abs=1e-3)
    assert found["rank"] == 1
    assert "similarity  1.0000" in run("compare", "photos/one.png", "photos/one.png")[1]


def test_remove_by_id_and_by_path(run: Run, here: Path, tmp_path: Path) -> None:
    into = tmp_path / "some.likewise"
    run("index", "photos", "--into", into)
    ids = {
        Path(h["path"]).name: h["id"]
        for h in json.loads(run("search", "photos/one.png", "--in", into, "--json")[1])
    }
    code, out, _ = run("remove", "--id", ids["one.png"], "photos/two.png", "--in", into, "--json")
    assert (code, json.loads(out)) == (0, {"removed": 2, "left": 2})
    assert (here / "photos" / "one.png").exists()


def test_verify_ends_with_1_when_a_file_is_missing(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    into = tmp_path / "red.likewise"
    Image.new("RGB", (40, 40), "blue").save(tmp_path / "blue.png")
    run("index", tmp_path / "red.png", tmp_path / "blue.png", "--into", into)
    (tmp_path / "red.png").unlink()
    code, out, _ = run("verify", "--in", into)
    assert code == 1
    assert "file-missing" in out
    assert "2 checked, 1 faults" in out
    (tmp_path / "blue.png").unlink()
    code, out, _ = run("verify", "--in", into)
    assert code == 1 and "folder-away" in out and "2 checked, 1 faults" in out
    code, out, _ = run("index", tmp_path, "--into", into, "--prune")  # it advises what can be followed
    assert code == 0 and "2 away" in out and "--prune-all" in out
    code, out, _ = run("index", tmp_path, "--into", into, "--prune-all")
    assert code == 0 and "2 forgotten" in out
    assert run("verify", "--in", into)[0] == 0


def test_extract_writes_vectors_and_ids(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "feats.npy"
    arguments = (
        "extract",
        "photos",
        "--network",
        "efficientnet-lite0",
        "--tap",
        "pooled",
        "--output",
        target,
    )
    code, out, _ = run(*arguments, "--json")
    assert (code, json.loads(out)["failed"]) == (0, 1)
    assert np.load(target).shape == (4, 1280)
    assert json.loads(Path(f"{target}.json").read_text())["ids"][0] == "one.png"
    code, _, err = run(*arguments)
    assert code == 2
    assert "--overwrite" in err


def test_extracted_by_a_recipe_are_the_vectors_of_a_collection(run: Run, here: Path, tmp_path: Path) -> None:
    from likewise import Collection

    run("extract", "photos", "--recipe", "default", "--output", tmp_path / "feats.npy")
    with Collection.open(here / "photos.likewise") as collection:
        ids, vectors = collection.vectors()
        names = [os.path.relpath(collection.path_of(int(i)), here / "photos") for i in ids]
    order = np.argsort(names)
    np.testing.assert_allclose(np.load(tmp_path / "feats.npy"), vectors[order], atol=1e-3)


def test_demo_with_pictures_of_ones_own(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("demo", "--photos", "photos", "--query", "photos/two.png", "--output", tmp_path)
    assert code == 0
    assert (tmp_path / "hits.png").exists()
    assert "photos.likewise" in out
    assert "mAP" not in out


def test_import_of_weights(run: Run, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"no weights")
    code, _, err = run("networks", "import", "vgg16", tmp_path / "weights.pth")
    assert code == 4
    assert "weights.pth" in err


ERRORS = [
    (["serch"], 2, "Did you mean 'search'"),
    (["search"], 2, "likewise search --help"),
    (["search", "photos/one.png", "--nonsense"], 2, "--nonsense"),
    (["search", "photos/one.png", "-k", "0"], 2, "-k"),
    (["search", "photos/one.png", "-k", "2.5"], 2, "should be a valid integer, not '2.5'; see"),
    (["search", "-k.jpg"], 2, "should be a valid integer, not '.jpg'; see"),
    (["search", "photos/one.png", "--crop", "all"], 2, "'--crop': 'all' is not one of 'whole', 'own'; see"),
    (["search", "photos/one.png", "-k"], 2, "an argument; see `likewise search --help`"),
    (["search", "photos/one.png", "--box", "1,2,3"], 2, "x1,y1,x2,y2"),
    (["search", "photos/one.png", "--box", "500,500,600,600"], 2, "outside"),
    (["search", "photos/bad.jpg"], 2, "bad.jpg"),
    (["search", "photos/one.png", "--then", "expnd"], 2, "expand"),
    (["search", "photos/one.png", "--then", "expand:n=x"], 2, "n"),
    (["search", "photos/one.png", "--also", "nowhere.jpg"], 2, "nowhere.jpg"),
    (["search", "photos/one.png", "--yes", "9999"], 2, "9999"),
    (["search", "photos/one.png", "--no", "nowhere.jpg"], 2, "nowhere.jpg"),
    (["search", "nowhere.jpg"], 2, "nowhere.jpg"),
    (["index", "photos", "--recipe", "gim", "--into", "x.likewise"], 2, "gem"),
    (["networks", "show", "vgg61"], 2, "vgg16"),
    (["remove"], 2, "name what to remove"),
    (["remove", "no/such/thing"], 2, "no/such/thing"),
    (["extract", "photos", "--output", "feats.npy"], 2, "--tap"),
    (["extract", "photos", "--output", "feats.npy", "--recipe", "gem", "--tap", "pool5"], 2, "not both"),
    (["extract", "photos", "--recipe", "default", "--output", "feats.csv"], 2, ".parquet"),
    (["search", "photos/one.png", "--in", "nowhere.likewise"], 3, "nowhere.likewise"),
    (["index", "photos", "--recipe", "rmac"], 3, "vgg16"),
    (["index", "photos", "--recipe", "gem", "--into", "x.likewise"], 4, "likewise networks fetch vgg16"),
    (["extract", "photos", "--network", "vgg16", "--tap", "pool5", "--output", "x.npy"], 4, "vgg16"),
    (["index", "photos", "--into", "photos/bad.jpg/x.likewise"], 5, "bad.jpg"),
]


@pytest.mark.parametrize(("arguments", "expected", "part"), ERRORS, ids=[" ".join(a) for a, _, _ in ERRORS])
def test_an_error_is_one_line_and_a_documented_code(
    run: Run, arguments: list[str], expected: int, part: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (expected, "")
    assert err.startswith("likewise: error: ")
    assert err.count("\n") == 1
    assert part in err
    assert "Traceback" not in err


def test_a_second_writer_is_refused(run: Run, here: Path) -> None:
    with one_writer(here / "photos.likewise" / "lock"):
        code, _, err = run("index", "photos")
        assert run("search", "photos/one.png")[0] == 0
    assert code == 3
    assert str(os.getpid()) in err


def test_a_missing_extra_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = run("extract", "photos", "--recipe", "default", "--output", tmp_path / "x.parquet")
    assert code == 4
    assert "likewise[parquet]" in err


def test_interrupting_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("likewise.collection.collection.Collection.search", interrupt)
    code, _, err = run("search", "photos/one.png")
    assert code == 130
    assert "interrupted" in err


@pytest.mark.parametrize("by_option", [True, False])
def test_debug_shows_the_traceback(here: Path, by_option: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from likewise.errors import CollectionNotFound

    monkeypatch.setenv("LIKEWISE_DEBUG", "" if by_option else "1")
    with pytest.raises(CollectionNotFound):
        cli.main([*(["--debug"] if by_option else []), "info", "--in", "nowhere.likewise"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("words", [["networks"], ["networks", "show", "vgg19", "--json"]])
def test_a_full_disk_behind_the_standard_output_is_named(words: list[str]) -> None:
    code = "from likewise.cli import main; main()"
    with open("/dev/full", "w") as full:
        ran = subprocess.run([sys.executable, "-c", code, *words], stdout=full, stderr=subprocess.PIPE)
    assert ran.returncode == 5
    assert ran.stderr.startswith(b"likewise: error: standard output cannot be written (No space left")


def test_a_reader_that_leaves_is_no_error(here: Path) -> None:
    code = "from likewise.cli import main; main(['networks', 'show', 'vgg19', '--json'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


class TestWhichCollection:
    """--in, else the variable, else the only one in the current folder."""

    def test_the_variable(
        self, run: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("LIKEWISE_COLLECTION", str(here / "photos.likewise"))
        assert json.loads(run("info", "--json")[1])["pictures"] == 4

    def test_the_option_comes_first(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIKEWISE_COLLECTION", "nowhere.likewise")
        assert run("info", "--in", "photos.likewise")[0] == 0
        assert run("info")[0] == 3

    def test_none(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        code, _, err = run("info")
        assert code == 3
        assert "likewise index FOLDER" in err

    def test_several(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("a.likewise", "b.likewise"):
            (tmp_path / name).mkdir()
        code, _, err = run("info")
        assert code == 3
        assert "a.likewise, b.likewise" in err


HEAVY = ("torch", "timm", "sklearn", "matplotlib", "scipy", "skimage", "pyarrow", "h5py", "rich")


@pytest.mark.slow
def test_a_warm_search_imports_neither_torch_nor_anything_it_does_not_need(here: Path) -> None:
    code = """
import sys
from likewise.cli import main
try:
    main(sys.argv[2:])
except SystemExit as end:
    assert not end.code, end.code
print(*[name for name in sys.argv[1].split() if name in sys.modules], file=sys.stderr)
"""
    done = python(code, " ".join(HEAVY), "search", "photos/one.png", "-k", "1")
    assert done.returncode == 0, done.stderr
    assert "one.png" in done.stdout
    assert done.stderr.split() == []


@pytest.mark.slow
def test_nothing_opens_a_connection(here: Path, tmp_path: Path) -> None:
    code = """
import socket, sys
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
                 "socket.gethostbyname", "subprocess.Popen", "os.posix_spawn", "os.exec"):
        seen.append((event, str(arguments)))
        raise ConnectionRefusedError("no connections here")
sys.addaudithook(watch)
from likewise.cli import main
where = sys.argv[1]
make = ["index", "photos", "--recipe", "quick", "--into", where]
for line in (make, ["search", "photos/one.png", "--in", where]):
    try:
        main(line)
    except SystemExit as end:
        assert not end.code, end.code
assert not seen, seen
try:
    socket.create_connection(("127.0.0.1", 9))
except ConnectionRefusedError:
    pass
assert seen  # the watch does see a connection
"""
    cold = {"LIKEWISE_CACHE": str(tmp_path / "cache")}  # so that the conversion is watched, too
    done = python(code, str(tmp_path / "some.likewise"), **cold)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_completion_of_commands_and_names(here: Path) -> None:
    def complete(words: str, position: int) -> list[str]:
        done = python(
            "from likewise.cli import main; main()",
            _LIKEWISE_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(position),
        )
        return done.stdout.split()

    assert complete("likewise sea", 1) == ["search"]
    assert complete("likewise index --recipe rm", 3) == ["rmac"]
    assert complete("likewise networks show vgg", 3) == ["vgg16", "vgg19"]


def test_the_completion_script_is_printed(here: Path) -> None:
    done = python("from likewise.cli import main; main()", _LIKEWISE_COMPLETE="source_bash")
    assert "_LIKEWISE_COMPLETE=complete_bash" in done.stdout


def test_names_that_are_no_text_are_printed_on_one_line(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "odd" / os.fsdecode(b"a\nb\xff.png")
    odd.parent.mkdir()
    Image.new("RGB", (40, 40), "blue").save(tmp_path / "plain.png")
    os.rename(tmp_path / "plain.png", odd)
    into = tmp_path / "odd.likewise"
    assert run("index", odd.parent, "--into", into)[0] == 0
    code, out, _ = run("search", odd, "--in", into)
    assert code == 0
    assert out.splitlines()[1].endswith(r"a\nb\udcff.png")
    (hit,) = json.loads(run("search", odd, "--in", into, "--json")[1])
    assert hit["path"] == os.fspath(odd)


def test_an_address_is_told_where_to_go(run: Run, tmp_path: Path) -> None:
    code, _, err = run("index", "s3://bucket/photos", "--into", tmp_path / "a.likewise")
    assert (code, "likewise extract ADDRESS" in err) == (2, True)
    code, _, err = run("extract", "s3://bucket/photos", "-o", tmp_path / "a.npy", "--recipe", "quick")
    assert (code, "give -o NAME.shards" in err) == (2, True)


def test_one_long_path_does_not_widen_a_table_for_all() -> None:
    lines = list(table([("x" * 400, "far"), ("b.jpg", "near")], ("file", "where")))
    assert lines == ["file   where", "x" * 400 + "  far", "b.jpg  near"]


def test_tables_align() -> None:
    lines = list(table([(1, "a\tb"), (20, "c")], ("rank", "name"), right="rank"))
    assert lines == ["rank  name", "   1  a\\tb", "  20  c"]


def test_progress_in_words() -> None:
    assert state(Progress(3, 10, 1, 75.4, "photos")) == "3 of 10, 1 failed, 0:01:15 left, photos"
    assert state(Progress(3, 0)) == "3"
    assert state(Progress(2_500_000, 10_000_000), "MB") == "2.5 MB of 10.0 MB"
    assert clock(None) == ""
    assert clock(3725) == "1:02:05 left"


def test_printable_escapes_what_breaks_a_line() -> None:
    assert printable("a\nb\x1b[31mü") == "a\\nb\\x1b[31mü"


@pytest.mark.parametrize(
    "words", [["search", "photos/one.png"], ["compare", "photos/one.png", "photos/two.png"]]
)
def test_the_limit_of_pixels_holds_for_queries(run: Run, words: list[str]) -> None:
    code, _, error = run(*words, "--max-pixels", "6143")
    assert code == 2
    assert "96 x 64 pixels is over the limit of 6143" in error
    assert run(*words, "--max-pixels", "6144")[0] == 0


def test_a_failure_names_its_file(run: Run) -> None:
    assert "bad.jpg' is no picture" in run("failures", "--json")[1].replace("\\\\", "")


def test_extracting_from_no_folder_says_so(run: Run, here: Path) -> None:
    code, _, error = run("extract", "nowhere", "--recipe", "default", "--output", "out.npy")
    assert (code, "'nowhere' is no folder" in error) == (2, True)
    assert not list(here.glob("out.npy*"))


@pytest.mark.parametrize("sheet", ["photos/one.png", "photos/two.png", "photos/../photos/sub/four.png"])
def test_a_sheet_replaces_no_picture(run: Run, sheet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("likewise.collection.asked.AskedCollection.search")  # refused before
    before = Path(sheet).read_bytes()
    code, _, err = run("search", "photos/one.png", "--sheet", sheet)
    assert (code, "would replace a picture" in err) == (2, True)
    assert run("search", "photos/one.png", "--sheet", "photos/bad.jpg")[0] == 2
    assert run("search", "photos/one.png", "--sheet", "sheet.xyz")[0] == 2
    assert Path(sheet).read_bytes() == before


def test_a_sheet_replaces_an_older_one(run: Run, tmp_path: Path) -> None:
    for size in ("6144", "600"):
        Image.new("RGB", (1, 1)).save(tmp_path / "sheet.png")
        code = run("search", "photos/one.png", "--sheet", tmp_path / "sheet.png", "--max-pixels", size)[0]
        assert code == (0 if size == "6144" else 2)
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert (sheet.width > 300) == (size == "6144")


def test_a_query_above_the_limit_is_drawn_when_it_is_raised(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKEWISE_MAX_PIXELS", "6143")
    sheet = tmp_path / "sheet.png"
    assert run("search", "photos/one.png", "--max-pixels", "6144", "--sheet", sheet)[0] == 0
    assert sheet.exists()


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(here: Path, tmp_path: Path, closed: str) -> None:
    code = f"{sys.executable} -W error -m likewise index photos --into {tmp_path / 'new.likewise'} {closed}"
    assert subprocess.run(["sh", "-c", code], capture_output=True, check=False).returncode == 0
    assert (tmp_path / "new.likewise" / "catalogue.sqlite").stat().st_size > 0


@pytest.mark.parametrize("target", ["self", "nowhere", None])
def test_a_folder_that_is_not_there_makes_no_collection(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if target:
        Path("self").symlink_to(target)
    code, _, err = run("index", "self")
    assert (code, "self is not there" in err) == (2, True)
    assert not list(tmp_path.glob("*.likewise"))


@pytest.mark.parametrize(
    "line", ["networks --json list", "networks --json show vgg16", "recipes --json show gem"]
)
def test_json_of_a_group_holds_for_its_commands(run: Run, line: str) -> None:
    code, out, _ = run(*line.split())
    assert (code, type(json.loads(out))) == (0, JSON[line.replace(" --json", "")])


def test_no_home_folder_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", "~nosuchuser/x")
    code, _, err = run("search", "photos/one.png")
    assert (code, "set LIKEWISE_CACHE" in err) == (5, True)


@pytest.mark.parametrize("error", [EOFError, KeyboardInterrupt])
def test_interrupted_outside_a_command(run: Run, monkeypatch: pytest.MonkeyPatch, error: type) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise typer.Abort if error is EOFError else error

    monkeypatch.setattr(cli, "commands", lambda: interrupt)
    assert run("info")[0] == 130


# --- the first minutes: what is wrong is said before anything is done, and what was done is said ---


def test_a_wrong_query_is_found_before_anything_is_indexed(run: Run, tmp_path: Path) -> None:
    code, _, err = run("demo", "--photos", "photos", "--query", "nix.png", "--output", tmp_path / "d")
    assert (code, (tmp_path / "d").exists()) == (2, False)
    assert "nix.png is not there, nor in photos" in err
    code, _, err = run("demo", "--photos", "photos", "--query", "photos/bad.jpg", "--output", tmp_path / "d")
    assert (code, (tmp_path / "d").exists()) == (2, False)
    assert "bad.jpg" in err


def test_a_query_may_be_named_as_in_the_folder_and_a_second_run_is_no_failure(
    run: Run, tmp_path: Path
) -> None:
    arguments = ("demo", "--photos", "photos", "--query", "two.png", "--output", tmp_path)
    assert run(*arguments)[1].startswith("4 pictures indexed of photos in ")
    assert run(*arguments)[1].startswith("4 pictures, all indexed before, of photos in ")


def test_nothing_to_index_makes_no_collection(run: Run, here: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    for command in (
        ("index", tmp_path / "empty", "--in", tmp_path / "c"),
        ("demo", "--photos", tmp_path / "empty", "-o", tmp_path / "c"),
    ):
        code, out, err = run(*command)
        assert (code, out, (tmp_path / "c").exists()) == (2, "", False)
        assert f"no picture in {tmp_path / 'empty'}: looked for files that end in " in err
        assert " .jpg " in err


def test_pictures_that_are_left_out_by_now_are_not_called_gone(run: Run, here: Path, tmp_path: Path) -> None:
    into = tmp_path / "c"
    run("index", here / "photos", "--into", into)
    told = "gone or left out; --prune forgets them"
    assert told in run("index", here / "photos", "--into", into, "--exclude", "one.png")[1]
    assert told in run("index", here / "photos", "--into", into)[1]


def test_pictures_that_are_gone_are_told(run: Run, here: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one.png", "two.png"):
        (photos / name).write_bytes((here / "photos" / name).read_bytes())
    assert "--prune" not in run("index", photos, "--in", tmp_path / "c")[1]
    (photos / "one.png").unlink()
    assert "\n1 gone; --prune forgets them\n" in run("index", photos, "--in", tmp_path / "c")[1]
    assert json.loads(run("index", photos, "--in", tmp_path / "c", "--json")[1])["gone"] == 1
    report = json.loads(run("index", photos, "--in", tmp_path / "c", "--prune", "--json")[1])
    assert (report["gone"], report["forgotten"]) == (0, 1)


def test_a_cache_that_cannot_be_written_is_done_without(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "file"))
    code, out, _ = run("search", "photos/two.png", "-k", 1)
    assert code == 0
    assert "two.png" in out


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ("0.1,0.1,0.5,0.5", "write 10%,10%,50%,50% for shares of the picture"),
        ("10%,10%,50,50", "or x1%,y1%,x2%,y2% of the picture"),
        ("60%,10%,50%,50%", "is empty"),
    ],
)
def test_boxes_in_other_measures(run: Run, box: str, part: str) -> None:
    code, _, err = run("search", "photos/two.png", "--box", box)
    assert code == 2
    assert part in err


def test_a_box_in_per_cent_is_that_part_of_the_picture(run: Run) -> None:
    pixels = run("search", "photos/two.png", "--box", "24,16,72,64", "--json")  # of 96 x 64
    assert run("search", "photos/two.png", "--box", "25%,25%,75%,100%", "--json") == pixels


def test_serve_wants_collections(run: Run) -> None:
    code, _, err = run("serve", "nothere")
    assert code == 3
    assert "nothere is no collection; make one with `likewise index FOLDER --in nothere`" in err


WRONG_KIND = [
    ["report", "photos/one.png"],
    ["classify", "predict", "photos/one.png", "photos/two.png"],
    ["classify", "show", "photos/one.png"],
    ["whiten", "show", "photos/one.png"],
    ["quantise", "show", "photos/one.png"],
    ["words", "show", "photos/one.png"],
    ["recipes", "show", "photos/one.png"],
    ["index", "photos", "--recipe", "photos/one.png"],
    ["networks", "import", "vgg16", "photos/one.png"],
    ["networks", "show", "x" * 5000],
    ["networks", "show", "timm/nothing-like-it"],
]


@pytest.mark.parametrize("arguments", WRONG_KIND, ids=lambda arguments: " ".join(arguments)[:40])
def test_files_of_another_kind_give_a_short_message(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert code != 0
    assert out == ""
    assert len(err) <= 10 * 80
    assert "\\x" not in err
    assert "deserializ" not in err


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    text = short("begin " + "x" * 9999 + " end")
    assert len(text) == 700
    assert text.startswith("begin ")
    assert text.endswith(" end")
    assert short("as it is") == "as it is"


def test_a_network_of_timm_is_suggested_under_its_name(run: Run) -> None:
    assert "a model of timm is called 'timm/resnet50'" in run("networks", "show", "resnet50")[2]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("search a.jpg -k 0", "0"),
        ("cluster --clusters 0", "0"),
        ("cluster --clusters=0", "0"),
        ("duplicates --threshold much", "much"),
    ],
)
def test_a_wrong_value_is_named(run: Run, line: str, value: str) -> None:
    code, _, err = run(*line.split())
    assert code == 2
    assert f"'{value}'" in err


def test_what_was_drawn_is_told(run: Run, tmp_path: Path) -> None:
    sheet, why = tmp_path / "hits.png", tmp_path / "why.png"
    assert run("search", "photos/two.png", "--sheet", sheet)[1].splitlines()[-1] == f"sheet: {sheet}"
    lines = run("compare", "photos/one.png", "photos/two.png", "--explain", why)[1].splitlines()
    assert lines[-1] == f"explanation: {why}"
    assert sheet.is_file()
    assert why.is_file()


def test_sheets_do_not_speak_of_sorting(run: Run) -> None:
    code, _, err = run("cluster", "--sheets", "photos")
    assert code == 2
    assert "photos is there already: name a new folder to draw sheets in" in err


@pytest.mark.parametrize(("step", "lines"), [(0.0, ["indexing: 1 of 9", "indexing: 2 of 9"]), (1e9, [])])
def test_progress_off_a_terminal_is_a_line_now_and_then(
    step: float, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "STEP", step)
    with output.progress("indexing") as callback:
        callback(Progress(1, 9))
        callback(Progress(2, 9))
    assert capsys.readouterr().err.splitlines() == lines


def test_one_picture_is_not_one_pictures() -> None:
    assert [counted(number) for number in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert counted(1, "group") == "1 group"
