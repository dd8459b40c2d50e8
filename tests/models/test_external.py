"""Outside systems: vectors and scores from a user's file, judged and fused as any other model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import embed, evaluate, fuse, paths, report, train
from pipeline.artifacts import output_folder, write_csv
from pipeline.embeddings import normalise, read_embeddings, write_embeddings
from pipeline.errors import SitterError
from pipeline.faces.alignment import ARCFACE
from pipeline.faces.store import Face, encode, write_faces
from pipeline.params import check

SITTERS, IMAGES = 8, 3
NAMES = [f"s{s}" for s in range(SITTERS) for _ in range(IMAGES)]
IDS = [f"{s}/{i}" for i, s in enumerate(NAMES)]
SUBSET = {f"s{s}": "train" if s < 2 else "test" for s in range(SITTERS)}
TEST = [i for i, s in zip(IDS, NAMES, strict=True) if SUBSET[s] == "test"]
PEOPLE = np.repeat(np.random.default_rng(0).normal(size=(SITTERS, 16)), IMAGES, axis=0)
VECTORS = (PEOPLE + 0.8 * np.random.default_rng(1).normal(size=PEOPLE.shape)).astype(np.float32)
NONE = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}


def study(backbone=None, datasets=("photos",), benchmarks=None, fusions=None, **model):
    backbone = {"kind": "external", "weights": "cots"} | (backbone or {})
    benchmarks = benchmarks or {"all": {"kind": "all-pairs", "probe": datasets[0]}}
    return check(
        {
            "seed": 1,
            "train": {},
            "download": {d: {"kind": "folder", "path": d} for d in datasets} | {"cots": {"kind": "file", "path": "x"}},
            "align": {d: {"detectors": [{"kind": "aligned"}]} for d in datasets},
            "split": {d: {"kind": "sitters", "test": 0.5} for d in datasets},
            "models": {
                "own": {"backbone": {"kind": "iresnet"}, **NONE},
                "cots": {"backbone": backbone, **NONE, **model},
            },
            "embed": {"datasets": list(datasets), "batch": 8},
            "fuse": fusions or {},
            "evaluate": {"far": [0.1], "bootstrap": {"replicates": 100}, "benchmarks": benchmarks},
        }
    )


SCORES = {"kind": "external-scores"}


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    """Faces, splits, and embeddings of a model of our own; `cots` has the very same ones to say."""
    monkeypatch.chdir(tmp_path)
    crop = encode(np.zeros((112, 112, 3), np.uint8))
    for dataset in ("photos", "art"):
        with output_folder(paths.faces(dataset)) as folder:
            write_faces(
                folder, [Face(i, s, crop, ARCFACE.points, "aligned", 1.0) for i, s in zip(IDS, NAMES, strict=True)]
            )
        rows = [{"image_id": i, "sitter": s, "subset": SUBSET[s], "fold": 0} for i, s in zip(IDS, NAMES, strict=True)]
        with output_folder(paths.split(dataset)) as folder:
            write_csv(folder / "split.csv", rows, ["image_id", "sitter", "subset", "fold", "origin"])
        with output_folder(paths.embeddings("own", dataset)) as folder:
            write_embeddings(folder, IDS, VECTORS if dataset == "photos" else VECTORS[::-1].copy())


def given(name):
    """The file `name` of the entry `cots`, as download leaves it: write into it."""
    folder = paths.raw("cots")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / paths.MANIFEST).write_text("")
    return folder / name


def put_csv(header, rows, name="cots.csv"):
    with open(given(name), "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def put_vectors(ids=IDS, vectors=VECTORS, header=None):
    header = header or ["image_id", *(f"v{n}" for n in range(vectors.shape[1]))]
    put_csv(header, [[i, *map(repr, map(float, v))] for i, v in zip(ids, vectors, strict=True)])


def pairs(ids=TEST, vectors=VECTORS):
    x = normalise(vectors)
    return [(a, b, float(x[IDS.index(a)] @ x[IDS.index(b)])) for n, a in enumerate(ids) for b in ids[n + 1 :]]


def put_scores(rows, header=("probe_id", "gallery_id", "score")):
    put_csv(header, rows)


def run(studied, datasets=("photos",)):
    train.run(studied, "cots")
    for dataset in datasets:
        embed.run(studied, "cots", dataset)


@pytest.mark.parametrize("form", ["csv", "arrow", "npz"])
def test_vectors_of_a_file_become_the_embeddings_in_the_order_of_the_faces(form):
    order = np.random.default_rng(2).permutation(len(IDS))
    ids, vectors = [*(IDS[i] for i in order), "another"], np.concatenate([VECTORS[order], VECTORS[:1]])
    if form == "csv":
        put_vectors(ids, vectors)
    elif form == "npz":
        np.savez(given("cots.npz"), image_id=np.array(ids), embedding=vectors)
    else:
        import pandas

        frame = pandas.DataFrame({"image_id": ids, "embedding": list(vectors.astype(np.float64))})
        frame.to_feather(given("cots.arrow"))
    run(study())
    found = read_embeddings("cots", "photos")
    assert found.image_ids == IDS
    np.testing.assert_allclose(found.vectors, VECTORS, rtol=1e-6)
    description = json.loads((paths.model("cots") / "model.json").read_text())
    assert (description["dim"], description["rows"]) == (16, len(IDS) + 1)
    assert len(description["weights"]["sha256"]) == 64
    from pipeline.models.load import load_model

    with pytest.raises(SitterError, match="cots is an outside system, no network"):
        load_model("cots")


def test_ids_that_look_like_numbers_stay_names_and_data_sets_are_told_apart():
    put_csv(
        ["dataset", "image_id", "a", "b"],
        [[d, i, n + 1, n * n + k] for k, d in enumerate(("photos", "art")) for n, i in enumerate(IDS)],
    )
    run(study(datasets=("photos", "art")), ("photos", "art"))
    photos, art = (read_embeddings("cots", d).vectors for d in ("photos", "art"))
    np.testing.assert_array_equal(art - photos, np.tile([0, 1], (len(IDS), 1)))


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (["id", "a"], [["x", 1]], r"cots.csv: column image_id is missing; found: id, a"),
        (["image_id", "a"], [], r"cots.csv has no rows"),
        (["image_id"], [["x"]], r"has no values: neither a column embedding nor one for each value"),
        (["image_id", "a", "b"], [["x", 1, 2], ["y", 3, "z"]], r"column b holds string, but every column beside"),
        (["image_id", "a", "b"], [["x", 1, 2], ["y", 3, ""]], r"column b is empty in line 3"),
        (["image_id", "a", "b"], [["x", 1, 2], ["y", 0, 0]], r"vector in line 3 is all zeros"),
        (["image_id", "a", "b"], [["x", 1, 2], ["y", "nan", 0.5]], r"line 3"),
    ],
)
def test_a_file_of_another_form_is_refused_before_anything_is_computed(header, rows, message):
    put_csv(header, rows)
    with pytest.raises(SitterError, match=message):
        train.run(study(), "cots")
    assert not paths.model("cots").exists()


def test_a_file_that_is_none_or_would_run_code_is_refused():
    np.savez(given("cots.npz"), image_id=np.array(["a", None], object))
    with pytest.raises(SitterError, match=r"cots.npz is no .npz file that can be read: Object arrays cannot be loaded"):
        train.run(study(), "cots")
    given("cots.npz").rename(given("cots.xlsx"))
    with pytest.raises(SitterError, match=r"cots.xlsx: its name must end in .csv, .arrow"):
        train.run(study(), "cots")


def test_faces_that_are_missing_or_stand_twice_are_named():
    put_vectors(IDS[2:], VECTORS[2:])
    with pytest.raises(SitterError, match=r"no vector for 2 of 24 faces of photos: 's0/0', 's0/1'. It has 22 rows"):
        run(study())
    put_vectors([*IDS, "s0/0"], np.concatenate([VECTORS, VECTORS[:1]]))
    with pytest.raises(SitterError, match=r"line 26: image_id 's0/0' stands in line 2 already"):
        run(study())
    put_vectors()
    with pytest.raises(SitterError, match=r"column dataset is missing: the study embeds photos, art"):
        run(study(datasets=("photos", "art")))


BENCHMARKS = {
    "all": {"kind": "all-pairs", "probe": "photos"},
    "who": {"kind": "identification", "probe": "photos", "ranks": [1, 2]},
    "folds": {"kind": "pairs", "dataset": "photos"},
    "shape": {"kind": "geometry", "dataset": "photos"},
}


def put_pairs():
    rng, rows = np.random.default_rng(3), []
    for fold in range(3):
        for genuine in (1, 0):
            for _ in range(6):
                s, t = rng.choice(6, 2, replace=False)
                a, b = rng.choice(IMAGES, 2, replace=False)
                one, other = TEST[s * IMAGES + a], TEST[(s if genuine else t) * IMAGES + b]
                rows.append({"image_a": one, "image_b": other, "genuine": genuine, "fold": fold})
    write_csv(paths.split("photos") / "pairs.csv", rows, ["image_a", "image_b", "genuine", "fold"])


@pytest.mark.parametrize("distance", [False, True])
def test_scores_that_are_the_cosines_of_a_model_are_judged_as_it_is(distance, capsys):
    """In either direction, shuffled, or as distances: the same errors, rates and intervals, and no difference."""
    put_pairs()
    rng = np.random.default_rng(4)
    rows = [(a, b, s) if rng.random() < 0.5 else (b, a, s) for a, b, s in pairs()]
    rng.shuffle(rows)
    put_scores([(a, b, repr(1 - float(s)) if distance else s) for a, b, s in rows])
    studied = study({**SCORES, "distance": distance}, benchmarks=BENCHMARKS)
    run(studied)
    evaluate.run(studied)
    metrics = json.loads(Path("results/metrics.json").read_text())
    for figure in ("eer", "eer_low", "eer_high", "tar@0.1", "auc", "d_prime", "genuine", "impostor"):
        assert metrics["all"]["cots"][figure] == pytest.approx(metrics["all"]["own"][figure], abs=1e-5), figure
    for figure in ("rank-1", "rank-2", "dir@0.1", "probes"):
        assert metrics["who"]["cots"][figure] == pytest.approx(metrics["who"]["own"][figure]), figure
    assert metrics["folds"]["cots"]["accuracy"] == pytest.approx(metrics["folds"]["own"]["accuracy"], abs=0.1)
    assert list(metrics["shape"]) == ["own"]
    assert "benchmark 'shape': cots is left out: embeddings/cots/photos holds scores" in capsys.readouterr().err
    with open("results/tables/all-differences.csv", newline="") as file:
        tested = {r["metric"]: r for r in csv.DictReader(file)}
    assert (tested["eer"]["model_a"], tested["eer"]["model_b"]) == ("own", "cots")
    assert float(tested["eer"]["difference"]) == pytest.approx(0, abs=1e-6)
    assert all(row["significant"] == "0" for row in tested.values())
    report.run(studied)
    page = Path("results/report.html").read_text()
    assert "not judged on shape" in page
    assert "nothing (an outside system)" in page
    assert "1 outside system" in page
    assert '<td class="whole">outside system</td>' in page
    assert "shape (geometry" in capsys.readouterr().out


def test_ties_of_whole_number_scores_are_kept():
    """Against the counts by hand: 0, 1 or 2 for every pair."""
    rows = [(a, b, int(a.split("/")[0] == b.split("/")[0]) + (n % 2)) for n, (a, b, _) in enumerate(pairs())]
    put_scores(rows)
    studied = study(SCORES)
    run(studied)
    evaluate.run(studied)
    with open("results/curves/roc-all.csv", newline="") as file:
        points = [r for r in csv.DictReader(file) if r["model"] == "cots"]
    assert [p["threshold"] for p in points] == ["", "2.0", "1.0", "0.0"]
    genuine = np.array([a.split("/")[0] == b.split("/")[0] for a, b, _ in rows])
    scores = np.array([s for _, _, s in rows])
    assert [float(p["far"]) for p in points[1:]] == pytest.approx([(scores[~genuine] >= t).mean() for t in (2, 1, 0)])


def test_scores_across_data_sets_and_missing_pairs():
    x, y = normalise(VECTORS), normalise(VECTORS[::-1].copy())
    rows = [("art", a, "photos", b, float(y[IDS.index(a)] @ x[IDS.index(b)])) for a in TEST for b in TEST]
    header = ("probe_dataset", "probe_id", "gallery_dataset", "gallery_id", "score")
    crossed = {"crossed": {"kind": "all-pairs", "probe": "art", "gallery": "photos"}}
    studied = study(SCORES, ("photos", "art"), crossed)
    put_scores(rows, header)
    run(studied, ("photos", "art"))
    evaluate.run(studied)
    metrics = json.loads(Path("results/metrics.json").read_text())["crossed"]
    assert metrics["cots"]["eer"] == pytest.approx(metrics["own"]["eer"], abs=1e-6)
    assert metrics["cots"]["impostor"] == 18 * 15
    put_scores(rows[:-2], header)
    run(studied, ("photos", "art"))
    message = r"no score for 2 of 324 pairs, the first of them probe 's7/23' of art and gallery 's7/22' of photos: add"
    with pytest.raises(SitterError, match=message):
        evaluate.run(studied)
    put_scores([r[1::2] for r in rows], ("probe_id", "gallery_id"))
    with pytest.raises(SitterError, match=r"column score is missing"):
        run(studied)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*pairs(), (TEST[0], TEST[1], 0.5)], r"line 155: probe 's2/6' and gallery 's2/7' stand in line 2 already"),
        ([(*p[:2], "") if n == 3 else p for n, p in enumerate(pairs())], r"score is no finite number in line 5"),
        ([(*p[:2], "high") for p in pairs()], r"column score holds string"),
        ([("", *p[1:]) if n == 1 else p for n, p in enumerate(pairs())], r"column probe_id is empty in line 3"),
    ],
)
def test_a_bad_row_of_scores_is_named(rows, message):
    put_scores(rows)
    with pytest.raises(SitterError, match=message):
        run(study(SCORES))


def test_vectors_from_outside_are_fused_and_the_differences_tested():
    put_vectors(vectors=(PEOPLE + np.random.default_rng(8).normal(size=PEOPLE.shape)).astype(np.float32))
    fusions = {"both": {"models": ["own", "cots"], "method": {"kind": "concat"}, "centre": False}}
    studied = study(fusions=fusions)
    run(studied)
    fuse.run(studied, "both")
    evaluate.run(studied)
    with open("results/tables/all-differences.csv", newline="") as file:
        tested = {(r["model_a"], r["model_b"]) for r in csv.DictReader(file) if r["metric"] == "eer"}
    assert tested == {("own", "cots"), ("own", "both"), ("cots", "both")}
    expected = normalise(np.hstack([normalise(read_embeddings(m, "photos").vectors) for m in ("own", "cots")]))
    np.testing.assert_allclose(read_embeddings("both", "photos").vectors, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": {"weights": "cost"}}, r"models.cots.backbone.weights is 'cost'.*did you mean 'cots'"),
        ({"mirror": True}, r"models.cots.mirror is true, but an outside system"),
        (
            {"adaptation": {"kind": "head"}, "loss": {"kind": "triplet"}, "training": {"train_on": ["photos"]}},
            r"models.cots.adaptation is 'head', but backbone external is an outside system, which cannot be trained",
        ),
        (
            {
                "backbone": SCORES,
                "fusions": {"f": {"models": ["own", "cots"], "method": {"kind": "concat"}, "centre": False}},
            },
            r"fuse.f.models is 'cots', which gives scores and no vectors",
        ),
    ],
)
def test_what_an_outside_system_cannot_give_is_refused_by_check(change, message):
    with pytest.raises(SitterError, match=message):
        study(**change)


def test_its_file_is_an_input_of_both_engines():
    from pipeline.graph import jobs

    found = {(j.stage, *j.names): j for j in jobs(study())}
    assert paths.raw("cots") in found["train", "cots"].inputs
    assert paths.raw("cots") in found["embed", "cots", "photos"].inputs
    assert found["download", "cots"].own == (Path("x"),)


def test_recording_and_embedding_import_no_torch():
    import subprocess
    import sys

    put_vectors()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.models.test_external import study; from pipeline import embed, train\n"
        "assert 'torch' not in sys.modules\n"
        "train.run(study(), 'cots'); embed.run(study(), 'cots', 'photos')\n"
        "print('torch' in sys.modules)"
    )
    root = str(Path(__file__).parents[2])
    found = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True)
    assert found.stdout.splitlines()[-1:] == ["False"], found.stderr
