"""The study's table beside the papers' figures, which stand as they were published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from pipeline.commands import published
from pipeline.core.errors import SitterError
from pipeline.core.files import write_json
from pipeline.params import Study
from pipeline.plan.layout import Layout
from pipeline.published.papers import comparisons, tables
from tests.reporting.standin import small_study

FACTS = Path(__file__).parents[1] / "../shared/FACTS.md"


def study(**changes: Any) -> Study:
    return small_study(**changes)


def figures(eer: float, low: float, high: float) -> dict[str, Any]:
    return {"eer": eer, "eer_low": low, "eer_high": high, "tar@0.01": 0.4, "tar@0.001": None}


def test_rows_of_the_study_stand_beside_the_papers(at: Layout, capsys) -> None:
    named = {"benchmarks": {"photographs": "historical-faces"}, "models": {"dlib": "clip-base", "both": "triple"}}
    metrics = {
        "photographs": {"dlib": figures(0.164, 0.15, 0.18), "dlib-head": figures(0.1, 0.09, 0.11),
                        "both": figures(0.12, 0.11, 0.13)},
        "across": {"dlib": figures(0.1, 0.1, 0.1)},
    }  # fmt: skip
    write_json(at.results() / "metrics.json", metrics)
    published.run(study(published=named), at.root)
    printed = capsys.readouterr().out.splitlines()
    assert "arXiv:2508.20626" in printed[0]
    lines = {line.split()[0]: line for line in printed}
    assert lines["dlib"].split()[1:6] == ["16.4", "[15.0,", "18.0]", "17.9", "−1.5"]
    assert lines["both"].split()[1:6] == ["12.0", "[11.0,", "13.0]", "9.9", "+2.1*"]
    assert lines["dlib"].split()[6:] == ["–", "8.4", "–", "40.0", "33.2", "+6.8"]
    assert "dlib-head" not in lines
    assert "IResNet100-Tuned" in printed[-1]
    assert "CLIP-Base;" not in printed[-1]


def test_equal_names_need_no_entry() -> None:
    metrics = {"lfw-geometry": {"arcface": {"genuine_similarity": 0.7, "closer_to_centre_a": 0.5}}, "other": {}}
    (found,) = comparisons(study(), metrics)
    ((model, row, values),) = found.rows
    assert (found.benchmark, model, row.title) == ("lfw-geometry", "arcface", "ArcFace")
    assert values["genuine_similarity"].difference == pytest.approx(-0.014)
    assert values["closer_to_centre_a"].difference == pytest.approx(0.067)
    assert values["nearest_centre_a"].difference is None


def test_unlike_figures_are_refused() -> None:
    """InsightFace's accuracy is not the accuracy at FAR 0.001 that the second study's tables hold."""
    unlike = {"lfw": {"arcface": {"accuracy": 0.998, "accuracy_low": 0.99, "val@0.001": 0.99}}}
    with pytest.raises(SitterError, match=r"'lfw'.*holds accuracy@0\.001 .*hold accuracy, val@0\.001"):
        comparisons(study(), unlike)
    unlike["lfw"]["arcface"]["accuracy@0.001"] = 0.9962
    (found,) = comparisons(study(), unlike)
    assert found.rows[0][2]["accuracy@0.001"].difference == pytest.approx(-0.001)


@pytest.mark.skipif(not FACTS.exists(), reason="needs ../shared/FACTS.md, which is not part of the project")
def test_figures_are_those_that_were_published() -> None:
    """Every table row of the collected figures is found again, value by value."""
    given = []
    for line in FACTS.read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")] if line.startswith("|") else []
        numbers = [float(c) for c in cells[1:] if c.replace(".", "").isdigit()]
        if numbers and len(numbers) == len([c for c in cells[1:] if c and not c.startswith(("LFW", "CFP"))]):
            given.append(numbers)
    ours = {tuple(v for v in row if v is not None) for table in tables().values() for row in _percent(table)}
    accuracies = [tables()[name].rows for name in ("lfw", "cfp-ff", "cfp-fp")]
    ours |= {tuple(round(100 * rows[m].values["accuracy@0.001"], 2) for rows in accuracies) for m in accuracies[0]}
    published = [row for row in given if tuple(row) in ours]
    assert len(published) == 11 + 9 + 6


def _percent(table: Any) -> list[list[float | None]]:
    return [
        [None if v is None else round(100 * v, 4) if f in table.rates else v for f, v in row.values.items()]
        for row in table.rows.values()
    ]


def test_results_of_no_paper_are_told_what_there_is(at: Layout) -> None:
    write_json(at.root / "results/metrics.json", {"photographs": {"dlib": figures(0.1, 0.1, 0.1)}})
    with pytest.raises(SitterError, match=r"none of the results \(photographs\).*historical-faces, lfw"):
        published.run(study(), at.root)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"benchmarks": {"photographs": "historic-faces"}}, r"did you mean 'historical-faces'"),
        ({"benchmarks": {"fotographs": "lfw"}}, r"published\.benchmarks is 'fotographs'.*did you mean 'photographs'"),
        ({"models": {"dlib": "clip-lroa"}}, r"published\.models\.dlib is 'clip-lroa'.*did you mean 'clip-lora'"),
        ({"models": {"dilb": "clip-lora"}}, r"published\.models is 'dilb'.*did you mean 'dlib'"),
    ],
)
def test_unknown_names_are_told_before_any_work(section: dict[str, Any], message: str) -> None:
    with pytest.raises(SitterError, match=message):
        study(published=section)


def test_it_is_a_command() -> None:
    assert "published" in cli.COMMANDS
