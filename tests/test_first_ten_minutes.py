"""The first ten minutes as docs/first-ten-minutes.md has them: each command is typed, its output compared."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from likewise import cli

PAGE = Path(__file__).parent.parent / "docs" / "first-ten-minutes.md"


def session() -> Iterator[tuple[str, str]]:
    """Each command of the page and what is said to follow."""
    for block in re.findall(r"^```text\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def photos(folder: Path) -> None:
    """Two shots each of three things, and a file that is no picture."""
    folder.mkdir()
    for seed, name in enumerate(("bridge", "door", "mill")):
        blocks = np.random.default_rng(seed).integers(0, 255, (4 + 3 * seed, 6, 3), np.uint8)
        first = Image.fromarray(blocks).resize((320, 240), Image.Resampling.BICUBIC)
        first.save(folder / f"{name}-1.png")
        ImageEnhance.Brightness(first.crop((20, 15, 310, 230))).enhance(1.2).save(folder / f"{name}-2.png")
    (folder / "broken.jpg").write_text("no picture")


@pytest.mark.slow
def test_the_first_ten_minutes_are_as_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos(tmp_path / "photos")
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LIKEWISE_COLLECTION", raising=False)
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    commands = [*session()]
    assert len(commands) > 15
    for command, told in commands:
        words = shlex.split(command)
        if words[0] != "likewise":
            subprocess.run(words, check=True)
            continue
        with pytest.raises(SystemExit):
            cli.main(words[1:])
        out, err = capsys.readouterr()
        pattern = re.escape(told).replace("…", ".*")
        assert re.fullmatch(pattern, out + err, re.DOTALL), f"$ {command}\n{out}{err}"
