"""Describing pictures, beside what others would run: the same network, the same sizes, one vector a picture.

Weights are random, so that nothing is fetched; they cost what learned ones do. Ours indexes: it also walks,
hashes and commits. A peer only describes, and keeps its vectors in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import benchmarks.peers.torchvision_ops  # noqa: F401  before whatever imports torchvision
import img2vec_pytorch.img_to_vec
import numpy as np
import timm
import torch
import torchvision
from benchmarks.indexing.passes import FOLDER, LOOPED, Loop, bare, index
from benchmarks.indexing.pictures import make, photographs
from benchmarks.peers.figures import Figure, beside, turns
from benchmarks.sets import DEMO
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from imagededup.utils.models import MobilenetV3
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from likewise.collection.indexing import BUCKET
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.files.system import cores
from likewise.networks.weights.files import fetch
from likewise.pictures import Resize

GROUP = "indexing"
SIZES = {"640x480": (640, 480), "1024x768": (1024, 768), "4000x3000": (4000, 3000)}
ALONE, DECODED = "the compiled network alone", "reading, decoding and scaling alone"
BARE, LARGE_BARE, TIMES = 0.85, 0.7, 3.0
BATCH, WORKERS = 32, 2
SLOW = 4
"""Pictures for a network that takes seconds for each."""

Work = Callable[[], object]


def figures(count: int, repetitions: int, row: str = "") -> Iterator[Figure]:
    """Pictures a second, of so many a set; only of the networks and sizes that contain some text."""
    torch.set_num_threads(cores())
    photos = photographs(None, DEMO)

    def pictures(name: str, most: int = count) -> list[Path]:
        some = min(count, most)
        return make(FOLDER / f"{name}-{some}", SIZES[name], some, photos)

    for name in SIZES:
        if row in f"quick {name}":
            yield from _quick(pictures(name), name, repetitions, LARGE_BARE if name == "4000x3000" else BARE)
            if name != "4000x3000":
                yield from _hybrid(pictures(name), name, repetitions)
    for network, peers in PEERS.items():
        if row in f"timm/{network}":
            square = _random(network, Resize("square", 224))
            yield from _beside(square, pictures("640x480"), f"timm/{network} at 224", peers, repetitions)
    if row in "timm/vgg16":
        vgg, loop = _random("vgg16", Resize("longest", 1024)), {"torch, picture by picture": _one_by_one}
        yield from _beside(vgg, pictures("1024x768", SLOW), "timm/vgg16 at 1024", loop, repetitions)


def _quick(paths: Sequence[Path], name: str, repetitions: int, least: float) -> Iterator[Figure]:
    extractor = Extractor("quick", streams=cores())
    ready = [extractor.prepare(path.read_bytes()) for path in paths]
    loop, into = Loop(extractor), FOLDER / "collection"
    loop.run(paths[:4], ready)
    bare(extractor, ready[: 2 * BUCKET])
    works = {
        "likewise": lambda: index(paths, into),
        ALONE: lambda: bare(extractor, ready),
        "torch, picture by picture": lambda: loop.run(paths[:LOOPED], ready),
    }
    taken = turns(works, repetitions)
    taken["torch, picture by picture"] = [
        seconds * len(paths) / LOOPED for seconds in taken["torch, picture by picture"]
    ]
    wanted = {ALONE: least, "torch, picture by picture": TIMES}
    yield from beside(GROUP, f"quick, {len(paths)} of {name}", taken, wanted)


def _hybrid(paths: Sequence[Path], name: str, repetitions: int) -> Iterator[Figure]:
    """`default` beside `quick`: what keypoints cost."""
    works = {
        "likewise": lambda: index(paths, FOLDER / "hybrid", "default"),
        "likewise, quick": lambda: index(paths, FOLDER / "collection"),
    }
    taken = turns(works, repetitions)
    yield from beside(GROUP, f"default, {len(paths)} of {name}", taken, {"likewise, quick": None})


def _random(network: str, resize: Resize) -> VectorRecipe:
    """The mean of the last map of a network whose weights are random."""
    fetch(f"timm/{network}", weights="random")
    return VectorRecipe(network, f"timm/{network}", (Part("features", "mean"),), resize, weights="random")


def _beside(
    recipe: VectorRecipe,
    paths: Sequence[Path],
    work: str,
    peers: Mapping[str, Callable[[VectorRecipe, Sequence[Path]], Work]],
    repetitions: int,
) -> Iterator[Figure]:
    extractor = Extractor(recipe, streams=cores())
    ready = [extractor.prepare(path.read_bytes()) for path in paths]
    works: dict[str, Work] = {
        "likewise": lambda: index(paths, FOLDER / "collection", recipe),
        ALONE: lambda: bare(extractor, ready),
        DECODED: lambda: _decoded(extractor, paths),
    }
    works |= {name: peer(recipe, paths) for name, peer in peers.items()}
    for one in works.values():
        one()  # opens, compiles and fills the page cache
    taken = turns(works, repetitions)
    wanted = {ALONE: None, DECODED: None} | dict.fromkeys(peers, TIMES)
    yield from beside(GROUP, f"{work}, {len(paths)} pictures", taken, wanted)


def _decoded(extractor: Extractor, paths: Sequence[Path]) -> None:
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda path: extractor.prepare(path.read_bytes()), paths))


class _Pictures(Dataset[torch.Tensor]):
    """Pictures as timm's own transform prepares them."""

    def __init__(self, paths: Sequence[Path], transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self._paths, self._transform = paths, transform

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        return self._transform(Image.open(self._paths[place]).convert("RGB"))


def _loader(recipe: VectorRecipe, paths: Sequence[Path]) -> Work:
    """Timm with a DataLoader, as its pages show it."""
    network = timm.create_model(recipe.name, pretrained=False, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(network)
    pictures = _Pictures(paths, timm.data.create_transform(**config, is_training=False))

    def work() -> object:
        with torch.inference_mode():
            return [network(batch) for batch in DataLoader(pictures, BATCH, num_workers=WORKERS)]

    return work


def _one_by_one(recipe: VectorRecipe, paths: Sequence[Path]) -> Work:
    """The loop of Yang (2018) in torch: open, resize, run, sum the last map, normalise."""
    network = timm.create_model(recipe.name, pretrained=False, num_classes=0, global_pool="").eval()
    extractor = Extractor(recipe)
    shapes = [extractor.prepare(path.read_bytes()).pixels[0].shape for path in paths]

    def work() -> object:
        vectors = []
        with torch.inference_mode():
            for path, (height, width, _) in zip(paths, shapes, strict=True):
                small = Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
                pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255
                summed = network.forward_features(pixels).sum((2, 3))[0]
                vectors.append((summed / summed.norm()).numpy())
        return vectors

    return work


def _img2vec(recipe: VectorRecipe, paths: Sequence[Path]) -> Work:
    """img2vec-pytorch by lists of pictures, which is its quicker way."""
    module: Any = img2vec_pytorch.img_to_vec
    module.resnet18 = lambda weights: torchvision.models.resnet18()  # random ones for those that it fetches
    maker = module.Img2Vec(model="resnet18")

    def work() -> object:
        lists = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
        return [maker.get_vec([Image.open(path).convert("RGB") for path in some]) for some in lists]

    return work


def _imagededup(recipe: VectorRecipe, paths: Sequence[Path]) -> Work:
    """The CNN of imagededup, with the network that it takes unless told otherwise."""
    network = torchvision.models.mobilenet_v3_small().eval()
    body = torch.nn.Sequential(network.features, network.avgpool, torch.nn.Flatten())
    encoder = CNN(verbose=False, model_config=CustomModel("random", body, MobilenetV3.transform))
    return partial(encoder.encode_images, image_dir=str(paths[0].parent), num_enc_workers=WORKERS)


PEERS: dict[str, dict[str, Callable[[VectorRecipe, Sequence[Path]], Work]]] = {
    "resnet18": {
        "timm with a DataLoader": _loader,
        "img2vec-pytorch": _img2vec,
        "torch, picture by picture": _one_by_one,
    },
    "mobilenetv3_small_100": {"imagededup": _imagededup, "timm with a DataLoader": _loader},
}
"""By network of timm who runs it, or its twin in torchvision."""
