from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.core.errors import SitterError
from pipeline.core.files import write_csv
from pipeline.core.layout import Layout
from pipeline.params import check
from pipeline.reporting.tables import results_table
from pipeline.stages import evaluate
from pipeline.store.embeddings import normalise, read_embeddings, write_embeddings
from pipeline.store.results import PAIR_COLUMNS, read_results
from tests.demo import demo

SITTERS, IMAGES = 12, 4
NOISE = {"frozen": 2.5, "tuned": 1.2, "both": 1.0}


@pytest.fixture
def study(at):
    """A finished study up to `fuse`: photographs, paintings of them, two models and their fusion."""
    sitters = [f"s{n}" for n in range(SITTERS + 4)]  # the last four train
    ids = [f"{s}/{i}" for s in sitters for i in range(IMAGES)]
    subset = {s: "train" if n >= SITTERS else "test" for n, s in enumerate(sitters)}
    split(at, "orl", [(i, i.split("/")[0], subset[i.split("/")[0]], "") for i in ids])
    painted = [(f"{i}~0", i.split("/")[0], subset[i.split("/")[0]], i) for i in ids]
    split(at, "orl-painted", painted + [(f"{i}~1", i.split("/")[0], "unused", i) for i in ids[:2]])
    centres = np.random.default_rng(1).normal(size=(len(sitters), 16))
    for n, (model, noise) in enumerate(NOISE.items()):
        for dataset, tail in (("orl", ""), ("orl-painted", "~0")):
            rng = np.random.default_rng([n, len(tail)])
            vectors = np.repeat(centres, IMAGES, axis=0) + noise * rng.normal(size=(len(ids), 16))
            embeddings(at, model, dataset, [i + tail for i in ids], vectors)
    some = [i for i in ids if subset[i.split("/")[0]] == "test"]
    rng = np.random.default_rng(5)
    pairs = []
    for fold in range(5):
        for genuine in (1, 0):
            for _ in range(12):
                s, t = rng.choice(SITTERS, 2, replace=False)
                a, b = rng.choice(IMAGES, 2, replace=False)
                pairs.append((some[s * IMAGES + a], some[(s if genuine else t) * IMAGES + b], genuine, fold))
    columns = ["image_a", "image_b", "genuine", "fold"]
    write_csv(at.split("orl") / "pairs.csv", [dict(zip(columns, p, strict=True)) for p in pairs], columns)
    return check(params())


def params() -> dict:
    """The demo's params with models, a fusion and benchmarks of our own."""
    raw = demo()
    raw["models"] = dict.fromkeys(("frozen", "tuned"), raw["models"]["dlib"])
    raw["fuse"] = {"both": {"models": ["frozen", "tuned"], "method": {"kind": "concat"}, "centre": False}}
    del raw["overlap"], raw["explain"], raw["identify"]
    raw["evaluate"] = {
        "far": [0.05, 0.0001],
        "bootstrap": {"replicates": 200, "level": 0.95},
        "benchmarks": {
            "photographs": {"kind": "all-pairs", "probe": "orl"},
            "crossed": {"kind": "all-pairs", "probe": "orl-painted", "gallery": "orl"},
            "folds": {"kind": "kfold", "dataset": "orl"},
            "who": {"kind": "identification", "probe": "orl-painted", "gallery": "orl"},
            "shape": {"kind": "geometry", "dataset": "orl", "centres": "orl-painted"},
        },
    }
    return raw


def split(at: Layout, dataset: str, rows: list[tuple[str, str, str, str]]) -> None:
    columns = ["image_id", "sitter", "subset", "origin"]
    found = [{**dict(zip(columns, r, strict=True)), "fold": 0} for r in rows]
    write_csv(at.split(dataset) / "split.csv", found, [*columns, "fold"])


