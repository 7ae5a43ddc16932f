"""Data sets read from small twins of the official ones: whole, in part, and with bad input."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest

from likewise.errors import BadBox, UnknownName, UsageError
from likewise.evaluation.datasets import DATASETS, load
from likewise.evaluation.datasets.benchmark import Benchmark, MissingFiles
from likewise.evaluation.datasets.buildings import CORRUPT_PARIS
from likewise.evaluation.datasets.holidays import GROUPS
from likewise.evaluation.reports.score import score
from likewise.types import Box
from tests.test_benchmark import touch


def gaps(benchmark: Benchmark) -> dict[str, MissingFiles]:
    return {missing.query: missing for missing in benchmark.missing}


# --- Oxford5k and Paris6k ---

OXFORD = tuple(f"oxford_{number:06d}" for number in range(8))


def truth(
    folder: Path,
    name: str,
    question: str,
    *,
    good: tuple[str, ...] = (),
    ok: tuple[str, ...] = (),
    junk: tuple[str, ...] = (),
    end: str = "\n",
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lists = {"query": (question,), "good": good, "ok": ok, "junk": junk}
    for kind, lines in lists.items():
        (folder / f"{name}_{kind}.txt").write_bytes("".join(line + end for line in lines).encode())


@pytest.fixture
def oxford(tmp_path: Path) -> Path:
    """Two queries of a small Oxford: the first with everything, the second with Windows line ends."""
    touch(tmp_path / "images", *(f"{name}.jpg" for name in OXFORD))
    question = f"oxc1_{OXFORD[0]} 10.5 20 110.5 220"
    truth(tmp_path / "gt", "keble_1", question, good=OXFORD[:2], ok=OXFORD[2:3], junk=OXFORD[3:4])
    question = f"{OXFORD[4]} 1 2 3 4"
    truth(tmp_path / "gt", "oriel_2", question, good=OXFORD[4:5], ok=OXFORD[5:6], end="\r\n")
    return tmp_path


def test_oxford_is_read_as_its_files_say(oxford: Path) -> None:
    benchmark = load("oxford5k", oxford)
    first, second = benchmark.queries
    assert first.name == "keble_1"
    assert first.group == "keble"
    assert first.picture == oxford / "images" / f"{OXFORD[0]}.jpg"
    assert first.box == Box(10.5, 20, 110.5, 220)  # two corners, not a corner and a size
    assert first.positives == {*OXFORD[:3]}
    assert first.junk == {OXFORD[3]}
    assert second.positives == {*OXFORD[4:6]}  # Windows line ends
    assert tuple(benchmark.gallery) == OXFORD
    assert benchmark.query_in_gallery == "counts"
    assert benchmark.measure == "mAP"
    (gap,) = benchmark.missing
    assert gap.effect.startswith("8 of 5063 gallery pictures present: fewer wrong answers, so scores are")


def test_the_query_of_oxford_counts_as_a_positive(oxford: Path) -> None:
    benchmark = load("oxford5k", oxford)
    rows = [[OXFORD[0], OXFORD[3], OXFORD[1], OXFORD[2], OXFORD[6]], [OXFORD[4], OXFORD[6], OXFORD[5]]]
    scores = score(benchmark, rows)
    assert [query.ap for query in scores.queries] == pytest.approx([1, 0.791667], abs=1e-6)


def test_missing_positives_and_junk_are_told_with_their_effect(oxford: Path) -> None:
    for number in (1, 3):
        (oxford / "images" / f"{OXFORD[number]}.jpg").unlink()
    benchmark = load("oxford5k", oxford)
    gap = gaps(benchmark)["keble_1"]
    assert gap.effect == (
        "2 of 3 positives present: AP is over the 2; "
        "0 of 1 junk pictures present: no effect, junk does not count"
    )
    assert gap.files == (OXFORD[1], OXFORD[3])
    assert not gap.left_out
    assert benchmark.queries[0].positives == {OXFORD[0], OXFORD[2]}
    assert not benchmark.queries[0].junk


def test_a_query_whose_picture_is_missing_is_left_out(oxford: Path) -> None:
    (oxford / "images" / f"{OXFORD[0]}.jpg").unlink()
    benchmark = load("oxford5k", oxford)
    assert [query.name for query in benchmark.queries] == ["oriel_2"]
    gap = gaps(benchmark)["keble_1"]
    assert gap.effect == "its picture is not there: left out"
    assert gap.left_out


def test_a_query_without_positives_is_left_out(oxford: Path) -> None:
    truth(oxford / "gt", "oriel_1", f"{OXFORD[6]} 1 2 3 4")
    truth(oxford / "gt", "oriel_3", f"{OXFORD[7]} 1 2 3 4", good=("oxford_000099", "oxford_000098"))
    found = gaps(load("oxford5k", oxford))
    assert found["oriel_1"].effect == "no positive in the ground truth: left out"
    assert found["oriel_3"].effect == "none of 2 positives present: left out"
    assert found["oriel_1"].left_out
    assert found["oriel_3"].left_out


def test_nothing_left_to_ask_is_an_error_that_says_why(oxford: Path) -> None:
    for number in (0, 4):
        (oxford / "images" / f"{OXFORD[number]}.jpg").unlink()
    with pytest.raises(UsageError, match=r"; keble_1: its picture is not there: left out \(oxford_000000\)"):
        load("oxford5k", oxford)


def test_strangers_are_surplus_and_not_in_the_gallery(oxford: Path) -> None:
    touch(oxford / "images", "holiday.jpg", "oxford_12.jpg", "extra/paris_eiffel_000001.jpg")
    benchmark = load("oxford5k", oxford / "images", gt=oxford / "gt")
    assert benchmark.surplus == ("extra/paris_eiffel_000001.jpg", "holiday.jpg", "oxford_12.jpg")
    assert tuple(benchmark.gallery) == OXFORD


def test_two_pictures_of_one_name_are_refused(oxford: Path) -> None:
    touch(oxford / "again", f"{OXFORD[0]}.png")
    with pytest.raises(UsageError, match=f"two pictures are called {OXFORD[0]}"):
        load("oxford5k", oxford)


def test_a_name_listed_twice_counts_once(oxford: Path) -> None:
    question = f"{OXFORD[0]} 1 2 3 4"
    truth(oxford / "gt", "keble_1", question, good=(OXFORD[0], OXFORD[1], OXFORD[1]), ok=OXFORD[1:2])
    assert load("oxford5k", oxford).queries[0].positives == {*OXFORD[:2]}


def test_a_name_that_is_right_and_junk_is_refused(oxford: Path) -> None:
    truth(oxford / "gt", "keble_1", f"{OXFORD[0]} 1 2 3 4", good=OXFORD[:2], junk=OXFORD[1:2])
    with pytest.raises(UsageError, match=f"keble_1 has {OXFORD[1]} both as good or ok and as junk"):
        load("oxford5k", oxford)


@pytest.mark.parametrize("line", [OXFORD[0], f"{OXFORD[0]} 1 2 3", f"{OXFORD[0]} 1 2 3 x", ""])
def test_a_malformed_question_is_named(oxford: Path, line: str) -> None:
    truth(oxford / "gt", "keble_1", line)
    with pytest.raises(UsageError, match=r"keble_1_query.txt should hold a name and x1 y1 x2 y2"):
        load("oxford5k", oxford)


@pytest.mark.parametrize("numbers", ["10 10 5 20", "10 10 20 10", "1 2 nan 4"])
def test_a_box_that_is_none_is_named(oxford: Path, numbers: str) -> None:
    truth(oxford / "gt", "keble_1", f"{OXFORD[0]} {numbers}")
    with pytest.raises(UsageError, match=r"keble_1_query.txt has an empty box"):
        load("oxford5k", oxford)


def test_ground_truth_that_is_incomplete_is_named(oxford: Path) -> None:
    (oxford / "gt" / "keble_1_ok.txt").unlink()
    with pytest.raises(UsageError, match=r"keble_1_ok.txt is not there"):
        load("oxford5k", oxford)
    (oxford / "gt" / "keble_1_ok.txt").write_text("one two\n")
    with pytest.raises(UsageError, match=r"keble_1_ok.txt should hold one name a line, not 'one two'"):
        load("oxford5k", oxford)
    (oxford / "gt" / "keble_1_ok.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"keble_1_ok.txt cannot be read"):
        load("oxford5k", oxford)


def test_ground_truth_is_looked_for_and_must_be_one(oxford: Path) -> None:
    with pytest.raises(UsageError, match="no ground truth"):
        load("oxford5k", oxford / "images")
    truth(oxford / "gt2", "keble_1", f"{OXFORD[0]} 1 2 3 4")
    with pytest.raises(UsageError, match=r"ground truth lies in .* and in"):
        load("oxford5k", oxford)
    assert len(load("oxford5k", oxford, gt=oxford / "gt").queries) == 2


def test_paris_lies_in_folders_and_leaves_its_corrupt_files_out(tmp_path: Path) -> None:
    names = [f"paris_eiffel_{number:06d}" for number in range(3)]
    touch(tmp_path / "paris" / "eiffel", *(f"{name}.jpg" for name in names))
    touch(tmp_path / "paris" / "louvre", "paris_louvre_000136.jpg", "paris_louvre_000137.jpg")
    truth(tmp_path / "gt", "eiffel_1", f"{names[0]} 1 2 3 4", good=(names[0],), ok=(names[1],))
    benchmark = load("paris6k", tmp_path)
    assert tuple(benchmark.gallery) == (*names, "paris_louvre_000137")
    assert benchmark.notes == ("1 corrupt pictures left out",)
    assert not benchmark.surplus
    assert benchmark.name == "paris6k"


def test_twenty_pictures_of_paris_are_corrupt() -> None:
    assert len(CORRUPT_PARIS) == 20
    assert {"paris_louvre_000136", "paris_museedorsay_001059", "paris_triomphe_000867"} <= CORRUPT_PARIS


# --- ROxford5k and RParis6k ---

REVISITED: dict[str, Any] = {
    "imlist": ["oxford_000003", "oxford_000001", "oxford_000002", "oxford_000004", "oxford_000005"],
    "qimlist": ["oxford_000010", "oxford_000011"],
    "gnd": [
        {"bbx": [1.5, 2, 30, 40], "easy": [0], "hard": [1, 2], "junk": [3]},
        {"bbx": [1, 2, 3, 4], "easy": [], "hard": [4], "junk": []},
    ],
}


@pytest.fixture
def revisited(tmp_path: Path) -> Path:
    touch(tmp_path / "jpg", *(f"{name}.jpg" for name in REVISITED["imlist"] + REVISITED["qimlist"]))
    (tmp_path / "gnd_roxford5k.json").write_text(json.dumps(REVISITED))
    return tmp_path


def test_difficulties_share_out_positives_and_junk(revisited: Path) -> None:
    names = REVISITED["imlist"]
    for difficulty, positives, junk in (
        ("easy", {names[0]}, {names[1], names[2], names[3]}),
        ("medium", {names[0], names[1], names[2]}, {names[3]}),
        ("hard", {names[1], names[2]}, {names[0], names[3]}),
    ):
        benchmark = load(f"roxford5k-{difficulty}", revisited)
        assert benchmark.name == f"roxford5k-{difficulty}"
        assert benchmark.queries[0].positives == positives
        assert benchmark.queries[0].junk == junk
        assert benchmark.queries[0].box == Box(1.5, 2, 30, 40)
        assert benchmark.query_in_gallery == "absent"
        assert list(benchmark.gallery) == names
        assert len(benchmark.queries) == (1 if difficulty == "easy" else 2)


def test_a_query_without_positives_at_a_difficulty_is_listed(revisited: Path) -> None:
    (gap,) = load("roxford5k-easy", revisited).missing
    assert gap == MissingFiles(
        "oxford_000011", (), "no positive in the ground truth: left out", left_out=True
    )
    assert not load("roxford5k-hard", revisited).missing


def test_a_revisited_set_in_part(revisited: Path) -> None:
    (revisited / "jpg" / "oxford_000001.jpg").unlink()
    (revisited / "jpg" / "oxford_000011.jpg").unlink()
    touch(revisited / "jpg", "oxford_000777.jpg")
    benchmark = load("roxford5k-medium", revisited)
    found = gaps(benchmark)
    assert found[""].files == ("oxford_000001",)
    assert found[""].effect.startswith("4 of 5 gallery pictures present")
    assert found["oxford_000010"].effect == "2 of 3 positives present: AP is over the 2"
    assert found["oxford_000011"].effect == "its picture is not there: left out"
    assert benchmark.surplus == ("jpg/oxford_000777.jpg",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_official_pickles_are_read(revisited: Path, protocol: int) -> None:
    official = REVISITED | {
        "gnd": [
            {
                "bbx": np.array(entry["bbx"]),
                "easy": np.array(entry["easy"], dtype=np.int64),
                "hard": np.array(entry["hard"], dtype=np.uint16),
                "junk": [np.int64(position) for position in entry["junk"]],
            }
            for entry in REVISITED["gnd"]
        ]
    }
    expected = load("roxford5k-medium", revisited)
    (revisited / "gnd_roxford5k.json").unlink()
    file = revisited / "gnd_roxford5k.pkl"
    file.write_bytes(pickle.dumps(official, protocol=protocol))
    assert load("roxford5k-medium", revisited) == expected
    assert load("roxford5k-medium", revisited / "jpg", gt=file).queries == expected.queries


def test_a_pickle_of_anything_else_is_one_error(revisited: Path) -> None:
    (revisited / "gnd_roxford5k.json").unlink()
    file = revisited / "gnd_roxford5k.pkl"
    file.write_bytes(pickle.dumps({"imlist": os.system}))
    with pytest.raises(UsageError, match=r"not a pickle of plain values and nothing else: it asks for posix"):
        load("roxford5k-medium", revisited)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imlist": ["oxford_000001", "oxford_000001"]}, "imlist names a picture twice"),
        ({"imlist": [1]}, "holds something that is no name"),
        ({"qimlist": ["oxford_000003", "oxford_000011"]}, "oxford_000003 is a query and in the gallery"),
        ({"gnd": REVISITED["gnd"][:1]}, "1 entries in gnd for 2 queries"),
        ({"gnd": [{}, {}]}, "KeyError: 'bbx'"),
        ({"gnd": [REVISITED["gnd"][0] | {"hard": [5]}] * 2}, "position 5 in a gallery of 5"),
        ({"gnd": [REVISITED["gnd"][0] | {"bbx": [1, 2, 3]}] * 2}, "not enough values"),
    ],
)
def test_revisited_truth_of_another_form_is_named(
    revisited: Path, change: dict[str, Any], message: str
) -> None:
    (revisited / "gnd_roxford5k.json").write_text(json.dumps(REVISITED | change))
    with pytest.raises(UsageError, match=message):
        load("roxford5k-medium", revisited)


def test_revisited_truth_that_is_not_there(revisited: Path) -> None:
    with pytest.raises(UsageError, match=r"no ground truth \(gnd_rparis6k.json or gnd_rparis6k.pkl\)"):
        load("rparis6k-hard", revisited)
    with pytest.raises(UsageError, match="no ground truth lies at"):
        load("rparis6k-hard", revisited, gt=revisited / "gnd.json")
    (revisited / "gnd_roxford5k.json").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        load("roxford5k-hard", revisited)


# --- Holidays, UKBench ---


def test_holidays_knows_its_groups() -> None:
    assert len(GROUPS) == 500
    assert sum(len(group) for group in GROUPS.values()) == 1491
    assert all(query == group[0] and int(query) % 100 == 0 for query, group in GROUPS.items())
    assert GROUPS["100000"] == ("100000", "100001", "100002")
    assert GROUPS["149900"] == ("149900", "149901", "149902")


def test_holidays_ignores_the_query(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}.jpg" for name in ("100000", "100001", "100002", "100100", "100101")))
    touch(tmp_path, "100003.jpg", "cat.jpg")
    benchmark = load("holidays", tmp_path)
    first = benchmark.queries[0]
    assert first.positives == {"100001", "100002"}
    assert first.box is None
    assert benchmark.query_in_gallery == "ignored"
    assert benchmark.surplus == ("100003.jpg", "cat.jpg")
    found = score(benchmark, [["100100", "100001", "100000", "100002"], ["100100", "100101"]])
    # without the query: other, right, right
    assert found.queries[0].ap == pytest.approx((0 + 1 / 2 + 1 / 2 + 2 / 3) / 2 / 2)
    assert found.queries[1].ap == 1


def test_holidays_in_part(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}.jpg" for name in ("100000", "100001", "100101", "100200")))
    benchmark = load("holidays", tmp_path)
    found = gaps(benchmark)
    assert [query.name for query in benchmark.queries] == ["100000"]
    assert found["100000"].effect == "1 of 2 positives present: AP is over the 1"
    assert found["100100"].effect == "its picture is not there: left out"
    assert found["100200"].left_out
    assert sum(missing.left_out for missing in benchmark.missing) == 499
    assert len(found[""].files) == 1487


def test_the_upright_variant_bears_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "100000.jpg", "100001.jpg")
    assert load("holidays", tmp_path).name == "holidays"
    assert load("holidays", tmp_path, upright=True).name == "holidays-upright"
    upright = load("holidays-upright", tmp_path)
    assert upright.name == "holidays-upright"
    assert upright.notes == ("pictures turned upright by hand",)


def test_ukbench_groups_by_number_and_the_query_counts(tmp_path: Path) -> None:
    touch(tmp_path / "full", *(f"ukbench{number:05d}.jpg" for number in range(4, 12)))
    touch(tmp_path, "ukbench10200.jpg", "groups.png")
    benchmark = load("ukbench", tmp_path)
    assert len(benchmark.queries) == 8
    query = benchmark.queries[5]
    assert query.name == "ukbench00009"
    assert query.positives == {f"ukbench{number:05d}" for number in (8, 9, 10, 11)}
    assert query.group == "0002"
    assert benchmark.measure == "N-S"
    assert benchmark.query_in_gallery == "counts"
    assert benchmark.surplus == ("groups.png", "ukbench10200.jpg")
    alone = [[query.name, *sorted(benchmark.gallery.keys() - query.positives)] for query in benchmark.queries]
    assert score(benchmark, alone).value == 1
    perfect = [sorted(query.positives) for query in benchmark.queries]
    assert score(benchmark, perfect).value == 4


def test_ukbench_groups_in_part_do_not_ask(tmp_path: Path) -> None:
    touch(tmp_path, *(f"ukbench{number:05d}.jpg" for number in (0, 1, 2, 3, 4, 6, 7)))
    benchmark = load("ukbench", tmp_path)
    assert [query.name[-1] for query in benchmark.queries] == ["0", "1", "2", "3"]
    assert len(benchmark.gallery) == 7
    gap = gaps(benchmark)["ukbench00006"]
    assert gap.effect == "3 of the 4 pictures of its group present: N-S could not reach 4, left out"
    assert gap.files == ("ukbench00005",)
    with pytest.raises(UsageError, match="no query can be asked"):
        load("ukbench", touch(tmp_path / "other", "ukbench00000.jpg"))


# --- folders and CSV files ---


def test_folders_are_groups(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg", "cat/far/2.jpg", "dog/1.jpg", "dog/3.jpg", "loose.jpg", "cow/1.jpg")
    (tmp_path / "empty").mkdir()
    benchmark = load("folder", tmp_path)
    assert benchmark.name == tmp_path.name
    assert [query.name for query in benchmark.queries] == [
        "cat/1.jpg",
        "cat/far/2.jpg",
        "dog/1.jpg",
        "dog/3.jpg",
    ]
    first = benchmark.queries[0]
    assert first.positives == {"cat/far/2.jpg"}
    assert first.junk == {"cat/1.jpg"}
    assert first.group == "cat"
    assert "loose.jpg" in benchmark.gallery
    assert benchmark.notes == ("1 picture outside any group, ranked as a wrong answer",)
    assert benchmark.missing == (
        MissingFiles("", (), "group empty is empty: no effect"),
        MissingFiles("cow/1.jpg", (), "alone in group cow: left out", left_out=True),
    )


def test_folders_without_two_of_a_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no group has two pictures"):
        load("folder", touch(tmp_path, "a/1.jpg", "b/1.jpg", "c.jpg"))


def table(folder: Path, *lines: str, first: str = "file,group,role,box", end: str = "\n") -> Path:
    touch(folder, *(f"{name}.jpg" for name in "abcdefg"))
    (folder / "truth.csv").write_bytes("".join(line + end for line in (first, *lines)).encode())
    return folder


def test_a_table_with_every_role(tmp_path: Path) -> None:
    lines = (
        "a.jpg,one,query,1 2 3 4",
        "b.jpg,one,both,",
        "c.jpg,one,gallery,",
        "d.jpg,one,junk,",
        "e.jpg,,distractor,",
        'f.jpg,one,Query,"1,2,3.5,4"',
    )
    benchmark = load("csv", table(tmp_path, *lines, end="\r\n"))
    assert benchmark.name == tmp_path.name
    a, b, f = benchmark.queries
    assert list(benchmark.gallery) == ["b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert a.positives == {"b.jpg", "c.jpg"}
    assert a.junk == {"d.jpg"}
    assert a.box == Box(1, 2, 3, 4)
    assert b.positives == {"c.jpg"}
    assert b.junk == {"b.jpg", "d.jpg"}
    assert b.box is None
    assert f.box == Box(1, 2, 3.5, 4)
    assert a.group == "one"
    assert benchmark.query_in_gallery == "ignored"
    assert benchmark.surplus == ("g.jpg",)


def test_two_columns_are_enough_and_the_group_may_have_another_name(tmp_path: Path) -> None:
    data = table(tmp_path, "a.jpg,x,train", "b.jpg,x,test", "c.jpg,y,test", first="file,building,split")
    benchmark = load("csv", data, group="building", gt=data / "truth.csv")
    assert [query.name for query in benchmark.queries] == ["a.jpg", "b.jpg"]
    assert gaps(benchmark)["c.jpg"].effect == "no positive in the ground truth: left out"
    with pytest.raises(UsageError, match="no column 'group'; its columns are: file, building, split"):
        load("csv", data)


def test_queries_apart_from_the_gallery_are_absent_from_it(tmp_path: Path) -> None:
    benchmark = load("csv", table(tmp_path, "a.jpg,one,query,", "b.jpg,one,gallery,"))
    assert benchmark.query_in_gallery == "absent"
    assert not benchmark.queries[0].junk


def test_a_table_in_part(tmp_path: Path) -> None:
    lines = ("a.jpg,1,both,", "b.jpg,1,both,", "x.jpg,1,both,", "y.jpg,2,query,", "c.jpg,2,gallery,")
    benchmark = load("csv", table(tmp_path, *lines))
    found = gaps(benchmark)
    assert [query.name for query in benchmark.queries] == ["a.jpg", "b.jpg"]
    assert found["a.jpg"].effect == "1 of 2 positives present: AP is over the 1"
    assert found["x.jpg"].left_out
    assert found["y.jpg"].effect == "its picture is not there: left out"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,group\r\na.jpg,1\r\nx/b.jpg,1\r\n,\r\n\r\n , \r\n", "utf-8"),  # rows below the table
        ("file;group\na.jpg;1\nx/b.jpg;1\n", "utf-8"),
        ("file\tgroup\na.jpg\t1\nx/b.jpg\t1\n", "utf-16"),
        ("File, GROUP\na.jpg,1\nx/b.jpg,1\n", "utf-8-sig"),
        ("file,group\na.jpg,1\nx\\b.jpg,1\n", "utf-8"),
    ],
)
def test_tables_as_spreadsheets_write_them(tmp_path: Path, text: str, encoding: str) -> None:
    touch(tmp_path, "a.jpg", "x/b.jpg")
    (tmp_path / "groups.csv").write_bytes(text.encode(encoding))
    benchmark = load("csv", tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in benchmark.gallery.values()] == [
        "a.jpg",
        "x/b.jpg",
    ]
    assert (len(benchmark.queries), benchmark.missing, benchmark.surplus) == (2, (), ())


def test_a_table_in_an_encoding_of_before_is_told_what_to_be_saved_as(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "groups.csv").write_bytes("file,group\na.jpg,Café\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"groups.csv cannot be read: byte 20 is no UTF-8; save it anew"):
        load("csv", tmp_path)


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_in_a_table_may_be_written_in_two_ways(tmp_path: Path, on_disk: Any, in_table: Any) -> None:
    names = ["Café/Größe.jpg", "Café/Übung.jpg"]
    touch(tmp_path, *(normalize(on_disk, name) for name in names))
    lines = "".join(f"{normalize(in_table, name)},1\n" for name in names)
    (tmp_path / "groups.csv").write_text("file,group\n" + lines)
    assert (len(load("csv", tmp_path).queries), load("csv", tmp_path).missing) == (2, ())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("a.jpg,1,both,", "b.jpg,1,both,", "a.jpg,2,both,"), "line 4: a.jpg is listed already on line 2"),
        (("a.jpg,,both,",), "line 2: a.jpg has no group"),
        (("a.jpg,1,asker,",), "line 2: no role is called 'asker'; use both, query"),
        ((",1,both,",), "line 2 does not have the columns of the first line"),
        (("a.jpg,1,both,,more",), "line 2 does not have the columns of the first line"),
        (("a.jpg,1,gallery,", "b.jpg,1,gallery,"), "no query can be asked"),
    ],
)
def test_malformed_tables_are_named(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load("csv", table(tmp_path, *lines))


def test_a_malformed_box_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadBox, match="line 2: box '1,2,3' is not four numbers"):
        load("csv", table(tmp_path, "a.jpg,1,both,1 2 3"))


def test_an_empty_or_absent_table(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    with pytest.raises(UsageError, match=r"no CSV file of groups \(\*.csv\) lies below"):
        load("csv", tmp_path)
    with pytest.raises(UsageError, match="is not there"):
        load("csv", tmp_path, gt=tmp_path / "x.csv")
    touch(tmp_path, "a.csv")
    with pytest.raises(UsageError, match="no column 'file'; its columns are: none"):
        load("csv", tmp_path)
    touch(tmp_path, "b.csv")
    with pytest.raises(UsageError, match="more than one CSV file of groups"):
        load("csv", tmp_path)


# --- by name ---


def test_names_and_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no data set is called 'oxford'; did you mean 'oxford5k'"):
        load("oxford", tmp_path)
    with pytest.raises(UsageError, match="data set ukbench takes no option 'gt'; it takes: none"):
        load("ukbench", tmp_path, gt=tmp_path)
    with pytest.raises(UsageError, match="takes no option 'difficulty'; it takes: gt"):
        load("roxford5k-easy", tmp_path, difficulty="hard")
    with pytest.raises(UsageError, match="no picture lies below"):
        load("folder", tmp_path, gt=None)


@pytest.mark.parametrize("name", sorted(DATASETS.keys() - {"demo"}))  # which is made where it is not
def test_a_folder_that_is_not_there_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load(name, tmp_path / "nowhere")
