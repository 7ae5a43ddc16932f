"""The scan of inverted lists compiled by numba: eight codes at a time, and no branch on what they are.

Two passes take turns: the first compares codes and packs the places of the few that are near into a small
buffer, the second adds those up. So the first runs at the speed of memory, and the second waits for many
pictures at once instead of for one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from likewise.arrays.compiling import compiled
from likewise.files import cache_dir
from likewise.types import IntArray, Scores
from likewise.words.hamming import Codes, Pairs, Scan
from likewise.words.index.postings import Numbers

LANES = 8  # 64-bit numbers in a 512-bit register; elsewhere LLVM takes several
BLOCK = 128  # postings compared with one feature after another, while the next ones are on their way
ROOM = 4096  # matches waiting to be added up
AHEAD = 8  # lists whose first block is asked of memory before it is read: most are too short to foresee
SOON = 32  # matches whose pictures are asked of memory before they are added up
_PLACE, _WORD = 8, 40  # bits: a match is its word's number, its place and its distance in one number
_PLACES = (1 << 32) - 1

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_I64, LANES)


@intrinsic
def _near(
    typing: Any,
    codes: Any,
    low: Any,
    high: Any,
    one: Any,
    other: Any,
    threshold: Any,
    left: Any,
    tag: Any,
    matches: Any,
    at: Any,
) -> Any:
    """Compare `LANES` codes with one, and write down those that are near.

    ``codes[low:]`` and ``codes[high:]`` hold their halves, of which the first ``left`` count. For each that
    differs from (``one``, ``other``) in fewer than ``threshold`` bits, ``tag`` plus its lane and its distance
    goes to ``found[at:]``, where `LANES` numbers must have room. Gives how many there were.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes, low, high, one, other, threshold, left, tag, matches, at = arguments
        none = ir.Constant(_VECTOR, ir.Undefined)

        def pointer(place: int, array: Any, index: Any) -> Any:
            data = arrayobj.make_array(signature.args[place])(context, builder, array).data
            return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())

        def all_of(number: Any) -> Any:
            zeros = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
            return builder.shuffle_vector(builder.insert_element(none, number, _I32(0)), none, zeros)

        def call(name: str, *values: Any) -> Any:
            kind = ir.FunctionType(_VECTOR, [value.type for value in values])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)

        def bits(half: Any, query: Any) -> Any:
            differ = builder.xor(builder.load(pointer(0, codes, half), align=8), all_of(query))
            return call(f"llvm.ctpop.v{LANES}i64", differ)

        away = builder.add(bits(low, one), bits(high, other))
        lanes = ir.Constant(_VECTOR, list(range(LANES)))
        near = builder.and_(
            builder.icmp_unsigned("<", away, all_of(threshold)), builder.icmp_signed("<", lanes, all_of(left))
        )
        places = builder.add(all_of(tag), ir.Constant(_VECTOR, [lane << _PLACE for lane in range(LANES)]))
        packed = call(f"llvm.experimental.vector.compress.v{LANES}i64", builder.add(places, away), near, none)
        builder.store(packed, pointer(8, matches, at), align=8)
        return builder.zext(builder.ctpop(builder.bitcast(near, ir.IntType(LANES))), _I64)

    i, u = types.int64, types.uint64
    return i(codes, i, i, u, u, u, i, i, matches, i), generate


