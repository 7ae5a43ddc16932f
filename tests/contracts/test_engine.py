"""What every engine promises, asked of each of them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from likewise.engines import Array, Engine, Ops, Program, open_engine
from likewise.errors import UnknownName, UsageError
from likewise.networks import Chain, Layer, Tensors
from likewise.networks.card import Card, Preprocessing
from likewise.networks.weights.formats import tensor_shapes
from likewise.types import FloatArray, UInt8Array

ENGINES = ["torch", "openvino"]


CARD = Card(
    name="small",
    paper="",
    chain=Chain([Layer("conv1", "conv", 16, 3, 2, (1, 1), key="conv"), Layer("relu1", "relu")]),
    weights=(),
)
HALVES = Preprocessing(mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0))


def tensors(seed: int = 0) -> Tensors:
    random = np.random.default_rng(seed)
    return {
        name: random.standard_normal(shape).astype(np.float32) * np.float32(0.1)
        for name, shape in tensor_shapes(CARD).items()
    }


def head(ops: Ops, taps: Sequence[Array]) -> list[Array]:
    """Two outputs: the mean of a map over its cells, and the maximum."""
    return [ops.mean(taps[0], (2, 3)), ops.max(taps[0], (2, 3))]


def program(key: str = "a", read: Callable[[], Tensors] = tensors) -> Program:
    return Program(key * 64, CARD, ("relu1",), HALVES, read, head)


def obvious(batch: UInt8Array) -> list[FloatArray]:
    """The same by torch's own functions."""
    weights = {name: torch.from_numpy(value) for name, value in tensors().items()}
    x = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255 - 0.5
    maps = functional.conv2d(x, weights["conv.weight"], weights["conv.bias"], 2, 1).relu()
    return [maps.mean((2, 3)).numpy(), maps.amax((2, 3)).numpy()]


def pictures(n: int, h: int, w: int) -> UInt8Array:
    return np.random.default_rng(n * h * w).integers(0, 256, (n, h, w, 3), dtype=np.uint8)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(kind: str, **options: object) -> Engine:
    return open_engine(program(), engine=kind, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 40, 56), (2, 33, 47), (1, 200, 16)])
def test_agrees_with_the_obvious_to_1e_4(kind: str, shape: tuple[int, int, int]) -> None:
    batch = pictures(*shape)
    wanted = obvious(batch)
    found = opened(kind).run(batch)
    assert len(found) == 2
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == np.float32
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max()


def test_results_stay_when_the_next_batch_runs(kind: str) -> None:
    engine = opened(kind)
    first = engine.run(pictures(2, 32, 32))
    kept = [value.copy() for value in first]
    engine.run(pictures(2, 48, 48))
    for one, other in zip(first, kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_takes_arrays_that_are_not_contiguous(kind: str) -> None:
    batch = pictures(2, 32, 64)[:, :, ::2]
    found, wanted = opened(kind).run(batch), opened(kind).run(np.ascontiguousarray(batch))
    np.testing.assert_array_equal(found[0], wanted[0])


def test_many_threads_get_their_own_results(kind: str) -> None:
    engine = opened(kind, streams=2)
    batches = [pictures(1, 32, 32 + 8 * index) for index in range(12)]
    wanted = [engine.run(batch)[0] for batch in batches]
    found: list[np.ndarray] = [np.zeros(0)] * len(batches)

    def work(start: int) -> None:
        for index in range(start, len(batches), 4):
            found[index] = engine.run(batches[index])[0]

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_bf16_is_near_and_says_so(kind: str) -> None:
    batch = pictures(2, 64, 64)
    exact, engine = opened(kind).run(batch)[0], opened(kind, precision="bf16")
    assert engine.precision == "bf16"
    assert np.abs(engine.run(batch)[0] - exact).max() <= 0.03 * np.abs(exact).max()


def test_unknown_values_are_refused(kind: str) -> None:
    with pytest.raises(UnknownName, match="precision is called 'fp8'"):
        opened(kind, precision="fp8")
    with pytest.raises(UsageError, match="'toaster'"):
        opened(kind, device="toaster")


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'openvino'"):
        opened("openvin")


def test_the_compiled_model_is_kept_and_the_weights_not_read_again(cache: Path) -> None:
    built = []

    def read() -> Tensors:
        built.append(1)
        return tensors()

    batch = pictures(1, 32, 32)
    first = open_engine(program("b", read)).run(batch)
    second = open_engine(program("b", read)).run(batch)
    assert built == [1]
    np.testing.assert_array_equal(first[0], second[0])
    assert [path.suffix for path in (cache / "compiled").iterdir()] == [".blob"], "no drafts are left"


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:1000], lambda b: b[:-1], lambda b: b + b"x", flipped]
)
def test_a_damaged_compiled_model_is_made_anew(cache: Path, damage: Callable[[bytes], bytes]) -> None:
    batch = pictures(1, 32, 32)
    wanted = opened("openvino").run(batch)
    (blob,) = (cache / "compiled").iterdir()
    blob.write_bytes(damage(blob.read_bytes()))
    np.testing.assert_array_equal(opened("openvino").run(batch)[0], wanted[0])
    kept = blob.read_bytes()
    assert hashlib.sha256(kept[32:]).digest() == kept[:32]


def test_programs_of_other_weights_do_not_share_a_model() -> None:
    batch = pictures(1, 32, 32)
    one = open_engine(program("c", lambda: tensors(1))).run(batch)
    other = open_engine(program("d", lambda: tensors(2))).run(batch)
    assert np.abs(one[0] - other[0]).max() > 1e-3


def test_where_the_cache_cannot_be_written_a_model_is_compiled_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pictures(1, 32, 32)
    wanted = opened("openvino").run(batch)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "file"))
    np.testing.assert_array_equal(opened("openvino").run(batch)[0], wanted[0])
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_compiled_model_that_is_refused_is_made_anew(cache: Path) -> None:
    batch = pictures(1, 32, 32)
    wanted = opened("openvino").run(batch)
    (blob,) = (cache / "compiled").iterdir()
    whole = blob.read_bytes()
    blob.write_bytes(hashlib.sha256(b"of another kind").digest() + b"of another kind")
    np.testing.assert_array_equal(opened("openvino").run(batch)[0], wanted[0])
    assert len(blob.read_bytes()) == len(whole)
