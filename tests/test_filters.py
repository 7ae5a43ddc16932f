"""Filters: what they say, and that SQL and a slow reading of them choose the same pictures."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.collection.store.database import folded
from likewise.collection.store.fact_tables import number
from likewise.collection.store.filters import (
    FIELDS,
    MOST,
    BadFilter,
    Condition,
    FieldTest,
    Filter,
    IsMissing,
    Not,
    Several,
    field_of,
)
from likewise.folders import Stamp
from likewise.pictures.facts import Facts

OWN = ("price", "room number")

ROWS: list[tuple[str, int, int, int, Facts, dict[str, str]]] = [
    (
        "2019/rome/A.jpg",
        *(4000, 3000, 2_500_000),
        Facts("2019-06-03T14:05:09", "Canon EOS 5D", "EF50mm f/1.8", 6, 3, 41.9, 12.5, ("Beach", "sea")),
        {"price": "12.5"},
    ),
    (
        "2019/B 100%.png",
        *(800, 600, 300_000),
        Facts("2019-06", "NIKON D90", rating=5, keywords=("caf\u00e9",)),
        {"price": "cheap", "room number": "2019-06-03"},
    ),
    ("top.jpg", 10, 10, 0, Facts(), {}),
    (
        "2019/cafe\u0301/x_y.jpg",
        1500,
        1400,
        999,
        Facts("2020-12-31", rating=-1, latitude=-1.0, longitude=0.0),
        {},
    ),
    (
        "odd\\name'.jpg",
        2000,
        1000,
        1 << 40,
        Facts(camera="canon'; DROP TABLE facts --", rating=0),
        {"price": "7"},
    ),
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    path = tmp_path_factory.mktemp("filters") / "catalogue.sqlite"
    with closing(Catalogue.writer(path)) as made:
        with made.change():
            root = made.add_root("/photos")
            for name, width, height, size, facts, own in ROWS:
                content = Content(name.encode(), width, height, {}, facts)
                row = made.insert(FilePlace(root, name.encode()), Stamp(size, 0, 0), content)
                made.facts.annotate(row, own)
        yield made


# --- the same, slowly ---


def values_of(row: int, name: str) -> list[Any]:
    """What is known of a field of a picture, as a list."""
    path, width, height, size, facts, own = ROWS[row]
    folder, _, file = path.rpartition("/")
    known = {
        "width": width,
        "height": height,
        "size": width * height,
        "bytes": size,
        "name": file,
        "folder": folder,
        "path": path,
        "gps": facts.latitude,
        "lat": facts.latitude,
        "lon": facts.longitude,
        "keyword": None,
        "added": None,
    }
    if name == "keyword":
        return list(facts.keywords)
    one = known[name] if name in known else getattr(facts, name) if name in FIELDS else own.get(name)
    return [] if one is None else [one]


SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def like(text: str, pattern: str) -> bool:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    known = {"%": ".*", "_": "."}
    return re.fullmatch("".join(known.get(p, re.escape(p[-1])) for p in parts), text, re.DOTALL) is not None


def holds(one: FieldTest, value: Any) -> bool:
    if one.field.kind == "own" and isinstance(one.value, int | float):
        value = number(value)
        if value is None:
            return False
    if one.dated:
        value = value[: len(str(one.value))]
    elif isinstance(one.value, str):
        value = folded(value)
    if one.operator == "like":
        return like(value, str(one.value))
    return bool(SIGNS[one.operator](value, one.value))


def true_of(row: int, condition: Condition) -> bool:
    match condition:
        case Several():
            return {"and": all, "or": any}[condition.how](true_of(row, one) for one in condition.conditions)
        case Not():
            return not true_of(row, condition.condition)
        case IsMissing():
            return not values_of(row, condition.field.name)
        case FieldTest():
            values = values_of(row, condition.field.name)
            every = condition.field.name == "keyword" and condition.operator == "!="
            found = [holds(condition, value) for value in values]
            return bool(found) and (all(found) if every else any(found))


def chosen(catalogue: Catalogue, text: str) -> list[str]:
    found = catalogue.facts.chosen(Filter.parse(text, OWN)).tolist()
    return [ROWS[row - 1][0] for row in found]


# --- what they say ---

A, B, TOP, CAFE, ODD = (row[0] for row in ROWS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("taken >= 2019-06 and camera like '%canon%' and size > 2MP", [A]),
        ("taken = 2019", [A, B]),
        ("taken > 2019-06", [CAFE]),
        ("taken <= 2019-06", [A, B]),
        ("taken = 2019-06-03T14:05", [A]),
        ("taken is missing", [TOP, ODD]),
        ("not taken is not missing", [TOP, ODD]),
        ("camera = 'canon eos 5d'", [A]),
        ("CAMERA != 'Canon EOS 5D'", [B, ODD]),
        ("not camera = 'Canon EOS 5D'", [B, TOP, CAFE, ODD]),
        ("camera = 'canon''; drop table facts --'", [ODD]),
        ("size > 2MP", [A, CAFE]),
        ("size > 2 mp", [A, CAFE]),
        ("bytes > 1 GB or bytes < 1KB", [TOP, CAFE, ODD]),
        ("bytes >= 300KB and bytes < 2.6MB", [A, B]),
        ("rating in (3, 5)", [A, B]),
        ("rating not in (3, 5)", [TOP, CAFE, ODD]),
        ("rating < 0", [CAFE]),
        ("keyword = beach", [A]),
        ("keyword != beach", [B]),
        ("keyword like 'CAF_'", [B]),
        ("keyword is missing", [TOP, CAFE, ODD]),
        ("folder = ''", [TOP, ODD]),
        ("folder = '2019/caf\u00e9'", [CAFE]),
        ("name like '%100\\%%'", [B]),
        ("name like 'x\\_y%'", [CAFE]),
        ("path like '2019/%' and not folder like '%/%'", [B]),
        ("gps is not missing and lat < 0", [CAFE]),
        ("price >= 7", [A, ODD]),
        ("price = 'CHEAP'", [B]),
        ("price is missing", [TOP, CAFE]),
        ('"Room Number" = 2019-06', [B]),
        ("width = 10 or width = 800 and height = 600", [B, TOP]),
        ("(width = 10 or width = 800) and height = 600", [B]),
        ("added is missing", []),
    ],
)
def test_what_a_filter_chooses(catalogue: Catalogue, text: str, wanted: list[str]) -> None:
    assert chosen(catalogue, text) == wanted


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ("", 0, "it is empty"),
        ("takn > 2019", 0, "did you mean taken"),
        ("taken > ", 8, "a date"),
        ("taken > soon", 8, "no date; write 2019"),
        ("taken = 2019-13", 8, "no date"),
        ("size > 2XP", 7, "its units are px, kp, mp, gp"),
        ("rating = 2MP", 9, "it has none"),
        ("rating = many", 9, "no number"),
        ("camera 'x'", 7, "here comes ="),
        ("camera = 'x", 9, "never ends"),
        ("camera = x y", 11, "go on with and"),
        ("(camera = x", 11, "close the bracket of character 1"),
        ("camera in 1", 10, "in brackets"),
        ("camera in (1 2)", 13, "here comes , or )"),
        ("camera not = x", 11, "here comes in or like"),
        ("camera ! x", 7, "no operator"),
        ("camera like 'a\\b'", 12, "stands before"),
        ("rating like 3", 12, "which is a number"),
        ("keyword < b", 10, "which is a word"),
        ("gps = 3", 4, "gps is missing"),
        ("and", 0, "here comes a field"),
        ("camera = x;", 0, ""),
        ("camera = 'a\0'", 11, "no character of a text"),
        ("(" * 60, 40, "more than 40 brackets"),
        ("x" * (MOST + 1), MOST, "make it shorter"),
    ],
)
def test_what_is_wrong_and_where(text: str, at: int, what: str) -> None:
    if text == "camera = x;":  # which is a name like another
        assert Filter.parse(text).values == ("x;",)
        return
    with pytest.raises(BadFilter, match=re.escape(what)) as caught:
        Filter.parse(text)
    assert caught.value.at == at
    assert f"character {at + 1}:" in str(caught.value)


def test_a_thousand_values_are_no_hindrance(catalogue: Catalogue) -> None:
    many = f"width in ({','.join('1' * 950)})"
    assert chosen(catalogue, many) == []
    assert chosen(catalogue, " or ".join(["width=10"] * 150)) == [TOP]


def test_only_private_fields_tell_where_somebody_was() -> None:
    assert Filter.parse("width > 3 or not (lat > 3 and name = x)").is_private
    assert Filter.parse("gps is missing").is_private
    assert not Filter.parse("camera = x").is_private


# --- whatever is asked ---

WORDS = [
    "canon eos 5d",
    "beach",
    "caf\u00e9",
    "a.jpg",
    "2019",
    "x'y",
    'x"y',
    "%",
    "top.jpg",
    "7",
    "cheap",
    "",
]
NAMES = [name for name in FIELDS if name not in ("added", "gps")] + list(OWN)


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Condition]:
    """A condition, and the same in words."""
    field = field_of(draw(st.sampled_from(NAMES)))
    name = f'"{field.name}"' if " " in field.name else draw(st.sampled_from([field.name, field.name.upper()]))
    shape = draw(st.integers(0, 5))
    if shape == 0:
        return f"{name} is missing", IsMissing(field)
    if field.kind == "number" or (field.kind == "own" and shape < 3):
        value: Any = draw(st.sampled_from([-1, 0, 3, 5, 7, 10, 12.5, 800, 2_000_000]))
        sign = draw(st.sampled_from(list(SIGNS)))
        return f"{name} {sign} {value}", FieldTest(field, sign, value)  # type: ignore[arg-type]
    if field.kind == "date":
        value = draw(st.sampled_from(["2019", "2019-06", "2019-06-03", "2020-12-31", "2019-06-03T14:05"]))
        sign = draw(st.sampled_from(list(SIGNS)))
        return f"{name} {sign} {value}", FieldTest(field, sign, value, dated=True)  # type: ignore[arg-type]
    word = draw(st.sampled_from(WORDS))
    quoted = "'" + word.replace("'", "''") + "'"
    if shape == 1:
        return f"{name} like '%{quoted[1:]}", FieldTest(field, "like", f"%{folded(word)}")
    sign = draw(st.sampled_from(["=", "!="] if field.kind == "words" else list(SIGNS)))
    return f"{name}{sign}{quoted}", FieldTest(field, sign, folded(word) or "")  # type: ignore[arg-type]


def joined(parts: list[tuple[str, Condition]], how: str) -> tuple[str, Condition]:
    text = f" {how} ".join(f"({text})" for text, _ in parts)
    return text, Several(how, tuple(one for _, one in parts))  # type: ignore[arg-type]


FILTERS = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"NOT ({one[0]})", Not(one[1]))),
        st.tuples(st.lists(inner, min_size=2, max_size=4), st.sampled_from(["and", "or"])).map(
            lambda pair: joined(*pair)
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(FILTERS)
def test_sql_chooses_what_a_slow_reading_chooses(catalogue: Catalogue, asked: tuple[str, Condition]) -> None:
    text, condition = asked
    read = Filter.parse(text, OWN)
    assert read.condition == condition
    found = catalogue.facts.chosen(read).tolist()
    assert found == [row + 1 for row in range(len(ROWS)) if true_of(row, condition)]


MORE = "and or not in like is missing ( ) , ' \" 2019-06 2MP 1=1 ? \\ price 'a' \u00e9 -- /* ; facts".split()
PIECES = st.sampled_from([*FIELDS, *SIGNS, *MORE, "'; DROP TABLE facts; --", "rating > 3", "x" * 40])


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map(" ".join)))
def test_any_text_is_a_filter_or_one_error(catalogue: Catalogue, text: str) -> None:
    try:
        read = Filter.parse(text, OWN)
    except BadFilter as error:
        assert 0 <= error.at <= len(text)
        assert f"character {error.at + 1}: " in str(error)
        return
    assert re.fullmatch(r"[\w \[\]()?.,'<>=!*\\]*", read.sql)  # nothing of the text
    assert read.sql.count("?") == len(read.values)
    found = set(catalogue.facts.chosen(read).tolist())
    other = set(catalogue.facts.chosen(Filter(text, Not(read.condition))).tolist())
    assert found | other == set(range(1, len(ROWS) + 1)) and not found & other
