"""Sketches: bytes and back, every kind of damage, and several as one."""

from __future__ import annotations

import struct
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import CollectionDamaged
from likewise.local.features import squares
from likewise.words import Sketch

SIZES = {"a": 7, "b": 3}


def sketch(count: int, nearest: int = 1, seed: int = 0) -> Sketch:
    random = np.random.default_rng(seed)
    return Sketch(
        random.random((count, 4)).astype(np.float32),
        {tap: random.integers(0, size, (count, nearest)).astype(np.uint32) for tap, size in SIZES.items()},
        {tap: random.integers(0, 1 << 64, (count, nearest, 2), np.uint64) for tap in SIZES},
    )


def equal(one: Sketch, other: Sketch) -> bool:
    return np.array_equal(one.boxes, other.boxes) and all(
        np.array_equal(one.words[tap], other.words[tap]) and np.array_equal(one.codes[tap], other.codes[tap])
        for tap in SIZES
    )


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(1, 5), st.integers(0, 99))
def test_bytes_and_back(count: int, nearest: int, seed: int) -> None:
    given = sketch(count, nearest, seed)
    written = given.to_bytes()
    assert len(written) == 16 + 16 * count + len(SIZES) * count * nearest * 20
    assert Sketch.fault_of(written, SIZES) == ""
    assert equal(Sketch.from_bytes(written, SIZES), given)
    assert Sketch.from_bytes(written, SIZES).to_bytes() == written


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_flipped_bit_is_found(data: st.DataObject) -> None:
    written = bytearray(sketch(4, 2).to_bytes())
    bit = data.draw(st.integers(0, 8 * len(written) - 1))
    written[bit // 8] ^= 1 << bit % 8
    assert Sketch.fault_of(bytes(written), SIZES)
    with pytest.raises(CollectionDamaged):
        Sketch.from_bytes(bytes(written), SIZES)


def keypoints(count: int, nearest: int = 1, seed: int = 0, side: float = 640, halves: int = 2) -> Sketch:
    random = np.random.default_rng(seed)
    drawn = random.random((count, 4)) * [side, side, 40, 2 * np.pi] + [0, 0, 0.5, 0]
    given, points = sketch(count, nearest, seed), drawn.astype(np.float32)
    codes = {tap: codes[:, :, :halves] for tap, codes in given.codes.items()}
    return Sketch(squares(points), given.words, codes, points)


@settings(deadline=None)
@given(
    st.integers(0, 20),
    st.integers(1, 5),
    st.integers(0, 99),
    st.sampled_from([10, 640, 4090, 90_000]),
    st.integers(1, 2),
)
def test_keypoints_are_rounded_and_back(
    count: int, nearest: int, seed: int, side: float, halves: int
) -> None:
    given = keypoints(count, nearest, seed, side, halves)
    written = given.to_bytes()
    places = 4 * count + (2 if count == 1 else 2 * count)  # one alone shares its scale and angle with all
    assert len(written) == 20 + places + len(SIZES) * count * nearest * (2 + 8 * halves)
    assert Sketch.fault_of(written, SIZES) == ""
    back = Sketch.from_bytes(written, SIZES)
    assert back.points is not None and given.points is not None
    step = max(1 / 16, 2 * side / 65535)
    np.testing.assert_allclose(back.points[:, :2], given.points[:, :2], atol=step / 2 + 1e-4)
    np.testing.assert_allclose(back.points[:, 2], given.points[:, 2], rtol=0.0221)
    turned = (back.points[:, 3] - given.points[:, 3] + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(turned).max(initial=0) < np.pi / 255
    for tap in SIZES:
        np.testing.assert_array_equal(back.words[tap], given.words[tap])
        np.testing.assert_array_equal(back.codes[tap], given.codes[tap])
    np.testing.assert_array_equal(back.boxes, squares(back.points))
    assert back.to_bytes() == written


@given(st.integers(2, 20), st.sampled_from([2, 3]))
def test_a_scale_or_angle_of_all_is_written_once_where_both_are(count: int, other: int) -> None:
    given = keypoints(count)
    assert given.points is not None
    given.points[:, 2:] = [4, 1]
    written = given.to_bytes()
    back = Sketch.from_bytes(written, SIZES).points
    assert len(written) == 20 + 4 * count + 2 + len(SIZES) * count * 18 and back is not None
    assert (back[:, 2] == 4).all() and np.unique(back[:, 3]).tolist() == pytest.approx([1], abs=np.pi / 255)
    given.points[-1, other] += 1
    apart = Sketch.from_bytes(given.to_bytes(), SIZES)
    assert len(apart.to_bytes()) == len(written) + 2 * count - 2 and apart.points is not None
    np.testing.assert_allclose(apart.points[-1, 2:], given.points[-1, 2:], rtol=0.03)


def test_keypoints_of_before_scales_could_be_shared_are_read() -> None:
    given = keypoints(5)
    assert given.points is not None
    given.points[:, 2:] = [4, 0]
    written = given.to_bytes()
    each = written[40:41] * 5 + written[41:42] * 5
    then = written[:12] + bytes(4) + written[16:19] + b"\0" + written[20:40] + each + written[42:]
    check = crc32(then[16:], crc32(then[:12]))
    then = then[:12] + struct.pack("<I", check) + then[16:]
    back, now = Sketch.from_bytes(then, SIZES), Sketch.from_bytes(written, SIZES)
    np.testing.assert_array_equal(back.points, now.points)
    assert equal(back, now) and back.to_bytes() == written


@settings(deadline=None, max_examples=300)
@given(st.data(), st.booleans())
def test_any_flipped_bit_of_keypoints_is_found(data: st.DataObject, shared: bool) -> None:
    given = keypoints(4, 2)
    if shared and given.points is not None:
        given.points[:, 2:] = 1
    written = bytearray(given.to_bytes())
    bit = data.draw(st.integers(0, 8 * len(written) - 1))
    written[bit // 8] ^= 1 << bit % 8
    assert Sketch.fault_of(bytes(written), SIZES)


def test_words_beyond_two_bytes_are_kept() -> None:
    given = keypoints(3)
    words = {tap: words + 70_000 for tap, words in given.words.items()}
    written = replace(given, words=words).to_bytes()
    back = Sketch.from_bytes(written, dict.fromkeys(SIZES, 80_000))
    np.testing.assert_array_equal(back.words["a"], words["a"])
    assert "is not in the codebook of a" in Sketch.fault_of(written, SIZES)


def test_keypoints_narrowed() -> None:
    given = keypoints(3, 2)
    narrow = given.narrowed(1)
    np.testing.assert_array_equal(narrow.points, given.points)
    np.testing.assert_array_equal(narrow.words["a"], given.words["a"][:, :1])
    np.testing.assert_array_equal(narrow.codes["b"], given.codes["b"][:, :1])


@settings(deadline=None)
@given(
    st.binary(max_size=80)
    | st.binary(max_size=60).map(lambda rest: b"LWSK" + rest)
    | st.binary(max_size=60).map(lambda rest: b"LWSP" + rest)
)
def test_noise_is_no_sketch(noise: bytes) -> None:
    assert Sketch.fault_of(noise, SIZES)


def test_every_kind_of_damage_is_named() -> None:
    written = sketch(3).to_bytes()
    for odd in (None, 5, "text", b"", written[:15]):
        assert Sketch.fault_of(odd, SIZES) == "it is no sketch of local features"
    assert "in 2 layers" in Sketch.fault_of(b"XXXX" + written[4:], SIZES)
    assert "in 3 layers" in Sketch.fault_of(written, {**SIZES, "c": 1})
    assert "not 184 as its 3 features take" in Sketch.fault_of(written[:-1], SIZES)
    assert "not 184 as its 3 features take" in Sketch.fault_of(written + b"\0", SIZES)
    assert "not those that were written" in Sketch.fault_of(written[:-1] + bytes([written[-1] ^ 1]), SIZES)
    assert "word 6 is not in the codebook of a, which has 6" in Sketch.fault_of(
        _with_word(written, 6), {"a": 6, "b": 3}
    )


def _with_word(written: bytes, word: int) -> bytes:
    """With another first word, and the check that belongs to it."""
    body = bytearray(written[16:])
    struct.pack_into("<I", body, 3 * 16, word)
    return written[:12] + struct.pack("<I", crc32(body)) + bytes(body)
