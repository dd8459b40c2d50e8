"""A sweep on the page: its values, the figure of each value with its interval, and a chart over the values."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.layout import Layout
from pipeline.reporting.repeats import repeated, spread
from pipeline.stages import report
from pipeline.store.benchmarks import Benchmark
from pipeline.store.figures import Figure, Shown
from pipeline.store.results import read_metrics
from tests.reporting.page_reader import PageReader
from tests.reporting.standin import drawn_crops, small_study, write_run

NETWORK = {
    "backbone": {"kind": "dlib-resnet29", "weights": "net"}, "adaptation": {"kind": "head"}, "loss": {"kind": "triplet"}
}  # fmt: skip
FROZEN = NETWORK | {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[PageReader, dict[str, dict[str, float]]]:
    """Return the page and metrics of a study with a sweep over numbers and a sweep over two fields."""
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
    at = Layout(tmp_path_factory.mktemp("sweeps"))
    write_run(study, drawn_crops(48, 12), at.root)
    report.run(study, at.root)
    return PageReader(at.report().read_text(encoding="utf-8")), read_metrics(at.results())["photographs"]


def test_each_value_stands_with_its_figure_and_interval(swept) -> None:
    page, metrics = swept
    text = " ".join(page.text.split())
    for value in (0.01, 0.1, 1.0):
        found = metrics[f"head-hard-{str(value).replace('.', '_')}"]
        assert f"{100 * found['eer'].value:.1f}" in text
        assert f"{100 * found['eer'].ends[0]:.1f}" in text
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


def test_seeds_are_summed_up_as_mean_and_deviation_on_the_page_and_in_the_terminal(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {
        "dlib": FROZEN,
        "again": NETWORK | {"sweep": {"training.seed": [1, 2, 3]}},
        "both": NETWORK | {"sweep": {"loss.margin": [0.1, 0.5], "training.seed": [1, 2]}},
    }
    fuse = {"fused": {"models": ["dlib", "again"], "method": {"kind": "concat"}, "centre": False}}
    benchmarks = {"photographs": {"kind": "all-pairs", "probe": "photos"}}
    evaluated = {"bootstrap": {"replicates": 100}, "benchmarks": benchmarks}
    study = small_study(models=models, fuse=fuse, evaluate=evaluated)
    write_run(study, drawn_crops(48, 12), at.root)
    report.run(study, at.root)
    said = {line.split("  ")[0]: line for line in capsys.readouterr().out.partition("over seeds")[2].splitlines()}
    page = PageReader(at.report().read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    metrics = read_metrics(at.results())["photographs"]
    for shown, members in {
        "again": [f"again-seed-{seed}" for seed in (1, 2, 3)],
        "fused": [f"fused-seed-{seed}" for seed in (1, 2, 3)],
        "both (margin 0.1)": [f"both-margin-0_1-seed-{seed}" for seed in (1, 2)],
        "both (margin 0.5)": [f"both-margin-0_5-seed-{seed}" for seed in (1, 2)],
    }.items():
        errors = [100 * metrics[member]["eer"].value for member in members]
        expected = f"{np.mean(errors):.1f} ± {np.std(errors, ddof=1):.1f}"
        assert said[shown].removeprefix(shown).split()[0] == str(len(members))
        assert expected in said[shown]
        assert expected in text
    assert "dlib" not in said
    assert not [a for tag, a in page.tags if tag == "svg" and "over training.seed" in a.get("aria-label", "")]
    assert page.unclosed == []


def test_without_repeated_trainings_nothing_is_said_of_seeds() -> None:
    study = small_study(models={"dlib": FROZEN, "head": NETWORK | {"sweep": {"training.seed": [1]}}}, fuse={})
    assert repeated({"head-seed-1": study.swept("head-seed-1")}, ["dlib", "head-seed-1"]) == []


def test_a_figure_that_one_seed_alone_supports_has_no_spread() -> None:
    eers = {"a-seed-1": 0.1, "a-seed-2": 0.3, "b-seed-1": 0.2, "b-seed-2": None}
    metrics = {model: {"eer": Figure(eer)} for model, eer in eers.items()}
    benchmark = Benchmark("b", "all-pairs", "", "", {"eer": Shown(True, "lower")}, metrics)
    found = spread(benchmark, ["a-seed-1", "a-seed-2"], "eer")
    assert (found.mean, found.deviation, found.error) == pytest.approx((0.2, 0.2 / 2**0.5, 0.1))
    assert spread(benchmark, ["b-seed-1", "b-seed-2"], "eer") is None
