"""A small language that says which pictures are meant, and what it is in SQL.

    taken >= 2019-06 and camera like '%canon%' and not (size < 2MP or rating is missing)

A condition has a ``?`` for every value, and names of columns come from a list of ours, so that no text can
become SQL. What is not known of a picture is missing, and equals and exceeds nothing: every
comparison with it is false, ``!=`` as well, and ``not`` turns that into true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from likewise.collection.store.database import folded
from likewise.errors import UsageError

MOST = 2000
"""Characters of a filter."""

DEEPEST = 40
"""Brackets within each other, and words ``not`` in a row."""

CONDITION_TABLES = "pictures LEFT JOIN facts ON facts.picture = pictures.id"
"""Beside them there is ``said``, a selection of the table ``annotations``."""

Kind: TypeAlias = Literal["text", "words", "number", "date", "place", "own"]
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "like"]
Value: TypeAlias = str | int | float


class BadFilter(UsageError):
    """A filter that cannot be understood.

    Parameters
    ----------
    at
        Of which character it is said, from 0 on.
    """

    def __init__(self, text: str, at: int, what: str) -> None:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        message = f"filter {shown!r}, character {at + 1}: {what}"
        super().__init__(message, public=message)
        self.at = at


@dataclass(frozen=True)
class Field:
    """Something that can be asked for.

    Attributes
    ----------
    expression
        What it is in SQL, over `CONDITION_TABLES`.
    units
        Words that may follow a number, in lower case, and what they stand for.
    private
        Whether it tells where somebody was.
    """

    name: str
    kind: Kind
    expression: str
    about: str
    units: Mapping[str, float] | None = None
    private: bool = False


_PIXELS = {"px": 1, "kp": 1e3, "mp": 1e6, "gp": 1e9}
_BYTES = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}

FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("taken", "date", "taken", "when it was taken, by the clock of the place"),
        Field("added", "date", "added", "when it was indexed first"),
        Field("camera", "text", "camera", "maker and model"),
        Field("lens", "text", "lens", "of the camera"),
        Field("keyword", "words", "keywords", "one of its keywords"),
        Field("rating", "number", "rating", "stars, 0 to 5; -1 where it was rejected"),
        Field("orientation", "number", "orientation", "of EXIF, 1 to 8"),
        Field("width", "number", "width", "of the upright picture", {"px": 1}),
        Field("height", "number", "height", "of the upright picture", {"px": 1}),
        Field("size", "number", "width * height", "width times height", _PIXELS),
        Field("bytes", "number", "size", "of the file", _BYTES),
        Field("name", "text", "file_name(path)", "of the file"),
        Field("folder", "text", "folder(path)", "below the one that was indexed; empty in that one"),
        Field("path", "text", "shown(path)", "folder and name"),
        Field("gps", "place", "latitude", "is missing, or is not missing", private=True),
        Field("lat", "number", "latitude", "degrees, north positive", private=True),
        Field("lon", "number", "longitude", "degrees, east positive", private=True),
    )
}
ALIASES = {"keywords": "keyword", "latitude": "lat", "longitude": "lon", "file": "name"}

RESERVED = frozenset({*FIELDS, *ALIASES, "and", "or", "not", "in", "like", "is", "missing"})
"""Names that no column of one's own can have."""


def field_of(name: str) -> Field:
    """A field by one of its names; a column of one's own where it is none of ours."""
    plain_name = folded(name) or ""
    return FIELDS.get(ALIASES.get(plain_name, plain_name)) or Field(
        plain_name, "own", "", "a column of one's own"
    )


# --- what a filter says ---


@dataclass(frozen=True)
class FieldTest:
    """A field compared with a value; a date is compared as far as the value goes."""

    field: Field
    operator: Operator
    value: Value
    dated: bool = False


@dataclass(frozen=True)
class IsMissing:
    """Whether nothing is known of a field."""

    field: Field


@dataclass(frozen=True)
class Not:
    """The opposite of another condition."""

    condition: Condition


@dataclass(frozen=True)
class Several:
    """All of some conditions, or any of them."""

    how: Literal["and", "or"]
    conditions: tuple[Condition, ...]


Condition: TypeAlias = FieldTest | IsMissing | Not | Several