@intrinsic
def _fetch(typing: Any, codes: Any, at: Any) -> Any:
    """Ask memory for the 64 bytes around ``codes[at]``, and do not wait."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = arrayobj.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), _I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [address.type, _I32, _I32, _I32])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [address, _I32(0), _I32(3), _I32(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(codes, types.int64), generate


@numba.njit(nogil=True, error_model="numpy")
def _find(rows: Numbers, begin: int, end: int, row: int) -> int:
    """The first place of a list that holds ``row`` or a later one."""
    while begin < end:
        middle = (begin + end) // 2
        if rows[middle] < row:
            begin = middle + 1
        else:
            end = middle
    return begin


@numba.njit(nogil=True, error_model="numpy")
def _add(
    matches: IntArray,
    count: int,
    rows: Numbers,
    begins: IntArray,
    ends: IntArray,
    weights: Scores,
    rooted: bool,
    strengths: Scores,
    scores: Scores,
) -> None:
    top = np.int64(len(scores) - 1)  # a row of a damaged file must not point outside
    start, stop = 0, 0  # the postings that the last match's picture has in its word
    for index in range(count):
        if index + SOON < count:
            _fetch(rows, (matches[index + SOON] >> _PLACE) & _PLACES)
        match = matches[index]
        at, word = (match >> _PLACE) & _PLACES, match >> _WORD
        row = rows[at]
        value = strengths[match & 255] * weights[word]
        if rooted:
            if at < start or at >= stop:
                start, stop = at, at + 1
                while start > begins[word] and rows[start - 1] == row:
                    start -= 1
                while stop < ends[word] and rows[stop] == row:
                    stop += 1
            if stop - start > 1:
                value /= np.sqrt(stop - start)
        scores[min(np.int64(row), top)] += value


@numba.njit(nogil=True, error_model="numpy")
def _ask(codes: Codes, lows: IntArray, highs: IntArray, word: int, start: int, end: int) -> None:
    """Ask memory for a block of a list, as far as there is one."""
    for half in (lows[word], highs[word]):
        for at in range(half + start, half + min(start + BLOCK, end), 8):
            _fetch(codes, at)


def compare(
    rows: Numbers,
    codes: Codes,
    begins: IntArray,
    ends: IntArray,
    weights: Scores,
    rooted: bool,
    halves: int,
    firsts: IntArray,
    asked: Codes,
    strengths: Scores,
    threshold: int,
    first: int,
    last: int,
    scores: Scores,
) -> None:
    """See `likewise.words.index.kernel.Kernel`."""
    starts, stops = np.empty_like(begins), np.empty_like(ends)
    for word in range(len(begins)):
        starts[word] = _find(rows, begins[word], ends[word], first) if first > 0 else begins[word]
        stops[word] = _find(rows, starts[word], ends[word], last) if last < len(scores) else ends[word]
    # what is added to the place of a posting for those of the halves of its code
    lows, highs = (begins, ends) if halves == 2 else (np.zeros_like(begins), np.zeros_like(ends))
    matches = np.empty(ROOM, np.int64)
    count = 0
    for word in range(len(begins)):
        if word + AHEAD < len(begins):
            _ask(codes, lows, highs, word + AHEAD, starts[word + AHEAD], stops[word + AHEAD])
        begin, end, several = starts[word], stops[word], firsts[word + 1] - firsts[word] > 1
        while begin < end:
            stop = min(begin + BLOCK, end)
            while several and stop < end and rows[stop] == rows[stop - 1]:
                stop += 1  # a picture's matches with one feature come before those with the next
            _ask(codes, lows, highs, word, stop, end)
            room = stop - begin + LANES
            for feature in range(firsts[word], firsts[word + 1]):
                if count + room > len(matches):
                    _add(matches, count, rows, begins, ends, weights, rooted, strengths, scores)
                    count = 0
                    if room > len(matches):
                        matches = np.empty(room, np.int64)
                one, other = asked[0, feature], asked[1, feature]
                low, high, tag = lows[word] + begin, highs[word] + begin, (word << _WORD) + (begin << _PLACE)
                for at in range(0, stop - begin, LANES):
                    left, here = stop - begin - at, tag + (at << _PLACE)
                    near = _near(
                        codes, low + at, high + at, one, other, threshold, left, here, matches, count
                    )
                    count += near
            begin = stop
    _add(matches, count, rows, begins, ends, weights, rooted, strengths, scores)


def count(
    rows: Numbers,
    codes: Codes,
    begins: IntArray,
    ends: IntArray,
    weights: Scores,
    rooted: bool,
    halves: int,
    first: int,
    last: int,
    scores: Scores,
) -> None:
    """See `likewise.words.index.kernel.Kernel`."""
    top = np.int64(len(scores) - 1)
    for word in range(len(begins)):
        at, end = _find(rows, begins[word], ends[word], first), ends[word]
        while at < end and rows[at] < last:
            row, start = rows[at], at
            while at < end and rows[at] == row:
                at += 1
            value = (at - start) * weights[word]
            if rooted:
                value /= np.sqrt(at - start)
            scores[min(np.int64(row), top)] += value


def near(codes: Codes, begins: IntArray, ends: IntArray, asked: Codes, below: int) -> tuple[IntArray, int]:
    """As `likewise.words.index.kernel.pairs`, each pair in one number, and how many of the numbers count.

    The only half of a code counts twice.
    """
    halves = asked.shape[1]
    matches, count = np.empty(ROOM, np.int64), 0
    for which in range(len(begins)):
        begin, size = begins[which], ends[which] - begins[which]
        low = halves * begin
        high = low + (halves - 1) * size
        one, other, threshold = asked[which, 0], asked[which, halves - 1], below * 2 // halves
        for at in range(0, size, LANES):
            if count + LANES > len(matches):
                larger = np.empty(2 * len(matches), np.int64)
                for index in range(count):  # a slice would take numba a second to compile
                    larger[index] = matches[index]
                matches = larger
            tag = (which << _WORD) + ((begin + at) << _PLACE)
            count += _near(codes, low + at, high + at, one, other, threshold, size - at, tag, matches, count)
    return matches, count


def _unpacked(function: Callable[..., tuple[IntArray, int]]) -> Scan:
    """With each pair as three numbers."""

    def scan(codes: Codes, begins: IntArray, ends: IntArray, asked: Codes, below: int) -> Pairs:
        matches, count = function(codes, begins, ends, asked, below)
        matches = matches[:count]
        distances = (matches & 255) * asked.shape[1] // 2
        return matches >> _WORD, (matches >> _PLACE) & _PLACES, distances

    return scan


def load() -> tuple[Callable[..., None], Callable[..., None], Scan]:
    """Compile `compare`, `count` and `near`, or take them from the user's cache."""
    numbers = types.Array(types.uint32, 1, "C", readonly=True)
    halves = types.Array(types.uint64, 1, "C", readonly=True)
    places, floats = types.int64[::1], types.float64[::1]
    lists = (numbers, halves, places, places, floats, types.boolean, types.int64)
    ends = (types.int64, types.int64, floats)
    query = (places, types.Array(types.uint64, 2, "C", readonly=True), floats, types.uint64)
    codes = types.Array(types.uint64, 2, "C", readonly=True)
    folder = cache_dir() / "compiled"
    return (
        compiled(compare, (*lists, *query, *ends), folder),
        compiled(count, (*lists, *ends), folder),
        _unpacked(compiled(near, (halves, places, places, codes, types.int64), folder)),
    )
