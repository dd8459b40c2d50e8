"""Portraits of nobody known are kept, and count for nothing: not in training, not in a benchmark, not in a pair."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from pipeline import params
from pipeline.commands import pack
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.faces.project_pictures import ProjectPictures
from pipeline.plan.stages import jobs
from pipeline.reporting.account import data_set
from pipeline.reporting.album import StudyAlbum
from pipeline.stages import download, evaluate, split
from pipeline.stages.report import images_of
from pipeline.store.embeddings import read_embeddings, write_embeddings
from pipeline.store.faces import FaceStore
from tests.faces_of_noise import face
from tests.sources import stages
from tests.test_evaluate import study as finished
from tests.training.study import make_faces, train_and_val

__all__ = ["finished"]
WORDS = ("Unknown", "unidentified man", "N.N.", "?", "Unknown woman", "Inconnue", "unbekannt")


def portraits(at: Layout, sitters: int, images: int, *further: str) -> None:
    """`own/SITTER/NUMBER.png`: named sitters, then folders called as said."""
    from PIL import Image

    for n, name in enumerate([*(f"sitter {s}" for s in range(sitters)), *further]):
        (at.root / "own" / name).mkdir(parents=True)
        for i in range(images):
            Image.fromarray(face(100 * n + i)).save(at.root / f"own/{name}/{i}.png")


def listed(at: Layout, rows: list[tuple[str, str]]) -> None:
    with open(at.root / "own/list.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "sitter"), *rows])


FOLDER = {"kind": "folder", "path": "own"}
LIST = {"kind": "manifest", "path": "own/list.csv"}


def test_a_folder_of_the_unknown_holds_portraits_of_nobody(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    portraits(at, 3, 2, "Unknown", "unbekannt")
    rows = stages.fetch(at, **FOLDER)
    assert Counter(row["sitter"] for row in rows) == {"sitter 0": 2, "sitter 1": 2, "sitter 2": 2, "": 4}
    assert {row["sitter_as_written"] for row in rows if not row["sitter"]} == {"Unknown", "unbekannt"}
    assert {row["sitter_as_written"] for row in rows if row["sitter"]} == {""}
    said = capsys.readouterr()
    assert "6 images of 3 sitters and 4 portraits of unidentified sitters" in said.err
    assert "Unknown (2)" in said.err
    assert "nobody.names" in said.err


def test_every_word_for_nobody_in_a_list_is_nobody(at: Layout) -> None:
    portraits(at, len(WORDS) + 2, 1)
    listed(at, [(f"sitter {n}/0.png", word) for n, word in enumerate([*WORDS, "Ann", "Eve"])])
    rows = stages.fetch(at, **LIST)
    assert [row["sitter"] for row in rows] == [*[""] * len(WORDS), "Ann", "Eve"]
    assert tuple(row["sitter_as_written"] for row in rows) == (*WORDS, "", "")


def test_a_list_without_words_for_nobody_has_no_column_for_them(at: Layout) -> None:
    portraits(at, 2, 1)
    assert all("sitter_as_written" not in row for row in stages.fetch(at, **FOLDER))


def changed(nobody: dict[str, Any] | None, **source: Any) -> params.Study:
    raw = stages.study(source).model_dump(mode="json", exclude_unset=True)
    return params.check(raw | ({"nobody": nobody} if nobody else {}))


def test_the_study_adds_words_and_takes_names_out(at: Layout) -> None:
    portraits(at, 1, 1, "Anonymous", "Verschollen")
    download.run(changed({"also": ["verschollen"], "names": ["anonymous"]}, **FOLDER), "set", at.root)
    sitters = {row["path"].split("/")[0]: row["sitter"] for row in read_csv(at.raw("set") / "manifest.csv")}
    assert sitters == {"sitter 0": "sitter 0", "Anonymous": "Anonymous", "Verschollen": ""}


def test_the_words_are_a_parameter_of_the_jobs_that_use_them_where_the_study_has_them() -> None:
    for nobody in (None, {"also": ["x"]}):
        keys = {job.stage: job.parameters for job in jobs(changed(nobody, **FOLDER))}
        assert ("nobody" in keys["download"]) == (nobody is not None)
        assert "nobody" not in keys["evaluate"]  # there is no benchmark that goes by artists


@pytest.mark.parametrize(
    "dealt",
    [
        {"kind": "sitters", "test": 0.5, "folds": 2},
        {"kind": "sitters", "test": 0.5, "near_duplicates": False},
        {"kind": "images", "test": 0.5},
    ],
)
def test_they_are_aligned_and_dealt_to_nobody(
    at: Layout, dealt: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    portraits(at, 8, 4)
    before = dealt_by_image(at, dealt, FOLDER)
    portraits_of_nobody = {f"{word}/{i}" for word in ("Unknown", "N.N.") for i in range(5)}
    for word in ("Unknown", "N.N."):
        (at.root / "own" / word).mkdir()
        for i in range(5):  # the last ones are copies of a named sitter's, and of each other
            source = at.root / f"own/sitter {i}/0.png" if i < 3 else at.root / "own/sitter 0/1.png"
            (at.root / "own" / word / f"{i}.png").write_bytes(source.read_bytes())
    after = dealt_by_image(at, dealt, FOLDER)
    assert {i for i, row in after.items() if row["subset"] == "unidentified"} == portraits_of_nobody
    assert {(row["sitter"], row["fold"]) for i, row in after.items() if i in portraits_of_nobody} == {("", "")}
    assert {i: row for i, row in after.items() if i not in portraits_of_nobody} == before
    assert len(FaceStore(at.faces("set"))) == 42
    assert "10 portraits of unidentified sitters" in capsys.readouterr().err.splitlines()[-1]


def dealt_by_image(at: Layout, dealt: dict[str, Any], source: dict[str, Any]) -> dict[str, dict[str, str]]:
    stages.store(at, dealt, **source)
    return {row["image_id"]: row for row in read_csv(at.split("set") / "split.csv")}


def test_a_data_set_of_nobody_known_is_kept_whole(at: Layout) -> None:
    portraits(at, 0, 3, "Unknown")
    rows = dealt_by_image(at, {"kind": "sitters", "test": 0.5}, FOLDER)
    assert {row["subset"] for row in rows.values()} == {"unidentified"}


def test_a_split_like_another_leaves_them_out_on_both_sides(at: Layout) -> None:
    faces = [
        {"image_id": f"{s}/{i}", "sitter": "" if s == 5 else f"s{s}", "status": "aligned"}
        for s in range(6)
        for i in range(2)
    ]
    for dataset in ("photos", "painted"):
        at.faces(dataset).mkdir(parents=True)
        write_csv(at.faces(dataset) / "faces.csv", faces, list(faces[0]))
    from tests.test_split import study

    entry = {"kind": "sitters", "test": 0.4, "near_duplicates": False}
    a_study = study(photos=entry, painted={"kind": "like", "dataset": "photos", "near_duplicates": False})
    for dataset in ("photos", "painted"):
        split.run(a_study, dataset, at.root)
    photos, painted = (read_csv(at.split(dataset) / "split.csv") for dataset in ("photos", "painted"))
    assert photos == painted
    assert Counter(row["subset"] for row in photos) == {"test": 4, "train": 6, "unidentified": 2}


def add_nobody(at: Layout, dataset: str, ids: list[str]) -> None:
    """Rows of the split, as unidentified portraits have them."""
    path = at.split(dataset) / "split.csv"
    rows = read_csv(path)
    columns = list(rows[0])
    more = [{"image_id": i, "sitter": "", "subset": "unidentified", "fold": ""} for i in ids]
    write_csv(path, rows[:3] + more + rows[3:], columns)


def test_no_benchmark_counts_them(at: Layout, finished: params.Study) -> None:
    evaluate.run(finished, at.root)
    before = json.loads((at.root / "results/metrics.json").read_text())
    ids = [f"unknown/{n}" for n in range(6)]
    for dataset in ("orl", "orl-painted"):
        add_nobody(at, dataset, ids)
        for model in ("frozen", "tuned"):  # a fusion by folds has no vectors of them
            table = read_embeddings(model, dataset, at)
            vectors = np.concatenate([table.vectors, np.repeat(table.vectors[:1], 6, axis=0)])
            write_embeddings(at.embeddings(model, dataset), [*table.image_ids, *ids], vectors)
    evaluate.run(finished, at.root)
    assert json.loads((at.root / "results/metrics.json").read_text()) == before
    counts = json.loads((at.root / "results/run.json").read_text())["data"]["orl"]
    assert counts["unidentified"] == {"images": 6, "sitters": 0}


def test_nothing_is_learned_from_them_and_nothing_packed(at: Layout) -> None:
    make_faces(at, train=4, val=1)
    before = [len(faces) for faces in train_and_val(at)]
    path = at.split("tiny") / "split.csv"
    rows = read_csv(path)
    gone = [row for row in rows if row["subset"] == "train"][:2]
    for row in gone:
        row |= {"sitter": "", "subset": "unidentified", "fold": ""}
    write_csv(path, rows, list(rows[0]))
    train, val = train_and_val(at)
    assert [len(train), len(val)] == [before[0] - 2, before[1]]
    assert pack.training_set(["tiny"], at.root / "out/train.rec", at) == sum(before) - 2


def test_the_account_has_their_images_and_no_sitter(at: Layout) -> None:
    portraits(at, 6, 2, "Unknown")
    stages.store(at, {"kind": "sitters", "test": 0.5}, **FOLDER)
    images = images_of(stages.study(FOLDER, {"kind": "sitters", "test": 0.5}), "set", at)
    assert images is not None
    found = data_set(images, StudyAlbum(ProjectPictures(at)))
    assert found.subsets[-1] == ("unidentified", 0, 2)
    assert sum(sitters for _, sitters, _ in found.subsets) == 6


def test_a_row_without_a_sitter_is_an_unidentified_portrait(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    portraits(at, 3, 1)
    listed(at, [("sitter 0/0.png", "Ann"), ("sitter 1/0.png", ""), ("sitter 2/0.png", " ")])
    rows = stages.fetch(at, **LIST)
    assert [(row["image_id"], row["sitter"]) for row in rows] == [
        ("Ann/0", "Ann"),
        *((row["image_id"], "") for row in rows[1:]),
    ]
    assert all(row["image_id"].startswith("unidentified/0") for row in rows[1:])
    assert "(nothing) (2)" in capsys.readouterr().err


def test_a_folder_called_unidentified_holds_portraits_of_nobody(at: Layout) -> None:
    portraits(at, 2, 1, "_unidentified")
    rows = stages.fetch(at, **FOLDER)
    assert {row["image_id"]: row["sitter"] for row in rows}["_unidentified/0"] == ""


def test_an_identifier_joins_the_spellings_of_a_sitter_and_keeps_namesakes_apart(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    portraits(at, 7, 1)
    names = [
        ("Rembrandt", "Q5598"),
        ("Rembrandt van Rijn", "Q5598"),
        ("Rembrandt van Rijn", "Q5598"),
        ("Rembrandt", ""),
    ]
    names += [("John Smith", "Q228024"), ("John Smith", "Q1701"), ("", "")]
    with open(at.root / "own/list.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ("path", "sitter", "sitter_id", "medium"),
                *((f"sitter {n}/0.png", *name, "oil") for n, name in enumerate(names)),
            ]
        )
    rows = stages.fetch(at, **LIST)
    assert [row["sitter"] for row in rows] == [
        *["Rembrandt van Rijn"] * 4,
        "John Smith (Q228024)",
        "John Smith (Q1701)",
        "",
    ]
    assert [row["sitter_as_written"] for row in rows[:5]] == ["Rembrandt", "", "", "Rembrandt", "John Smith"]
    assert [row["sitter_id"] for row in rows[:4]] == ["Q5598"] * 4
    assert {row["medium"] for row in rows} == {"oil"}
    said = capsys.readouterr().err
    assert "Rembrandt / Rembrandt van Rijn" in said
    assert "names of two people, by sitter_id, who are kept apart: John Smith" in said
