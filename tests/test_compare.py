"""The study's table beside the papers' figures, which stand as they were published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.commands import published
from pipeline.core.errors import SitterError
from pipeline.core.files import write_json
from pipeline.core.layout import Layout
from pipeline.metrics.kfold import kfold
from pipeline.metrics.result import Context, Embedded, PairList
from pipeline.params import Study
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.plan.commands import COMMANDS
from pipeline.reporting.published import comparisons, tables
from pipeline.store.figures import Figure, from_record
from tests.metrics.simulated import context
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
    assert "tar@0.01: the same at a FAR of 0.01" in printed


def test_equal_names_need_no_entry() -> None:
    arcface = {"genuine_similarity": Figure(0.7), "closer_to_centre_a": Figure(0.5)}
    (found,) = comparisons(study().published, {"lfw-geometry": {"arcface": arcface}, "other": {}})
    ((model, row, values),) = found.rows
    assert (found.benchmark, model, row.title) == ("lfw-geometry", "arcface", "ArcFace")
    assert values["genuine_similarity"].difference == pytest.approx(-0.014)
    assert values["closer_to_centre_a"].difference == pytest.approx(0.067)
    assert values["nearest_centre_a"].difference is None


def test_unlike_figures_are_refused() -> None:
    """InsightFace's accuracy is not the accuracy at FAR 0.001 that the second study's tables hold."""
    arcface = {"accuracy": Figure(0.998, interval=(0.99, 0.999)), "val@0.001": Figure(0.99)}
    with pytest.raises(SitterError, match=r"'lfw'.*holds accuracy@0\.001 .*hold accuracy, val@0\.001"):
        comparisons(study().published, {"lfw": {"arcface": arcface}})
    arcface["accuracy@0.001"] = Figure(0.9962)
    (found,) = comparisons(study().published, {"lfw": {"arcface": arcface}})
    assert found.rows[0][2]["accuracy@0.001"].difference == pytest.approx(-0.001)


def as_published(table: Any) -> dict[str, dict[str, Figure]]:
    """Results that hold just what a paper holds, with an interval around it."""
    return {
        model: {f: Figure(v, interval=(v - 0.001, v + 0.001)) for f, v in row.values.items() if v is not None}
        for model, row in table.rows.items()
    }


@pytest.mark.parametrize("name", tables())
def test_results_that_repeat_a_paper_have_no_difference_and_every_column_says_what_it_holds(name: str) -> None:
    table = tables()[name]
    (found,) = comparisons(study().published, {name: as_published(table)})
    assert [model for model, _, _ in found.rows] == list(table.rows)
    assert not found.absent
    for _, row, values in found.rows:
        for figure, beside in values.items():
            known = row.values[figure] is not None
            assert (beside.difference, beside.within) == ((0.0, True) if known else (None, None))
    printed = published.as_text(found)
    assert "*" not in printed.replace("* where", "")
    for figure, meaning in table.figures.items():
        assert len(meaning) > 10
        assert f"\n{figure}: {meaning}" in printed


def lfw(wrong: int) -> Context:
    """LFW's 6,000 pairs in ten folds, and scores by which few of them are decided wrongly at a FAR of 0.001."""
    rng = np.random.default_rng(4)
    genuine = np.tile(np.repeat([True, False], 300), 10)
    cosine = np.where(genuine, rng.uniform(0.5, 0.9, 6000), rng.uniform(-0.2, 0.3, 6000))
    cosine[rng.choice(np.flatnonzero(genuine), wrong, replace=False)] = -0.5
    angle = np.arccos(cosine)
    vectors = np.stack([np.stack([np.ones(6000), np.zeros(6000)], 1), np.stack([cosine, np.sin(angle)], 1)], 1)
    names = [str(n) for n in range(12_000)]
    images = Embedded("lfw", names, names, names, vectors.reshape(-1, 2).astype(np.float32))
    first = np.arange(0, 12_000, 2)
    return context(
        images, pairs=PairList(images, first, first + 1, genuine, np.repeat(np.arange(10), 600)), far=(1e-3,)
    )


def test_recorded_scores_measured_as_the_authors_did_come_out_near_their_figures_and_otherwise_are_refused() -> None:
    """ArcFace decides 17 of LFW's 6,000 pairs wrongly at FAR 0.001, and InfoNCE 27: 99.72 and 99.55 %."""
    wrong = {"arcface": 13, "infonce": 23}  # of genuine pairs; further ones are impostors at the threshold
    results = {model: kfold(lfw(missed), KfoldOptions(dataset="lfw")) for model, missed in wrong.items()}
    metrics = {
        model: {name: Figure(s.value) for name, s in result.scalars.items()} for model, result in results.items()
    }
    (found,) = comparisons(study().published, {"lfw": metrics})
    for _, _, values in found.rows:
        assert abs(values["accuracy@0.001"].difference or 1) < 0.0006
    for figures in metrics.values():
        del figures["accuracy@0.001"]
        assert {"accuracy", "val@0.001"} <= figures.keys()
    with pytest.raises(SitterError, match=r"accuracy@0.001 \(accuracy at the threshold that has a FAR of 0.001"):
        comparisons(study().published, {"lfw": metrics})


def test_several_models_may_stand_for_one_row() -> None:
    named = {"models": {"dlib": "clip-base", "dlib-head": "clip-base"}}
    both = {"dlib": from_record(figures(0.2, 0.1, 0.3)), "dlib-head": from_record(figures(0.1, 0.05, 0.2))}
    (found,) = comparisons(study(published=named).published, {"historical-faces": both})
    assert [(model, row.title) for model, row, _ in found.rows] == [("dlib", "CLIP-Base"), ("dlib-head", "CLIP-Base")]


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
    assert "published" in COMMANDS
