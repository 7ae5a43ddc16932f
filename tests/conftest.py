"""What holds for all tests: how long an example takes depends on the load, and says nothing."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("whatever the load", deadline=None)
settings.load_profile("whatever the load")
