"""Fixtures of the browser tests; without playwright there are none."""

from importlib.util import find_spec

if find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from tests.browser.watching import address, chromium, opened, page, site

    __all__ = ["address", "chromium", "opened", "page", "site"]
