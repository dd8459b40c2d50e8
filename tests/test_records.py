"""The records of the store: each is written as its text here says, and a text that was read is written the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.json_records import as_json, of_json, read_object, write_object
from pipeline.core.layout import Layout
from pipeline.params.identify import Identify
from pipeline.store.candidates import QUESTION
from pipeline.store.exports import Checked, ExportedInput, ExportRecord, read_export, write_export
from pipeline.store.models import Epoch, Story, find_facts, read_record, write_record, write_story
from pipeline.store.overlaps import SUMMARY, Summary
from pipeline.store.questions import GallerySize, KnownPortraits, Pretended, Question, Share, read_question
from pipeline.store.subset_size import SubsetSize
from pipeline.store.systems import (
    Fit,
    FusionRecord,
    NetworkInput,
    NetworkRecord,
    OutsideRecord,
    Parameters,
    Record,
    WeightsFile,
)

ASKED = Question(
    question="who",
    probes=("painted",),
    gallery=GallerySize(37, 370),
    model="dlib",
    as_unidentified=("s2",),
    without=(),
    pooling="mean",
    normalise=True,
    calibration="pav",
    candidates=5,
    prior=0.5,
    decisions=None,
    portraits=60,
    accepted=1,
    unsuitable=0,
    known=KnownPortraits(340, 34, 34, 340, first=Share(0.9412, 0.91, 1.0), among=None),
    no_ratios_because="",
    pretended=Pretended(30, 28, 29, 30, ["s2", "é"], 25),
)
QUESTION_AS_TEXT = """{
 "question": "who",
 "probes": [
  "painted"
 ],
 "gallery": {
  "sitters": 37,
  "portraits": 370
 },
 "model": "dlib",
 "as_unidentified": [
  "s2"
 ],
 "without": [],
 "pooling": "mean",
 "normalise": true,
 "calibration": "pav",
 "candidates": 5,
 "prior": 0.5,
 "decisions": null,
 "portraits": 60,
 "accepted": 1,
 "unsuitable": 0,
 "known": {
  "portraits": 340,
  "sitters": 34,
  "calibrated_on": 34,
  "with_their_sitter_in_the_gallery": 340,
  "first": [
   0.9412,
   0.91,
   1.0
  ],
  "among": null
 },
 "no_ratios_because": "",
 "pretended": {
  "in_gallery": 30,
  "first": 28,
  "among": 29,
  "not_in_gallery": 30,
  "absent": [
   "s2",
   "\\u00e9"
  ],
  "none_likelier": 25
 },
 "model_manifest": "abc"
}
"""
SHARED = Summary(SubsetSize(400, 40), SubsetSize(43, 6), 1, 0, None, None, None, None, "nothing", 0)
SUMMARY_AS_TEXT = """{
 "train": {
  "images": 400,
  "sitters": 40
 },
 "test": {
  "images": 43,
  "sitters": 6
 },
 "near_duplicates": 1,
 "sitters_by_name": 0,
 "sitters_by_embedding": null,
 "model": null,
 "threshold": null,
 "by_chance": null,
 "exclude": "nothing",
 "excluded": 0
}
"""


@pytest.mark.parametrize(
    ("record", "text"),
    [(replace(ASKED, model_manifest="abc"), QUESTION_AS_TEXT), (SHARED, SUMMARY_AS_TEXT)],
    ids=["question", "overlap"],
)
def test_a_record_is_written_as_this_text_and_again_after_it_was_read(tmp_path: Path, record: Any, text: str) -> None:
    file = tmp_path / "record.json"
    write_object(file, record)
    assert file.read_text() == text
    again = read_object(file, type(record))
    write_object(file, again)
    assert file.read_text() == text
    assert as_json(again) == as_json(record)


def test_answers_that_no_stage_has_written_have_no_checksum() -> None:
    assert list(json.loads(QUESTION_AS_TEXT)) == [*as_json(ASKED), "model_manifest"]


def test_a_question_has_the_fields_of_its_entry_in_their_order() -> None:
    assert list(as_json(ASKED))[1 : 1 + len(Identify.model_fields)] == list(Identify.model_fields)


def test_a_record_that_lacks_a_key_is_an_error_with_file_and_key(at: Layout) -> None:
    told = as_json(ASKED)
    del told["known"]["first"]
    at.identify("who").mkdir(parents=True)
    (at.identify("who") / QUESTION).write_text(json.dumps(told))
    with pytest.raises(SitterError, match=r"question\.json: known\.first is absent\. Run the stage"):
        read_question("who", at)


def test_further_keys_are_ignored(tmp_path: Path) -> None:
    assert of_json(Summary, json.loads(SUMMARY_AS_TEXT) | {"further": 1}, tmp_path / SUMMARY) == SHARED


BASE = WeightsFile("base.pth", 12, "cd" * 32)
NETWORK = NetworkRecord(
    backbone={"kind": "iresnet", "weights": "face"},
    adaptation={"kind": "none"},
    loss={"kind": "none"},
    training=None,
    seed=7,
    mirror=True,
    weights=BASE,
    input=NetworkInput(112, [[38.2946, 51.6963]], "rgb", [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    dim=512,
    parameters=Parameters(0, 65),
    code="ab",
    versions={"python": "3.11"},
)
NETWORK_AS_JSON = {
    "backbone": {"kind": "iresnet", "weights": "face"},
    "adaptation": {"kind": "none"},
    "loss": {"kind": "none"},
    "training": None,
    "seed": 7,
    "mirror": True,
    "centre": False,
    "weights": {"file": "base.pth", "bytes": 12, "sha256": "cd" * 32},
    "input": {
        "size": 112,
        "points": [[38.2946, 51.6963]],
        "colour": "rgb",
        "mean": [0.5, 0.5, 0.5],
        "scale": [0.5, 0.5, 0.5],
    },
    "dim": 512,
    "parameters": {"trained": 0, "total": 65},
    "code": "ab",
    "versions": {"python": "3.11"},
}
FITTED = {"train": SubsetSize(8, 4)}
FUSION = FusionRecord(method={"kind": "weighted"}, models=["a", "b"], centre=True, dim=3)
HEAD = {"method": {"kind": "weighted"}, "models": ["a", "b"], "centre": True}
RECORDS: dict[str, tuple[Record, dict[str, Any]]] = {
    "network": (NETWORK, NETWORK_AS_JSON),
    "cropped": (
        replace(NETWORK, crops=[0.75], weights=None, adapter=BASE),
        {
            **{key: NETWORK_AS_JSON[key] for key in list(NETWORK_AS_JSON)[:6]},
            "crops": [0.75],
            "centre": False,
            "weights": None,
            "adapter": NETWORK_AS_JSON["weights"],
            **{key: NETWORK_AS_JSON[key] for key in list(NETWORK_AS_JSON)[8:]},
        },
    ),
    "outside": (
        OutsideRecord({"kind": "embeddings", "file": "cots"}, BASE, {"dim": None, "rows": 9, "further": "b"}),
        {
            "outside": {"kind": "embeddings", "file": "cots"},
            "weights": NETWORK_AS_JSON["weights"],
            "dim": None,
            "rows": 9,
            "further": "b",
        },
    ),
    "assembled": (FUSION, {**HEAD, "dim": 3}),
    "fitted": (
        replace(
            FUSION,
            fit_on=["d"],
            score_norm={"cohort": 5},
            weights={"a": 0.25, "b": 0.75},
            fits=[Fit(FITTED, {"a": 0.25, "b": 0.75}, {"val_cllr": 0.5, "further": [1]})],
        ),
        {
            **HEAD,
            "fit_on": ["d"],
            "score_norm": {"cohort": 5},
            "fitted": {"train": {"images": 8, "sitters": 4}},
            "weights": {"a": 0.25, "b": 0.75},
            "val_cllr": 0.5,
            "further": [1],
            "dim": 3,
        },
    ),
    "fitted by folds": (
        replace(FUSION, fit_on=["d"], crossval=True, fits=[Fit(FITTED, None, {"pull": 2.0}), Fit(FITTED, {"a": 1.0})]),
        {
            **HEAD,
            "fit_on": ["d"],
            "crossval": True,
            "score_norm": None,
            "weights": None,
            "folds": [
                {"fitted": {"train": {"images": 8, "sitters": 4}}, "pull": 2.0},
                {"fitted": {"train": {"images": 8, "sitters": 4}}, "weights": {"a": 1.0}},
            ],
            "dim": 3,
        },
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_the_record_of_a_system_is_written_in_this_order_and_read_as_it_was(at: Layout, name: str) -> None:
    record, content = RECORDS[name]
    folder = at.model("m")
    folder.mkdir(parents=True)
    write_record(folder, record)
    text = (folder / "model.json").read_text()
    assert text == json.dumps(content, indent=1) + "\n"
    again = read_record("m", "train", at)
    assert again == record
    write_record(folder, again)
    assert (folder / "model.json").read_text() == text
    facts = find_facts("m", at)
    assert json.loads(facts.text) == content
    assert facts.dim == content["dim"]


def test_what_a_record_of_an_older_version_lacks_is_not_needed(at: Layout) -> None:
    lacking = {key: value for key, value in NETWORK_AS_JSON.items() if key not in ("centre", "versions")}
    at.model("m").mkdir(parents=True)
    (at.model("m") / "model.json").write_text(json.dumps(lacking | {"code": {"backbones/iresnet": "ab"}}))
    assert read_record("m", "train", at) == replace(NETWORK, versions={}, code={"backbones/iresnet": "ab"})
    (at.model("m") / "model.json").write_text('{"backbone": {}}')
    assert (find_facts("m", at).dim, find_facts("m", at).weights, find_facts("m", at).versions) == (None, None, {})
    assert not find_facts("none", at)


@pytest.mark.parametrize("val_loss", [None, 0.25])
def test_the_history_and_the_figures_of_a_training_are_written_as_these_texts(
    tmp_path: Path, val_loss: float | None
) -> None:
    by_loss = "" if val_loss is None else ",val_loss", "" if val_loss is None else ",0.25"
    history = [Epoch(0, 0, None, 0.5, None, val_loss), Epoch(1, 30, 1.5, None, 0.001, val_loss)]
    write_story(tmp_path, Story(history, best_epoch=1, epochs=1, steps=30))
    assert (tmp_path / "history.csv").read_text() == (
        f"epoch,step,loss,val_eer,lr{by_loss[0]}\n0,0,,0.5,{by_loss[1]}\n1,30,1.5,,0.001{by_loss[1]}\n"
    )
    summary = {"epoch": 1, "epochs": 1, "steps": 30, "loss": 1.5, "val_eer": None, "val_eer_before": 0.5}
    summary |= {} if val_loss is None else {"val_loss": val_loss}
    assert (tmp_path / "metrics.json").read_text() == json.dumps(summary, indent=1) + "\n"


def test_a_checkpoint_holds_the_epochs_as_cells_by_column() -> None:
    from pipeline.training.checkpoint import State

    cells = [
        {"epoch": 0, "step": 0, "loss": None, "val_eer": 0.5, "lr": None},
        {"epoch": 1, "step": 30, "loss": 1.5, "val_eer": None, "lr": 0.001, "val_loss": 0.25},
    ]
    state = State(epoch=1, step=30, history=[Epoch.of(row) for row in cells])
    assert state.parts()["history"] == cells
    assert list(state.parts()) == list(vars(state))
    assert State.of(state.parts()) == state


def test_the_record_of_an_export_is_written_in_this_order_and_read_as_it_was(tmp_path: Path) -> None:
    record = ExportRecord(
        name="m",
        form="onnx",
        inputs=[ExportedInput("m", 112, [(38.2946, 51.6963)])],
        dim=128,
        mirrored=["m"],
        score_norm=None,
        key="ab",
    )
    assert "checked" not in as_json(record)
    record = replace(record, checked=Checked(100, "orl", 0.999999))
    write_export(tmp_path, record)
    content = {
        "name": "m",
        "form": "onnx",
        "inputs": [{"name": "m", "size": 112, "landmarks": [[38.2946, 51.6963]]}],
        "pixels": "float32 [n, 3, size, size], RGB, 0 … 255",
        "dim": 128,
        "mirrored": ["m"],
        "score": "dot product",
        "score_norm": None,
        "key": "ab",
        "checked": {"faces": 100, "of": "orl", "least_cosine": 0.999999},
    }
    assert read_export(tmp_path) == record
    assert (tmp_path / "model.json").read_text() == json.dumps(content, indent=1) + "\n"
