"""What a system lacks leaves a test out, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NO_PRIVILEGE, pytest_pyfunc_call


@pytest.mark.parametrize(("number", "left_out"), [(NO_PRIVILEGE, True), (5, False), (None, False)])
def test_who_may_make_no_links_is_not_asked_to(number: int | None, left_out: bool) -> None:
    error = OSError(22, "A required privilege is not held by the client")
    if number:
        vars(error)["winerror"] = number
    running = pytest_pyfunc_call()
    next(running)
    with pytest.raises(pytest.skip.Exception if left_out else OSError):
        running.throw(error)


def test_the_kernels_of_openblas_are_tried_on_tests_that_there_are() -> None:
    here = Path(__file__).parent
    script = (here.parent / ".ci" / "kernels").read_text("utf-8")
    names = script.partition("for name in ")[2].partition("; do")[0].replace("\\", " ").split()
    assert len(names) > 20
    assert not [name for name in names if not (here / f"test_{name}.py").exists()]
