"""What other packages add by entry points: used like our own, in nobody's way when broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

PACKAGE = """
from dataclasses import replace

import numpy as np

from likewise.descriptors import Pooling
from likewise.evaluation.datasets import Benchmark, BenchmarkQuery
from likewise.local import Detector, spread
from likewise.networks import NETWORKS
from likewise.ranking import Reranking


def forward(ops, x, times):
    return ops.sum(x, (2, 3)) * times


TIMES = Pooling("times", forward, options={"times": 2.0}, bounds={"times": (1.0, 9.0)})
LITTLE = replace(NETWORKS["efficientnet-lite0"], name="little")


def run(block, top):
    for row in range(len(block.queries)):
        block.put(row, block.places[row, :top], -block.scores[row, :top])


BACKWARDS = Reranking(
    "backwards", "From behind.", options={"top": 3}, bounds={"top": (1, 9)}, run=run, depth=("top",)
)


class Rows:
    # each pixel of the first row, described by its colour

    grid, minimum, identity = 1, 16, "rows"

    def find(self, pixels, choice):
        height, width, _ = pixels.shape
        points = np.array([(x, 0, 4, 0) for x in range(width)], np.float32)
        chosen = spread(points, pixels[0, :, 0].astype(np.float32), (width, height), choice)
        return points[chosen], pixels[0, chosen].astype(np.float32)


ROWS = Detector("rows", "The first row.", lambda upright, **how: Rows())


def pairs(data):
    query = BenchmarkQuery("a", data / "a.png", None, frozenset({"b"}))
    return Benchmark("pairs", {"b": data / "b.png"}, (query,), "absent")
"""
ENTRIES = """
[likewise.poolings]
times = likewise_more:TIMES
gem = likewise_more:TIMES
misnamed = likewise_more:TIMES
wrong = likewise_more:pairs
gone = likewise_more:GONE
broken = likewise_broken:ANY

[likewise.networks]
little = likewise_more:LITTLE
lost = likewise_broken:ANY

[likewise.stages]
backwards = likewise_more:BACKWARDS

[likewise.datasets]
pairs = likewise_more:pairs

