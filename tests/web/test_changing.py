"""Adding as jobs, their events, removing and undoing over HTTP."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.collection import Collection
from likewise.collection.store.database import CHECKSUMS, checksum_of
from likewise.files import one_writer
from likewise.pictures import Loaded
from likewise.types import FloatArray
from likewise.web.settings import Limits
from tests.fakes import RECIPE, FakeExtractor, FakeFactory, make_pictures, picture_bytes
from tests.web.serving import API, BASE, PATIENCE, data, fault, finished, make_collection, serving


class Slow(FakeExtractor):
    """Takes its time with each picture."""

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        time.sleep(0.02 * len(loaded))
        return super().describe(loaded)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    make_collection(tmp_path, 10)
    make_pictures(tmp_path / "root" / "more", 6, first=100)
    return tmp_path


@pytest.fixture
def client(made: Path) -> Iterator[TestClient]:
    with serving(made, roots=(made / "root", made / "pictures")) as client:
        yield client


def events(client: TestClient, job: str) -> list[tuple[str, dict[str, Any]]]:
    """All events of a job, until its stream ends."""
    found, kind = [], ""
    with client.stream("GET", f"{API}/jobs/{job}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                found.append((kind, json.loads(value)))
    return found


class TestAdding:
    def test_a_folder_below_a_root(self, client: TestClient, made: Path) -> None:
        assert data(client.get(f"{API}/roots"))["roots"] == [{"name": "root"}, {"name": "pictures"}]
        inside = data(client.get(f"{API}/roots/root/folders"))
        assert inside == {"path": "", "folders": ["more"], "pictures": 0}
        assert data(client.get(f"{API}/roots/root/folders", params={"path": "more"}))["pictures"] == 6
        asked = {"root": "root", "path": "more"}
        job = data(client.post(f"{BASE}/add/folder", json=asked), 202)
        assert (job["kind"], job["subject"], job["state"]) == ("folder", "root/more", "waiting")
        job = finished(client, job)
        assert (job["state"], job["done"], job["total"], job["report"]["added"]) == ("done", 6, 6, 6)
        assert str(made) not in json.dumps(job)
        told = data(client.get(f"{BASE}/pictures", params={"folder": "more"}))
        assert told["total"] == 6

    def test_files_are_kept_and_bad_ones_become_failures(self, client: TestClient, made: Path) -> None:
        sent = [
            ("pictures", ("../../evil name.png", picture_bytes(500))),
            ("pictures", ("same.png", picture_bytes(500))),
            ("pictures", ("b.jpg", b"This is no picture.")),
        ]
        job = finished(client, data(client.post(f"{BASE}/add/files", files=sent), 202))
        assert job["subject"] == "3 files"
        assert (job["report"]["added"], job["report"]["copied"], job["report"]["failed"]) == (1, 1, 1)
        names = sorted(path.name for path in (made / "photos.likewise" / "uploads").iterdir())
        assert [name.rpartition("-")[0] for name in names] == ["evil_name", "same"]  # the third is not kept
        found = data(client.post(f"{BASE}/search/upload", files={"picture": ("q.png", picture_bytes(500))}))
        assert {hit["folder"] for hit in found["hits"][:2]} == {"uploads"}
        assert {hit["name"] for hit in found["hits"][:2]} == {"evil_name.png", "same.png"}
        reasons = {one["path"].partition("/")[0]: one["reason"] for one in failures(client)}
        assert reasons == {"pictures": "not-a-picture", "uploads": "not-a-picture"}

    def test_the_first_pictures_make_the_collection(self, made: Path) -> None:
        with serving(made, made / "new.likewise", roots=(made / "root",), factory=FakeFactory()) as client:
            base = f"{API}/collections/new"
            job = data(client.post(f"{base}/add/folder", json={"root": "root"}), 202)
            assert finished(client, job)["state"] == "done"
            assert data(client.get(base))["pictures"] == 6

    def test_sent_pictures_may_be_the_first(self, made: Path) -> None:
        with serving(made, made / "new.likewise", factory=FakeFactory()) as client:
            sent = {"pictures": ("a.png", picture_bytes(1))}
            job = data(client.post(f"{API}/collections/new/add/files", files=sent), 202)
            assert finished(client, job)["state"] == "done"
            assert data(client.get(f"{API}/collections/new"))["pictures"] == 1

    def test_looking_again_after_the_first_pictures(self, made: Path) -> None:
        with serving(made, made / "new.likewise", factory=FakeFactory()) as client:
            base = f"{API}/collections/new"
            sent = {"pictures": ("a.png", picture_bytes(1))}
            finished(client, data(client.post(f"{base}/add/files", files=sent), 202))
            job = finished(client, data(client.post(f"{base}/update"), 202))
            assert (job["state"], job["report"]["unchanged"]) == ("done", 1)

    def test_looking_again_without_a_root_says_what_is_missing(self, made: Path) -> None:
        with serving(made) as client:
            told = client.post(f"{BASE}/update")
            assert fault(told, 404) == "not-found"
            assert "--root" in told.json()["error"]["message"]

    def test_a_collection_that_is_made_anew_is_the_one_that_is_served(self, made: Path) -> None:
        with serving(made) as client:
            query = {"queries": [{"picture": 1}], "k": 50}
            before = data(client.post(f"{BASE}/search", json=query))["total"]
            data(client.get(f"{BASE}/folders"))
            shutil.rmtree(made / "photos.likewise")
            assert fault(client.post(f"{BASE}/search", json=query), 404) == "not-found"
            assert data(client.get(BASE))["pictures"] == 0
            with Collection.open(
                made / "photos.likewise", recipe=RECIPE, extractor_factory=FakeFactory()
            ) as collection:
                collection.add(made / "root")
                count = len(collection)
            assert count != before
            told = data(client.post(f"{BASE}/search", json=query))
            assert (told["total"], len(told["hits"])) == (count, count)
            assert {folder["path"] for folder in data(client.get(f"{BASE}/folders"))["folders"]} >= {"root"}
            sent = {"pictures": ("a.png", picture_bytes(900))}
            finished(client, data(client.post(f"{BASE}/add/files", files=sent), 202))
            assert data(client.get(BASE))["pictures"] == count + 1

    def test_retrying_what_failed(self, client: TestClient, made: Path) -> None:
        (failure,) = failures(client)
        Path(made / "pictures" / "bad.jpg").write_bytes(picture_bytes(700))
        job = data(client.post(f"{BASE}/failures/retry", json={"keys": [failure["key"]]}), 202)
        assert finished(client, job)["report"]["added"] == 1
        assert failures(client) == []
        assert fault(client.post(f"{BASE}/failures/retry", json={}), 404) == "not-found"
        assert fault(client.post(f"{BASE}/failures/retry", json={"keys": ["0" * 16]}), 404) == "not-found"

    def test_a_row_of_what_failed_that_is_damaged(self, client: TestClient, made: Path) -> None:
        (before,) = failures(client)
        with closing(sqlite3.connect(made / "photos.likewise" / "catalogue.sqlite")) as catalogue, catalogue:
            catalogue.execute("UPDATE failures SET message = CAST(x'ff' AS TEXT)")
            row = "99, x'61', 'empty', 'is empty', 0, 0, 0, 0, NULL"
            catalogue.execute(f"INSERT INTO failures VALUES ({row})")
            catalogue.create_function("checksum_of", -1, checksum_of)
            catalogue.execute(f"UPDATE failures SET checksum = {CHECKSUMS['failures']}")
        assert failures(client) == [{**before, "message": "\\xff"}]

    def test_updating_forgets_what_is_gone(self, client: TestClient, made: Path) -> None:
        (made / "pictures" / "0001.png").unlink()
        make_pictures(made / "pictures", 2, first=40)
        job = finished(client, data(client.post(f"{BASE}/update"), 202))
        assert (job["report"]["added"], job["report"]["forgotten"]) == (2, 1)

    def test_updating_forgets_a_folder_out_of_reach_only_when_told(
        self, client: TestClient, made: Path
    ) -> None:
        held = data(client.get(BASE))["pictures"]
        (made / "pictures").rename(made / "elsewhere")
        for state in ("gone", "empty"):
            job = finished(client, data(client.post(f"{BASE}/update"), 202))
            assert (job["report"]["forgotten"], job["report"]["away"]) == (0, held), state
            (made / "pictures").mkdir(exist_ok=True)
        assert data(client.get(BASE))["pictures"] == held
        job = finished(client, data(client.post(f"{BASE}/update", json={"prune": "all"}), 202))
        assert (job["report"]["forgotten"], job["report"]["away"]) == (held, 0)

    def test_it_waits_while_somebody_else_writes(self, client: TestClient, made: Path) -> None:
        with one_writer(made / "photos.likewise" / "lock"):
            job = data(client.post(f"{BASE}/add/folder", json={"root": "root"}), 202)
            time.sleep(0.3)
            assert data(client.get(f"{API}/jobs/{job['id']}"))["state"] == "waiting"
            assert data(client.get(BASE))["indexing"] == job["id"]
            assert fault(client.post(f"{BASE}/remove", json={"pictures": [1]}), 409) == "locked"
        assert finished(client, job)["state"] == "done"


def failures(client: TestClient) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = data(client.get(f"{BASE}/failures"))["failures"]
    return told


class TestJobs:
    @pytest.fixture
    def client(self, made: Path) -> Iterator[TestClient]:
        make_pictures(made / "root" / "many", 200, first=1000)
        factory, limits = FakeFactory(kind=Slow), Limits(rate=1e9, burst=1 << 30)
        with serving(made, roots=(made / "root",), factory=factory, limits=limits) as client:
            yield client

    def start(self, client: TestClient) -> str:
        asked = {"root": "root", "path": "many"}
        return str(data(client.post(f"{BASE}/add/folder", json=asked), 202)["id"])

    def until(self, client: TestClient, job: str, done: int) -> None:
        end = time.monotonic() + PATIENCE
        while data(client.get(f"{API}/jobs/{job}"))["done"] < done:
            assert time.monotonic() < end
            time.sleep(0.02)

    def test_events_tell_of_all_of_it(self, client: TestClient) -> None:
        job = self.start(client)
        told = events(client, job)
        assert [kind for kind, _ in told] == ["progress"] * (len(told) - 1) + ["end"]
        done = [one["done"] for _, one in told]
        assert done == sorted(done)
        assert (done[-1], told[-1][1]["state"]) == (200, "done")
        assert len(set(done)) > 3
        assert any(one["remaining"] for _, one in told)
        assert events(client, job) == [told[-1]]

    def test_cancelling_keeps_what_was_committed(self, client: TestClient) -> None:
        job = self.start(client)
        self.until(client, job, 1)
        data(client.post(f"{API}/jobs/{job}/cancel"))
        told = finished(client, {"id": job})
        assert told["state"] == "cancelled"
        assert data(client.get(BASE))["pictures"] == 10 + told["done"] < 210
        assert fault(client.post(f"{API}/jobs/{job}/cancel"), 409) == "conflict"
        assert fault(client.post(f"{API}/jobs/{job}/resume"), 409) == "conflict"

    @pytest.mark.slow
    def test_pausing_and_going_on(self, client: TestClient) -> None:
        job = self.start(client)
        self.until(client, job, 1)
        data(client.post(f"{API}/jobs/{job}/pause"))
        end = time.monotonic() + PATIENCE
        while (told := data(client.get(f"{API}/jobs/{job}")))["state"] != "paused":
            assert time.monotonic() < end
            time.sleep(0.02)
        assert 0 < told["done"] < 200
        removed = data(client.post(f"{BASE}/remove", json={"pictures": [1]}))  # it does not hold the lock
        assert removed["removed"] == 1
        data(client.post(f"{API}/jobs/{job}/resume"))
        told = finished(client, {"id": job})
        assert (told["state"], told["done"], told["total"]) == ("done", 200, 200)
        assert data(client.get(BASE))["pictures"] == 209

    def test_a_paused_job_can_be_cancelled(self, client: TestClient) -> None:
        job = self.start(client)
        self.until(client, job, 1)
        data(client.post(f"{API}/jobs/{job}/pause"))
        while data(client.get(f"{API}/jobs/{job}"))["state"] != "paused":
            time.sleep(0.02)
        assert data(client.post(f"{API}/jobs/{job}/cancel"))["state"] == "cancelled"

    def test_the_end_of_the_server_interrupts_it_and_the_next_goes_on(
        self, client: TestClient, made: Path
    ) -> None:
        with serving(made, roots=(made / "root",), factory=FakeFactory(kind=Slow)) as first:
            job = self.start(first)
            self.until(first, job, 1)
        with serving(made, roots=(made / "root",)) as second:
            assert data(second.get(f"{API}/jobs/{job}"))["state"] == "interrupted"
            data(second.post(f"{API}/jobs/{job}/resume"))
            assert finished(second, {"id": job})["state"] == "done"
            assert data(second.get(BASE))["pictures"] == 210

    @pytest.mark.slow
    def test_searching_goes_on_meanwhile(self, client: TestClient) -> None:
        job = self.start(client)
        seen = set()
        while data(client.get(f"{API}/jobs/{job}"))["state"] != "done":
            told = data(client.post(f"{BASE}/search", json={"queries": [{"picture": 1}], "k": 1}))
            assert told["hits"][0]["id"] == 1
            seen.add(told["total"])
        assert len(seen) > 3

    def test_they_are_listed_and_unknown_ones_are_not(self, client: TestClient) -> None:
        first, second = self.start(client), self.start(client)
        data(client.post(f"{API}/jobs/{first}/cancel"))
        data(client.post(f"{API}/jobs/{second}/cancel"))
        told = data(client.get(f"{API}/jobs", params={"collection": "photos"}))["jobs"]
        assert [job["id"] for job in told] == [second, first]
        for id in ("none", "..%2f..%2fphotos", "0" * 300):
            assert fault(client.get(f"{API}/jobs/{id}"), 404) == "not-found"
            assert fault(client.get(f"{API}/jobs/{id}/events"), 404) == "not-found"


class TestRemoving:
    def test_undoing_brings_back_the_same(self, client: TestClient, made: Path) -> None:
        with Collection.open(made / "photos.likewise", recipe=RECIPE, extractor_factory=FakeFactory()) as one:
            before = one.vectors()
            asked = {"queries": [{"picture": 5}]}
            hits = data(client.post(f"{BASE}/search", json=asked))["hits"]
            told = data(client.post(f"{BASE}/remove", json={"pictures": [3, 4, 4, 999]}))
            assert told["removed"] == 2
            assert fault(client.get(f"{BASE}/pictures/3"), 404) == "not-found"
            assert {3, 4}.isdisjoint(
                hit["id"] for hit in data(client.post(f"{BASE}/search", json=asked))["hits"]
            )
            assert data(client.post(f"{BASE}/undo", json={"undo": told["undo"]})) == {"restored": 2}
            assert data(client.post(f"{BASE}/search", json=asked))["hits"] == hits
            after = one.vectors()
        assert np.array_equal(before[0], after[0])
        assert np.array_equal(before[1], after[1])

    def test_files_stay(self, client: TestClient, made: Path) -> None:
        files = sorted((made / "pictures").rglob("*.*"))
        data(client.post(f"{BASE}/remove", json={"pictures": list(range(1, 11))}))
        assert sorted((made / "pictures").rglob("*.*")) == files

    def test_only_once_and_only_what_was_removed(self, client: TestClient) -> None:
        told = data(client.post(f"{BASE}/remove", json={"pictures": [3]}))
        data(client.post(f"{BASE}/undo", json={"undo": told["undo"]}))
        for undo in (told["undo"], "0" * 32, "../../catalogue", ""):
            assert fault(client.post(f"{BASE}/undo", json={"undo": undo}), 404) == "not-found"

    def test_not_for_ever(self, made: Path) -> None:
        with serving(made, limits=Limits(undo_seconds=0.0)) as client:
            told = data(client.post(f"{BASE}/remove", json={"pictures": [3]}))
            time.sleep(0.01)
            assert fault(client.post(f"{BASE}/undo", json={"undo": told["undo"]}), 404) == "not-found"

    def test_what_was_indexed_again_meanwhile_is_passed_over(self, client: TestClient) -> None:
        told = data(client.post(f"{BASE}/remove", json={"pictures": [3, 4]}))
        finished(client, data(client.post(f"{BASE}/update"), 202))
        assert data(client.post(f"{BASE}/undo", json={"undo": told["undo"]})) == {"restored": 0}
        assert data(client.get(BASE))["pictures"] == 10

    def test_unknown_pictures(self, client: TestClient) -> None:
        assert fault(client.post(f"{BASE}/remove", json={"pictures": [999]}), 404) == "not-found"
        assert fault(client.post(f"{BASE}/remove", json={"pictures": []}), 422) == "invalid"


def test_many_clients_at_once_get_what_one_gets(client: TestClient) -> None:
    def ask(picture: int) -> list[int]:
        told = data(
            client.post(f"{BASE}/search", json={"queries": [{"picture": picture, "box": [0, 0, 9, 9]}]})
        )
        return [hit["id"] for hit in told["hits"]]

    alone = [ask(picture) for picture in range(1, 9)]
    together: dict[int, list[int]] = {}
    threads = [
        threading.Thread(target=lambda p=picture: together.update({p: ask(p)})) for picture in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[picture] for picture in range(1, 9)] == alone


class TestDuplicates:
    """Copies are thrown away with their files, and come back."""

    @pytest.fixture
    def copied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Eight pictures and a copy of the first."""
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        make_collection(tmp_path, 8)
        copy = tmp_path / "pictures" / "copy.png"
        copy.write_bytes((tmp_path / "pictures" / "0000.png").read_bytes())
        with Collection.open(tmp_path / "photos.likewise", extractor_factory=FakeFactory()) as collection:
            collection.add(tmp_path / "pictures")
        return copy

    def test_a_copy_is_thrown_away_and_comes_back(self, copied: Path, tmp_path: Path) -> None:
        with serving(tmp_path) as client:
            (group,) = data(client.get(f"{BASE}/duplicates"))["groups"]
            assert (group["kinds"], group["surplus"]) == ([None, "same bytes"], [False, True])
            gone = group["pictures"][1]["id"]
            told = data(client.post(f"{BASE}/duplicates/trash", json={"pictures": [gone]}))
            assert (told["removed"], told["left"]) == (1, [])
            assert not copied.exists()  # for what goes is the copy, which has the higher id
            assert data(client.get(f"{BASE}/duplicates"))["groups"] == []
            assert data(client.post(f"{BASE}/undo", json={"undo": told["undo"]}))["restored"] == 1
            assert copied.exists()
            assert len(data(client.get(f"{BASE}/duplicates"))["groups"]) == 1

    def test_what_has_to_stay_stays(self, copied: Path, tmp_path: Path) -> None:
        with serving(tmp_path) as client:
            (group,) = data(client.get(f"{BASE}/duplicates"))["groups"]
            both = [picture["id"] for picture in group["pictures"]]
            told = data(client.post(f"{BASE}/duplicates/trash", json={"pictures": both}))
            assert (told["removed"], sorted(told["left"])) == (0, sorted(both))
            assert data(client.get(f"{BASE}/duplicates"))["surplus"] == 1
            other = next(id for id in range(1, 9) if id not in both)
            answer = client.post(f"{BASE}/duplicates/trash", json={"pictures": [other]})
            assert fault(answer, 404) == "not-found"
            assert copied.exists()

    def test_no_duplicates_after_all(self, copied: Path, tmp_path: Path) -> None:
        with Image.open(copied) as picture:
            picture.convert("RGB").save(copied.with_suffix(".bmp"))
        with Collection.open(tmp_path / "photos.likewise", extractor_factory=FakeFactory()) as collection:
            collection.add(tmp_path / "pictures")
        with serving(tmp_path) as client:
            (group,) = data(client.get(f"{BASE}/duplicates"))["groups"]
            ids = {"pictures": [picture["id"] for picture in group["pictures"]]}
            assert len(ids["pictures"]) == 3
            assert data(client.post(f"{BASE}/duplicates/dismiss", json=ids)) == {"pairs": 1}
            (group,) = data(client.get(f"{BASE}/duplicates"))["groups"]
            assert group["kinds"] == [None, "same bytes"]  # what is the same needs no judging
            data(client.post(f"{BASE}/duplicates/dismiss", json={**ids, "forget": True}))
            assert len(data(client.get(f"{BASE}/duplicates"))["groups"][0]["pictures"]) == 3
            assert fault(client.post(f"{BASE}/duplicates/dismiss", json={"pictures": [998, 999]}), 404)
        with serving(tmp_path, read_only=True) as client:
            for what in ("trash", "dismiss"):
                assert fault(client.post(f"{BASE}/duplicates/{what}", json=ids), 403) == "read-only"