@dataclass(frozen=True)
class Filter:
    """A filter, read."""

    text: str
    condition: Condition

    @classmethod
    def parse(cls, text: str, own: Collection[str] = ()) -> Filter:
        """Read a filter.

        Raises `BadFilter` when it cannot be understood: the message says where, and what is possible there;
        `UsageError` when it is no text.

        Parameters
        ----------
        own
            Names of columns of one's own that there are.
        """
        if not isinstance(text, str):
            raise UsageError(f"a filter is a text such as 'size > 2MP', not {text!r}")
        return cls(text, _Reader(text, {folded(name) or "" for name in own}).read())

    @cached_property
    def _statement(self) -> tuple[str, tuple[Value, ...]]:
        return _sql(self.condition)

    @property
    def sql(self) -> str:
        """The condition over `CONDITION_TABLES`; each ``?`` is one of the values."""
        return self._statement[0]

    @property
    def values(self) -> tuple[Value, ...]:
        """Values for the marks of `sql`, in their order."""
        return self._statement[1]

    @property
    def is_private(self) -> bool:
        """Whether it asks where pictures were taken."""
        return any(field.private for field in _fields(self.condition))


def _fields(condition: Condition) -> list[Field]:
    match condition:
        case FieldTest() | IsMissing():
            return [condition.field]
        case Not():
            return _fields(condition.condition)
        case Several():
            return [field for part in condition.conditions for field in _fields(part)]


# --- in SQL ---


def _sql(condition: Condition) -> tuple[str, tuple[Value, ...]]:
    match condition:
        case Several():
            return _joined(condition.how, condition.conditions)
        case Not():
            text, values = _sql(condition.condition)
            return f"(NOT {text})", values
        case IsMissing():
            return _missing(condition.field)
        case FieldTest():
            return _compared(condition)


def _joined(how: str, conditions: Sequence[Condition]) -> tuple[str, tuple[Value, ...]]:
    """Conditions joined in halves: SQLite takes a thousand of them beside each other, but not in a row."""
    if len(conditions) == 1:
        return _sql(conditions[0])
    half = len(conditions) // 2
    first, second = _joined(how, conditions[:half]), _joined(how, conditions[half:])
    return f"({first[0]} {how.upper()} {second[0]})", first[1] + second[1]


def _missing(field: Field) -> tuple[str, tuple[Value, ...]]:
    if field.kind == "own":
        return f"(NOT {_OWN.format('1')})", (field.name,)
    if field.kind == "words":
        return "(coalesce(keywords, '[]') = '[]')", ()
    return f"({field.expression} IS NULL)", ()


_OWN = "EXISTS (SELECT 1 FROM said WHERE picture = pictures.id AND name = ? AND {})"
_WORDS = (
    "EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(keywords) THEN keywords ELSE '[]' END) WHERE {})"
)


def _compared(test: FieldTest) -> tuple[str, tuple[Value, ...]]:
    """A comparison, which is 0 or 1 and never NULL."""
    if test.field.kind == "own":
        column = "number" if isinstance(test.value, int | float) else "text"
        return _OWN.format(_against(column, test)), (test.field.name, test.value)
    if test.field.kind == "words":
        none = test.operator == "!="
        held = _WORDS.format(_against("value", replace(test, operator="=") if none else test))
        return f"(keywords != '[]' AND NOT {held})" if none else held, (test.value,)
    return f"coalesce({_against(test.field.expression, test)}, 0)", (test.value,)


def _against(expression: str, test: FieldTest) -> str:
    if test.dated:
        expression = f"substr({expression}, 1, {len(str(test.value))})"
    elif isinstance(test.value, str):
        expression = f"folded(CAST({expression} AS BLOB))"  # SQLite gives functions no text that is no UTF-8
    return (
        f"{expression} LIKE ? ESCAPE '\\'" if test.operator == "like" else f"({expression}) {test.operator} ?"
    )


# --- reading it ---