[likewise.detectors]
rows = likewise_more:ROWS
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A Python that has a small package installed beside likewise."""
    (tmp_path / "likewise_more.py").write_text(PACKAGE)
    (tmp_path / "likewise_broken.py").write_text("import something_that_is_not_there\n")
    told = tmp_path / "likewise_more-1.2.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: likewise-more\nVersion: 1.2\n")
    (told / "entry_points.txt").write_text(ENTRIES)
    where = os.pathsep.join([str(tmp_path), *sys.path])

    def run(*line: str) -> subprocess.CompletedProcess[str]:
        given = dict(os.environ, PYTHONPATH=where, LIKEWISE_CACHE=str(tmp_path / "cache"))
        return subprocess.run(
            [sys.executable, *line], capture_output=True, text=True, env=given, check=False, cwd=tmp_path
        )

    return run


@pytest.mark.slow
def test_a_package_adds_poolings_networks_and_data_sets(run: Run) -> None:
    code = dedent("""
        import numpy as np
        from likewise.descriptors.extractor import Extractor
        from likewise.descriptors.poolings import POOLINGS
        from likewise.descriptors.recipe import Part, VectorRecipe
        from likewise.evaluation.datasets import DATASETS
        from likewise.networks import NETWORKS, find
        from likewise.pictures import Resize

        def vector(network, *part):
            parts, resize = (Part("head", *part),), Resize("square", 64)
            recipe = VectorRecipe("a", network, parts, resize, transforms=(), distance="l2")
            extractor = Extractor(recipe)
            return extractor.describe([extractor.prepare(np.full((64, 64, 3), 90, np.uint8))])[0]

        doubled, plain = vector("little", "times", 1.0, {"times": 2}), vector("efficientnet-lite0", "sum")
        assert np.abs(doubled - 2 * plain).max() <= 1e-4 * np.abs(plain).max() and plain.any()
        assert find("little").name == "little" and "pairs" in DATASETS
        assert POOLINGS.origin("times") == "likewise-more 1.2" and POOLINGS.origin("gem") == ""
        assert POOLINGS["gem"].bounds["p"] == (0.1, 100.0)  # a name that we have stays ours
        print(sorted(set(POOLINGS) - set(POOLINGS.sound())), list(NETWORKS)[-2:])
    """)
    done = run("-c", code)
    assert done.stdout == "['broken', 'gone', 'misnamed', 'wrong'] ['little', 'lost']\n", done.stderr
    assert len(done.stderr.splitlines()) == 4


def test_a_broken_package_is_one_error_that_names_it(run: Run) -> None:
    whys = {
        "broken": "ModuleNotFoundError: No module named 'something_that_is_not_there'",
        "gone": "AttributeError: module 'likewise_more' has no attribute 'GONE'",
        "misnamed": "likewise_more:TIMES calls itself 'times'",
        "wrong": "likewise_more:pairs is no Pooling",
    }
    code = dedent(f"""
        from likewise.descriptors.recipe import Part
        from likewise.errors import BadPlugin
        for name in {list(whys)}:
            try:
                Part("head", name)
            except BadPlugin as problem:
                print(problem)
    """)
    done = run("-c", code)
    begin, end = "of package likewise-more 1.2 cannot be used", "update that package, or remove it"
    assert done.stdout.splitlines() == [
        f"pooling {name!r} {begin}: {why}; {end}" for name, why in whys.items()
    ]


def test_a_package_adds_a_stage(run: Run) -> None:
    code = dedent("""
        import numpy as np
        from likewise.ranking.gallery import Gallery
        from likewise.ranking.stages import Stage, rank
        angles = np.arange(6) / 10
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        found = rank(Gallery(vectors), vectors[:1], 4, [Stage.parse("backwards:top=3")])
        print(found.ranking.ids[0].tolist())
    """)
    done = run("-c", code)
    assert done.stdout == "[2, 1, 0, 3]\n", done.stderr


def test_a_package_adds_a_detector_and_a_data_set(run: Run) -> None:
    code = dedent("""
        from pathlib import Path
        import numpy as np
        from likewise.evaluation.datasets import load
        from likewise.local import Keypoints
        picture = np.tile(np.arange(200, dtype=np.uint8)[:, None], (200, 1, 3))
        found = Keypoints(detector="rows", number=40, spare=0.0).open()
        features = found.describe(found.prepare(picture))
        print(len(features.points), features.points[0, :2].tolist())
        print([query.name for query in load("pairs", Path()).queries])
    """)
    done = run("-c", code)
    assert done.stdout == "40 [199.5, 0.5]\n['a']\n", done.stderr


@pytest.mark.slow
def test_a_broken_package_is_in_nobodys_way(run: Run, tmp_path: Path) -> None:
    listed = run("-m", "likewise", "networks", "list", "--json")
    assert listed.returncode == 0
    assert '"little"' in listed.stdout and '"lost"' not in listed.stdout
    assert "network 'lost' of package likewise-more 1.2 cannot be used" in listed.stderr
    (tmp_path / "a.toml").write_text(
        'name = "a"\nnetwork = "lost"\n[resize]\nsize = 64\n[[parts]]\ntap = "head"\npool = "broken"\n'
    )
    wanted = run("-m", "likewise", "recipes", "show", "a.toml")
    assert wanted.returncode == 4
    (line,) = wanted.stderr.splitlines()
    assert "pooling 'broken' of package likewise-more 1.2 cannot be used" in line
    shown = run("-m", "likewise", "recipes", "show", "quick")
    assert (shown.returncode, shown.stderr) == (0, "")
    unknown = run("-m", "likewise", "networks", "show", "litle")
    assert (unknown.returncode, "did you mean 'little'" in unknown.stderr) == (2, True)


def test_nothing_is_imported_or_looked_for_that_is_not_asked_for(run: Run) -> None:
    code = dedent("""
        import sys, likewise.cli
        assert not {"numpy", "likewise_more", "likewise.registry"} & set(sys.modules)
        from likewise.descriptors.recipe import VectorRecipe
        VectorRecipe.load("quick")
        assert not {"likewise_more", "likewise_broken"} & set(sys.modules)
        from likewise.descriptors.poolings import POOLINGS
        assert "times" in POOLINGS and "likewise_more" not in sys.modules
    """)
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
