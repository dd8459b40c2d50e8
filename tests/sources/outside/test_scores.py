"""Outside systems that give scores and no vectors are evaluated like any other model."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import write_csv
from pipeline.stages import evaluate, report
from pipeline.store.embeddings import normalise
from tests.sources.outside.project import (
    IDS,
    IMAGES,
    SCORES,
    TEST,
    VECTORS,
    pairs,
    put_scores,
    run,
    study,
)

pytestmark = pytest.mark.usefixtures("project")

BENCHMARKS = {
    "all": {"kind": "all-pairs", "probe": "photos"},
    "who": {"kind": "identification", "probe": "photos", "ranks": [1, 2]},
    "folds": {"kind": "kfold", "dataset": "photos"},
    "shape": {"kind": "geometry", "dataset": "photos"},
}


def put_pairs(at):
    rng, rows = np.random.default_rng(3), []
    for fold in range(3):
        for genuine in (1, 0):
            for _ in range(6):
                s, t = rng.choice(6, 2, replace=False)
                a, b = rng.choice(IMAGES, 2, replace=False)
                one, other = TEST[s * IMAGES + a], TEST[(s if genuine else t) * IMAGES + b]
                rows.append({"image_a": one, "image_b": other, "genuine": genuine, "fold": fold})
    write_csv(at.split("photos") / "pairs.csv", rows, ["image_a", "image_b", "genuine", "fold"])


@pytest.mark.parametrize("distance", [False, True])
def test_scores_that_are_the_cosines_of_a_model_are_judged_as_it_is(at, distance, capsys):
    """Scores in either direction, shuffled, or as distances give the same errors, rates and intervals."""
    put_pairs(at)
    rng = np.random.default_rng(4)
    rows = [(a, b, s) if rng.random() < 0.5 else (b, a, s) for a, b, s in pairs()]
    rng.shuffle(rows)
    put_scores(at, [(a, b, repr(1 - float(s)) if distance else s) for a, b, s in rows])
    studied = study({**SCORES, "distance": distance}, benchmarks=BENCHMARKS)
    run(at, studied)
    evaluate.run(studied, at.root)
    metrics = json.loads((at.root / "results/metrics.json").read_text())
    for figure in ("eer", "eer_low", "eer_high", "tar@0.1", "auc", "d_prime", "genuine", "impostor"):
        assert metrics["all"]["cots"][figure] == pytest.approx(metrics["all"]["own"][figure], abs=1e-5), figure
    for figure in ("rank-1", "rank-2", "dir@0.1", "probes"):
        assert metrics["who"]["cots"][figure] == pytest.approx(metrics["who"]["own"][figure]), figure
    assert metrics["folds"]["cots"]["accuracy"] == pytest.approx(metrics["folds"]["own"]["accuracy"], abs=0.1)
    assert list(metrics["shape"]) == ["own"]
    assert "benchmark 'shape': cots is left out: embeddings/cots/photos holds scores" in capsys.readouterr().err
    with open(at.root / "results/tables/all-differences.csv", newline="") as file:
        tested = {r["metric"]: r for r in csv.DictReader(file)}
    assert (tested["eer"]["model_a"], tested["eer"]["model_b"]) == ("own", "cots")
    assert float(tested["eer"]["difference"]) == pytest.approx(0, abs=1e-6)
    assert all(row["significant"] == "0" for row in tested.values())
    report.run(studied, at.root)
    page = (at.root / "results/report.html").read_text()
    assert "not judged: cots" in page
    assert "nothing (an outside system)" in page
    assert "1 outside system" in page
    assert '<td class="whole">outside system</td>' in page
    assert "shape (geometry" in capsys.readouterr().out


def test_scores_that_depend_on_the_probe_count_in_both_directions_everywhere(at):
    """The score of a pair is the mean of both directions, in all pairs, in searches and in listed pairs."""
    put_pairs(at)
    kinds = {name: BENCHMARKS[name] for name in ("all", "who", "folds")}
    rng = np.random.default_rng(8)
    found = []
    for tilt in (0.0, 0.5):
        rows = []
        for a, b, score in pairs():
            change = tilt * rng.normal()
            rows += [(a, b, repr(float(score) + change)), (b, a, repr(float(score) - change))]
        put_scores(at, rows)
        studied = study(SCORES, benchmarks=kinds)
        run(at, studied)
        evaluate.run(studied, at.root)
        found.append({n: by["cots"] for n, by in json.loads((at.root / "results/metrics.json").read_text()).items()})
    even, tilted = found
    for benchmark, figure in (("all", "eer"), ("all", "tar@0.1"), ("who", "rank-1"), ("folds", "accuracy")):
        assert tilted[benchmark][figure] == pytest.approx(even[benchmark][figure]), (benchmark, figure)


def test_ties_of_whole_number_scores_are_kept(at):
    """Every pair has the score 0, 1 or 2; the figures are compared with counts by hand."""
    rows = [(a, b, int(a.split("/")[0] == b.split("/")[0]) + (n % 2)) for n, (a, b, _) in enumerate(pairs())]
    put_scores(at, rows)
    studied = study(SCORES)
    run(at, studied)
    evaluate.run(studied, at.root)
    with open(at.root / "results/curves/roc-all.csv", newline="") as file:
        points = [r for r in csv.DictReader(file) if r["model"] == "cots"]
    assert [p["threshold"] for p in points] == ["", "2.0", "1.0", "0.0"]
    genuine = np.array([a.split("/")[0] == b.split("/")[0] for a, b, _ in rows])
    scores = np.array([s for _, _, s in rows])
    assert [float(p["far"]) for p in points[1:]] == pytest.approx([(scores[~genuine] >= t).mean() for t in (2, 1, 0)])


def test_scores_across_data_sets_and_missing_pairs(at):
    x, y = normalise(VECTORS), normalise(VECTORS[::-1].copy())
    rows = [("art", a, "photos", b, float(y[IDS.index(a)] @ x[IDS.index(b)])) for a in TEST for b in TEST]
    header = ("probe_dataset", "probe_id", "gallery_dataset", "gallery_id", "score")
    crossed = {"crossed": {"kind": "all-pairs", "probe": "art", "gallery": "photos"}}
    studied = study(SCORES, ("photos", "art"), crossed)
    put_scores(at, rows, header)
    run(at, studied)
    evaluate.run(studied, at.root)
    metrics = json.loads((at.root / "results/metrics.json").read_text())["crossed"]
    assert metrics["cots"]["eer"] == pytest.approx(metrics["own"]["eer"], abs=1e-6)
    assert metrics["cots"]["impostor"] == 18 * 15
    put_scores(at, rows[:-2], header)
    run(at, studied)
    message = r"no score for 2 of 324 pairs, the first of them probe 's7/23' of art and gallery 's7/22' of photos: add"
    with pytest.raises(SitterError, match=message):
        evaluate.run(studied, at.root)
    put_scores(at, [r[1::2] for r in rows], ("probe_id", "gallery_id"))
    with pytest.raises(SitterError, match=r"column score is missing"):
        run(at, studied)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*pairs(), (TEST[0], TEST[1], 0.5)], r"line 155: probe 's2/6' and gallery 's2/7' stand in line 2 already"),
        ([(*p[:2], "") if n == 3 else p for n, p in enumerate(pairs())], r"score is no finite number in line 5"),
        ([(*p[:2], "high") for p in pairs()], r"column score holds string"),
        ([("", *p[1:]) if n == 1 else p for n, p in enumerate(pairs())], r"column probe_id is empty in line 3"),
    ],
)
def test_a_bad_row_of_scores_is_named(at, rows, message):
    put_scores(at, rows)
    with pytest.raises(SitterError, match=message):
        run(at, study(SCORES))


NEAR_ONE = [  # changes of scale that single precision would not survive
    lambda s: 1 - (2 - s) * 1e-12,
    lambda s: 1e9 + s * 1e-3,
    lambda s: -1e-30 * (2 - s),
]


@pytest.mark.parametrize("change", NEAR_ONE)
def test_scores_keep_the_precision_in_which_they_come(at, change):
    """Probabilities near 1, or small differences on a large offset, keep the order of the cosines behind them."""
    put_pairs(at)
    studied = study(SCORES, benchmarks=BENCHMARKS)
    metrics = []
    for put in (lambda s: s, change):
        put_scores(at, [(a, b, repr(put(round(s, 2)))) for a, b, s in pairs()])
        run(at, studied)
        evaluate.run(studied, at.root)
        metrics.append(json.loads((at.root / "results/metrics.json").read_text()))
    for benchmark, figures in {
        "all": ("eer", "eer_low", "tar@0.1", "auc", "d_prime"),
        "who": ("rank-1", "rank-2"),
        "folds": ("accuracy",),
    }.items():
        for figure in figures:
            one, other = (m[benchmark]["cots"][figure] for m in metrics)
            assert other == pytest.approx(one, rel=2e-3), (benchmark, figure)
    with open(at.root / "results/curves/roc-all.csv", newline="") as file:
        written = [float(r["threshold"]) for r in csv.DictReader(file) if r["model"] == "cots" and r["threshold"]]
    assert set(written) == {change(round(s, 2)) for _, _, s in pairs()}


@pytest.mark.parametrize("distance", [False, True])
def test_scores_of_the_wrong_direction_are_suspected_and_said(at, distance, capsys):
    put_pairs(at)
    put_scores(at, [(a, b, s if distance else 2 - 2 * s) for a, b, s in pairs()])
    studied = study({**SCORES, "distance": distance}, benchmarks=BENCHMARKS)
    run(at, studied)
    evaluate.run(studied, at.root)
    said = capsys.readouterr().err
    mend = "distance is true" if distance else "set outside.cots.distance: true"
    for benchmark in ("all", "who", "folds"):
        assert f"benchmark {benchmark!r}: cots: genuine pairs score lower than impostor pairs" in said
    assert said.count(mend) == 3
    metrics = json.loads((at.root / "results/metrics.json").read_text())
    assert mend in metrics["all"]["cots"]["eer_note"]
    assert "eer_note" not in metrics["all"]["own"]
    report.run(studied, at.root)
    assert mend in capsys.readouterr().out


def test_chance_is_not_taken_for_distances(at, capsys):
    put_pairs(at)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        put_scores(at, [(a, b, rng.random()) for a, b, _ in pairs()])
        studied = study(SCORES, benchmarks=BENCHMARKS)
        run(at, studied)
        evaluate.run(studied, at.root)
    assert "distance" not in capsys.readouterr().err


def test_whole_numbers_that_double_precision_cannot_hold_are_refused(at):
    put_scores(at, [(a, b, 2**60 + n) for n, (a, b, _) in enumerate(pairs())])
    with pytest.raises(SitterError, match=r"whole numbers beyond 2\*\*53"):
        run(at, study(SCORES))


def test_listed_pairs_need_no_score_of_others(at):
    """The k-fold protocol needs only the listed pairs; the file may lack all others."""
    put_pairs(at)
    with open(at.split("photos") / "pairs.csv", newline="") as file:
        listed = {frozenset((r["image_a"], r["image_b"])) for r in csv.DictReader(file)}
    rows = [(a, b, s) for a, b, s in pairs() if frozenset((a, b)) in listed]
    put_scores(at, rows)
    studied = study(SCORES, benchmarks={"folds": BENCHMARKS["folds"]})
    run(at, studied)
    evaluate.run(studied, at.root)
    put_scores(at, rows[1:])
    run(at, studied)
    with pytest.raises(SitterError, match=r"no score for 1 of \d+ pairs|no score for \d of 36 pairs"):
        evaluate.run(studied, at.root)
