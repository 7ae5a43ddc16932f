"""Plans about duplicates: written, edited, carried out and taken back, whatever lies on the disk by then."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.cli.duplicates import one_way
from likewise.downstream.duplicates.acting import apply_plan, undo
from likewise.downstream.duplicates.journal import Journal, JournalStep, Way
from likewise.downstream.duplicates.plan import Action, Plan, PlanRow
from likewise.errors import StorageError, UsageError
from tests.systems import posix

WAYS: tuple[Way, ...] = ("move", "link")


def row(path: Path, group: int = 1, action: Action = "go", folder: Path | None = None) -> PlanRow:
    """The row of a file as it is."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    root = os.fspath(folder or path.parent)
    return PlanRow(group, action, os.fspath(path), "same bytes", "", 1.0, 4, 3, len(data), digest, root)


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    """A folder with a.jpg and its copy in sub."""
    folder = Path(os.path.realpath(tmp_path)) / "lib"
    (folder / "sub").mkdir(parents=True)
    for path in (folder / "a.jpg", folder / "sub" / "copy.jpg"):
        path.write_bytes(b"the same picture")
    return folder


@pytest.fixture
def plan(lib: Path) -> Plan:
    return Plan((row(lib / "a.jpg", action="keep"), row(lib / "sub" / "copy.jpg", folder=lib)))


@pytest.fixture
def journal(lib: Path) -> Journal:
    return Journal.beside(lib.parent / "plan.csv")


