"""The client in Python, and what the pages tell readers to type, against a server that listens."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image
from pydantic import BaseModel

from likewise.client import Client, ServedHit, ServedJob, ServedPicture, ServerError
from likewise.collection import Collection
from likewise.errors import UsageError
from likewise.web import schemas
from tests.fakes import FakeFactory, make_pictures, picture_bytes
from tests.test_docs import blocks
from tests.web.serving import TOKEN, listening, make_collection

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"


def make(folder: Path) -> Path:
    make_collection(folder, 12)
    make_pictures(folder / "root" / "2024", 3, first=70)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests that look."""
    return make(tmp_path_factory.mktemp("client"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """For a test that changes it."""
    (tmp_path / "own").mkdir()
    return make(tmp_path / "own")


@pytest.fixture(scope="module")
def client(made: Path) -> Iterator[Client]:
    with listening(made, token=TOKEN, roots=(made / "root",)) as address:
        yield Client(address, token=TOKEN)


@pytest.fixture(scope="module")
def collection(made: Path) -> Iterator[Collection]:
    with Collection.open(made / "photos.likewise", extractor_factory=FakeFactory()) as collection:
        yield collection


def test_searching_is_that_of_the_collection(client: Client, collection: Collection) -> None:
    path = collection.path_of(4)
    expected = [hit.id for hit in collection.search(path, k=7, box=(0, 0, 12, 8), then=["expand:n=3"])]
    hits = client.search("photos", path, k=7, box=(0, 0, 12, 8), then=["expand:n=3"])
    assert [hit.id for hit in hits] == expected
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6, 7]
    vector = collection.describe(4).tolist()
    for query in (4, path, path.read_bytes(), vector):
        found = client.search("photos", query, yes=[5], no=[6], k=3)
        assert [hit.id for hit in found] == [hit.id for hit in collection.search(4, yes=[5], no=[6], k=3)]


def test_boxes_where_the_query_was_found(client: Client) -> None:
    first, second = client.search("photos", 4, k=2, then=["localise:top=1"])
    assert first.box and len(first.box) == 4
    assert second.box is None


def test_pictures_and_facts(client: Client) -> None:
    assert len(list(client.pictures("photos"))) == client.collections()[0]["pictures"] == 12
    assert {entry.path.rpartition("/")[0] for entry in client.pictures("photos", folder="pictures/deep")} == {
        "pictures/deep"
    }
    assert Image.open(io.BytesIO(client.thumbnail("photos", 1))).format == "JPEG"
    assert client.explain("photos", 1, 2)["exact"]


def test_adding_removing_and_undoing(own: Path) -> None:
    with listening(own, token=TOKEN, roots=(own / "root",)) as address:
        changed_and_undone(Client(address, token=TOKEN))


def changed_and_undone(client: Client) -> None:
    job = client.add("photos", picture_bytes(800), picture_bytes(801))
    last = list(client.follow(job.id))[-1]
    assert (last.state, last.ended, last.report and last.report["added"]) == ("done", True, 2)
    job = client.add_folder("photos", "root", "2024")
    assert [one.done for one in client.follow(job.id)][-1] == 3
    assert client.job(job.id).state == "done"
    ids = [hit.id for hit in client.search("photos", picture_bytes(800), k=1)]
    undo = client.remove("photos", *ids)
    assert client.search("photos", picture_bytes(800), k=1)[0].id != ids[0]
    assert client.undo("photos", undo) == 1
    assert client.search("photos", picture_bytes(800), k=1)[0].id == ids[0]
    with pytest.raises(ServerError, match="done already") as caught:
        client.stop(job.id)
    assert (caught.value.status, caught.value.code) == (409, "conflict")


def test_errors_are_the_servers(client: Client) -> None:
    with pytest.raises(ServerError) as caught:
        client.search("photos", b"no picture")
    assert (caught.value.status, caught.value.code) == (400, "bad-picture")
    with pytest.raises(ServerError, match="does not answer"):
        Client("http://127.0.0.1:9", timeout=2).collections()
    with pytest.raises(UsageError, match="no address"):
        Client("127.0.0.1:8080")


def test_what_cannot_be_asked_for_is_named(client: Client) -> None:
    for k in (0, -1):
        with pytest.raises(UsageError, match=f"k must be at least 1, not {k}"):
            client.search("photos", 1, k=k)
    with pytest.raises(UsageError, match="a query cannot be None"):
        client.search("photos", None)  # type: ignore[arg-type]
    with pytest.raises(ServerError, match=r"body\.queries\.0\.box: List should have at least 4"):
        client.search("photos", 1, box=(1, 2))


def test_the_token_is_needed(made: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    address = client._base.removesuffix("/api/v1")
    monkeypatch.delenv("LIKEWISE_TOKEN", raising=False)
    with pytest.raises(ServerError, match="token"):
        Client(address).collections()
    monkeypatch.setenv("LIKEWISE_TOKEN", TOKEN)
    assert Client(address).collections()


@pytest.mark.parametrize(
    ("kind", "model"), [(ServedPicture, schemas.Picture), (ServedHit, schemas.Hit), (ServedJob, schemas.Job)]
)
def test_it_knows_nothing_that_servers_do_not_tell(kind: type, model: type[BaseModel]) -> None:
    """It takes what is missing for None: a member by another name would not be noticed."""
    assert {field.name for field in fields(kind)} <= model.model_fields.keys()


def test_it_needs_nothing_but_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import likewise.client; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "urllib" in loaded
    assert loaded - sys.stdlib_module_names == {"likewise"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_what_the_page_says_about_curl(own: Path, tmp_path: Path) -> None:
    """Every line with curl in the page is run, as it stands but for the port."""
    (tmp_path / "query.jpg").write_bytes(picture_bytes(3))
    (tmp_path / "new.jpg").write_bytes(picture_bytes(900))
    code = "\n".join(blocks(PAGE, "sh"))
    lines = [line for line in code.replace("\\\n", " ").splitlines() if line.startswith("curl")]
    assert len(lines) >= 8
    with listening(own, token=TOKEN, roots=(own / "root",)) as address:
        for line in lines:
            done = subprocess.run(
                ["bash", "-c", "set -eo pipefail; " + line.replace("http://127.0.0.1:8080", address)],
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env={"PATH": "/usr/bin:/bin:/usr/local/bin", "LIKEWISE_TOKEN": TOKEN},
                timeout=30,
            )
            assert done.returncode == 0, (line, done.stderr)
            assert '"error":{' not in done.stdout, (line, done.stdout)