def embeddings(at: Layout, model: str, dataset: str, ids: list[str], vectors: np.ndarray) -> None:
    folder = at.embeddings(model, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    write_embeddings(folder, ids, vectors.astype(np.float32))


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_results_hold_every_model_and_fusion_under_every_benchmark(at, study):
    evaluate.run(study, at.root)
    metrics = json.loads((at.root / "results/metrics.json").read_text())
    assert list(metrics) == ["photographs", "crossed", "folds", "who", "shape"]
    assert all(list(m) == ["frozen", "tuned", "both"] for m in metrics.values())
    one = metrics["crossed"]["tuned"]
    assert one["genuine"] == SITTERS * IMAGES * (IMAGES - 1)
    assert one["excluded"] == SITTERS * IMAGES
    assert one["eer_low"] <= one["eer"] <= one["eer_high"]
    assert one["tar@0.0001"] is None
    assert "cannot support" in one["tar@0.0001_note"]
    table = {r["model"]: r for r in rows(at.root / "results/tables/crossed.csv")}
    assert float(table["tuned"]["eer"]) == one["eer"]
    assert table["tuned"]["tar@0.0001"] == ""
    run = json.loads((at.root / "results/run.json").read_text())
    assert run["data"]["orl-painted"]["test"] == {"images": SITTERS * IMAGES, "sitters": SITTERS}
    assert run["data"]["orl-painted"]["unused"]["images"] == 2
    assert run["benchmarks"]["crossed"]["gallery"] == "orl"


def test_results_table_says_who_is_best_with_intervals_and_notes(at, study):
    evaluate.run(study, at.root)
    table = results_table(read_results(at.root / "results")).split("\n\n")[0].splitlines()
    assert table[0].startswith("photographs (all-pairs; 72 genuine, 1,056 impostor, 0 excluded, 12 sitters; 95 %")
    assert table[1].split() == ["model", "EER,", "%", "TAR@5%,", "%", "TAR@0.01%,", "%"]
    assert table[4].startswith("both")
    assert "*" in table[4]
    assert "–" in table[2]
    assert len({line.index("[") for line in table[2:5]}) == 1 or all("[" in line for line in table[2:5])
    assert any(line.startswith("TAR@0.01%: 1,056 impostor pairs cannot support") for line in table[5:])


def test_curves_and_pairs_have_the_columns_that_reports_read(at, study):
    evaluate.run(study, at.root)
    roc = rows(at.root / "results/curves/roc-crossed.csv")
    assert list(roc[0]) == ["model", "far", "tar", "threshold"]
    assert (roc[0]["far"], roc[0]["tar"], roc[0]["threshold"]) == ("0.0", "0.0", "")
    assert max(sum(r["model"] == m for r in roc) for m in NOISE) <= 400
    assert list(rows(at.root / "results/curves/det-crossed.csv")[0]) == ["model", "far", "frr", "threshold"]
    scores = rows(at.root / "results/curves/scores-crossed.csv")
    assert list(scores[0]) == ["model", "score_left", "score_right", "genuine", "impostor"]
    assert sum(int(r["genuine"]) for r in scores if r["model"] == "both") == SITTERS * IMAGES * (IMAGES - 1)
    pairs = rows(at.root / "results/pairs/crossed.csv")
    assert list(pairs[0]) == list(PAIR_COLUMNS)
    assert {p["probe_dataset"] for p in pairs} == {"orl-painted"}
    assert all(p["probe"] != f"{p['gallery']}~0" for p in pairs)


def test_models_are_compared_pair_by_pair(at, study):
    evaluate.run(study, at.root)
    compared = [r for r in rows(at.root / "results/tables/crossed-differences.csv") if r["metric"] == "d_prime"]
    found = {(r["model_a"], r["model_b"]): r for r in compared}
    row = found["frozen", "tuned"]
    assert row["significant"] == "1"
    assert float(row["p"]) >= float(row["p_uncorrected"])
    eer = [r for r in rows(at.root / "results/tables/crossed-differences.csv") if r["metric"] == "eer"]
    assert len(eer) == 3
    metrics = json.loads((at.root / "results/metrics.json").read_text())["crossed"]
    assert float(eer[0]["difference"]) == pytest.approx(metrics["frozen"]["eer"] - metrics["tuned"]["eer"])


def test_every_other_model_is_tested_against_the_declared_baseline(at, study):
    """The family of Holm's correction is those comparisons in the primary figures, and no other."""
    raw = params()
    raw["evaluate"] |= {"baseline": {"crossed": "frozen"}, "primary": ["eer", "d_prime"]}
    evaluate.run(check(raw), at.root)
    found = rows(at.root / "results/tables/crossed-baseline.csv")
    assert [(r["model_a"], r["model_b"], r["metric"]) for r in found] == [
        (model, "frozen", metric) for metric in ("eer", "d_prime") for model in ("tuned", "both")
    ]
    assert {r["family"] for r in found} == {"4"}
    assert max(float(r["p"]) for r in found) <= 4 * max(float(r["p_uncorrected"]) for r in found)
    least = min(found, key=lambda r: float(r["p_uncorrected"]))
    assert float(least["p"]) == pytest.approx(4 * float(least["p_uncorrected"]))
    for row in found:
        apart = not float(row["low"]) <= 0 <= float(row["high"])
        assert row["significant"] == str(int(apart and float(row["p"]) < 0.05))
    assert not (at.root / "results/tables/folds-baseline.csv").exists()
    metrics = json.loads((at.root / "results/metrics.json").read_text())["crossed"]
    assert float(found[0]["difference"]) == pytest.approx(metrics["tuned"]["eer"] - metrics["frozen"]["eer"])


def test_every_model_is_calibrated_unless_the_study_says_no(at, study):
    evaluate.run(study, at.root)
    metrics = json.loads((at.root / "results/metrics.json").read_text())["crossed"]
    for model in NOISE:
        assert metrics[model]["cllr"] == pytest.approx(metrics[model]["cllr_min"] + metrics[model]["cllr_cal"])
        assert metrics[model]["cllr_low"] < metrics[model]["cllr"] < metrics[model]["cllr_high"]
        assert "folds" in metrics[model]["cllr_note"]
    assert {r["model"] for r in rows(at.root / "results/curves/ece-crossed.csv")} == set(NOISE)
    raw = params()
    raw["evaluate"]["calibration"] = "none"
    evaluate.run(check(raw), at.root)
    assert "cllr" not in json.loads((at.root / "results/metrics.json").read_text())["crossed"]["tuned"]
    assert not (at.root / "results/curves/ece-crossed.csv").exists()


def test_holms_family_is_the_one_that_the_study_declares(at, study):
    raw = params()
    raw["evaluate"] |= {"baseline": "frozen", "primary": ["eer", "accuracy"], "family": "study"}
    evaluate.run(check(raw), at.root)
    benchmarks = ("photographs", "crossed", "folds", "who")
    every = [r for name in benchmarks for r in rows(at.root / f"results/tables/{name}-baseline.csv")]
    assert {r["family"] for r in every} == {str(len(every))}
    least = min(every, key=lambda r: float(r["p_uncorrected"]))
    assert float(least["p"]) == pytest.approx(len(every) * float(least["p_uncorrected"]))
    assert json.loads((at.root / "results/run.json").read_text())["family"] == "study"
    compared = [r for r in rows(at.root / "results/tables/crossed-differences.csv") if r["metric"] == "eer"]
    assert {r["family"] for r in compared} == {"3"}


@pytest.mark.parametrize("baseline", ["frozn", {"crossed": "frozn"}])
def test_a_baseline_that_is_no_model_is_told(study, baseline):
    raw = params()
    raw["evaluate"]["baseline"] = baseline
    with pytest.raises(SitterError, match="did you mean 'frozen'"):
        check(raw)


def test_a_second_run_writes_the_same_bytes_and_keeps_the_report(at, study):
    evaluate.run(study, at.root)
    first = (at.root / "results/manifest.csv").read_text()
    (at.root / "results/report.html").write_text("report")
    evaluate.run(study, at.root)
    assert (at.root / "results/manifest.csv").read_text() == first
    assert "report.html" not in first
    assert (at.root / "results/report.html").read_text() == "report"


def test_an_image_without_a_vector_is_found_before_anything_is_computed(at, study, monkeypatch):
    monkeypatch.setattr(evaluate, "judge", lambda *_: pytest.fail("computed"))
    ids = [r["image_id"] for r in rows(at.split("orl") / "split.csv")][1:]
    embeddings(at, "both", "orl", ids, np.ones((len(ids), 4)))
    with pytest.raises(SitterError, match=r"both/orl.*no vector for 1 of 64 images.*'s0/0'"):
        evaluate.run(study, at.root)


def test_a_column_that_a_benchmark_needs_is_missed_before_anything_is_computed(at, study, monkeypatch):
    monkeypatch.setattr(evaluate, "judge", lambda *_: pytest.fail("computed"))
    at.faces("orl").mkdir(parents=True)
    rows_ = [{"image_id": "s0/0", "sitter": "s0", "status": "aligned", "artist": "Hals"}]
    write_csv(at.faces("orl") / "faces.csv", rows_, list(rows_[0]))
    for asked, message in (
        ({"groups": ["artst"]}, "benchmark 'photographs'.*no column 'artst'; did you mean 'artist'"),
        ({"groups": ["century"]}, "no column 'year'"),
        ({"discard": ["ofiq"]}, "no column 'ofiq'"),
        ({"templates": {"probe": "tid"}}, "no column 'tid'"),
    ):
        raw = params()
        raw["evaluate"]["benchmarks"]["photographs"] |= asked
        with pytest.raises(SitterError, match=message):
            evaluate.run(check(raw), at.root)


def test_a_nan_vector_is_refused_with_the_image_named(at, study):
    import pyarrow as pa

    from pipeline.core.files import write_table

    ids = [r["image_id"] for r in rows(at.split("orl") / "split.csv")]
    values = np.ones((len(ids), 4), dtype=np.float32)
    values[3, 1] = np.nan
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 4)
    file = at.embeddings("tuned", "orl") / "embeddings.arrow"
    write_table(file, pa.table({"image_id": pa.array(ids), "embedding": vectors}))
    with pytest.raises(SitterError, match="'s0/3' is not finite"):
        evaluate.run(study, at.root)
    assert not (at.root / "results").exists()


