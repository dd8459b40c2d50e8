"""The contract of `results/`: what is written is read again as the same objects; older files are read, too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.store.benchmarks import Difference, GroupErrors, GroupRate, HardPair
from pipeline.store.curves import CmcCurve, Curve, DiscardCurve, EmbeddingMap, Placed, RocCurve, ScoreHistogram
from pipeline.store.evaluation import (
    Evaluation,
    MeasuredBenchmark,
    SeenElsewhere,
    TrainedSitters,
)
from pipeline.store.figures import Figure, Shown
from pipeline.store.results import Measured, read_results, write_benchmark, write_results
from pipeline.store.subset_size import SubsetSize

ROC = RocCurve([0.0, 1.0], [0.5, 1.0], [None, 0.25])
GROUP = GroupErrors.of(
    column="style", group="oil", sitters=3, genuine=4, impostor=5, threshold=0.5, note="",
    fmr=GroupRate(0.1), fnmr=GroupRate(0.2, 0.1, 0.3, 0.05, 0.01, 0.09, 0.02, significant=True),
)  # fmt: skip
PAIR = HardPair("", "hardest_genuine", 1, "a/1", "a/2", "photos", "photos", 0.1)
FIGURES = {"eer": Figure(0.25, "few pairs", (0.2, 0.3)), "tar@0.01": Figure(None, "no pair", (None, None))}
EVALUATION = Evaluation(
    seed=7, level=0.9, replicates=50, far=[0.01], family="benchmark", models=["net"], outside=[], fusions=[],
    benchmarks={"faces": MeasuredBenchmark(
        {"kind": "all-pairs", "probe": "photos", "gallery": None},
        {"eer": Shown(True, "lower"), "geer": Shown(True, "lower", beside=True)},
    )},
    data={"photos": {"test": SubsetSize(9, 3)}},
    versions={"python": "3.12"},
    trained_sitters=TrainedSitters(True, (SeenElsewhere("photos", 3, ["net"], ["Ada"], ["paintings"], "1 of 3 …"),)),
    excluded={"photos": 1},
)  # fmt: skip
DIFFERENCE = Difference("net", "other", "eer", 0.1, 0.05, 0.15, 0.01, significant=True, family=3, p_uncorrected=0.003)


def written(folder: Path, *curves: Curve, evaluation: Evaluation = EVALUATION) -> Path:
    """Write results with one benchmark and two models; the second model has figures alone."""
    first = Measured(FIGURES, (ROC, *curves), [GROUP], [PAIR])
    by_model = {"net": first, "other": Measured({"eer": Figure(0.15)})}
    write_benchmark(folder, "faces", by_model, [DIFFERENCE], [])
    write_results(folder, {"faces": {model: found.figures for model, found in by_model.items()}}, evaluation)
    return folder


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    discard = DiscardCurve("norm", [0.0, 0.1], [0.5, 0.25], [10, 8])
    bars, places = ScoreHistogram([0.0], [0.1], [4], [5]), EmbeddingMap(["a/1"], [1.0], [2.0], {"style": ["oil"]})
    found = read_results(written(tmp_path, discard, bars, places))
    (faces,) = found.benchmarks
    assert found.evaluation == EVALUATION
    assert faces.metrics == {"net": FIGURES, "other": {"eer": Figure(0.15)}}
    assert (faces.kind, faces.probe, faces.gallery, faces.shown) == (
        "all-pairs", "photos", "photos", EVALUATION.benchmarks["faces"].shown,
    )  # fmt: skip
    assert faces.curve(RocCurve) == {"net": ROC}
    assert faces.curve(ScoreHistogram)["net"].bins() == [(0.0, 0.1, 4.0, 5.0)]
    assert faces.curve(CmcCurve) == {}
    assert faces.discard == {"net": {"norm": discard}}
    assert faces.maps == {"net": [Placed(1.0, 2.0, {"style": "oil"})]}
    assert faces.groups == {"net": [replace(GROUP, model="net")], "other": []}
    assert faces.pairs == [replace(PAIR, model="net")]
    assert (faces.differences, faces.against_baseline) == ([DIFFERENCE], [])


def test_a_colour_of_a_map_cannot_take_the_place_of_its_coordinates(tmp_path: Path) -> None:
    named = EmbeddingMap(["a/1"], [1.0], [2.0], {"x": ["oil"], "model": ["Saskia"]})
    (faces,) = read_results(written(tmp_path, named)).benchmarks
    assert faces.maps == {"net": [Placed(1.0, 2.0, {"their_x": "oil", "their_model": "Saskia"})]}


def test_the_text_of_the_files_is_as_documented(tmp_path: Path) -> None:
    written(tmp_path)
    text = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.csv")}
    assert text == {
        "tables/faces.csv": "model,eer,eer_low,eer_high,eer_note,tar@0.01,tar@0.01_low,tar@0.01_high,tar@0.01_note\n"
        "net,0.25,0.2,0.3,few pairs,,,,no pair\nother,0.15,,,,,,,\n",
        "tables/faces-differences.csv": "model_a,model_b,metric,difference,low,high,p,significant,"
        "p_uncorrected,family\n"
        "net,other,eer,0.1,0.05,0.15,0.01,1,0.003,3\n",
        "curves/roc-faces.csv": "model,far,tar,threshold\nnet,0.0,0.5,\nnet,1.0,1.0,0.25\n",
        "curves/groups-faces.csv": "model,column,group,sitters,genuine,impostor,threshold,"
        "fmr,fmr_low,fmr_high,fmr_difference,fmr_difference_low,fmr_difference_high,fmr_p,fmr_significant,"
        "fnmr,fnmr_low,fnmr_high,fnmr_difference,fnmr_difference_low,fnmr_difference_high,fnmr_p,fnmr_significant,note\n"
        "net,style,oil,3,4,5,0.5,0.1,,,,,,,,0.2,0.1,0.3,0.05,0.01,0.09,0.02,1,\n",
        "pairs/faces.csv": "model,sort,rank,probe,gallery,probe_dataset,gallery_dataset,score\n"
        "net,hardest_genuine,1,a/1,a/2,photos,photos,0.1\n",
    }
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["benchmarks"]["faces"]["scalars"] == {
        "eer": {"percent": True, "better": "lower"},
        "geer": {"percent": True, "better": "lower", "beside": True},
    }
    assert record["trained_sitters"]["found"][0]["sitters"] == ["Ada"]


def test_a_record_of_an_older_version_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"seed": 7, "level": 0.9, "replicates": 50}))
    (tmp_path / "curves/roc-faces.csv").write_text("model,far,tar\nnet,0.0,0.5\ngone,0.0,0.25\n")
    found = read_results(tmp_path)
    assert found.evaluation == Evaluation(7, 0.9, 50)
    (faces,) = found.benchmarks
    assert (faces.kind, faces.probe) == ("", "")
    assert {model: curve.line() for model, curve in faces.curve(RocCurve).items()} == {"net": [(0.0, 0.5)]}


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("run.json", '{"seed": 7}', "level is absent"),
        ("metrics.json", "[]", "benchmark"),
        ("metrics.json", '{"faces": {"net": 0.1}}', "benchmark"),
    ],
)
def test_a_broken_record_is_named_with_the_mend(tmp_path: Path, file: str, text: str, words: str) -> None:
    written(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(SitterError) as caught:
        read_results(tmp_path)
    for word in (file, words, "again"):
        assert word in str(caught.value)
