"""Where the demo set's subjects lie on the photographs that installed packages carry.

Coordinates are pixels of the photographs, ``(left, top, right, bottom)``. Several subjects may lie on one
photograph: their frames never overlap, so no shot of one can show another. Scenes are photographs, and parts
of photographs, on which no subject lies; they make the backgrounds and the distractors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from likewise.errors import MissingExtra

Rectangle = tuple[int, int, int, int]

_FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))


@dataclass(frozen=True)
class SubjectView:
    """A subject as one photograph has it.

    Attributes
    ----------
    photo
        File name of the photograph.
    frame
        What may be shown around the subject.
    box
        The subject itself.
    """

    photo: str
    frame: Rectangle
    box: Rectangle


@dataclass(frozen=True)
class Subject:
    """One thing to be found again, in one or more photographs; ``round`` ones are cut out as an ellipse."""

    name: str
    views: tuple[SubjectView, ...]
    round: bool = False


def _one(name: str, photo: str, frame: Rectangle, box: Rectangle, *, round: bool = False) -> Subject:
    return Subject(name, (SubjectView(photo, frame, box),), round)


def _pair(name: str, *views: tuple[Rectangle, Rectangle], round: bool = False) -> Subject:
    """A subject on both pictures of the stereo pair."""
    photos = ("motorcycle_left.png", "motorcycle_right.png")
    return Subject(name, tuple(SubjectView(p, *view) for p, view in zip(photos, views, strict=True)), round)


SUBJECTS: tuple[Subject, ...] = (
    _one("astronaut", "astronaut.png", (110, 0, 338, 205), (140, 5, 310, 195)),
    _one("flag", "astronaut.png", (0, 0, 108, 215), (0, 15, 100, 200)),
    _one("shuttle", "astronaut.png", (340, 0, 512, 290), (350, 5, 490, 265)),
    _one("patch", "astronaut.png", (40, 260, 270, 480), (125, 340, 220, 430), round=True),
    _one("helmet", "astronaut.png", (275, 295, 512, 512), (280, 335, 512, 512)),
    _one("cameraman", "camera.png", (60, 30, 360, 300), (140, 60, 335, 260)),
    _one("skyline", "camera.png", (365, 60, 512, 265), (370, 105, 512, 235)),
    _one("tripod", "camera.png", (160, 302, 512, 512), (225, 305, 405, 512)),
    _one("cat", "chelsea.png", (0, 0, 451, 300), (90, 20, 370, 290)),
    _one("coffee", "coffee.png", (0, 0, 600, 400), (75, 15, 485, 392), round=True),
    _one("dahlia", "flower.jpg", (90, 30, 540, 427), (165, 80, 455, 365), round=True),
    _one("pagoda", "china.jpg", (0, 0, 380, 427), (65, 25, 350, 400)),
    _one("rocket", "rocket.jpg", (225, 60, 425, 427), (290, 110, 355, 420)),
    _pair(
        "front wheel",
        ((495, 255, 741, 500), (505, 262, 685, 452)),
        ((440, 255, 690, 500), (450, 262, 628, 452)),
    ),
    _pair(
        "engine", ((305, 236, 490, 425), (325, 240, 482, 400)), ((262, 236, 437, 425), (280, 240, 435, 400))
    ),
    _pair(
        "rear wheel", ((60, 235, 300, 480), (115, 240, 282, 405)), ((20, 235, 260, 480), (82, 240, 242, 405))
    ),
    _pair("lamp", ((440, 95, 605, 232), (455, 100, 592, 225)), ((385, 95, 550, 232), (400, 100, 537, 225))),
    _pair("boxes", ((510, 0, 741, 92), (525, 5, 705, 90)), ((480, 0, 741, 92), (495, 5, 675, 90))),
    _one("upper coins", "coins.png", (0, 0, 384, 151), (14, 10, 370, 148)),
    _one("lower coins", "coins.png", (0, 153, 384, 303), (14, 158, 380, 292)),
    _one("gland", "ihc.png", (215, 298, 420, 512), (245, 302, 390, 508), round=True),
    _one("right lobe", "ihc.png", (272, 0, 512, 296), (278, 0, 462, 292)),
    _one("left lobe", "ihc.png", (0, 0, 268, 265), (0, 0, 262, 255)),
    _one("logo", "logo.png", (0, 0, 500, 500), (10, 10, 490, 490), round=True),
    _one("horse", "horse.png", (0, 0, 400, 328), (10, 5, 390, 322)),
    _one("page", "page.png", (0, 0, 384, 191), (2, 2, 380, 180)),
    _one("formulas", "text.png", (0, 0, 448, 172), (10, 5, 440, 165)),
    _one("optic disc", "retina.jpg", (40, 430, 430, 880), (110, 510, 330, 800)),
    _one("macula", "retina.jpg", (470, 450, 960, 900), (540, 540, 860, 850)),
    _one("galaxies", "hubble_deep_field.jpg", (0, 0, 490, 430), (30, 30, 460, 410)),
    _one("crater", "moon.png", (30, 20, 235, 225), (70, 35, 170, 135)),
    _one("mare", "moon.png", (120, 290, 420, 512), (190, 340, 320, 500)),
)

SCENES: tuple[tuple[str, Rectangle], ...] = (
    ("brick.png", (0, 0, 512, 512)),
    ("grass.png", (0, 0, 512, 512)),
    ("gravel.png", (0, 0, 512, 512)),
    ("cell.png", (0, 0, 550, 660)),
    ("clock_motion.png", (0, 0, 400, 300)),
    ("china.jpg", (385, 0, 640, 427)),
    ("rocket.jpg", (0, 0, 220, 427)),
    ("hubble_deep_field.jpg", (510, 442, 1000, 872)),
    ("ihc.png", (0, 268, 210, 512)),
    ("motorcycle_left.png", (0, 0, 300, 230)),
    ("retina.jpg", (440, 905, 1250, 1400)),
    ("moon.png", (240, 0, 512, 285)),
)


@dataclass
class Album:
    """The photographs by file name, each decoded once."""

    _opened: dict[str, Image.Image] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Image.Image:
        """The photograph in RGB, transparent parts over white.

        Raises `MissingExtra` when no installed package carries it.
        """
        if name not in self._opened:
            with Image.open(_find(name)) as photo:
                rgba = photo.convert("RGBA")
            white = Image.new("RGBA", rgba.size, "white")
            self._opened[name] = Image.alpha_composite(white, rgba).convert("RGB")
        return self._opened[name]


def _find(name: str) -> Path:
    """The file in the installed packages; nothing is imported and nothing fetched."""
    for package, folder in _FOLDERS:
        spec = find_spec(package)
        for root in spec.submodule_search_locations or () if spec else ():
            path = Path(root, folder, name)
            if path.is_file():
                return path
    raise MissingExtra(f"the demo set (photograph {name} of scikit-image)", "demo")