def test_learned_centres_are_those_in_the_models_folder(at, study):
    """And only of the models whose loss has left such; mean embeddings serve all."""
    centres = np.random.default_rng(3).normal(size=(9, 16)).astype(np.float32)
    at.model("tuned").mkdir(parents=True)
    save_file({"loss.centres": centres}, at.model("tuned") / "centres.safetensors")
    evaluate.run(study, at.root)
    found = json.loads((at.root / "results/metrics.json").read_text())["shape"]
    tested = {r["image_id"] for r in rows(at.split("orl") / "split.csv") if r["subset"] == "test"}
    table = read_embeddings("tuned", "orl", at)
    x = normalise(table.select(sorted(tested)))
    first = [i for i, name in enumerate(sorted(tested)) for _ in range(IMAGES - 1 - int(name.split("/")[1]))]
    assert found["tuned"]["nearest_centre_a"] == pytest.approx(
        (x @ normalise(centres).T).max(1)[first].mean(), abs=1e-5
    )
    assert all("nearest_mean_a" in figures for figures in found.values())
    assert [model for model, figures in found.items() if "nearest_centre_a" in figures] == ["tuned"]
    assert {r["model"] for r in rows(at.root / "results/curves/nearest_centre-shape.csv")} == {"tuned"}


def test_centres_of_nobody_or_of_half_a_data_set_are_refused(at, study):
    whole = rows(at.split("orl-painted") / "split.csv")
    ids = [r["image_id"] for r in whole if r["subset"] != "train"]
    embeddings(at, "tuned", "orl-painted", ids, np.ones((len(ids), 16)))
    only = {"shape": study.evaluate.benchmarks["shape"]}
    alone = study.model_copy(update={"evaluate": study.evaluate.model_copy(update={"benchmarks": only})})
    with pytest.raises(SitterError, match=r"'tuned'.*tuned/orl-painted.* has no vector for 16 of 16 images"):
        evaluate.run(alone, at.root)
    split(at, "orl-painted", [(r["image_id"], r["sitter"], "test", r["origin"]) for r in whole])
    with pytest.raises(SitterError, match="orl-painted: no train sitters"):
        evaluate.run(alone, at.root)


def test_absent_embeddings_are_named(at, study):
    (at.embeddings("both", "orl-painted") / "embeddings.arrow").unlink()
    with pytest.raises(SitterError, match="embeddings/both/orl-painted"):
        evaluate.run(study, at.root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_a": "s99/1"}, r"line 2: image_a is 's99/1', which split.csv does not hold"),
        ({"image_b": f"s{SITTERS}/1"}, r"line 2: image_b 's12/1' is in the subset train"),
        ({"genuine": "yes"}, r"line 2: genuine is 'yes'"),
    ],
)
def test_a_bad_row_of_pairs_is_named(at, study, change, message):
    path = at.split("orl") / "pairs.csv"
    listed = rows(path)
    listed[0] |= change
    write_csv(path, listed, list(listed[0]))
    with pytest.raises(SitterError, match=message):
        evaluate.run(study, at.root)


def test_a_data_set_without_pairs_is_named(at, study):
    (at.split("orl") / "pairs.csv").unlink()
    with pytest.raises(SitterError, match=r"benchmark 'folds'.*pairs\.csv does not exist"):
        evaluate.run(study, at.root)


def test_the_stage_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, pipeline.stages.evaluate; print(sorted({'torch', 'scipy', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
