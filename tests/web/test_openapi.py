"""The interface as its OpenAPI document tells it, and what becomes of requests made from that at random."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.errors import SchemathesisError

from likewise.web.settings import Limits
from tests.fakes import make_pictures
from tests.web.serving import API, PATIENCE, data, listening, make_collection, serving

FUZZ = os.environ.get("LIKEWISE_FUZZ")
"""How many examples of each operation, half of them valid, instead of few that are the same each time."""

SETTINGS = settings(
    deadline=None,
    derandomize=not FUZZ,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("openapi")
    make_collection(folder, 8)
    make_pictures(folder / "root", 1, first=90)
    limits = Limits(rate=1e9, burst=1 << 30)
    with listening(folder, roots=(folder / "root",), limits=limits) as address:
        yield address


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("document")
    make_collection(folder, 6)
    with serving(folder) as client:
        yield client


def test_every_operation_is_described(client: TestClient) -> None:
    for path, methods in data(client.get(f"{API}/openapi.json"))["paths"].items():
        assert path.startswith(f"{API}/")
        for operation in methods.values():
            assert operation["description"].endswith("."), path
            assert operation["tags"], path


def test_there_is_a_page_about_it(client: TestClient) -> None:
    text = client.get("/api").text
    for path in data(client.get(f"{API}/openapi.json"))["paths"]:
        assert f"<code>{path}</code>" in text


@pytest.mark.slow
@pytest.mark.timeout(0 if FUZZ else 300)
@pytest.mark.parametrize("examples", [int(FUZZ) // 2] if FUZZ else [1, 20])
def test_nothing_that_is_sent_makes_the_server_fail(client: TestClient, address: str, examples: int) -> None:
    schema = schemathesis.openapi.from_dict(data(client.get(f"{API}/openapi.json")))
    statuses: Counter[int] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if not operation.path.endswith("/events"):  # a stream ends only with its job
            known = {int(status) for status in operation.definition.raw["responses"]}
            statuses.update(found := tried(address, operation, examples))
            assert set(found) <= known | {405}, f"{operation.label} answers what is not documented"
    assert statuses[200] + statuses[202] > 6 * examples
    assert statuses[422] > 6 * examples
    assert statuses[404] > 6 * examples


def tried(address: str, operation: Any, examples: int) -> Counter[int]:
    """Send requests that are made up for an operation, half of them to the collection that there is."""
    statuses: Counter[int] = Counter()

    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), booleans())
    @settings(SETTINGS, max_examples=examples)
    def valid(case: schemathesis.Case[Any], known: bool) -> None:
        if known and "name" in case.path_parameters:
            case.path_parameters["name"] = "photos"
            case.path_parameters.update({"picture": 1} if "picture" in case.path_parameters else {})
            if "box" in (case.query or {}):  # few that are made up lie in a picture
                case.query["box"] = "0,0,8,8"
        statuses[sent(address, case)] += 1

    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(SETTINGS, max_examples=examples)
    def invalid(case: schemathesis.Case[Any]) -> None:
        statuses[sent(address, case)] += 1

    valid()
    with suppress(Unsatisfiable, SchemathesisError):  # an operation to which everything is valid
        invalid()
    return statuses


def sent(address: str, case: schemathesis.Case[Any]) -> int:
    """The status of a request, which may be anything but an error of the server."""
    response = case.call(base_url=address, timeout=PATIENCE)
    case.validate_response(response, checks=[not_a_server_error])
    assert response.status_code < 500, response.text
    return int(response.status_code)


def test_documents_are_the_same_each_time(client: TestClient, tmp_path: Path) -> None:
    first = data(client.get(f"{API}/openapi.json"))
    make_collection(tmp_path, 6)
    with serving(tmp_path, read_only=True) as other:
        assert data(other.get(f"{API}/openapi.json")) == first


@pytest.mark.slow
def test_a_server_that_only_searches_loads_nothing_heavy() -> None:
    heavy = ["torch", "scipy", "sklearn", "timm"]
    code = f"import likewise.web.server, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