def tree(folder: Path) -> dict[str, bytes]:
    """What lies below a folder."""
    return {
        os.fspath(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


class TestPlan:
    @pytest.mark.parametrize("name", ["plan.csv", "plan.json"])
    def test_is_read_as_it_was_written(self, plan: Plan, name: str, tmp_path: Path) -> None:
        odd = replace(
            plan.rows[1], group=2, file="/p/a;b,\n\udcff é.jpg", folder="/p", why='3 % "of" it, or so'
        )
        wanted = Plan((*plan.rows, odd))
        wanted.write(tmp_path / name)
        assert Plan.read(tmp_path / name) == wanted
        assert list(wanted.groups) == [1, 2]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("delimiter", [";", "\t", ","])
    def test_a_spreadsheet_may_have_written_it(
        self, plan: Plan, encoding: str, delimiter: str, tmp_path: Path
    ) -> None:
        names = ["Group", "Action", "File", "Bytes", "SHA256", "similarity"]
        with open(tmp_path / "p.csv", "w", encoding=encoding, newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(names)
            for one in plan.rows:
                writer.writerow([one.group, one.action.upper(), one.file, one.bytes, one.sha256, "0,98"])
            writer.writerow([""] * len(names))
        found = Plan.read(tmp_path / "p.csv").rows
        assert [(one.action, one.file, one.sha256) for one in found] == [
            (one.action, one.file, one.sha256) for one in plan.rows
        ]
        assert found[0].similarity == 0.98

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"action": "delete"}, "no action is called 'delete'"),
            ({"file": "a.jpg"}, "no absolute path"),
            ({"sha256": "12"}, "no SHA-256"),
            ({"bytes": "many"}, "no whole number"),
            ({"group": ""}, "has no group"),
            ({"width": float("inf")}, "no whole number"),
            ({"file": "/a\ud800"}, "no absolute path"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, plan: Plan, change: dict[str, object], message: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "p.json"
        path.write_text(json.dumps({"plan": [{**vars(plan.rows[1]), **change}]}))
        with pytest.raises(UsageError, match=f"entry 1.*{message}"):
            Plan.read(path)

    @pytest.mark.parametrize("text", ["", "[]", '{"plan": [1]}', "{", '{"plan": 5}', "[" * 99_999])
    def test_what_is_no_plan(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "p.json").write_text(text)
        with pytest.raises(UsageError, match=r"no plan|no row"):
            Plan.read(tmp_path / "p.json")

    def test_names_and_files(self, plan: Plan, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"\.csv or \.json"):
            Plan.check("plan.txt")
        with pytest.raises(StorageError):
            Plan.read(tmp_path / "absent.csv")
        Plan((plan.rows[0], replace(plan.rows[0], action="go"))).write(tmp_path / "twice.csv")
        with pytest.raises(UsageError, match="twice"):
            Plan.read(tmp_path / "twice.csv")


class TestApply:
    def test_the_one_that_it_is_a_copy_of_has_to_be_sound(self, lib: Path, journal: Journal) -> None:
        edit, first, copy = lib / "edit.jpg", lib / "a.jpg", lib / "sub" / "copy.jpg"
        edit.write_bytes(b"an edit of it")
        rows = (row(edit, action="keep"), row(first, action="keep"), replace(row(copy), of=os.fspath(first)))
        Plan(rows).write(lib.parent / "of.csv")
        plan = Plan.read(lib.parent / "of.csv")
        assert plan.rows == rows
        assert apply_plan(plan, journal, "link")[0].to == first
        first.write_bytes(b"something else by now")
        (left,) = apply_plan(plan, journal, "trash")
        assert "nothing sound would be left" in left.why
        both = Plan((rows[0], replace(rows[1], action="go"), rows[2]))
        assert [one.done for one in apply_plan(both, journal, "trash")] == [False, True]

    def test_dry_nothing_is_changed(self, plan: Plan, journal: Journal, lib: Path) -> None:
        before = tree(lib.parent)
        for way in ("trash", "link"):
            assert [one.done for one in apply_plan(plan, journal, way)] == [True]
        (moved,) = apply_plan(plan, journal, "move", folder=lib.parent / "out")
        assert moved.to == lib.parent / "out" / "sub" / "copy.jpg"
        assert tree(lib.parent) == before
        with pytest.raises(UsageError, match="nothing that could be undone"):
            undo(journal)

    def test_moving_and_taking_back(self, plan: Plan, journal: Journal, lib: Path) -> None:
        before = tree(lib)
        out = lib.parent / "out"
        (out / "sub").mkdir(parents=True)
        (out / "sub" / "copy.jpg").write_text("something else")
        (moved,) = apply_plan(plan, journal, "move", folder=out, dry=False)
        assert moved.done
        assert tree(lib) == {"a.jpg": b"the same picture"}
        assert tree(out) == {"sub/copy.jpg": b"something else", "sub/copy (2).jpg": b"the same picture"}
        assert [one.done for one in undo(journal)] == [True]
        assert tree(lib) == before
        assert not journal.path.exists()

    @posix
    def test_the_trash(
        self, plan: Plan, journal: Journal, lib: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", os.fspath(lib.parent / "data"))
        before = tree(lib)
        (thrown,) = apply_plan(plan, journal, "trash", dry=False)
        trash = lib.parent / "data" / "Trash"
        assert thrown.to == trash / "files" / "copy.jpg"
        assert f"Path={lib}/sub/copy.jpg" in (trash / "info" / "copy.jpg.trashinfo").read_text()
        undo(journal)
        assert tree(lib) == before
        assert tree(trash) == {}

    @pytest.mark.parametrize("dry", [True, False])
    def test_windows_has_no_trash(
        self, plan: Plan, journal: Journal, monkeypatch: pytest.MonkeyPatch, dry: bool
    ) -> None:
        monkeypatch.setattr("sys.platform", "win32")
        with pytest.raises(UsageError, match="--move"):
            apply_plan(plan, journal, "trash", dry=dry)
        assert not journal.path.exists()

    @posix
    def test_hard_links(self, plan: Plan, journal: Journal, lib: Path) -> None:
        copy = lib / "sub" / "copy.jpg"
        os.chmod(copy, 0o640)
        os.utime(copy, ns=(10**18, 10**18))
        plan = Plan((plan.rows[0], row(copy)))
        apply_plan(plan, journal, "link", dry=False)
        assert copy.samefile(lib / "a.jpg")
        again = apply_plan(plan, journal, "link", dry=False)
        assert "same file" in again[0].why
        undo(journal)
        assert not copy.samefile(lib / "a.jpg")
        assert copy.read_bytes() == b"the same picture"
        assert (copy.stat().st_mode & 0o777, copy.stat().st_mtime_ns) == (0o640, 10**18)
        (lib / "b.jpg").write_bytes(b"smaller")
        other = Plan((plan.rows[0], row(lib / "b.jpg")))
        assert "a link would change it" in apply_plan(other, journal, "link", dry=False)[0].why

    def _left(self, plan: Plan, journal: Journal, lib: Path) -> str:
        """Why the one file that goes was left alone, and that it was."""
        before = tree(lib.parent)
        (found,) = apply_plan(plan, journal, "move", folder=lib.parent / "out", dry=False)
        assert tree(lib.parent) == before
        assert not found.done
        return found.why

    def test_a_file_that_changed_is_left_alone(self, plan: Plan, journal: Journal, lib: Path) -> None:
        (lib / "sub" / "copy.jpg").write_bytes(b"the same pictura")
        assert "changed" in self._left(plan, journal, lib)

    @pytest.mark.parametrize("harm", ["gone", "changed", "a link", "a link to the other"])
    def test_nothing_goes_where_nothing_sound_would_be_left(
        self, plan: Plan, journal: Journal, lib: Path, harm: str
    ) -> None:
        kept = lib / "a.jpg"
        match harm:
            case "gone":
                kept.unlink()
            case "changed":
                kept.write_bytes(b"the some picture")
            case "a link":
                kept.rename(lib / "real.jpg")
                kept.symlink_to("real.jpg")
            case _:
                kept.unlink()
                kept.symlink_to("sub/copy.jpg")
        assert "nothing sound would be left" in self._left(plan, journal, lib)

    def test_a_group_that_goes_as_a_whole_stays(self, plan: Plan, journal: Journal, lib: Path) -> None:
        edited = Plan(tuple(replace(one, action="go") for one in plan.rows))
        found = apply_plan(edited, journal, "move", folder=lib.parent / "out", dry=False)
        assert ["keeps no other file" in one.why for one in found] == [True, True]
        assert len(tree(lib)) == 2

    def test_another_name_of_the_kept_file_stays(self, journal: Journal, lib: Path) -> None:
        os.link(lib / "a.jpg", lib / "b.jpg")
        linked = Plan((row(lib / "a.jpg", action="keep"), row(lib / "b.jpg")))
        assert "same file" in self._left(linked, journal, lib)

    def test_nothing_is_reached_through_a_link(self, plan: Plan, journal: Journal, lib: Path) -> None:
        (lib / "link.jpg").symlink_to("sub/copy.jpg")
        file = Plan((plan.rows[0], row(lib / "link.jpg")))
        assert "link" in self._left(file, journal, lib)
        (lib / "way").symlink_to("sub")
        behind = Plan((plan.rows[0], row(lib / "way" / "copy.jpg")))
        assert "link" in self._left(behind, journal, lib)
        (lib.parent / "out").mkdir()
        (lib.parent / "out" / "sub").symlink_to(lib.parent)
        assert "through a link" in self._left(plan, journal, lib)

    def test_to_another_disk_it_is_copied_whole(
        self, plan: Plan, journal: Journal, lib: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        before, time = tree(lib), (lib / "sub" / "copy.jpg").stat().st_mtime_ns
        monkeypatch.setattr(os, "link", refuse)
        apply_plan(plan, journal, "move", folder=lib.parent / "out", dry=False)
        assert tree(lib.parent / "out") == {"sub/copy.jpg": b"the same picture"}
        undo(journal)
        assert tree(lib) == before
        assert (lib / "sub" / "copy.jpg").stat().st_mtime_ns == time

    def test_one_thing_is_to_be_done(self, plan: Plan, journal: Journal, lib: Path) -> None:
        assert one_way(move=None, link=True, trash=False) == "link"
        for wanted in ({"link": True, "trash": True}, {"link": False, "trash": False}):
            with pytest.raises(UsageError, match="--hard-link"):
                one_way(move=None, **wanted)
        for folder, way in ((None, "move"), (lib, "link")):
            with pytest.raises(UsageError, match="folder"):
                apply_plan(plan, journal, way, folder=folder)  # type: ignore[arg-type]


class TestUndo:
    def test_a_process_that_was_killed_at_any_step(
        self, plan: Plan, journal: Journal, lib: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = tree(lib)

        class Killed(BaseException):
            pass

        def killed(*_: object, **__: object) -> None:
            raise Killed

        for name in ("link", "unlink"):  # before the second name, and before the first one goes
            with monkeypatch.context() as patch:
                patch.setattr(os, name, killed)
                with pytest.raises(Killed):
                    apply_plan(plan, journal, "move", folder=lib.parent / "out", dry=False)
            assert [one.done for one in undo(journal)] == [True]
            assert tree(lib) == before
            assert tree(lib.parent / "out") == {}

    def test_what_changed_since_stays_where_it_is(self, plan: Plan, journal: Journal, lib: Path) -> None:
        apply_plan(plan, journal, "move", folder=lib.parent / "out", dry=False)
        (lib / "sub" / "copy.jpg").write_text("a new one")
        (found,) = undo(journal)
        assert "another file in its place" in found.why
        assert tree(lib)["sub/copy.jpg"] == b"a new one"
        (lib / "sub" / "copy.jpg").unlink()
        (lib.parent / "out" / "sub" / "copy.jpg").write_text("edited")
        assert "another file by now" in undo(journal)[0].why
        (lib.parent / "out" / "sub" / "copy.jpg").unlink()
        assert "no longer at" in undo(journal)[0].why
        assert len(journal.read()) == 1

    def test_a_damaged_journal(self, journal: Journal) -> None:
        journal.path.write_text('{"way": "burn"}\n')
        with pytest.raises(UsageError, match="line 1"):
            undo(journal)
        sound = vars(JournalStep("move", "/a", "/b", "0" * 64, 5, 0o644, 7))
        for change in ({"mtime_ns": 1 << 64}, {"mode": -1}, {"to": "b"}, {"file": "/a\ud800"}, {"sha256": 5}):
            journal.path.write_text(json.dumps({**sound, **change}) + "\n")
            with pytest.raises(UsageError, match="line 1"):
                undo(journal)
        journal.path.write_text("[" * 99_999 + "\n")
        with pytest.raises(UsageError, match="line 1"):
            undo(journal)
        journal.path.write_bytes(b"\xff\xfe")
        with pytest.raises(UsageError, match="no journal"):
            journal.read()
        journal.path.write_text('{"way": "mo')  # cut while it was written: the step was not taken
        assert journal.read() == []
        assert Journal.beside(journal.path) == journal

    def test_nothing_is_done_that_cannot_be_written_down(self, plan: Plan, lib: Path) -> None:
        with pytest.raises(StorageError, match="could not be undone"):
            apply_plan(plan, Journal(lib / "absent" / "j"), "move", folder=lib.parent / "out", dry=False)
        assert len(tree(lib)) == 2


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_a_plan_says_each_content_stays_and_all_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any marks on any files, some of them links: no content is lost, and undoing gives all of it back."""
    home = Path(os.path.realpath(tmp_path_factory.mktemp("any")))
    lib = home / "lib"
    lib.mkdir()
    rows: list[PlanRow] = []
    make: list[Callable[[Path, Path], object]] = [
        lambda path, first: shutil.copy(first, path),
        lambda path, first: os.link(first, path),
        lambda path, first: path.symlink_to(first.name),
    ]
    for group in range(2):
        first = lib / f"{group}-0.jpg"
        first.write_text(f"content {group}")
        for number in range(1, data.draw(st.integers(1, 4))):
            data.draw(st.sampled_from(make))(lib / f"{group}-{number}.jpg", first)
        for path in sorted(lib.glob(f"{group}-*")):
            rows.append(row(path, group, data.draw(st.sampled_from(["keep", "go"]))))
    before = tree(lib)
    way: Way = data.draw(st.sampled_from(WAYS))
    journal = Journal(home / "j.undo")
    folder = home / "out" if way == "move" else None
    apply_plan(Plan(tuple(rows)), journal, way, folder=folder, dry=False)
    real = {path.read_bytes() for path in lib.iterdir() if path.is_file() and not path.is_symlink()}
    assert real == {b"content 0", b"content 1"}
    if journal.path.exists():
        assert all(one.done for one in undo(journal))
    assert tree(lib) == before


def test_a_step_is_one_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.undo")
    step = JournalStep("move", "/a\nb\udcff.jpg", "/c", "0" * 64, 5, 0o644, 7)
    journal.add(step)
    journal.add(step)
    assert journal.path.read_text().count("\n") == 2
    assert journal.read() == [step, step]
