"""Outside systems: vectors from a user's file are evaluated and fused like any other model's vectors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.stages import evaluate, fuse
from pipeline.store.embeddings import normalise, read_embeddings
from tests.sources.outside.project import (
    IDS,
    PEOPLE,
    SCORES,
    VECTORS,
    given,
    put_csv,
    put_vectors,
    run,
    study,
)

pytestmark = pytest.mark.usefixtures("project")


@pytest.mark.parametrize("form", ["csv", "arrow", "npz", "npy"])
def test_vectors_of_a_file_become_the_embeddings_in_the_order_of_the_faces(at, form):
    order = np.random.default_rng(2).permutation(len(IDS))
    ids, vectors = [*(IDS[i] for i in order), "another"], np.concatenate([VECTORS[order], VECTORS[:1]])
    if form == "csv":
        put_vectors(at, ids, vectors)
    elif form == "npz":
        np.savez(given(at, "cots.npz"), image_id=np.array(ids), embedding=vectors)
    elif form == "npy":
        rows = np.zeros(len(ids), dtype=[("image_id", "U20"), ("embedding", "f4", VECTORS.shape[1])])
        rows["image_id"], rows["embedding"] = ids, vectors
        np.save(given(at, "cots.npy"), rows)
    else:
        import pandas

        frame = pandas.DataFrame({"image_id": ids, "embedding": list(vectors.astype(np.float64))})
        frame.to_feather(given(at, "cots.arrow"))
    run(at, study())
    found = read_embeddings("cots", "photos", at)
    assert found.image_ids == IDS
    np.testing.assert_allclose(found.vectors, VECTORS, rtol=1e-6)
    description = json.loads((at.model("cots") / "model.json").read_text())
    assert (description["dim"], description["rows"]) == (16, len(IDS) + 1)
    assert len(description["weights"]["sha256"]) == 64
    from pipeline.models.load import load_model

    with pytest.raises(SitterError, match="cots is an outside system, no network"):
        load_model("cots", at=at)


def test_ids_that_look_like_numbers_stay_names_and_data_sets_are_told_apart(at):
    put_csv(
        at,
        ["dataset", "image_id", "v0", "v1"],
        [[d, i, 2 * n + 1, n * n + k] for k, d in enumerate(("photos", "art")) for n, i in enumerate(IDS)],
    )
    run(at, study(datasets=("photos", "art")))
    photos, art = (read_embeddings("cots", d, at).vectors for d in ("photos", "art"))
    np.testing.assert_array_equal(art - photos, np.tile([0, 1], (len(IDS), 1)))


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (["id", "a"], [["x", 1]], r"cots.csv: column image_id is missing; found: id, a"),
        (["image_id", "v0"], [], r"cots.csv has no rows"),
        (["image_id"], [["x"]], r"has no vectors: expected a column embedding, or a column for each value"),
        (["image_id", "v0", "v1"], [["x", 1, 2], ["y", 3, "z"]], r"column v1 holds string"),
        (["image_id", "v0", "v1"], [["x", 1, 2], ["y", 3, ""]], r"column v1 is empty in line 3"),
        (["image_id", "v0", "v1"], [["x", 1, 2], ["y", 0, 0]], r"vector in line 3 is all zeros"),
        (["image_id", "v0", "v1"], [["x", 1, 2], ["y", "nan", 0.5]], r"line 3"),
    ],
)
def test_a_file_of_another_form_is_refused_before_anything_is_computed(at, header, rows, message):
    put_csv(at, header, rows)
    with pytest.raises(SitterError, match=message):
        run(at, study())
    assert not at.model("cots").exists()


def test_a_file_that_is_none_or_would_run_code_is_refused(at):
    np.savez(given(at, "cots.npz"), image_id=np.array(["a", None], object))
    with pytest.raises(SitterError, match=r"cots.npz is no .npz file that can be read: Object arrays cannot be loaded"):
        run(at, study())
    given(at, "cots.npz").rename(given(at, "cots.xlsx"))
    with pytest.raises(SitterError, match=r"cots.xlsx: its name must end in .csv, .arrow"):
        run(at, study())


def test_faces_that_are_missing_or_stand_twice_are_named(at):
    put_vectors(at, IDS[2:], VECTORS[2:])
    with pytest.raises(SitterError, match=r"no vector for 2 of 24 faces of photos: 's0/0', 's0/1'. It has 22 rows"):
        run(at, study())
    put_vectors(at, [*IDS, "s0/0"], np.concatenate([VECTORS, VECTORS[:1]]))
    with pytest.raises(SitterError, match=r"line 26: image_id 's0/0' stands in line 2 already"):
        run(at, study())
    put_vectors(at)
    with pytest.raises(SitterError, match=r"column dataset is missing: the study embeds photos, art"):
        run(at, study(datasets=("photos", "art")))


def test_vectors_from_outside_are_fused_and_the_differences_tested(at):
    put_vectors(at, vectors=(PEOPLE + np.random.default_rng(8).normal(size=PEOPLE.shape)).astype(np.float32))
    fusions = {"both": {"models": ["own", "cots"], "method": {"kind": "concat"}, "centre": False}}
    studied = study(fusions=fusions)
    run(at, studied)
    fuse.run(studied, "both", at.root)
    evaluate.run(studied, at.root)
    with open(at.root / "results/tables/all-differences.csv", newline="") as file:
        tested = {(r["model_a"], r["model_b"]) for r in csv.DictReader(file) if r["metric"] == "eer"}
    assert tested == {("own", "cots"), ("own", "both"), ("cots", "both")}
    expected = normalise(np.hstack([normalise(read_embeddings(m, "photos", at).vectors) for m in ("own", "cots")]))
    np.testing.assert_allclose(read_embeddings("both", "photos", at).vectors, expected, atol=1e-6)


FUSED = {"f": {"models": ["own", "cots"], "method": {"kind": "concat"}, "centre": False}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system": {"file": "cost"}}, r"outside.cots.file is 'cost'.*did you mean 'cots'"),
        ({"system": SCORES, "fusions": FUSED}, r"fuse.f.models is 'cots', which gives scores and no vectors"),
        (
            {"explain": {"models": ["cots"], "probe": "photos"}},
            r"explain.models is 'cots', which is no entry under mod",
        ),
        (
            {"outside": {"own": {"kind": "scores", "file": "cots"}}},
            r"outside.own has the name of an entry under models",
        ),
    ],
)
def test_what_an_outside_system_cannot_give_is_refused_by_check(change, message):
    with pytest.raises(SitterError, match=message):
        study(**change)


@pytest.mark.parametrize(
    ("backbone", "today"),
    [
        ({"kind": "external", "weights": "cots"}, r"outside: {old: {kind: embeddings, file: cots}}"),
        (
            {"kind": "external-scores", "weights": "cots", "distance": True},
            r"outside: {old: {kind: scores, file: cots, distance: true}}",
        ),
    ],
)
def test_a_file_that_has_it_as_a_backbone_is_told_what_to_write(backbone, today):
    none = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
    with pytest.raises(SitterError, match=f"models.old.backbone.kind is .*{today}"):
        study(models={"old": {"backbone": backbone, **none}})


def test_its_file_and_the_faces_are_inputs_of_both_engines():
    from pipeline.plan.stages import jobs

    found = {(j.stage, *j.names): j for j in jobs(study())}
    assert {Path("data/raw/cots"), Path("data/faces/photos")} == set(found["outside", "cots"].inputs)
    assert Path("embeddings/cots/photos") in found["outside", "cots"].outputs
    assert Path("embeddings/cots/photos") in found["evaluate",].inputs
    assert found["download", "cots"].own == (Path("x"),)


def test_what_each_system_can_do_stands_in_one_table():
    fusions = {"f": {"models": ["own"], "method": {"kind": "plda"}, "fit_on": ["photos"]}}
    found = study(SCORES, fusions=fusions).systems
    assert [(name, s.sort, s.vectors) for name, s in found.items()] == [
        ("own", "frozen", True), ("cots", "outside", False), ("f", "fusion", True)
    ]  # fmt: skip


@pytest.mark.slow
def test_recording_and_embedding_import_no_torch(at):
    import subprocess
    import sys

    put_vectors(at)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.sources.outside.test_embeddings import study; from pipeline.stages import outside\n"
        "assert 'torch' not in sys.modules\n"
        "outside.run(study(), 'cots')\n"
        "print('torch' in sys.modules)"
    )
    root = str(Path(__file__).parents[2])
    found = subprocess.run([sys.executable, "-c", code, root], cwd=at.root, capture_output=True, text=True)
    assert found.stdout.splitlines()[-1:] == ["False"], found.stderr
