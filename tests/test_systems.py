"""What a system lacks leaves a test out, and nothing else does."""

from __future__ import annotations

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
