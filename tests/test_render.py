"""The stage `render`: what it writes, that names alone decide what, and what it passes over."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.painting import STYLES, mount, paint
from pipeline.params import Study
from pipeline.params.render import ALL_STYLES, Render
from pipeline.stages import render
from pipeline.stages.render import seed_of, style_of

SOURCE, PAINTED = Path("data/raw/photos"), Path("data/raw/painted")
COLUMNS = ["image_id", "path", "sitter", "sha256", "origin", "rendering", "style", "year"]
QUICK = ["chalk", "woodcut"]


@pytest.fixture
def photos(at: Layout, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Five small photographs of three sitters, one of them grey and one unreadable, in data/raw/photos."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    face = cv2.resize(data.astronaut()[0:240, 120:320, ::-1], (50, 60), interpolation=cv2.INTER_AREA)
    rows = []
    for number, image_id in enumerate(("ann/1", "ann/2", "bob/1", "cy/1", "cy/2")):
        path = at.root / SOURCE / f"{image_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.roll(face, number, axis=1)
        cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if number == 1 else image)
        sitter = image_id.partition("/")[0]
        rows.append({"image_id": image_id, "path": f"{image_id}.png", "sitter": sitter, "sha256": "", "year": "1999"})
    (at.root / SOURCE / "bob/1.png").write_bytes((at.root / SOURCE / "bob/1.png").read_bytes()[:300])
    write_manifest(at, rows)
    return rows


def write_manifest(at: Layout, rows: list[dict[str, str]]) -> None:
    write_csv(at.root / SOURCE / "manifest.csv", rows, ["image_id", "path", "sitter", "sha256", "year"])


def study(seed: int = 1, **settings: object) -> Study:
    entry = Render.model_validate(
        {"dataset": "photos", "renderings": 2, "styles": ["oil", "chalk", "woodcut"], **settings}
    )
    return Study.model_construct(seed=seed, render={"painted": entry})


def painted_bytes(at: Layout) -> dict[str, bytes]:
    return {
        str(p.relative_to(at.root / PAINTED)): p.read_bytes()
        for p in sorted((at.root / PAINTED).rglob("*"))
        if p.is_file()
    }


def test_each_readable_photograph_gives_its_renderings_and_the_manifest_names_them(
    at: Layout,
    photos: list[dict[str, str]],
) -> None:
    render.run(study(), "painted", at.root)
    rows = read_csv(at.root / PAINTED / "manifest.csv", COLUMNS)
    with open(at.root / PAINTED / "manifest.csv", newline="") as file:
        assert next(csv.reader(file)) == COLUMNS
    assert [r["image_id"] for r in rows] == [f"{i}~{k}" for i in ("ann/1", "ann/2", "cy/1", "cy/2") for k in (0, 1)]
    for row in rows:
        assert row["origin"] == row["image_id"].rpartition("~")[0]
        assert (row["sitter"], row["rendering"]) == (row["origin"].partition("/")[0], row["image_id"][-1])
        assert row["sha256"] == hashlib.sha256((at.root / PAINTED / row["path"]).read_bytes()).hexdigest()
        assert cv2.imread(str(at.root / PAINTED / row["path"])).shape == mount(np.zeros((60, 50, 3), np.uint8)).shape
        assert row["year"] == "1999"


def test_a_painting_is_what_the_library_paints_with_the_seed_of_its_name(
    at: Layout, photos: list[dict[str, str]]
) -> None:
    render.run(study(seed=5, renderings=1, styles=["chalk"]), "painted", at.root)
    row = read_csv(at.root / PAINTED / "manifest.csv")[0]
    photo = cv2.imread(str(at.root / SOURCE / "ann/1.png"))[..., ::-1]
    expected = paint(mount(np.ascontiguousarray(photo)), row["style"], 0.75, seed_of(5, "ann/1", 0))
    found = cv2.imread(str(at.root / PAINTED / row["path"]))[..., ::-1]
    assert np.sqrt(np.mean(np.square(expected.astype(float) - found))) < 8  # JPEG


@pytest.mark.slow
def test_neither_the_number_of_workers_nor_the_order_of_the_images_changes_a_byte(
    at: Layout, photos: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    render.run(study(styles=QUICK), "painted", at.root)
    alone = painted_bytes(at)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(render, "CHUNK", 2)
    render.run(study(styles=QUICK), "painted", at.root)
    assert painted_bytes(at) == alone
    write_manifest(at, photos[::-1])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    render.run(study(styles=QUICK), "painted", at.root)
    names = [n for n in alone if n.endswith(".jpg")]
    assert {n: painted_bytes(at)[n] for n in names} == {n: alone[n] for n in names}


@pytest.mark.slow
def test_another_seed_of_the_study_gives_other_paintings(at: Layout, photos: list[dict[str, str]]) -> None:
    render.run(study(seed=1, styles=QUICK), "painted", at.root)
    first = painted_bytes(at)
    render.run(study(seed=2, styles=QUICK), "painted", at.root)
    assert all(painted_bytes(at)[name] != content for name, content in first.items() if name.endswith(".jpg"))


def test_an_unreadable_photograph_is_passed_over_with_its_reason(
    at: Layout, photos: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    render.run(study(renderings=1, styles=["chalk"]), "painted", at.root)
    (row,) = read_csv(at.root / PAINTED / "passed-over.csv", ["image_id", "path", "reason"])
    assert row["image_id"] == "bob/1"
    assert "truncated" in row["reason"] or "broken" in row["reason"]
    assert "4 paintings of 4 photographs" in (out := capsys.readouterr().err)
    assert "passed over" in out


def test_without_a_readable_photograph_nothing_is_written(at: Layout, photos: list[dict[str, str]]) -> None:
    write_manifest(at, [photos[2]])
    with pytest.raises(SitterError, match=r"none of the 1 photographs of photos can be read.*bob/1"):
        render.run(study(), "painted", at.root)
    assert not (at.root / PAINTED).exists()


def test_without_the_source_it_says_what_to_run(at: Layout) -> None:
    with pytest.raises(SitterError, match=r"photos/manifest.csv does not exist: run the stage that makes it first"):
        render.run(study(), "painted", at.root)


@pytest.mark.parametrize("image_id", ["../out", "/etc/x", ""])
def test_an_id_that_would_leave_the_folder_is_refused(at: Layout, photos: list[dict[str, str]], image_id: str) -> None:
    write_manifest(at, [photos[0] | {"image_id": image_id}])
    with pytest.raises(SitterError, match="no relative path"):
        render.run(study(), "painted", at.root)


def test_an_id_named_twice_is_refused(at: Layout, photos: list[dict[str, str]]) -> None:
    write_manifest(at, [photos[0], photos[0]])
    with pytest.raises(SitterError, match="'ann/1' stands in several rows"):
        render.run(study(), "painted", at.root)


@pytest.mark.slow
def test_the_contact_sheet_shows_every_style_at_several_strengths(at: Layout, photos: list[dict[str, str]]) -> None:
    render.run(study(styles=["oil", "chalk"]), "painted", at.root)
    sheet = cv2.imread(str(at.root / PAINTED / "contact-sheet.png"))
    assert sheet.shape[0] > 5 * 232  # two sitters, three further strengths
    assert sheet.shape[1] > 3 * 150
    assert not list((at.root / PAINTED).rglob("*.part"))


def test_renderings_of_a_photograph_differ_in_style_and_every_style_gets_its_share() -> None:
    dealt = [[style_of(1, f"s{n}/1", k, ALL_STYLES) for k in range(8)] for n in range(400)]
    assert all(len(set(styles)) == 8 for styles in dealt)
    first = Counter(styles[0] for styles in dealt)
    assert set(first) == set(STYLES)
    assert max(first.values()) < 80  # 50 expected
    assert style_of(1, "s1/1", 8, ALL_STYLES) == style_of(1, "s1/1", 0, ALL_STYLES)


def test_seeds_depend_on_study_image_and_rendering() -> None:
    seeds = {seed_of(s, i, k) for s in (0, 1) for i in ("a/1", "a/11", "b/1") for k in range(12)}
    assert len(seeds) == 2 * 3 * 12
    assert seed_of(1, "s1/1", 0) == 1690849771705938264  # of sha256, so the same on any machine
