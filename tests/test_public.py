"""What `import likewise` gives, and what it costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import likewise

SOURCE = Path(likewise.__file__)


def test_names_are_sorted_and_all_there() -> None:
    assert likewise.__all__ == sorted(likewise.__all__)
    for name in likewise.__all__:
        assert getattr(likewise, name) is not None
    assert set(likewise.__all__) <= set(dir(likewise))


def test_type_checkers_see_the_same_names() -> None:
    (block,) = [node for node in ast.parse(SOURCE.read_text("utf-8")).body if isinstance(node, ast.If)]
    seen = {alias.name for line in block.body if isinstance(line, ast.ImportFrom) for alias in line.names}
    assert seen == set(likewise.__all__) == set(likewise._HOMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Colection'"):
        likewise.Colection  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(likewise.__all__) - {"__version__"}))
def test_public_things_are_documented_and_typed(name: str) -> None:
    thing = getattr(likewise, name)
    assert inspect.getdoc(thing)
    members = vars(thing).items() if inspect.isclass(thing) else [(name, thing)]
    for member, value in members:
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function) and not member.startswith("_"):
            assert inspect.getdoc(function), f"{name}.{member}"
            assert "return" in function.__annotations__, f"{name}.{member}"


def test_importing_loads_next_to_nothing() -> None:
    heavy = "numpy PIL torch openvino faiss sklearn matplotlib scipy typer rich".split()
    code = f"import likewise, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE.parent / "py.typed").exists()


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likewise", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"likewise {likewise.__version__}\n"