class _Token(NamedTuple):
    kind: str  # text, name, sign, word or end
    text: str
    at: int


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>\"(?:[^\"]|\"\")*\")|(?P<sign><=|>=|!=|<>|[=<>(),])"
    r"|(?P<word>[^\s'\"<>=!(),]+)|(?P<end>$))"
)
_NUMBER = re.compile(r"([+-]?\d{1,15}(?:\.\d{1,9})?)([^\d.].*)?", re.ASCII | re.DOTALL)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d))?)?)?)?)?", re.ASCII)
_NO_SIGN = "this is no operator; use =, !=, <, <=, >, >=, like, in, is missing"
_STRAY = {quote: f"a text begins with {quote} here and never ends: close it" for quote in "'\""}
_LEAST_AND_MOST = ((0, 9999), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59))


class _Reader:
    """Reads one filter, a token at a time; ``or`` binds less than ``and``, and that less than ``not``."""

    def __init__(self, text: str, own: Collection[str]) -> None:
        if len(text) > MOST:
            raise BadFilter(text, MOST, f"it is longer than {MOST} characters: make it shorter")
        if bad := re.search(r"[\0-\x08\x0e-\x1f\x7f\ud800-\udfff]", text):
            raise BadFilter(text, bad.start(), f"{bad[0]!r} is no character of a text: leave it out")
        self._text, self._own = text, own
        self._tokens = self._split()
        self._next = self._depth = 0

    def _split(self) -> list[_Token]:
        tokens, at = list[_Token](), 0
        while True:
            match = _TOKEN.match(self._text, at)
            if match is None:
                at += len(self._text[at:]) - len(self._text[at:].lstrip())
                raise BadFilter(self._text, at, _STRAY.get(self._text[at], _NO_SIGN))
            kind = match.lastgroup or "end"
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
            if kind == "end":
                return tokens

    def read(self) -> Condition:
        """The whole filter."""
        if self._peek.kind == "end":
            raise self._wrong("it is empty: say a condition, such as taken >= 2019-06")
        condition = self._several("or", lambda: self._several("and", self._negated))
        if self._peek.kind != "end":
            raise self._wrong("go on with and, or, or nothing")
        return condition

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += token.kind != "end"
        return token

    def _is(self, *words: str) -> bool:
        """Take these words, if they come next."""
        coming = self._tokens[self._next : self._next + len(words)]
        same = [token.text.lower() for token in coming if token.kind in ("word", "sign")] == [*words]
        self._next += len(words) if same else 0
        return same

    def _wrong(self, what: str, token: _Token | None = None) -> BadFilter:
        token = token or self._peek
        problem = "the filter ends" if token.kind == "end" else f"{token.text} is not understood"
        return BadFilter(self._text, token.at, f"{problem}; {what}")

    def _several(self, how: Literal["and", "or"], part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._is(how):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Several(how, tuple(parts))

    def _negated(self) -> Condition:
        begin = self._peek
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadFilter(
                self._text, begin.at, f"more than {DEEPEST} brackets within each other: use fewer"
            )
        if self._is("not"):
            condition: Condition = Not(self._negated())
        elif self._is("("):
            condition = self._several("or", lambda: self._several("and", self._negated))
            if not self._is(")"):
                raise self._wrong(f"close the bracket of character {begin.at + 1} with )")
        else:
            condition = self._condition()
        self._depth -= 1
        return condition

    def _condition(self) -> Condition:
        field = self._field()
        if self._is("is", "missing"):
            return IsMissing(field)
        if self._is("is", "not", "missing"):
            return Not(IsMissing(field))
        if field.kind == "place":
            raise self._wrong(f"{field.name} is missing, or {field.name} is not missing")
        turned = self._is("not")
        if self._is("in"):
            condition: Condition = self._in(field)
        elif self._is("like"):
            condition = self._compare(field, "like")
        elif turned:
            raise self._wrong("after not here comes in or like")
        else:
            condition = self._compare(field, self._operator())
        return Not(condition) if turned else condition

    def _field(self) -> Field:
        token = self._take()
        if token.kind == "name":
            name = token.text[1:-1].replace('""', '"')
        elif token.kind == "word" and token.text.lower() not in _WORDS_OF_ITS_OWN:
            name = token.text
        else:
            raise self._wrong("here comes a field, such as taken, camera or size", token)
        field = field_of(name)
        if field.kind == "own" and field.name not in self._own:
            known = [*FIELDS, *sorted(self._own)]
            near = get_close_matches(field.name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise BadFilter(self._text, token.at, f"no field is called {name}; {hint}")
        return field

    def _operator(self) -> Operator:
        token = self._take()
        if token.kind != "sign" or token.text in "(),":
            raise self._wrong("here comes =, !=, <, <=, >, >=, like, in, is missing or is not missing", token)
        return "!=" if token.text == "<>" else token.text  # type: ignore[return-value]

    def _in(self, field: Field) -> Condition:
        if not self._is("("):
            raise self._wrong("in takes values in brackets, such as in (1, 2)")
        values = [self._compare(field, "=")]
        while self._is(","):
            values.append(self._compare(field, "="))
        if not self._is(")"):
            raise self._wrong("here comes , or )")
        return values[0] if len(values) == 1 else Several("or", tuple(values))

    def _compare(self, field: Field, operator: Operator) -> FieldTest:
        """A comparison, its value read as the field has them."""
        token = self._take()
        quoted = token.kind in ("text", "name")
        if not quoted and (token.kind != "word" or token.text.lower() in _WORDS_OF_ITS_OWN):
            raise self._wrong(f"here comes {_WANTED[field.kind]}", token)
        text = token.text[1:-1].replace(token.text[0] * 2, token.text[0]) if quoted else token.text
        if operator in _REFUSED.get(field.kind, ()):
            raise BadFilter(
                self._text, token.at, f"{operator} is not for {field.name}, which is {_WANTED[field.kind]}"
            )
        if field.kind == "date":
            return FieldTest(field, operator, self._date(text, token), dated=True)
        if field.kind == "number":
            return FieldTest(field, operator, self._number(field, text, token))
        if operator == "like":
            return FieldTest(field, operator, self._pattern(text, token))
        if field.kind == "own" and not quoted:
            if number := _NUMBER.fullmatch(text):
                if not number[2]:
                    return FieldTest(field, operator, _plain_number(text))
                if _DATE.fullmatch(text):
                    return FieldTest(field, operator, self._date(text, token), dated=True)
        return FieldTest(field, operator, folded(text) or "")

    def _date(self, text: str, token: _Token) -> str:
        match = _DATE.fullmatch(text.strip())
        parts = [part for part in match.groups() if part] if match else []
        if not parts or not all(
            least <= int(part) <= most for part, (least, most) in zip(parts, _LEAST_AND_MOST, strict=False)
        ):
            what = f"{text!r} is no date; write 2019, 2019-06, 2019-06-03 or 2019-06-03T14:05"
            raise BadFilter(self._text, token.at, what)
        return "-".join(parts[:3]) + ("T" + ":".join(parts[3:]) if len(parts) > 3 else "")

    def _number(self, field: Field, text: str, token: _Token) -> int | float:
        match = _NUMBER.fullmatch(text.strip())
        if match is None:
            raise BadFilter(self._text, token.at, f"{text!r} is no number")
        unit, units = (match[2] or "").strip().lower(), field.units or {}
        if not unit and self._peek.kind == "word" and self._peek.text.lower() in units:
            unit = self._take().text.lower()
        if unit and unit not in units:
            known = f"its units are {', '.join(units)}" if units else "it has none"
            raise BadFilter(self._text, token.at, f"{unit!r} is no unit of {field.name}; {known}")
        number = _plain_number(match[1])
        return number * units[unit] if unit else number

    def _pattern(self, text: str, token: _Token) -> str:
        if re.search(r"\\(?![%_\\])", re.sub(r"\\\\", "", text)):
            what = r"in a pattern \ stands before %, _ or \ that is meant as it is"
            raise BadFilter(self._text, token.at, what)
        return folded(text) or ""


_WORDS_OF_ITS_OWN = frozenset({"and", "or", "not", "in", "like", "is", "missing"})
_REFUSED: Mapping[str, tuple[Operator, ...]] = {
    "number": ("like",),
    "date": ("like",),
    "words": ("<", "<=", ">", ">="),
}
_WANTED: Mapping[str, str] = {
    "text": "a text, such as 'Canon'",
    "words": "a word, such as 'beach'",
    "number": "a number",
    "date": "a date, such as 2019-06",
    "own": "a text in quotes, a number or a date",
}


def _plain_number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
