"""What a test set shares with a training set is found by picture, by name and by embedding; and left out if wanted."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_json, write_csv
from pipeline.core.layout import Layout
from pipeline.metrics.reader import Reader
from pipeline.params import Study
from pipeline.stages import overlap
from pipeline.store.embeddings import read_embeddings, write_embeddings
from pipeline.store.faces import StoredFace, encode, write_faces
from tests.faces_of_noise import face
from tests.reporting.standin import LANDMARKS, small_study

PEOPLE, DIMENSION = 40, 32
TWIN = "someone"
"""The name under which the training set knows the test set's t1."""


def data_set(
    at: Layout, name: str, images: list[tuple[str, str, str, np.ndarray]], model: str | None, seed: int
) -> None:
    """Faces, split and embeddings of (image, sitter, subset, crop)."""
    at.faces(name).mkdir(parents=True)
    write_faces(at.faces(name), [StoredFace(i, s, encode(c), LANDMARKS, "d", 1.0) for i, s, _, c in images])
    columns = ["image_id", "sitter", "subset", "fold", "origin"]
    rows = [dict(zip(columns, (i, s, subset, 0, ""), strict=True)) for i, s, subset, _ in images]
    write_csv(at.split(name) / "split.csv", rows, columns)
    if model is not None:
        rng, sitters = np.random.default_rng(seed), sorted({s for _, s, _, _ in images})
        of = {
            s: np.random.default_rng([7, *("t1" if s == TWIN else s).encode()]).normal(size=DIMENSION) for s in sitters
        }
        vectors = np.array([of[s] + 0.3 * rng.normal(size=DIMENSION) for _, s, _, _ in images])
        folder = at.embeddings(model, name)
        folder.mkdir(parents=True)
        write_embeddings(folder, [i for i, _, _, _ in images], vectors.astype(np.float32))


@pytest.fixture
def study(at: Layout) -> Study:
    """`photos` is tested on, `painted` trains: one sitter by name, one under another name, two copied pictures."""
    train = [(f"a{n}/{i}", f"a{n}", "train", face(100 + 2 * n + i)) for n in range(PEOPLE) for i in range(2)]
    test = [(f"t{n}/{i}", f"t{n}", "test", face(1000 + 2 * n + i)) for n in range(PEOPLE) for i in range(2)]
    copy = cv2.convertScaleAbs(test[8][3], alpha=0.9, beta=12)  # t4/0, in another tone
    train += [("copy", "a0", "train", copy), ("same", "a1", "val", test[11][3])]
    train += [(f"twin/{i}", TWIN, "train", face(5000 + i)) for i in range(2)]
    test += [(f"a3/{i}", "a3", "test", face(6000 + i)) for i in range(2)]
    test += [("unused", "a9", "unused", train[0][3])]  # no test image: no overlap
    data_set(at, "painted", train, "dlib", 1)
    data_set(at, "photos", test, "dlib", 2)
    return made()


def made(**changes: object) -> Study:
    entry = {"train": ["painted"], "test": "photos", "model": "dlib", "far": 0.001, **changes}
    return small_study(overlap={"photographs": entry})


def rows(at: Layout, name: str) -> list[dict[str, str]]:
    with open(at.overlap("photographs") / name, newline="") as file:
        return list(csv.DictReader(file))


def test_copies_in_other_tones_are_listed_and_nothing_else_is(at: Layout, study: Study) -> None:
    overlap.run(study, "photographs", at.root)
    found = {(r["test"], r["train"], r["test_sitter"], r["train_sitter"]) for r in rows(at, "images.csv")}
    assert found == {("t4/0", "copy", "t4", "a0"), ("t5/1", "same", "t5", "a1")}
    assert read_json(at.overlap("photographs") / "summary.json")["near_duplicates"] == 2


def test_sitters_are_found_by_name_and_under_another_name_by_their_embeddings(at: Layout, study: Study) -> None:
    overlap.run(study, "photographs", at.root)
    found = {r["test_sitter"]: r for r in rows(at, "sitters.csv")}
    assert found.keys() == {"a3", "t1"}
    assert (found["a3"]["train_sitter"], found["a3"]["by_name"], found["a3"]["by_embedding"]) == ("a3", "1", "1")
    assert (found["t1"]["train_sitter"], found["t1"]["by_name"], found["t1"]["by_embedding"]) == (TWIN, "0", "1")
    summary = read_json(at.overlap("photographs") / "summary.json")
    assert (summary["sitters_by_name"], summary["sitters_by_embedding"]) == (1, 2)


