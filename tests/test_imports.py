"""What may be imported where. The direction between the rooms is import-linter's: `make lint`."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import likewise

PACKAGE = Path(likewise.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ARRAYS = [
    "likewise.files",
    "likewise.collection.collection",
    "likewise.descriptors.recipe",
    "likewise.descriptors.transforms",
    "likewise.drawing.sheets",
    "likewise.evaluation.metrics",
    "likewise.export.extraction",
    "likewise.networks.weights.files",
    "likewise.pictures",
    "likewise.ranking.exact",
    "likewise.types",
    "likewise.words.geometry",
    "likewise.words.index.layers",
    "likewise.words.vocabulary",
]


def test_array_code_loads_no_framework() -> None:
    heavy = "torch timm sklearn faiss numba openvino matplotlib typer rich fastapi".split()
    code = (
        "import importlib, sys\n"
        f"for name in {ARRAYS}:\n"
        "    importlib.import_module(name)\n"
        f"    print(name, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{name} []" for name in ARRAYS]


def test_help_needs_typer_and_no_arrays() -> None:
    code = (
        "import likewise.cli, sys; print([n for n in ('numpy', 'PIL', 'torch', 'rich') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# optional extras, and packages that take a large part of a second to import
ALLOWED = set("faiss h5py numba openvino pillow_heif pyarrow pymilvus scipy sklearn skimage timm".split())
ALLOWED |= {"torch", "torchvision"}


@pytest.mark.parametrize("given", [None, "20"])
def test_threads_of_blas_are_told_to_sleep_unless_the_user_says_how_long(given: str | None) -> None:
    name = "OPENBLAS_THREAD_TIMEOUT"
    others = {key: value for key, value in os.environ.items() if key != name}
    code = f"import likewise, os, sys; assert 'numpy' not in sys.modules; print(os.environ[{name!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=others | ({name: given} if given else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (given or "10")


def hidden_imports(path: Path) -> Iterator[str]:
    """Imports inside functions that neither are of an allowed package nor give their reason in a comment."""
    lines = path.read_text("utf-8").splitlines()
    if not any(re.match(r"\s+(import|from)\s", line) for line in lines):
        return
    for function in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                    around = "".join(lines[node.lineno - 2 : node.lineno])
                    if (name or "").split(".")[0] not in ALLOWED and "#" not in around:
                        yield f"{path.name}:{node.lineno}: {name}"


def test_imports_inside_functions_are_rare_and_have_a_reason() -> None:
    assert [found for path in MODULES if path.parent.name != "cli" for found in hidden_imports(path)] == []


def test_the_library_never_prints() -> None:
    for path in MODULES:
        if "print" not in (text := path.read_text("utf-8")):
            continue
        calls = [
            node.lineno
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        ]
        assert calls == [], path
