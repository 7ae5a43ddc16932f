"""Near-duplicates of a collection: however many copies there are, what is kept, and which files count."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from likewise.collection import Collection
from likewise.downstream.duplicates import Duplicates, find_duplicates
from likewise.downstream.duplicates.dismissed import Dismissed
from likewise.downstream.duplicates.grouping import chained_groups, complete_groups, with_parts
from likewise.downstream.duplicates.keeping import Keeping
from likewise.downstream.duplicates.links import DuplicateFile
from likewise.downstream.duplicates.plan import Plan
from likewise.downstream.linking import close_pairs, nearest_pairs
from likewise.errors import CollectionDamaged, ManifestMismatch, UnknownName, UsageError
from likewise.recipes.recipe import Recipe, as_recipe
from tests.fakes import RECIPE, FakeFactory, coded, scene
from tests.test_layers_of_collections import textured

opened = partial(Collection.open, recipe=RECIPE)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = Path(os.path.realpath(tmp_path)) / "photos"
    folder.mkdir()
    return folder


def save(folder: Path, seed: int, name: str = "", *, scale: int = 1, quality: int = 95) -> Path:
    """Write a scene, or a copy of it that is smaller or compressed otherwise."""
    picture = scene(seed, width=192, height=128)
    path = folder / (name or f"{seed:03}.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((192 // scale, 128 // scale)).save(path, quality=quality)
    return path


def look(*sources: Path, into: str = "c.likewise", **options: object) -> Duplicates:
    with opened(sources[0].parent / into, extractor_factory=FakeFactory()) as collection:
        collection.add(*sources)
        return find_duplicates(collection, **options)  # type: ignore[arg-type]


def names(found: Duplicates) -> list[list[str]]:
    return sorted([path.name for path in group.paths] for group in found.groups)


@pytest.mark.slow
class TestHowMany:
    @pytest.mark.parametrize("share", [0.04, 0.25, 0.5, 0.9])
    def test_copies_are_found_however_many_they_are(self, photos: Path, share: float) -> None:
        """Of 40 pictures so many are copies: of halved size and of another quality, by turns."""
        count = 40
        originals = count - max(1, round(share * count))
        for seed in range(originals):
            save(photos, seed)
        for number in range(count - originals):
            save(photos, number % originals, f"copy{number}.jpg", scale=1 + number % 2, quality=60 + number)
        found = look(photos)
        grouped = [group for group in found.groups if len({path.name[:3] for path in group.paths}) > 1]
        assert sum(len(group.ids) - 1 for group in grouped) == count - originals
        assert found.surplus == count - originals
        assert found.threshold < 1
        for group in grouped:  # one original each, and it is kept
            assert not group.paths[0].name.startswith("copy")
            assert all(path.name.startswith("copy") for path in group.paths[1:])

    def test_where_an_edit_is_kept_copies_of_the_first_can_go(self, photos: Path) -> None:
        """The edit is heavier, and the first stays beside it."""
        for seed in range(8):
            save(photos, seed)
        first = save(photos, 20, "first.jpg", quality=80)
        save(photos, 20, "copy.jpg", quality=50)
        save(photos, 20, "small.jpg", scale=2)
        edit = photos / "edit.png"
        Image.eval(scene(20, width=192, height=128), lambda level: level * 3 // 4).save(edit)
        (group,) = look(photos).groups
        assert group.paths[0] == edit
        told = {
            member.file.path.name: (member.kind, member.surplus, member.of) for member in group.members[1:]
        }
        assert told == {
            "first.jpg": ("edited", False, edit),
            "copy.jpg": ("recompressed", True, first),
            "small.jpg": ("resized", True, first),
        }
        assert [
            (row.of, row.action) for row in Plan.of(look(photos)).rows if row.file == os.fspath(first)
        ] == [(os.fspath(edit), "keep")]

    def test_more_copies_than_neighbours_that_are_looked_at(self, photos: Path) -> None:
        for number in range(40):
            save(photos, 1, f"copy{number}.jpg", quality=50 + number)
        for seed in range(2, 8):
            save(photos, seed)
        (group,) = look(photos).groups
        assert len(group.ids) == 40

    def test_a_burst_hides_no_copy_and_is_none(self, photos: Path) -> None:
        base = np.asarray(scene(100, width=192, height=128)).astype(np.int16)
        for shot in range(20):
            moved = base.copy()
            moved[20:110, 4 * shot : 4 * shot + 100] = np.asarray(scene(200 + shot, width=100, height=90))
            exif = Image.Exif()
            exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:00:{2 * shot:02}"
            Image.fromarray(moved.astype(np.uint8)).save(photos / f"burst{shot}.jpg", exif=exif)
        for seed in range(12):
            save(photos, seed)
        for seed in range(6):
            save(photos, seed, f"copy{seed}.jpg", scale=2)
        found = look(photos)
        assert names(found) == [[f"{seed:03}.jpg", f"copy{seed}.jpg"] for seed in range(6)]
        for group in found.bursts:
            assert all(path.name.startswith("burst") for path in group.paths)
            assert {member.kind for member in group.members[1:]} == {"burst"}
        assert found.surplus == 6

    def test_the_ends_of_a_chain_are_not_joined(self, photos: Path) -> None:
        wide = scene(3, width=400, height=200)
        wide.save(photos / "all.png")
        for name, at in (("left.png", 0), ("right.png", 150)):
            wide.crop((at, 0, at + 250, 200)).save(photos / name)
        (group,) = look(photos).groups
        assert len(group.ids) == 2
        assert "all.png" in [path.name for path in group.paths]

    def test_parts_of_a_picture_are_found_beside_its_mirrored_copy(self, photos: Path) -> None:
        for seed in range(8):
            textured(seed).save(photos / f"{seed}.png")
        one = textured(9)  # whose quarters are of one colour: mirrored it has nearly the same vector
        one.save(photos / "whole.png")
        one.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photos / "mirrored.png")
        one.crop((32, 24, 288, 216)).save(photos / "inner.png")
        one.crop((0, 0, 240, 240)).save(photos / "left.png")
        [group] = look(photos).groups
        assert {path.name for path in group.paths} == {"whole.png", "mirrored.png", "inner.png", "left.png"}
        kinds = {member.file.path.name: member.kind for member in group.members}
        assert (kinds["inner.png"], kinds["left.png"]) == ("cropped", "cropped")

    def test_a_part_that_is_none_stays_out_whoever_else_holds_it(self, photos: Path) -> None:
        one = scene(5, width=384, height=256)
        for name in ("whole.png", "whole.jpg"):
            one.save(photos / name)
        one.crop((38, 25, 346, 231)).save(photos / "inner.png")
        assert len(look(photos).groups[0].ids) == 3
        with opened(photos.parent / "c.likewise") as collection:
            digests = {path.name: collection.entries([id])[0].sha256 for id, path in collection.paths()}
            Dismissed.add(collection.path, [digests["whole.jpg"], digests["inner.png"]])
        assert names(look(photos)) in ([["whole.png", "whole.jpg"]], [["whole.jpg", "whole.png"]])

    def test_what_lies_on_its_side_is_looked_for_when_asked(self, photos: Path) -> None:
        for seed in range(8):
            save(photos, seed)
        scene(5, width=192, height=128).transpose(Image.Transpose.ROTATE_90).save(photos / "side.jpg")
        found = look(photos, turned=True)
        assert names(found) == [["005.jpg", "side.jpg"]]
        (group,) = found.groups
        assert (group.members[1].kind, group.members[1].surplus) == ("turned", False)


class TestFiles:
    def test_links_to_one_file_are_one_picture(self, photos: Path) -> None:
        save(photos, 1, "a/real.jpg")
        os.link(photos / "a/real.jpg", photos / "a/hard.jpg")
        (photos / "0best").mkdir()
        (photos / "0best/link.jpg").symlink_to("../a/real.jpg")
        save(photos, 2, "b.jpg")
        found = look(photos, threshold=0.99)
        assert (found.groups, found.surplus) == ((), 0)

    def test_a_link_is_never_preferred_to_a_file_and_never_goes(self, photos: Path) -> None:
        outside = save(photos.parent / "outside", 1, "huge.jpg")
        (photos / "a_link.jpg").symlink_to(outside)
        save(photos, 1, "small.jpg", scale=2)
        save(photos, 2)
        (group,) = look(photos).groups
        assert [path.name for path in group.paths] == ["small.jpg", "a_link.jpg"]
        assert not any(member.surplus for member in group.members)

    def test_a_file_by_several_names_does_not_go(self, photos: Path) -> None:
        save(photos, 1)
        save(photos, 1, "copy.jpg", scale=2)
        (photos / "link.jpg").symlink_to("copy.jpg")
        save(photos, 2)
        found = look(photos)
        (group,) = found.groups
        assert group.paths == (photos / "001.jpg", photos / "copy.jpg")
        assert group.members[1].file.others == (photos / "link.jpg",)
        assert found.surplus == 0

    @pytest.mark.parametrize("what", ["gone", "changed"])
    def test_what_is_no_longer_what_was_indexed_is_neither_kept_nor_surplus(
        self, photos: Path, what: str
    ) -> None:
        original = save(photos, 1)
        save(photos, 1, "copy.jpg", scale=2)
        save(photos, 2)
        with opened(photos.parent / "c.likewise", extractor_factory=FakeFactory()) as collection:
            collection.add(photos)
            if what == "gone":
                original.unlink()
            else:
                save(photos, 9, original.name)
                os.utime(original, (1, 1))
            found = find_duplicates(collection)
        assert (found.groups, found.surplus) == ((), 0)
        assert getattr(found.left_out, what) == (original,)

    def test_the_same_bytes_need_no_threshold(self, photos: Path) -> None:
        save(photos, 1)
        (photos / "copy.jpg").write_bytes((photos / "001.jpg").read_bytes())
        found = look(photos)
        assert [sorted(group) for group in names(found)] == [["001.jpg", "copy.jpg"]]  # either may be first
        assert found.groups[0].members[1].kind == "same bytes"
        assert found.kinds == {"same bytes": 1}


class TestKeeping:
    def file(self, **told: object) -> DuplicateFile:
        path = Path(str(told.pop("path", "/a/b.jpg")))
        known: dict[str, object] = {
            "id": 1,
            "root": path.parent,
            "sha256": "",
            "width": 4,
            "height": 3,
            "bytes": 9,
            "modified": 5.0,
        }
        return DuplicateFile(path=path, **(known | told))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("rules", "better", "worse"),
        [
            ("largest", {"width": 5}, {"bytes": 99}),
            ("smallest", {"width": 3}, {}),
            ("heaviest", {"bytes": 10}, {}),
            ("lightest", {"bytes": 8}, {}),
            ("oldest", {"modified": 4.0}, {}),
            ("newest", {"modified": 6.0}, {}),
            ("shortest", {"path": "/a/b.jpg"}, {"path": "/a/copy of b.jpg"}),
            ("folder:Originals", {"path": "/x/Originals/y/b.jpg"}, {"path": "/x/Originals2/b.jpg"}),
            ("folder:/x/keep", {"path": "/x/keep/b.jpg"}, {"path": "/y/x/b.jpg"}),
            ("folder:*.tif", {"path": "/x/b.tif"}, {"path": "/x/a.jpg"}),
            ("largest, oldest", {"modified": 4.0}, {"bytes": 10}),
            ("folder:Best,largest", {"path": "/Best/b.jpg", "width": 2}, {"width": 9}),
            ("largest", {"width": 2}, {"width": 9, "is_link": True}),
            ("largest", {"width": 2, "in_reference": True}, {"width": 9}),
            ("largest", {"id": 1}, {"id": 2}),
        ],
    )
    def test_rules_in_order(self, rules: str, better: dict[str, object], worse: dict[str, object]) -> None:
        order = Keeping.parse(rules).order
        assert order(self.file(**{"id": 7, **better})) < order(self.file(**{"id": 6, **worse} | worse)) or (
            better == {"id": 1}
        )

    @pytest.mark.parametrize("rules", ["largst", "folder:", "folder: ", "largest,whatever"])
    def test_no_such_rule(self, rules: str) -> None:
        with pytest.raises(UnknownName, match="no rule"):
            Keeping.parse(rules)
        with pytest.raises(UsageError, match="holds no rule"):
            Keeping.parse(" , ")

    def test_what_is_kept_and_what_could_go(self, photos: Path) -> None:
        for number, seed in enumerate((1, 2, 3)):
            save(photos, seed, f"{number}/a.jpg")
        save(photos, 1, "Originals/small.jpg", scale=2)
        found = look(photos, keep="folder:Originals,largest", kinds=frozenset({"same bytes"}))
        (group,) = found.groups
        assert group.paths[0] == photos / "Originals" / "small.jpg"
        assert found.surplus == 0
        assert look(photos, keep="folder:Originals").surplus == 1


class TestAgainst:
    def test_what_of_a_new_card_is_in_the_archive_already(self, photos: Path) -> None:
        for seed in range(5):
            save(photos / "archive", seed, scale=1 + seed % 2)
        for seed in (1, 2, 8):
            save(photos / "card", seed, f"new{seed}.jpg")
        save(photos / "card", 8, "new8again.jpg", scale=2)
        inside = look(photos, against=photos / "archive")
        assert names(inside) == [["001.jpg", "new1.jpg"], ["002.jpg", "new2.jpg"]]
        assert inside.surplus == 2  # though the one kept has fewer pixels
        look(photos / "archive", into="archive.likewise")
        other = look(photos / "card", into="card.likewise", against=photos / "archive.likewise")
        assert names(other) == names(inside)
        assert all(group.members[0].file.in_reference for group in other.groups)

    def test_a_reference_that_was_made_another_way(self, photos: Path) -> None:
        save(photos / "a", 1)
        with Collection.open(
            photos / "o.likewise", recipe=coded("fp32"), extractor_factory=FakeFactory()
        ) as other:
            other.add(photos / "a")
        with pytest.raises(ManifestMismatch, match=r"o\.likewise"):
            look(photos / "a", against=photos / "o.likewise")


class TestDismissed:
    @pytest.fixture
    def made(self, photos: Path) -> Iterator[Collection]:
        save(photos, 1)
        save(photos, 1, "copy.jpg", scale=2)
        save(photos, 1, "third.jpg", quality=60)
        save(photos, 2)
        with opened(photos.parent / "c.likewise", extractor_factory=FakeFactory()) as collection:
            collection.add(photos)
            yield collection

    def test_is_remembered_wherever_files_are_moved_to(self, made: Collection, photos: Path) -> None:
        contents = {entry.path.name: entry.sha256 for entry in made.entries(made.pictures().ids.tolist())}
        assert Dismissed.add(made.path, [contents["001.jpg"], contents["copy.jpg"]]) == 1
        assert Dismissed.add(made.path, [contents["copy.jpg"], contents["001.jpg"]]) == 0
        (photos / "001.jpg").rename(photos / "moved.jpg")
        made.add(photos, prune=True)
        found = find_duplicates(made)
        assert found.dismissed == 1
        assert {"moved.jpg", "copy.jpg"} not in [set(group) for group in names(found)]
        assert all(len(group) == 2 for group in names(found))
        assert Dismissed.add(made.path, list(contents.values()), forget=True) == 1
        assert [len(group) for group in names(find_duplicates(made))] == [3]

    def test_a_damaged_memory_is_said(self, made: Collection) -> None:
        (made.path / "dismissed.json").write_text('{"pairs": [1]}')
        with pytest.raises(CollectionDamaged, match=r"dismissed\.json"):
            find_duplicates(made)
        with pytest.raises(CollectionDamaged):
            Dismissed.of(made.path)

    def test_no_bit_of_it_flips_without_a_word(self, tmp_path: Path) -> None:
        assert Dismissed.add(tmp_path, ["0" * 64, "1" * 64, "2" * 64]) == 3
        file, known = tmp_path / "dismissed.json", Dismissed.of(tmp_path)
        written = file.read_bytes()
        for place in range(len(written)):
            flipped = bytearray(written)
            flipped[place] ^= 1 << place % 7
            file.write_bytes(flipped)
            try:
                assert Dismissed.of(tmp_path) == known  # a space, say
            except CollectionDamaged as error:
                assert "dismissed.json" in str(error)
        said = json.loads(written)
        del said["checksum"]
        file.write_text(json.dumps(said))
        assert Dismissed.of(tmp_path) == known  # of before there was one


class TestGroups:
    def test_a_shot_that_has_a_copy_is_planned_once(self, photos: Path, tmp_path: Path) -> None:
        for seed in range(3):
            save(photos, seed)
        shutil.copy(photos / "000.jpg", photos / "copy.jpg")
        found = look(photos)
        shot = found.groups[0].members[1]
        Plan.of(replace(found, bursts=(replace(found.groups[0], members=(shot,)),))).write(tmp_path / "p.csv")
        assert [(row.action, row.group) for row in Plan.read(tmp_path / "p.csv").rows] == [
            ("keep", 1),
            ("go", 1),
        ]

    def test_worked_by_hand(self) -> None:
        near = {(0, 1), (1, 2), (3, 4)}
        same = lambda a, b: (min(a, b), max(a, b)) in near  # noqa: E731
        assert complete_groups(5, [(0, 1), (1, 2), (3, 4)], same) == [[0, 1], [3, 4]]
        assert chained_groups(5, [(0, 1), (1, 2), (3, 4)]) == [[0, 1, 2], [3, 4]]

    @given(st.integers(2, 9), st.data())
    def test_all_of_a_group_go_together(self, count: int, data: st.DataObject) -> None:
        every = [(a, b) for a in range(count) for b in range(a + 1, count)]
        pairs = data.draw(st.lists(st.sampled_from(every), unique=True))
        known = set(pairs)
        groups = complete_groups(count, pairs, lambda a, b: (min(a, b), max(a, b)) in known)
        members = [row for group in groups for row in group]
        assert len(members) == len(set(members))
        for group in groups:
            assert all((a, b) in known for a in group for b in group if a < b)
        apart = set(range(count)) - set(members)
        assert not any(a in apart and b in apart for a, b in known)  # a pair that goes together is not left


@dataclass
class Known:
    """Says what was written down: pairs ``(whole, part)``, pairs that overlap, and pairs to be kept apart."""

    held: set[tuple[int, int]]
    overlapping: set[tuple[int, int]] = field(default_factory=set)
    apart: set[tuple[int, int]] = field(default_factory=set)

    def holds(self, whole: int, part: int) -> bool:
        return (whole, part) in self.held

    def overlap(self, first: int, second: int) -> bool:
        return tuple(sorted((first, second))) in self.overlapping

    def keeps_apart(self, first: int, second: int) -> bool:
        return tuple(sorted((first, second))) in self.apart


class TestParts:
    def test_a_part_needs_half_of_the_wholes(self) -> None:
        pairs = [(0, 3), (0, 4)]
        judge = Known({(0, 3), (1, 3), (0, 4)}, {(3, 4)})
        assert with_parts([[0, 1, 2]], pairs, judge) == [[0, 1, 2, 3]]
        judge.held.add((1, 4))
        assert with_parts([[0, 1, 2]], pairs, judge) == [[0, 1, 2, 3, 4]]

    def test_parts_that_share_too_little_are_not_joined(self) -> None:
        assert with_parts([[0, 1]], [(0, 2), (0, 3)], Known({(0, 2), (0, 3)})) == [[0, 1, 2]]

    def test_what_is_to_be_kept_apart_is(self) -> None:
        judge = Known({(0, 2), (1, 2)}, apart={(1, 2)})
        assert with_parts([[0, 1]], [(0, 2)], judge) == [[0, 1]]

    def test_copies_of_a_part_come_along_and_parts_join_no_wholes(self) -> None:
        judge = Known({(0, 4), (0, 5), (2, 4), (2, 5)})
        assert with_parts([[0, 1], [2, 3], [4, 5]], [(0, 4), (2, 4)], judge) == [[0, 1, 4, 5], [2, 3]]

    def test_a_part_of_a_part(self) -> None:
        judge = Known({(0, 1), (1, 2), (0, 2)}, {(1, 2)})
        assert with_parts([], [(1, 2), (0, 1)], judge) == [[0, 1, 2]]
        assert with_parts([], [(1, 2), (0, 1)], Known({(0, 1), (1, 2)})) == [[1, 2]]

    @given(st.integers(2, 8), st.data())
    def test_a_group_has_wholes_and_parts_that_fit(self, count: int, data: st.DataObject) -> None:
        every = [(a, b) for a in range(count) for b in range(count) if a != b]
        some = st.lists(st.sampled_from(every), unique=True)
        low = st.lists(st.sampled_from([pair for pair in every if pair[0] < pair[1]]), unique=True)
        parts = data.draw(some)
        judge = Known({*parts, *data.draw(some)}, set(data.draw(low)), set(data.draw(low)))
        groups = with_parts([], parts, judge)
        members = [row for group in groups for row in group]
        assert len(members) == len(set(members))
        for group in groups:  # one of them is the whole, and the others fit
            assert any(
                all(
                    judge.holds(whole, row) and not judge.keeps_apart(whole, row)
                    for row in group
                    if row != whole
                )
                for whole in group
            )


class TestPairs:
    def test_are_those_of_all_pairs(self) -> None:
        rows = np.random.default_rng(0).standard_normal((300, 20)).astype(np.float32)
        table = np.linalg.norm(rows[:, None] - rows[None], axis=2)
        pairs, distances = close_pairs(rows, 4.0)
        wanted = {(a, b) for a, b in np.argwhere(table <= 4.0).tolist() if a < b}
        assert {(a, b) for a, b in pairs.tolist()} == wanted
        np.testing.assert_allclose(distances, table[tuple(pairs.T)], rtol=1e-5)
        np.fill_diagonal(table, np.inf)
        nearest, _ = nearest_pairs(rows, 3)
        best = {tuple(sorted((row, int(to)))) for row in range(300) for to in np.argsort(table[row])[:3]}
        assert {(a, b) for a, b in nearest.tolist()} == best


def test_a_file_that_opens_and_cannot_be_decoded_is_left_out(photos: Path) -> None:
    """Same size, same time, other bytes: as a failing disk gives back."""
    save(photos, 1)
    copy = save(photos, 1, "copy.jpg", scale=2)
    save(photos, 2)
    with opened(photos.parent / "c.likewise", extractor_factory=FakeFactory()) as collection:
        collection.add(photos)
        stamp = copy.stat()
        copy.write_bytes(io.BytesIO(b"\0" * stamp.st_size).getvalue())
        os.utime(copy, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        found = find_duplicates(collection)
    assert found.groups == ()
    assert found.left_out.unreadable == (copy,)


def coloured(seed: int) -> Image.Image:
    """Blots over four quarters, each of a colour of its own."""
    quarters = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return Image.blend(
        Image.fromarray(quarters).resize((320, 240), Image.Resampling.NEAREST), textured(seed), 0.4
    )


@pytest.mark.slow
def test_keypoints_find_a_part_whose_vector_lies_far_away(photos: Path) -> None:
    """The part is of one quarter, and the vectors are of the mean colours of four."""
    for seed in range(12):
        coloured(seed).save(photos / f"{seed:02}.png")
    coloured(2).crop((165, 0, 320, 115)).save(photos / "part.png")
    both = Recipe("both", (RECIPE, as_recipe("sift").layers[0]), "a vector and keypoints")
    found = []
    for name, recipe in (("vector", RECIPE), ("both", both)):
        with Collection.open(photos.parent / name, recipe=recipe, extractor_factory=FakeFactory()) as one:
            one.add(photos)
            found.append(find_duplicates(one))
    assert names(found[0]) == []
    [group] = found[1].groups
    assert [path.name for path in group.paths] == ["02.png", "part.png"]
    assert (group.members[1].kind, found[1].surplus) == ("cropped", 0)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["threshold", "folder", "collection"])
def test_keypoints_find_it_with_a_threshold_and_against_a_reference(photos: Path, way: str) -> None:
    for seed in range(12):
        (photos / "archive").mkdir(exist_ok=True)
        coloured(seed).save(photos / "archive" / f"{seed:02}.png")
    (photos / "card").mkdir()
    coloured(20).save(photos / "card" / "new.png")
    coloured(2).crop((165, 0, 320, 115)).save(photos / "card" / "part.png")
    both = Recipe("both", (RECIPE, as_recipe("sift").layers[0]), "a vector and keypoints")
    options: dict[str, object] = (
        {"threshold": 0.9999} if way == "threshold" else {"against": photos / "archive"}
    )
    sources = [photos / "archive", photos / "card"]
    if way == "collection":
        other = photos.parent / "other"
        with Collection.open(other, recipe=both, extractor_factory=FakeFactory()) as one:
            one.add(sources.pop(0))
        options = {"against": other}
    with Collection.open(photos.parent / "c", recipe=both, extractor_factory=FakeFactory()) as one:
        one.add(*sources)
        found = find_duplicates(one, **options)  # type: ignore[arg-type]
    assert names(found) == [["02.png", "part.png"]]