def test_threshold_is_exceeded_by_no_two_test_sitters(at: Layout, study: Study) -> None:
    overlap.run(study, "photographs", at.root)
    summary = read_json(at.overlap("photographs") / "summary.json")
    table = read_embeddings("dlib", "photos", at)
    vectors = table.vectors.astype(float)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    by: dict[str, list[np.ndarray]] = {}
    for image_id, vector in zip(table.image_ids, unit, strict=True):
        if image_id != "unused":
            by.setdefault(image_id.split("/")[0], []).append(vector)
    means = [np.mean(v, axis=0) / np.linalg.norm(np.mean(v, axis=0)) for v in by.values()]
    highest = max(float(a @ b) for n, a in enumerate(means) for b in means[n + 1 :])
    assert summary["threshold"] == pytest.approx(highest, rel=1e-12)  # 820 pairs: 0.001 allows none
    assert summary["by_chance"] == pytest.approx(41 * (1 - (1 - 1 / 820) ** 41))


def test_without_a_model_only_names_and_pictures_are_compared(at: Layout, study: Study) -> None:
    overlap.run(made(model=None), "photographs", at.root)
    assert [r["test_sitter"] for r in rows(at, "sitters.csv")] == ["a3"]
    assert read_json(at.overlap("photographs") / "summary.json")["sitters_by_embedding"] is None


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [("nothing", set()), ("images", {"t4/0", "t5/1"}), ("sitters", {"t4/0", "t5/1", "t1/0", "t1/1", "a3/0", "a3/1"})],
)
def test_what_is_excluded_no_benchmark_counts(at: Layout, study: Study, exclude: str, expected: set[str]) -> None:
    chosen = made(exclude=exclude)
    overlap.run(chosen, "photographs", at.root)
    assert {r["image_id"] for r in rows(at, "excluded.csv")} == expected
    benchmark = {"photographs": chosen.evaluate.benchmarks["photographs"]}
    one = chosen.model_copy(
        update={"models": {"dlib": chosen.models["dlib"]}, "fuse": {},
                "evaluate": chosen.evaluate.model_copy(update={"benchmarks": benchmark})}
    )  # fmt: skip
    read = Reader(one, at)
    tested = read.context("dlib").embedded("photos", "test").image_ids
    assert len(tested) == 2 * PEOPLE + 2 - len(expected)
    assert not expected & set(tested)


def test_pairs_with_an_excluded_image_are_left_out(at: Layout, study: Study) -> None:
    pairs = [("t4/0", "t4/1", 1, 0), ("t6/0", "t6/1", 1, 0), ("t6/0", "t7/1", 0, 1), ("t5/1", "t7/1", 0, 1)]
    columns = ["image_a", "image_b", "genuine", "fold"]
    write_csv(at.split("photos") / "pairs.csv", [dict(zip(columns, p, strict=True)) for p in pairs], columns)
    chosen = made(exclude="images")
    overlap.run(chosen, "photographs", at.root)
    listed = Reader(chosen, at).context("dlib").pairs("photos")
    assert listed.genuine.tolist() == [True, False]
    assert set(listed.images.image_ids) == {"t6/0", "t6/1", "t7/1"}


def test_sides_without_images_and_absent_faces_are_named(at: Layout, study: Study) -> None:
    with pytest.raises(SitterError, match=r"overlap\.photographs\.train: photos has no image in train or val"):
        overlap.run(made(train=["photos"], test="photos"), "photographs", at.root)
    with pytest.raises(SitterError, match=r"overlap\.photographs\.model is 'dlip'.*did you mean 'dlib'"):
        made(model="dlip")
    with pytest.raises(SitterError, match=r"overlap\.photographs\.test is 'photo'.*did you mean 'photos'"):
        made(test="photo")


def test_sitters_whose_names_are_written_in_two_ways_are_told(
    at: Layout, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    for dataset, name in (("painted", "a3"), ("photos", "A_3")):
        path = at.split(dataset) / "split.csv"
        path.write_text(path.read_text().replace(",a3,", f",{name},".replace("a3", "a 3")))
    overlap.run(made(model=None), "photographs", at.root)
    said = capsys.readouterr().err
    assert "1 sitters of photos" in said
    assert "'A_3' / 'a 3'" in said
