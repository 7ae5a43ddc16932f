"""A short soak; a longer one is a command, see `tests.soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import Soak
from tests.systems import linux


@pytest.mark.slow
@linux
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("alone", [True, False])
def test_random_operations_make_no_difference(tmp_path: Path, alone: bool) -> None:
    soak = Soak(tmp_path, seed=1, alone=alone)
    soak.run(60)
    assert sum(soak.done.values()) >= 60
    assert soak.figures
