"""How commands are spelled, and how their help looks."""

from __future__ import annotations

import ast
import inspect
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from likewise import cli
from likewise.cli import examples
from likewise.cli.command import ALSO, OLD, spread
from likewise.cli.examples import EXAMPLES, SECTIONS
from likewise.cli.options import Computing, Running
from likewise.collection import Collection
from tests.fakes import RECIPE, FakeFactory, make_pictures
from tests.test_cli import COMMANDS

ROOT: Any = cli.commands()


def parsed(line: str) -> dict[str, Any]:
    """The parameters that a command line comes to."""
    words, command, context = shlex.split(line)[1:], ROOT, None
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        context.resilient_parsing = False
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, name
    found: dict[str, Any] = command.make_context(command.name, words, parent=context).params
    return found


def test_every_command_stands_in_one_section() -> None:
    assert Counter(name for names in SECTIONS.values() for name in names) == Counter([*ROOT.commands])


def test_every_command_has_an_example_of_itself() -> None:
    assert EXAMPLES.keys() == {name.removeprefix("likewise").strip() for name in COMMANDS}
    for name, lines in EXAMPLES.items():
        assert lines
        assert all(line.startswith(f"likewise {name}") for line in lines)


@pytest.mark.parametrize("line", [line for name, lines in EXAMPLES.items() if name for line in lines])
def test_every_example_parses(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    parsed(line.split(" > ")[0])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_clean_in_80_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        cli.main([*name.split()[1:], "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert not [wrong for wrong in ("<bool>", "<int", "<str>", "<path>", "<list", "{", "│") if wrong in text]
    assert not [
        line
        for line in text.splitlines()
        if line.startswith("  ") and line.endswith("...") and "." in line[:-3]
    ]
    assert "Examples:\n" in text


def test_help_lists_the_sections() -> None:
    context = ROOT.make_context("likewise", [], resilient_parsing=True)
    text = ROOT.get_help(context)
    places = [text.index(f"\n{title}:\n") for title in (*SECTIONS, "Options", "Examples")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "likewise extract photos --to x.npy --recipe default",
            "likewise extract photos -o x.npy --recipe default",
        ),
        ("likewise demo --into there", "likewise demo --output there"),
        ("likewise evaluate folder --data d --out=r", "likewise evaluate folder --data d --runs r"),
        ("likewise sweep --data d --network n --out r", "likewise sweep --data d --network n --runs r"),
        ("likewise sweep --data d --network n --table t.csv", "likewise sweep --data d --network n -o t.csv"),
        ("likewise train d --out m", "likewise train d -o m"),
        ("likewise study cifar10 --out m", "likewise study cifar10 -o m"),
        ("likewise cluster -k 3", "likewise cluster --clusters 3"),
        ("likewise cluster -k3", "likewise cluster --clusters 3"),
        ("likewise map -o m.html -k 3", "likewise map -o m.html --clusters 3"),
        ("likewise words learn d -o w --words 10", "likewise words learn d -o w --size 10"),
        ("likewise reproduce seed-002 --words 10", "likewise reproduce li-2016 --size 10"),
        ("likewise reproduce seed-000 --data d", "likewise reproduce capuano-2018 --data d"),
        ("likewise reproduce seed-003 --data d", "likewise reproduce paula-2020 --data d"),
        ("likewise reproduce seed-001 --oxford d", "likewise reproduce aggregating-deep-features --oxford d"),
    ],
)
def test_spellings_of_before_do_as_well_and_say_so(
    old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parsed(new) == parsed(old)
    out, err = capsys.readouterr()
    assert out == ""
    assert err
    for line in err.splitlines():
        word, changed = line.removeprefix("likewise: ").split(" is called ")
        assert word in OLD
        assert changed.split(" now; ")[0] in OLD[word]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("likewise optimize c.likewise", "likewise optimise c.likewise"),
        ("likewise quantize show f", "likewise quantise show f"),
        ("likewise index d --quantize f", "likewise index d --quantise f"),
        ("likewise map -o m.html --color none", "likewise map -o m.html --colour none"),
        ("likewise index d --in c", "likewise index d --into c"),
    ],
)
def test_other_spellings_do_without_a_word(one: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed(one) == parsed(other)
    assert capsys.readouterr().err == ""


def test_all_spellings_lead_to_something() -> None:
    options = {name for command in COMMANDS.values() for option in command.params for name in option.opts}
    names = options | {name.split()[-1] for name in COMMANDS}
    assert {*ALSO.values(), *(new for news in OLD.values() for new in news)} <= names


def test_what_follows_two_dashes_is_a_name() -> None:
    assert parsed("likewise index -- --out")["folders"] == [Path("--out")]


@pytest.mark.parametrize("command", ["info", "failures", "verify", "optimise", "cluster", "map -o m.html"])
def test_a_collection_is_an_argument_or_an_option(command: str) -> None:
    assert parsed(f"likewise {command} c.likewise")["named"] == Path("c.likewise")
    assert parsed(f"likewise {command} --in c.likewise")["collection"] == Path("c.likewise")


def test_both_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["info", "a.likewise", "--in", "b.likewise"])
    assert end.value.code == 2
    assert "not both a.likewise and --in b.likewise" in capsys.readouterr().err


MODULES = sorted({*Path(cli.__file__).parent.glob("*.py")} - {Path(examples.__file__)})


def test_a_collection_is_not_taken_for_a_folder_of_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pictures(tmp_path / "photos", 1)
    with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        collection.add(tmp_path / "photos")
    with pytest.raises(SystemExit) as end:
        cli.main(["index", str(tmp_path / "photos"), str(tmp_path / "c")])
    assert end.value.code == 2
    assert f"named by --in {tmp_path / 'c'}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["search a.png", "compare a.png b.png", "similar a.png b.png"])
def test_a_collection_too_many_is_told_its_place(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([*command.split(), "photos.likewise"])
    assert end.value.code == 2
    assert "named by --in: --in photos.likewise\n" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*command.split(), "c.png"])
    assert "extra argument" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, one in ROOT.commands.items() if one.no_args_is_help])
def test_a_group_without_a_command_shows_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([name])
    assert end.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"Usage: likewise {name} [OPTIONS] COMMAND [ARGS]..."
    assert "Commands:" in said


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_keys_of_json_have_no_spaces(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Dict):
            keys = [
                key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            ]
            assert not [key for key in keys if " " in key], f"line {node.lineno}"


def test_options_of_a_group_are_given_one_by_one_and_arrive_as_one_value() -> None:
    def command(name: str, *, running: Computing, last: int = 0) -> tuple[str, Running, int]:
        return name, running, last

    spelled = inspect.signature(spread(command)).parameters
    assert [*spelled] == ["name", "engine", "device", "precision", "last"]
    assert [option.default for option in spelled.values()][1:] == ["openvino", "cpu", "f32", 0]
    given = {"engine": "torch", "device": "cuda", "precision": "bf16"}
    assert spread(command)(name="a", last=1, **given) == ("a", Computing("torch", "cuda", "bf16"), 1)


def test_a_command_without_groups_stays_as_it_is() -> None:
    def command(name: str = "a") -> str:
        return name

    assert spread(command) is command
