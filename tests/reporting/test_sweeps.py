"""A sweep on the page: its values, what each gave with its interval, and a figure over the values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import report
from pipeline.artifacts import read_json
from tests.reporting.page_reader import PageReader
from tests.reporting.standin import drawn_crops, small_study, write_run

NETWORK = {
    "backbone": {"kind": "dlib-resnet29", "weights": "net"}, "adaptation": {"kind": "head"}, "loss": {"kind": "triplet"}
}  # fmt: skip
FROZEN = NETWORK | {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[PageReader, dict[str, dict[str, float]]]:
    """The page of a study with a sweep of numbers and one of two fields, and its metrics."""
    folder, before = tmp_path_factory.mktemp("sweeps"), Path.cwd()
    os.chdir(folder)
    try:
        models = {
            "dlib": FROZEN,
            "head": NETWORK | {"sweep": {"loss.hard": [0.01, 0.1, 1.0]}},
            "grid": NETWORK | {"sweep": {"loss.margin": [0.1, 0.5], "mirror": [False, True]}},
        }
        benchmarks = {"photographs": {"kind": "all-pairs", "probe": "photos"}}
        study = small_study(
            models=models,
            fuse={},
            evaluate={"far": [0.1], "bootstrap": {"replicates": 100}, "benchmarks": benchmarks},
        )
        write_run(study, drawn_crops(48, 12))
        report.run(study)
        return PageReader(Path("results/report.html").read_text(encoding="utf-8")), read_json(
            Path("results/metrics.json")
        )["photographs"]
    finally:
        os.chdir(before)


def test_each_value_stands_with_its_figure_and_interval(swept) -> None:
    page, metrics = swept
    text = " ".join(page.text.split())
    for value in (0.01, 0.1, 1.0):
        found = metrics[f"head-hard-{str(value).replace('.', '_')}"]
        assert f"{100 * found['eer']:.1f}" in text
        assert f"{100 * found['eer_low']:.1f}" in text
    assert "loss.margin" in text
    assert "mirror" in text
    assert page.unclosed == []
    assert len(page.ids()) == len(set(page.ids()))


def test_numbers_of_one_field_are_drawn_and_a_grid_is_not(swept) -> None:
    page, _ = swept
    labels = [a.get("aria-label", "") for tag, a in page.tags if tag == "svg"]
    drawn = [label for label in labels if "over loss.hard" in label]
    assert drawn == ["EER on photographs over loss.hard, with intervals. The figures are in the table."]
    assert not [label for label in labels if "over loss.margin" in label]
