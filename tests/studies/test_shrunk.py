"""ArcFace vs InfoNCE, whole but small: from the files that InsightFace ships to the report, all nine experiments."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import params
from pipeline.core.files import read_json
from pipeline.core.layout import Layout
from pipeline.plan.stages import jobs
from pipeline.reporting.published import tables
from tests.studies.conftest import PROJECT, SHRUNK, run
from tests.suite.environment import environment

FILES = (
    PROJECT / "studies/arcface-vs-infonce.yaml",
    SHRUNK / "arcface-vs-infonce.yaml",
    Path(__file__).with_name("smaller.yaml"),
)
EXPERIMENTS = [
    *("arcface", "infonce", "arcface-infonce", "clip", "dinov2", "ijepa", "clip-lora", "dinov2-lora", "ijepa-lora"),
]
SETS = ["lfw", "cfp-ff", "cfp-fp"]

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.training]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """The study, run stage by stage in this process, with an epoch for each model: what is learned is another test."""
    folder = tmp_path_factory.mktemp("shrunk")
    run(params.load(*FILES), folder, prepared)
    return folder


@pytest.fixture(scope="module")
def results(project: Path) -> Path:
    return Layout.of(params.load(*FILES), project).results()


@pytest.fixture(scope="module")
def metrics(results: Path) -> Any:
    return read_json(results / "metrics.json")


def test_all_nine_experiments_stand_in_every_table(metrics: Any) -> None:
    assert list(metrics) == [*SETS, *(f"{name}-geometry" for name in SETS)]
    for benchmark, by_model in metrics.items():
        assert set(EXPERIMENTS) <= set(by_model), benchmark
    assert set(tables()["lfw"].rows) == set(EXPERIMENTS), "as the paper's table has them"


def test_ten_folds_have_a_deviation_and_a_far_that_they_cannot_support_is_said(metrics: Any) -> None:
    figures = metrics["lfw"]["arcface"]
    assert (figures["folds"], figures["genuine"], figures["impostor"]) == (10, 80, 80)
    assert 0 < figures["accuracy_std"] < 0.2
    assert figures["val@0.001"] is None
    assert "80 impostor pairs cannot support a FAR of 0.001" in figures["val@0.001_note"]


def test_either_activation_of_clip_and_either_encoder_of_ijepa_are_models_of_their_own(metrics: Any) -> None:
    for name in SETS:
        assert metrics[name]["clip"]["accuracy@0.001"] is not None
        similarity = {m: metrics[f"{name}-geometry"][m]["genuine_similarity"] for m in ("clip", "clip-quickgelu")}
        assert similarity["clip"] != similarity["clip-quickgelu"]


def test_the_epoch_is_kept_by_the_loss_that_the_authors_go_by(results: Path) -> None:
    figures = {model: read_json(results.parent / f"models/{model}/metrics.json") for model in ("arcface", "infonce")}
    assert figures["arcface"]["val_loss"] > 0
    assert "val_loss" not in figures["infonce"]


def test_published_figures_stand_beside_those_of_the_same_kind(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.commands import published

    published.run(params.load(*FILES), project)
    printed = capsys.readouterr().out
    assert printed.count("accuracy@0.001: accuracy at the threshold that has a FAR of 0.001") == 3


def test_every_model_is_measured_against_means_and_those_with_class_centres_against_these_too(metrics: Any) -> None:
    for name in SETS:
        table = metrics[f"{name}-geometry"]
        with_centres = {model for model, figures in table.items() if "nearest_centre_a" in figures}
        assert with_centres == {"arcface", "arcface-infonce"}
        for figures in table.values():
            assert -1 < figures["nearest_mean_a"] <= 1
            assert 0 <= figures["closer_to_mean_b"] <= 1
            assert -1 < figures["nearest_val_mean_a"] <= 1
            assert figures["nearest_val_mean_a"] != figures["nearest_mean_a"]
            assert figures["uniformity"] < 0 < figures["alignment"]
        published = tables()[f"{name}-geometry"]
        assert all(figure in table["arcface"] for figure in published.figures)


def test_the_report_shows_tables_figures_overlap_and_the_sweep(results: Path) -> None:
    page = (results / "report.html").read_text(encoding="utf-8")
    labels = re.findall(r'aria-label="([^"]*)"', page)
    for name in SETS:
        for what in ("mean embedding of a training sitter", "learned class centre"):
            assert f"Distance of the test images of {name}-geometry to the nearest {what}." in labels
        assert any(f"accuracy on {name} over training.batch" in label for label in labels)
    assert 'id="sweeps"' in page
    assert "infonce-gathered-batch-52" in page
    shown = {row["model"] for row in csv.DictReader((results / "curves/nearest_mean-lfw-geometry.csv").open())}
    assert set(EXPERIMENTS) <= shown


def test_snakemake_takes_the_files_as_the_pipeline_does(project: Path) -> None:
    command = ["snakemake", "-n", "--cores", "1", "--snakefile", str(PROJECT / "Snakefile"), "all", "--forceall"]
    done = subprocess.run(
        [*command, "--configfile", *map(str, FILES)],
        cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    rules = Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, re.MULTILINE))
    assert rules == Counter(["all", *(job.stage for job in jobs(params.load(*FILES)))])


def test_several_files_make_one_for_dvc(capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.cli import main

    assert main(["merge", *(word for file in FILES for word in ("--params", str(file)))]) == 0
    one = yaml.safe_load(capsys.readouterr().out)
    assert params.check(one | {"name": params.load(*FILES).name}) == params.load(*FILES)
    assert one["models"]["arcface"]["backbone"] == {
        "kind": "iresnet", "depth": 18, "dropout": 0.4, "width": 0.125, "embedding": 64, "size": 32,
    }  # fmt: skip
