"""A study of one's own portraits, as the README describes it, on real paintings: a folder for each sitter goes in."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.workflow.conftest import PROJECT, Workplace, checkout

SHARED = PROJECT.parent / "shared/data/portraits"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/portraits, which is not part of the project"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = checkout(tmp_path_factory.mktemp("own") / "sitter")
    shutil.rmtree(place.folder / "portraits")
    for row in csv.DictReader((SHARED / "manifest.csv").open(encoding="utf-8")):
        target = place.folder / "portraits" / row["sitter"] / Path(row["image"]).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHARED / row["image"], target)
    shutil.copy(PROJECT / "studies/own-portraits.yaml", place.folder / "params.yaml")
    place.sync("run", timeout=900)
    return place


def test_every_painting_is_accounted_for_and_its_face_found(place: Workplace) -> None:
    rows = list(csv.DictReader((place.folder / "data/faces/portraits/faces.csv").open()))
    assert len(rows) == 253
    assert sum(row["status"] == "aligned" for row in rows) >= 250


def test_a_frozen_recogniser_is_as_good_on_paintings_as_known(place: Workplace) -> None:
    """The reference figures for these paintings: EER 24.5 % for a small network, 19.1 % for a stronger one."""
    figures = json.loads(place.text("results/metrics.json"))["all-pairs"]["dlib"]
    assert figures["genuine"] > 700
    assert 0.15 < figures["eer_low"] < figures["eer"] < figures["eer_high"] < 0.35
    assert figures["tar@0.01"] > 0.1


def test_the_report_shows_them(place: Workplace) -> None:
    page = place.text("results/report.html")
    assert "Who sat for our portraits?" in page
    assert "who-sat" in page
