"""A data set aligned in parts is the same, to the byte, as one aligned whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline import params
from pipeline.core.files import write_csv
from pipeline.core.layout import MANIFEST, Layout
from pipeline.core.parallel import share
from pipeline.stages import align
from tests.suite.environment import environment

STUDY = {
    "seed": 1,
    "train": {},
    "download": {"people": {"kind": "folder", "path": "."}},
    "align": {"people": {"detectors": [{"kind": "aligned"}]}},
    "split": {},
    "models": {},
    "embed": {"datasets": [], "batch": 1},
    "evaluate": {"benchmarks": {}},
}


@pytest.fixture
def people(at: Layout, tmp_path, monkeypatch) -> Path:
    """Eleven images in a project of their own; the first four cannot be read, so that a part has no face."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    raw = at.raw("people")
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for i in range(11):
        if i < 4:
            (raw / f"{i}.png").write_bytes(b"no image")
        else:
            Image.fromarray(random.integers(0, 256, (112, 112, 3), np.uint8)).save(raw / f"{i}.png")
    rows = [{"image_id": f"i{i}", "path": f"{i}.png", "sitter": f"s{i % 3}", "year": str(1600 + i)} for i in range(11)]
    write_csv(raw / MANIFEST, rows, list(rows[0]))
    (at.root / "params.yaml").write_text(yaml.safe_dump(STUDY))
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(folder: Path, rank: int, world: int) -> subprocess.Popen[str]:
    """One process of several, as srun starts them."""
    place = environment(RANK=rank, WORLD_SIZE=world)
    command = [sys.executable, "-m", "pipeline", "align", "people"]
    return subprocess.Popen(command, cwd=folder, env=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.slow
def test_three_processes_find_what_one_finds(at, people):
    align.run(params.load(people / "params.yaml", root=people), "people", at.root)
    whole = content(at.faces("people"))
    (at.faces("people") / MANIFEST).unlink()
    done = [(process, process.communicate(timeout=120)[0]) for process in [start(people, rank, 3) for rank in range(3)]]
    assert [process.returncode for process, _ in done] == [0, 0, 0], [words for _, words in done]
    assert content(at.faces("people")) == whole
    assert "11 images, 7 aligned, 4 unreadable" in done[0][1]
    assert not list((at.root / "checkpoints").rglob("*-of-3"))


@pytest.mark.slow
def test_a_part_that_is_there_is_not_made_again(at, people):
    """… by the next attempt of a job of which one process has died."""
    process = start(people, 1, 2)
    assert process.wait(60) == 0
    (part,) = (at.root / "checkpoints").rglob("2-of-2")
    made = (part / MANIFEST).stat().st_mtime_ns
    again = start(people, 1, 2)
    assert again.wait(60) == 0
    assert (part / MANIFEST).stat().st_mtime_ns == made
    assert start(people, 0, 2).wait(60) == 0
    assert sorted(content(at.faces("people"))) == [
        "doubtful.html",
        "faces-00000.arrow",
        "faces.csv",
        "manifest.csv",
    ]


@pytest.mark.slow
def test_parts_of_other_images_do_not_count(at, people):
    assert start(people, 1, 2).wait(60) == 0
    manifest = at.raw("people") / MANIFEST
    manifest.write_text(manifest.read_text().replace("i10", "renamed"))
    assert start(people, 1, 2).wait(60) == 0
    assert len(list((at.root / "checkpoints").rglob("2-of-2"))) == 2


@pytest.mark.parametrize(("items", "parts"), [(11, 3), (2, 5), (0, 2), (6, 1)])
def test_shares_are_even_and_whole(items, parts):
    shares = [share(range(items), part, parts) for part in range(parts)]
    assert [i for some in shares for i in some] == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
